"""What the twin says beforehand of a live run, beside what was measured: the same figures by the same definitions.

The twin's events go through the very witness and tally that judge the clients' own. Its runs have other seeds than the live
run, so their scatter is that of such a day; a single further run falls into the interval given with 95 % probability
(mean ± t × s × √(1 + 1/n), normal figures assumed).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import sqrt
from typing import Any

import msgspec
from scipy.stats import t as student

from engine.dispatch.commands import Command
from engine.dispatch.events import Event
from sim.scenario import Scenario
from sim.tally import Figures, per_queue, quantile
from sim.twin.listening import Played
from sim.twin.scenes import replicate
from sim.witness import Witness

CONFIDENCE = 0.95
COUNTS = ("submitted", "answered", "abandoned", "deflected", "bot_contained", "open")
SHARES = ("reply_rate_180s", "abandonment")
LENGTHS = ("asa_ms", "first_reply_p50_ms", "first_reply_p90_ms")


class Beside(msgspec.Struct, frozen=True):
    """One figure. ``low`` to ``high``: where one more run lies with 95 % probability; None: the twin had no such figure."""

    predicted: float | None
    low: float | None
    high: float | None
    measured: float | None
    inside: bool | None


def figures_of(total: Figures) -> dict[str, float]:
    """By name; -1 where there is none. Lengths in ms."""
    return {
        "submitted": total.submitted,
        **{name: total.outcomes[name] for name in COUNTS[1:]},
        "reply_rate_180s": total.reply_rate,
        "abandonment": total.abandonment,
        "asa_ms": total.asa_ms,
        "first_reply_p50_ms": quantile(total.first_replies, 0.5),
        "first_reply_p90_ms": quantile(total.first_replies, 0.9),
    }


class Foresight:
    """A fold over a run of the twin."""

    def __init__(self, scenario: Scenario, _seed: int) -> None:
        self._witness = Witness(frozenset(name for name, channel in scenario.channels.items() if channel.mail))
        self._calls = 0

    def hear(self, _stamp: int, _command: Command | None, events: list[Event]) -> None:
        self._calls += 1
        for event in events:
            if getattr(event, "contact", 0):
                self._witness.channel_saw(event, self._calls)

    def result(self, _played: Played) -> dict[str, float]:
        return figures_of(per_queue(self._witness.lives.values(), ())[1])


def as_played(scenario: Scenario, length_ms: int, drain_ms: int) -> Scenario:
    """The scenario as a live run plays it: so long, without engines and lines that fail on a schedule, under one policy."""
    return msgspec.structs.replace(
        scenario, end_ms=scenario.at_ms + length_ms, drain_ms=drain_ms, warm_up_ms=0, faults=(), swaps=()
    )


def predict(
    scenario: Scenario, reps: int, processes: int = 1, told: Callable[[Any], None] | None = None
) -> list[dict[str, float]]:
    """The figures of ``reps`` runs of the twin."""
    return [one.results[0] for one in replicate(scenario, reps, processes, [Foresight], told=told)]


def beside(predicted: Sequence[Mapping[str, float]], measured: Mapping[str, float]) -> dict[str, Beside]:
    """Figure by figure; runs of the twin that have none of a kind are left out of it."""
    return {
        name: _beside([run[name] for run in predicted if run[name] >= 0], value) for name, value in measured.items()
    }


def _beside(runs: Sequence[float], value: float) -> Beside:
    measured = value if value >= 0 else None
    if not runs:
        return Beside(None, None, None, measured, None)
    n = len(runs)
    mean = sum(runs) / n
    if n < 2:
        return Beside(round(mean, 4), None, None, measured, None)
    scatter = sqrt(sum((run - mean) ** 2 for run in runs) / (n - 1))
    half = float(student.ppf(0.5 + CONFIDENCE / 2, n - 1)) * scatter * sqrt(1 + 1 / n)
    low, high = max(0.0, mean - half), mean + half
    inside = None if measured is None else low - 1e-9 <= measured <= high + 1e-9
    return Beside(round(mean, 4), round(low, 4), round(high, 4), measured, inside)
