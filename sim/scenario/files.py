"""Files that a scenario names, read line by line: counts per interval, lengths, censored lengths, a day's profile.

Nothing is kept of a row but what it adds, so a file may be as long as it likes; a bad line is told with its number, and
reading goes on to the next.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from sim.scenario.model import DAY_MS, clock_ms
from sim.scenario.problems import Problems, names_of, value
from sim.scenario.tables import Point, Positive

# So many bad lines of one file are told one by one; then only how many more there are.
TOLD = 20
KEYS = ("shop", "channel", "topic", "tier")
# A Kaplan–Meier curve is kept at no more points than these.
POINTS = 2_000

Key = tuple[str, str, str, str]


class _Rows:
    """A file's rows with their numbers; tells what is wrong with them."""

    def __init__(self, path: Path, problems: Problems) -> None:
        self.path, self.problems = path, problems
        self.line, self.bad = 1, 0

    def wrong(self, column: str, got: str, wanted: str) -> None:
        self.bad += 1
        if self.bad <= TOLD:
            self.problems.elsewhere(str(self.path), self.line, "row", column=column, got=value(got), wanted=wanted)

    def end(self) -> None:
        if self.bad > TOLD:
            self.problems.elsewhere(str(self.path), self.line, "more", got=self.bad - TOLD)

    def read(self) -> Iterator[list[str]]:
        """Rows that are not empty, the header included."""
        try:
            with self.path.open(encoding="utf-8-sig", newline="") as lines:
                reader = csv.reader(lines)
                for row in reader:
                    self.line = reader.line_num
                    if row:
                        yield row
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            self.problems.elsewhere(str(self.path), self.line, "unreadable", detail=error)
            self.bad += 1
        self.end()


class Counts(NamedTuple):
    """(shop, channel, topic, tier; empty: not told) → contacts per interval from the first midnight."""

    by_key: dict[Key, tuple[float, ...]]


def read_counts(path: Path, interval_ms: int, days: int, known: dict[str, list[str]], problems: Problems) -> Counts:
    """``at`` (HH:MM), ``count``, and if there are such columns ``day`` (from 1), shop, channel, topic, tier."""
    rows = _Rows(path, problems)
    lines = rows.read()
    header = next(lines, None)
    if header is None:
        if not rows.bad:
            problems.elsewhere(str(path), 1, "empty_file")
        return Counts({})
    names = [name.strip() for name in header]
    allowed = {"at", "count", "day", *KEYS}
    if not {"at", "count"} <= set(names) <= allowed:
        problems.elsewhere(
            str(path), 1, "columns", got=", ".join(names), wanted="at, count [, day, shop, channel, topic, tier]"
        )
        return Counts({})
    reader = _CountReader(rows, names, interval_ms, days, known)
    for row in lines:
        reader.add(row)
    return Counts({key: _filled(found) for key, found in reader.found.items()})


def _filled(found: dict[int, float]) -> tuple[float, ...]:
    counts = [0.0] * (max(found) + 1)
    for place, count in found.items():
        counts[place] = count
    return tuple(counts)


class _CountReader:
    def __init__(self, rows: _Rows, names: list[str], interval_ms: int, days: int, known: dict[str, list[str]]) -> None:
        self.rows, self.names, self.interval_ms, self.days = rows, names, interval_ms, days
        self.known = {name: frozenset(values) for name, values in known.items()}
        self.found: dict[Key, dict[int, float]] = {}
        self._at: dict[str, int | None] = {}
        self._places = {name: place for place, name in enumerate(names)}

    def add(self, row: list[str]) -> None:
        rows, places = self.rows, self._places
        if len(row) != len(self.names):
            return rows.wrong(", ".join(self.names), f"{len(row)} fields", f"{len(self.names)} fields")
        at_text, count_text = row[places["at"]], row[places["count"]]
        at = self._at.get(at_text)
        if at is None:
            at = self._at[at_text] = clock_ms(at_text.strip())
            if at is None or at == DAY_MS:
                return rows.wrong("at", at_text, "HH:MM")
        try:
            count = float(count_text)
        except ValueError:
            count = -1.0
        if not 0 <= count < 1e12:
            return rows.wrong("count", count_text, "a count ≥ 0")
        day_text = row[places["day"]] if "day" in places else "1"
        if not day_text.isdecimal() or not 1 <= int(day_text) <= self.days:
            return rows.wrong("day", day_text, f"1–{self.days}")
        key = tuple(row[places[name]].strip() if name in places else "" for name in KEYS)
        for name, part in zip(KEYS, key, strict=True):
            if part and part not in self.known[name]:
                return rows.wrong(name, part, names_of(sorted(self.known[name])))
        place = (at + (int(day_text) - 1) * DAY_MS) // self.interval_ms
        series = self.found.setdefault(key, {})  # type: ignore[arg-type]  # four names make four parts
        series[place] = series.get(place, 0.0) + count
        return None


def read_values(path: Path, problems: Problems) -> tuple[float, ...]:
    """A number of seconds a line (a first line that is no number is a header)."""
    rows = _Rows(path, problems)
    found: list[float] = []
    for row in rows.read():
        seconds = _seconds(row[0])
        if seconds >= 0:
            found.append(seconds)
        elif rows.line > 1:
            rows.wrong("1", row[0], "a number of seconds ≥ 0")
    if not found and not rows.bad:
        problems.elsewhere(str(path), 1, "empty_file")
    return tuple(found)


def _seconds(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        return -1.0
    return found if 0 <= found < 1e12 else -1.0


def read_censored(path: Path, problems: Problems) -> tuple[Point, ...]:
    """Kaplan and Meier's estimate from lines ``seconds,left``: 1 for who left then, 0 for who was served then."""
    rows = _Rows(path, problems)
    found: list[tuple[float, int]] = []
    for row in rows.read():
        seconds = _seconds(row[0])
        if seconds < 0:
            if rows.line > 1:
                rows.wrong("seconds", row[0], "a number of seconds ≥ 0")
        elif len(row) < 2 or row[1].strip() not in ("0", "1"):
            rows.wrong("left", row[1] if len(row) > 1 else "", "0 (served: still patient) or 1 (left)")
        else:
            found.append((seconds, int(row[1])))
    if not found and not rows.bad:
        problems.elsewhere(str(path), 1, "empty_file")
    return kaplan_meier(found)


def kaplan_meier(found: list[tuple[float, int]]) -> tuple[Point, ...]:
    """Points (seconds, share still patient) just after each instant at which somebody left; who was served is out of
    sight from then on. Kaplan and Meier, J. Am. Stat. Assoc. 53 (1958)."""
    # At equal instants those who leave come first: who was served then had been patient that long.
    ordered = sorted(found, key=lambda each: (each[0], -each[1]))
    at_risk, share = len(ordered), 1.0
    points: list[Point] = []
    for seconds, left in ordered:
        if left:
            share *= 1 - 1 / at_risk
            if points and points[-1][0] == seconds:
                points.pop()
            points.append((seconds, share))
        at_risk -= 1
    step = -(-len(points) // POINTS) if points else 1
    return tuple(points[:-1:step] + points[-1:]) if points else ()


class _Profile(msgspec.Struct, frozen=True):
    """What we read of a profile file; the rest of it is documentation."""

    half_hour_mean_calls: tuple[Positive, ...]
    implied_gamma_alpha: Positive = 0.0


def read_profile(path: Path, problems: Problems) -> tuple[tuple[float, ...], float]:
    """48 weights and the Gamma shape of the day factor."""
    try:
        profile = msgspec.json.decode(path.read_bytes(), type=_Profile)
    except (OSError, msgspec.MsgspecError) as error:
        problems.elsewhere(str(path), 1, "unreadable", detail=error)
        return (), 0.0
    weights = profile.half_hour_mean_calls
    if len(weights) != 48 or sum(weights) <= 0:
        problems.elsewhere(str(path), 1, "weights", got=len(weights))
        return (), 0.0
    return weights, profile.implied_gamma_alpha
