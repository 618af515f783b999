"""Record, re-creation and what-if side by side: measures by tier and shop, waits pair by pair, decisions, fairness.

Intervals are 95 % percentile intervals of a block bootstrap: visits in the order of arrival are cut into blocks of equal number, and
whole blocks are drawn with replacement (named stream), because neighbours in a queue wait alike. They say how much hangs on
who happened to come, not on what was drawn for them: another ``--seed`` says that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.dispatch.events import Event
from engine.dispatch.policy.compiled import Policy
from engine.measures.contacts import QUEUE
from engine.measures.definitions import MEASURES, Terms
from engine.measures.fairness import Evenness, evenness
from engine.measures.rows import ContactRow
from engine.measures.sheet import Measures, Sheet
from engine.measures.staff import StaffFold
from sim.replay.lives import Lives
from sim.replay.outcomes import Outcome, Outcomes
from sim.replay.reading import Day
from sim.replay.recreation import Recreation
from sim.streams import Streams

Array = NDArray[np.float64]

SHOWN: Final = (
    "submitted", "to_people", "answered", "abandoned", "sl_all", "sl_excl_ab_t", "sl_served", "reply_rate", "asa_ms",
    "wait_mean_ms", "wait_p50_ms", "wait_p90_ms", "wait_p95_ms", "wait_p99_ms", "abandonment", "first_reply_mean_ms", "rona_share",
    "transfer_share", "bot_share",
)  # fmt: skip
DIMENSIONS: Final = ("tier", "shop")
# Of a dimension the values with the most visits; more would make a table that nobody reads.
MOST_VALUES: Final = 30
BLOCKS, LEAST_BLOCKS, TO_A_BLOCK, RESAMPLES = 25, 8, 4, 400
# Waits that differ by less are alike.
ALIKE_MS: Final = 1_000
# Who was signed on for less is left out of fairness: an offer in one's only minute is sixty an hour.
SIGNED_ON_MS: Final = 60_000
EXAMPLES: Final = 5


class Side(NamedTuple):
    """One of the three: ``outcomes`` by the visit's place (None: led to no contact of its own). ``drawn``: places of the visits
    that had a talk whose length was drawn."""

    outcomes: list[Outcome | None]
    crew: StaffFold
    sheet: Sheet
    drawn: frozenset[int] = frozenset()


class Compared(NamedTuple):
    day: Day
    lives: Lives
    recorded: Side
    a: Side
    b: Side
    refusals: dict[str, dict[str, int]]
    terms: Terms


def new_measures() -> Measures:
    """One interval for the whole of a record."""
    return Measures(interval_ms=1 << 60, dimensions=DIMENSIONS)


def play(
    day: Day, lives: Lives, policy: Policy, *, as_recorded: bool = False, rivals: dict[int, str] | None = None,
    hear: Callable[[Recreation, list[Event]], None] | None = None,
) -> tuple[Side, Recreation]:  # fmt: skip
    """The day under a policy; ``hear`` is told each call's events, too."""
    outcomes, measures = Outcomes(day.bots.__contains__), new_measures()
    hears: list[Callable[[list[Event]], None]] = [outcomes.hear, measures.hear]
    stage = Recreation(day, lives, policy, hears, as_recorded=as_recorded, rivals=rivals)
    if hear is not None:
        hears.append(lambda events: hear(stage, events))
    stage.play()
    outcomes.end(day.end_ms)
    found: list[Outcome | None] = [None] * len(day.visits)
    for number, part in stage.parts.items():
        found[part.life.visit.place] = outcomes.of.get(number)
    drawn = frozenset(part.life.visit.place for part in stage.parts.values() if part.drawn)
    return Side(found, measures.crew, measures.sheet(day.end_ms), drawn), stage


def recorded_side(day: Day, measures: Measures) -> Side:
    found = [day.outcomes.of.get(visit.contact) for visit in day.visits]
    return Side(found, measures.crew, measures.sheet(day.end_ms))


# --- measures -------------------------------------------------------------------------------------------------------


def groups(both: Compared) -> dict[str, dict[str, list[int]]]:
    """Dimension → value → places of its visits; ``all`` → "" is everybody."""
    found: dict[str, dict[str, list[int]]] = {"all": {"": []}, "tier": {}, "shop": {}}
    for visit in both.day.visits:
        found["all"][""].append(visit.place)
        found["tier"].setdefault(visit.tier, []).append(visit.place)
        found["shop"].setdefault(visit.command.shop, []).append(visit.place)
    for name in DIMENSIONS:
        most = sorted(found[name], key=lambda value: (-len(found[name][value]), value))[:MOST_VALUES]
        found[name] = {value: found[name][value] for value in most}
    return found


def measured(both: Compared, dimension: str, value: str, places: Sequence[int]) -> list[dict[str, Any]]:
    """Each measure under the record, the re-creation and the what-if; difference b − a and, where it is known, its interval."""
    rows = [_row(side, dimension, value) for side in (both.recorded, both.a, both.b)]
    intervals = _intervals(both, places)
    found = []
    for name in SHOWN:
        values = [_number(MEASURES[name].read(row, both.terms)) for row in rows]
        if all(one is None for one in values):
            continue
        recorded, a, b = values
        difference = None if a is None or b is None else b - a
        low, high = intervals.get(name, (None, None)) if difference is not None else (None, None)
        found.append(
            {"measure": name, "recorded": recorded, "a": a, "b": b, "difference": difference, "low": low, "high": high}
        )
    return found


def _row(side: Side, dimension: str, value: str) -> ContactRow:
    return side.sheet.contacts(QUEUE) if dimension == "all" else side.sheet.contacts(dimension, value)


def _number(value: float) -> float | None:
    return None if value < 0 else float(value)


class _Waits(NamedTuple):
    """Per visit: the wait before a person's word, the wait after which it left without one (nan: neither), and whether it is
    known what became of its waiting."""

    answered: Array
    left: Array
    known: NDArray[np.bool_]

    @classmethod
    def of(cls, outcomes: Iterable[Outcome | None]) -> _Waits:
        answered, left, known = [], [], []
        for one in outcomes:
            said = one is not None and one.answered_ms >= 0
            gone = one is not None and bool(one.patiences) and not said
            answered.append(one.answered_ms if one is not None and said else np.nan)
            left.append(one.patiences[0] if one is not None and gone else np.nan)
            known.append(said or gone or (one is not None and one.waited_for_person and one.ended == "closed"))
        return cls(np.asarray(answered, dtype=float), np.asarray(left, dtype=float), np.asarray(known, dtype=bool))

    def some(self, chosen: NDArray[np.int64]) -> _Waits:
        return _Waits(self.answered[chosen], self.left[chosen], self.known[chosen])


def _figures(waits: _Waits, within_ms: int) -> dict[str, float]:
    """As :mod:`engine.measures.definitions` has them."""
    answered = waits.answered[~np.isnan(waits.answered)]
    left = waits.left[~np.isnan(waits.left)]
    known = int(waits.known.sum())
    if not known:
        return {}
    found = {"abandonment": len(left) / known, "sl_all": float((answered <= within_ms).sum()) / known}
    if len(answered) + len(left):
        found["wait_mean_ms"] = float(answered.sum() + left.sum()) / (len(answered) + len(left))
    if len(answered):
        ranked = np.sort(answered)
        found["asa_ms"] = float(answered.mean())
        for name, share in (("wait_p50_ms", 0.5), ("wait_p90_ms", 0.9), ("wait_p95_ms", 0.95)):
            found[name] = float(ranked[max(int(np.ceil(len(ranked) * share - 1e-9)), 1) - 1])
    return found


def _intervals(both: Compared, places: Sequence[int]) -> dict[str, tuple[float, float]]:
    """Of b − a."""
    samples: dict[str, list[float]] = {}
    a, b = (_Waits.of(side.outcomes[place] for place in places) for side in (both.a, both.b))
    for chosen in _resamples(len(places), both.lives.seed):
        before, after = (_figures(waits.some(chosen), both.terms.within_ms) for waits in (a, b))
        for name in before.keys() & after.keys():
            samples.setdefault(name, []).append(after[name] - before[name])
    return {name: _percentiles(values) for name, values in samples.items() if len(values) >= RESAMPLES * 0.95}


def _percentiles(values: Sequence[float]) -> tuple[float, float]:
    low, high = np.percentile(np.asarray(values), (2.5, 97.5))
    return float(low), float(high)


def _resamples(count: int, seed: int) -> Iterable[NDArray[np.int64]]:
    """Places in ``range(count)``, block by block; none where there are too few blocks."""
    blocks = min(BLOCKS, count // TO_A_BLOCK)
    if blocks < LEAST_BLOCKS:
        return
    cut = np.array_split(np.arange(count), blocks)
    draws = Streams(seed).stream("replay", "bootstrap")
    for _ in range(RESAMPLES):
        yield np.concatenate([cut[place] for place in draws.integers(0, blocks, blocks)])


# --- waits, pair by pair --------------------------------------------------------------------------------------------


def differences(both: Compared, places: Iterable[int]) -> dict[int, int]:
    """Place → wait under the what-if less wait under the re-creation, of those who waited for a person under both."""
    found = {}
    for place in places:
        a, b = both.a.outcomes[place], both.b.outcomes[place]
        if a is not None and b is not None and a.waited_for_person and b.waited_for_person:
            found[place] = b.waited_ms - a.waited_ms
    return found


def paired(both: Compared, places: Sequence[int]) -> dict[str, Any]:
    """Who waited more and less, and the mean difference with its interval."""
    found = differences(both, places)
    if not found:
        return {"pairs": 0, "more": 0, "less": 0, "alike": 0, "mean_ms": None, "low": None, "high": None}
    values = np.asarray(list(found.values()), dtype=float)
    more, less = int((values > ALIKE_MS).sum()), int((values < -ALIKE_MS).sum())
    means = [float(values[chosen].mean()) for chosen in _resamples(len(values), both.lives.seed)]
    low, high = _percentiles(means) if means else (None, None)
    return {
        "pairs": len(values), "more": more, "less": less, "alike": len(values) - more - less,
        "mean_ms": float(values.mean()), "low": low, "high": high,
    }  # fmt: skip


def extremes(both: Compared) -> tuple[list[int], list[int]]:
    """Places of those who waited longest more, and longest less."""
    found = differences(both, range(len(both.day.visits)))
    ranked = sorted(found, key=lambda place: (found[place], place))
    more = [place for place in reversed(ranked) if found[place] > ALIKE_MS][:EXAMPLES]
    return more, [place for place in ranked if found[place] < -ALIKE_MS][:EXAMPLES]


# --- decisions and outcomes -----------------------------------------------------------------------------------------


def decided(one: Side, other: Side) -> dict[str, int]:
    """How many visits fared otherwise on the other side. ``both``: connected to a person on both sides; of these, to another
    agent, through another pool, at another step, from another queue. ``outcome``: of all, another end."""
    found = dict.fromkeys(("visits", "both", "agent", "pool", "step", "queue", "outcome"), 0)
    for a, b in zip(one.outcomes, other.outcomes, strict=True):
        found["visits"] += 1
        found["outcome"] += kind_of(a) != kind_of(b)
        if a is not None and b is not None and a.agent and b.agent:
            found["both"] += 1
            for name in ("agent", "pool", "step", "queue"):
                found[name] += getattr(a, name) != getattr(b, name)
    return found


def kind_of(outcome: Outcome | None) -> str:
    return "none" if outcome is None else outcome.kind


def outcomes_changed(both: Compared) -> list[dict[str, Any]]:
    pairs = Counter((kind_of(a), kind_of(b)) for a, b in zip(both.a.outcomes, both.b.outcomes, strict=True))
    return [
        {"a": a, "b": b, "visits": count}
        for (a, b), count in sorted(pairs.items(), key=lambda each: (-each[1], each[0]))
    ]


def off_the_record(both: Compared) -> dict[str, Any]:
    """How far the re-creation is from what happened."""
    found: dict[str, Any] = decided(both.recorded, both.a)
    waits = [
        abs(a.waited_ms - was.waited_ms)
        for was, a in zip(both.recorded.outcomes, both.a.outcomes, strict=True)
        if was is not None and a is not None and was.waited_for_person and a.waited_for_person
    ]
    return found | {"waits": len(waits), "wait_off_mean_ms": float(np.mean(waits)) if waits else None}


# --- fairness -------------------------------------------------------------------------------------------------------


def fairness(both: Compared) -> list[dict[str, Any]]:
    """Groups of equals that got any work, by pools and skills, with the spread and the Gini coefficient of offers an hour and of
    occupancy."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for side, name in ((both.recorded, "recorded"), (both.a, "a"), (both.b, "b")):
        for group in evenness(side.crew, both.day.end_ms, signed_on_ms=SIGNED_ON_MS):
            key = (group.tenant, group.pools, group.skills, group.capacity)
            skills = ", ".join(f"{skill} {level}" for skill, level in group.skills)
            about = {"pools": ", ".join(group.pools), "skills": skills, "capacity": group.capacity}
            row = found.setdefault(key, about | {"agents": len(group.agents)})
            row[name] = _evenness(group)
    worked = [
        row for row in found.values() if any(row[name]["offers_mean"] for name in ("recorded", "a", "b") if name in row)
    ]
    worked.sort(key=lambda row: (-row["agents"], row["pools"], row["skills"], row["capacity"]))
    return worked[:MOST_VALUES]


def _evenness(group: Evenness) -> dict[str, float]:
    return {
        "offers_mean": group.offers.mean, "offers_spread": group.offers.spread, "offers_gini": group.offers.gini,
        "occupancy_mean": group.occupancy.mean, "occupancy_spread": group.occupancy.spread, "occupancy_gini": group.occupancy.gini,
    }  # fmt: skip
