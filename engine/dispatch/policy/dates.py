"""Reads a calendar's keys: spans of hours, days of the week, dates and ranges of dates, time zones."""

from __future__ import annotations

import re
from typing import Any, TypeAlias

from engine.dispatch.hours import Calendar, Span, Zone, date_of, day_of, weekday_of
from engine.dispatch.policy.findings import Findings
from engine.dispatch.policy.loader import Path
from engine.dispatch.policy.model import MAX_COUNTS
from engine.dispatch.policy.problems import quoted, shown
from engine.dispatch.policy.zones import FIRST_YEAR, LAST_YEAR, find_zone, zone_names

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTES = 1_440
# A range of dates longer than a year is a slip, and each of its days is stored.
MAX_RANGE_DAYS = 366

Spans: TypeAlias = tuple[Span, ...]

_SPAN = re.compile(r"(\d{1,2}):(\d\d) ?[-–] ?(\d{1,2}):(\d\d)", re.ASCII)
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)


class DateReader:
    """What it returns is None after a problem has been reported."""

    def __init__(self, findings: Findings) -> None:
        self.findings = findings

    def zone(self, name: str, path: Path) -> Zone | None:
        found = find_zone(name)
        if found is None:
            hint = self.findings.hint(name, zone_names())
            self.findings.report("bad_zone", path, got=quoted(name), hint=hint)
        return found

    def read(self, kind: str, value: Any, path: Path) -> Any:
        """``weekly``: weekday → spans; ``dates``: day → nothing; ``make_up``: day → weekday; ``special``: day → spans."""
        if kind == "dates":
            return self._dates(value, path)
        if not isinstance(value, dict):
            return self.findings.report("wrong_type", path, wanted="a table", got=shown(value))
        if len(value) > MAX_COUNTS["weekly" if kind == "weekly" else "dates"]:
            wanted = str(MAX_COUNTS["weekly" if kind == "weekly" else "dates"])
            return self.findings.report("too_many", path, got=str(len(value)), wanted=wanted)
        if kind == "weekly":
            return self._weekly(value, path)
        return self._make_up(value, path) if kind == "make_up" else self._special(value, path)

    # --- the four keys

    def _weekly(self, table: dict[str, Any], path: Path) -> dict[int, Spans]:
        found: dict[int, Spans] = {}
        for key, value in table.items():
            place = (*path, key)
            days, spans = self._weekdays(key, place), self._spans(value, place)
            for day in days:
                if day in found:
                    self.findings.report("duplicate", path, got=quoted(WEEKDAYS[day]))
                found[day] = spans
        return found

    def _dates(self, value: Any, path: Path) -> Any:
        if not isinstance(value, list):
            return self.findings.report("wrong_type", path, wanted="a list of dates", got=shown(value))
        if len(value) > MAX_COUNTS["dates"]:
            return self.findings.report("too_many", path, got=str(len(value)), wanted=str(MAX_COUNTS["dates"]))
        found: dict[int, None] = {}
        for index, one in enumerate(value):
            for day in self._days(_as_text(one), (*path, index), shown(one)):
                if day in found:
                    self.findings.report("duplicate", path, got=quoted(show_date(day)))
                found[day] = None
        return found

    def _make_up(self, table: dict[str, Any], path: Path) -> dict[int, int]:
        found: dict[int, int] = {}
        for key, value in table.items():
            place = (*path, key)
            day = self._day(key, place)
            if value not in WEEKDAYS:
                wanted = ", ".join(map(quoted, WEEKDAYS))
                self.findings.report("not_one_of", place, wanted=wanted, got=shown(value))
            elif day is not None:
                found[day] = WEEKDAYS.index(value)
        return found

    def _special(self, table: dict[str, Any], path: Path) -> dict[int, Spans]:
        found: dict[int, Spans] = {}
        for key, value in table.items():
            place = (*path, key)
            day, spans = self._day(key, place), self._spans(value, place)
            if day is not None:
                found[day] = spans
        return found

    # --- their parts

    def _weekdays(self, key: str, path: Path) -> range | tuple[()]:
        """``mon`` or ``mon-fri``."""
        first, _, last = key.partition("-")
        if first in WEEKDAYS and (last or first) in WEEKDAYS:
            begin, end = WEEKDAYS.index(first), WEEKDAYS.index(last or first)
            if begin <= end and (last or "-" not in key):
                return range(begin, end + 1)
        self.findings.report("bad_weekday", path, got=quoted(key))
        return ()

    def _spans(self, value: Any, path: Path) -> Spans:
        values = value if isinstance(value, list) else [value]
        if len(values) > MAX_COUNTS["spans"]:
            self.findings.report("too_many", path, got=str(len(values)), wanted=str(MAX_COUNTS["spans"]))
            return ()
        found: list[Span] = []
        for one in values:
            span = _span(one) if isinstance(one, str) else None
            if span is None:
                self.findings.report("bad_span", path, got=shown(one))
            elif found and span[0] < found[-1][1]:
                self.findings.report("spans_overlap", path, got=shown(one))
            else:
                found.append(span)
        return tuple(found)

    def _days(self, text: str, path: Path, got: str) -> range | tuple[()]:
        """A date, or ``first..last``."""
        first, dots, last = text.partition("..")
        begin = _date(first)
        end = _date(last) if dots else begin
        if begin is None or end is None or not begin <= end < begin + MAX_RANGE_DAYS:
            self.findings.report("bad_date", path, got=got, wanted=str(MAX_RANGE_DAYS))
            return ()
        return range(begin, end + 1)

    def _day(self, text: str, path: Path) -> int | None:
        day = _date(text)
        if day is None:
            self.findings.report("bad_date", path, got=quoted(text), wanted=str(MAX_RANGE_DAYS))
        return day


def assembled(name: str, table: dict[str, Any]) -> Calendar:
    """The calendar of a draft without problems."""
    weekly: dict[int, Spans] = table.get("weekly", {})
    days = tuple(weekly.get(day, ()) for day in range(7))
    dates: dict[int, Spans] = dict.fromkeys(table.get("holidays", ()), ())
    dates |= {day: days[weekday] for day, weekday in table.get("make_up", {}).items()}
    dates |= table.get("special", {})
    return Calendar(name, table["zone"], days, dict(sorted(dates.items())))


def show_date(day: int) -> str:
    """``2026-10-01``."""
    year, month, of_month = date_of(day)
    return f"{year:04}-{month:02}-{of_month:02}"


def show_weekday(day: int) -> str:
    """``thu``."""
    return WEEKDAYS[weekday_of(day)]


def _as_text(value: Any) -> str:
    """A date of TOML's own is as good as one in quotes."""
    return value if isinstance(value, str) else str(value) if hasattr(value, "isoformat") else ""


def _span(text: str) -> Span | None:
    match = _SPAN.fullmatch(text)
    if match is None:
        return None
    hour, minute, to_hour, to_minute = map(int, match.groups())
    begin, end = hour * 60 + minute, to_hour * 60 + to_minute
    if minute > 59 or to_minute > 59 or begin >= MINUTES or end > MINUTES or begin == end:
        return None
    return (begin, end) if begin < end else (begin, end + MINUTES)


def _date(text: str) -> int | None:
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    year, month, day = map(int, match.groups())
    if not (FIRST_YEAR <= year <= LAST_YEAR and 1 <= month <= 12 and 1 <= day <= 31):
        return None
    number = day_of(year, month, day)
    return number if date_of(number) == (year, month, day) else None  # no 31 April
