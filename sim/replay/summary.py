"""A comparison as plain data: what ``run.json`` holds, the page draws and ``--json`` prints."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import numpy as np

from sim.replay.comparing import (
    Compared,
    Side,
    decided,
    differences,
    fairness,
    groups,
    kind_of,
    measured,
    off_the_record,
    outcomes_changed,
    paired,
)

# Bounds between bars of the histogram of differences, in ms.
EDGES_MS = (-600_000, -180_000, -60_000, -20_000, -5_000, -1_000, 1_000, 5_000, 20_000, 60_000, 180_000, 600_000)
# Points of the line of waits over the day.
POINTS = 48
KIND = "what_if"


def summarise(both: Compared, journal: str, versions: tuple[str, str]) -> dict[str, Any]:
    """``versions``: of the policy recorded first and of the new one. Lengths in ms, shares 0 to 1, None: nothing to say."""
    day = both.day
    places = groups(both)
    return {
        "kind": KIND,
        "sluice": version("sluice"),
        "journal": journal,
        "policies": {"recorded": versions[0], "new": versions[1], "applied": day.policies},
        "seed": both.lives.seed,
        "begin_ms": day.begin_ms,
        "span_ms": day.end_ms - day.begin_ms,
        "within_ms": both.terms.within_ms,
        "visits": len(day.visits),
        "lengths": {name: counts._asdict() for name, counts in both.lives.counts.items()},
        "rest_on_draws": _rest_on_draws(both),
        "recreation": off_the_record(both),
        "measures": {
            dimension: {value: measured(both, dimension, value, chosen) for value, chosen in values.items()}
            for dimension, values in places.items()
        },
        "waits": {
            dimension: {value: paired(both, chosen) for value, chosen in values.items()} for dimension, values in places.items()
        },
        "decisions": decided(both.a, both.b),
        "outcomes": outcomes_changed(both),
        "fairness": fairness(both),
        "refusals": both.refusals,
        "left_out": dict(both.day.left_out),
    }  # fmt: skip


def _rest_on_draws(both: Compared) -> dict[str, int]:
    """Of the what-if: who left by a patience that was drawn, and whose talk's length was."""
    left = sum(
        kind_of(outcome) == "abandoned" and life.drawn
        for outcome, life in zip(both.b.outcomes, both.lives.lives, strict=True)
    )
    return {"abandoned": left, "talks": len(both.b.drawn)}


def histogram(both: Compared) -> list[int]:
    """How many pairs' differences fall between the edges: one more than there are edges."""
    values = list(differences(both, range(len(both.day.visits))).values())
    counts = np.bincount(np.searchsorted(np.asarray(EDGES_MS), values, side="right"), minlength=len(EDGES_MS) + 1)
    found: list[int] = counts.tolist()
    return found


def over_the_day(both: Compared) -> dict[str, Any]:
    """Mean wait for a person by the time of arrival, in ms from the beginning; None where nobody waited."""
    day = both.day
    step = max(1, -(-(day.end_ms - day.begin_ms + 1) // POINTS))
    points = -(-(day.end_ms - day.begin_ms + 1) // step)
    return {
        "from_ms": [point * step for point in range(points)],
        **{name: _line(both, side, step, points) for name, side in (("recorded", both.recorded), ("a", both.a), ("b", both.b))},
    }  # fmt: skip


def _line(both: Compared, side: Side, step: int, points: int) -> list[float | None]:
    sums, counts = [0] * points, [0] * points
    for visit, outcome in zip(both.day.visits, side.outcomes, strict=True):
        if outcome is not None and outcome.waited_for_person:
            point = (visit.at - both.day.begin_ms) // step
            sums[point] += outcome.waited_ms
            counts[point] += 1
    return [total / count if count else None for total, count in zip(sums, counts, strict=True)]
