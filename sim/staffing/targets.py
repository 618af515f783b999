"""Targets in words: ``reply_rate(180s, 08:00-24:00, queue=presale)>=0.95``.

A measure of :mod:`engine.measures.definitions`; in brackets, in any order, how long counts as in time, the hours of the day, one
of ``queue``, ``tier``, ``shop`` or ``channel``, and ``period``: each of them must meet the target, not only all together.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from engine.measures.definitions import MEASURES, Terms
from engine.measures.lengths import MARKS_MS
from sim.scenario import DAY_MS, clock_ms

DIMENSIONS = ("queue", "tier", "shop", "channel")
UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "min": 60_000, "h": 3_600_000}

_WHOLE = re.compile(r"\s*(?P<measure>\w+)\s*(?:\((?P<terms>[^()]*)\))?\s*(?P<sign>>=|<=)\s*(?P<goal>\S+)\s*$")
_LENGTH = re.compile(r"(\d+(?:\.\d+)?)(ms|s|min|m|h)")
_WINDOW = re.compile(r"(\d\d:\d\d)-(\d\d:\d\d)")


class TargetError(ValueError):
    """What is wrong with a target, what was got, what is wanted, and from which character on (from 1)."""

    def __init__(self, code: str, got: str, wanted: str, column: int) -> None:
        super().__init__(f"{code}: got {got}, wanted {wanted} (character {column})")
        self.code, self.got, self.wanted, self.column = code, got, wanted, column


@dataclass(frozen=True)
class Target:
    """``window_ms``: hours of the day; ``period_ms``: 0: the windows of all days together. Shares from 0 to 1, lengths in ms."""

    text: str
    measure: str
    at_least: bool
    goal: float
    within_ms: int = Terms().within_ms
    window_ms: tuple[int, int] = (0, DAY_MS)
    dimension: str = "queue"
    name: str | None = None
    period_ms: int = 0

    def met_by(self, value: float) -> bool:
        """A measure of nothing (−1) is met: nobody was there to be kept waiting."""
        return value < 0 or (value >= self.goal if self.at_least else value <= self.goal)

    @property
    def marks_ms(self) -> tuple[int, ...]:
        return tuple(sorted({*MARKS_MS, self.within_ms}))


def parse_target(text: str, interval_ms: int) -> Target:
    """Raises :class:`TargetError`. Windows and periods must be whole intervals."""
    found = _WHOLE.match(text)
    if found is None:
        raise TargetError("form", repr(text), "measure(180s, 08:00-24:00, queue=NAME)>=0.95", 1)
    measure = MEASURES.get(found["measure"])
    if measure is None or measure.of != "contacts" or not measure.better:
        names = ", ".join(name for name, one in MEASURES.items() if one.of == "contacts" and one.better)
        raise TargetError("measure", repr(found["measure"]), f"one of {names}", found.start("measure") + 1)
    at_least = found["sign"] == ">="
    if at_least != (measure.better == "more"):
        wanted = ">=" if measure.better == "more" else "<="
        raise TargetError(
            "sign", found["sign"], f"{wanted}, since more people make {measure.name} so", found.start("sign") + 1
        )
    goal = _goal(found["goal"], measure.unit, found.start("goal") + 1)
    target = Target(text.strip(), measure.name, at_least, goal)
    place = found.start("terms")
    seen: set[str] = set()
    for part in found["terms"].split(",") if found["terms"] else ():
        changes = _term(part.strip(), interval_ms, place + len(part) - len(part.lstrip()) + 1)
        if seen & changes.keys():
            raise TargetError("twice", repr(part.strip()), "each of them once", place + 1)
        seen |= changes.keys()
        target = replace(target, **changes)
        place += len(part) + 1
    return target


def _goal(text: str, unit: str, column: int) -> float:
    length = _LENGTH.fullmatch(text)
    if unit == "ms":
        if length is None:
            raise TargetError("goal", repr(text), "a length such as 30s", column)
        return float(length[1]) * UNITS_MS[length[2]]
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        raise TargetError("goal", repr(text), "a number, such as 0.95 or 95%", column) from None
    if unit == "share" and not 0 < value < 1:
        raise TargetError("goal", repr(text), "a share between 0 and 1", column)
    return value


def _term(part: str, interval_ms: int, column: int) -> dict[str, Any]:
    if length := _LENGTH.fullmatch(part):
        return {"within_ms": round(float(length[1]) * UNITS_MS[length[2]])}
    if window := _WINDOW.fullmatch(part):
        begin, end = clock_ms(window[1]), clock_ms(window[2])
        if begin is None or end is None or begin >= end:
            raise TargetError("window", repr(part), "hours of one day such as 08:00-24:00", column)
        if begin % interval_ms or end % interval_ms:
            raise TargetError("window", repr(part), f"whole intervals of {interval_ms // 60_000} min", column)
        return {"window_ms": (begin, end)}
    key, equals, value = (each.strip() for each in part.partition("="))
    if equals and value and key in DIMENSIONS:
        return {"dimension": key, "name": value}
    if equals and key == "period" and (length := _LENGTH.fullmatch(value)):
        period = round(float(length[1]) * UNITS_MS[length[2]])
        if period <= 0 or period % interval_ms:
            raise TargetError("period", repr(part), f"whole intervals of {interval_ms // 60_000} min", column)
        return {"period_ms": period}
    wanted = (
        f"a length (180s), hours (08:00-24:00), period=1h, or one of {', '.join(f'{each}=NAME' for each in DIMENSIONS)}"
    )
    raise TargetError("term", repr(part), wanted, column)
