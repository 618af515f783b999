"""Opening hours: a calendar answers whether it is open at an instant, and when that changes next.

Instants are epoch milliseconds of dispatcher time. Nothing here reads a clock or a time zone database: a zone comes as a
table of offsets (:mod:`engine.dispatch.policy.zones` makes it), and days are counted from 1970-01-01 without ``datetime``.

**A local time as an instant.** A local time that the clocks skip is the instant of the jump; one that comes twice is meant
at its first. In one formula: the first instant at which the wall clock shows that time or a later one, which also makes
instants grow with local times. A span is open from its opening instant (included) to its closing instant (excluded); one
that the clocks skip altogether is not there.

**Which spans a day has.** Those stated for the date, if any (holidays state none), else its weekday's. A span may end past
midnight and then belongs to the day on which it began.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import TypeAlias

import msgspec

MINUTE_MS = 60_000
DAY_MS = 86_400_000
# Minutes of the local day: (09:00, 18:00) is (540, 1080); the end may lie in the next day (22:00–02:00 is (1320, 1560)).
Span: TypeAlias = tuple[int, int]
# More than any two offsets differ, a missing or repeated day at the date line included.
_REACH_MS = 2 * DAY_MS
# Past the last stated date two whole weeks show all there is: an opening that the clocks skip comes a week later, and one
# that lasts for both never ends.
_PLAIN_WEEKS = 14
_PLAIN_DAYS = _PLAIN_WEEKS + 2


def day_of(year: int, month: int, day: int) -> int:
    """Days from 1970-01-01 to a date of the Gregorian calendar (Hinnant, "chrono-compatible low-level date algorithms")."""
    year -= month <= 2
    era, of_era = divmod(year, 400)
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


def date_of(day: int) -> tuple[int, int, int]:
    """The date, as (year, month, day), so many days after 1970-01-01."""
    era, of_era = divmod(day + 719_468, 146_097)
    year = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    in_month = of_year - (153 * month + 2) // 5 + 1
    month += 3 if month < 10 else -9
    return year + era * 400 + (month <= 2), month, in_month


def weekday_of(day: int) -> int:
    """0 is Monday."""
    return (day + 3) % 7


class Zone(msgspec.Struct, frozen=True):
    """A time zone: ``offsets[i]`` (ms east of UTC) holds until ``begins[i]``, the last one for ever."""

    name: str
    begins: tuple[int, ...]
    offsets: tuple[int, ...]

    def local(self, at: int) -> int:
        """What the wall clock shows, in ms since 1970-01-01 00:00 local."""
        return at + self.offsets[bisect_right(self.begins, at)]

    def instant(self, local: int) -> int:
        """The first instant at which the wall clock shows ``local`` or a later time."""
        segment = bisect_right(self.begins, local - _REACH_MS)
        while True:
            at = local - self.offsets[segment]
            if segment:
                at = max(at, self.begins[segment - 1])
            if segment == len(self.begins) or at < self.begins[segment]:
                return at
            segment += 1

    def day(self, at: int) -> int:
        """The local day, in days since 1970-01-01."""
        return self.local(at) // DAY_MS

    def next_day(self, at: int) -> int:
        """The instant at which the next local day begins; later than ``at``."""
        return self.instant((self.day(at) + 1) * DAY_MS)


UTC = Zone("UTC", (), (0,))


class Calendar(msgspec.Struct, frozen=True):
    """Weekly hours with exceptions. ``weekly``: seven days from Monday; ``dates``: day number → what holds instead."""

    name: str
    zone: Zone
    weekly: tuple[tuple[Span, ...], ...]
    dates: Mapping[int, tuple[Span, ...]] = {}

    def is_open(self, at: int) -> bool:
        day = self.zone.day(at)
        return any(begin <= at < end for number in range(day - 2, day + 2) for begin, end in self._periods_of(number))

    def next_open(self, at: int) -> int | None:
        """The earliest instant from ``at`` on at which it is open: ``at`` itself if it is. None: never again."""
        for begin, _ in self.periods(at):
            return max(begin, at)
        return None

    def next_close(self, at: int) -> int | None:
        """The earliest instant from ``at`` on at which it is closed: ``at`` itself if it is. None: never again."""
        for begin, end in self.periods(at):
            return end if begin <= at else at
        return at

    def next_change(self, at: int) -> int | None:
        """The earliest instant after ``at`` at which it opens or closes; None: it stays as it is."""
        for begin, end in self.periods(at):
            return end if begin <= at else begin
        return None

    def periods(self, at: int) -> Iterator[tuple[int, int | None]]:
        """(opens, closes) of each opening that ends after ``at``, in order; openings that touch are one. None: never closes.

        Looks two days back, so that of one that runs already it may not be the true beginning. Ends two weeks past the last
        stated date; from there on every week is like the one before.
        """
        last = max(self.zone.day(at) + 2, max(self.dates, default=0)) + _PLAIN_DAYS
        opened = closes = None
        for day in self._days(self.zone.day(at) - 2, last):
            for begin, end in self._periods_of(day):
                if closes is not None and begin <= closes:
                    closes = max(closes, end)
                    continue
                if opened is not None and closes is not None and closes > at:
                    yield opened, closes
                opened, closes = begin, end
        if opened is None or closes is None or closes <= at:
            return
        if closes < self.zone.instant((last + 1) * DAY_MS):
            yield opened, closes
        elif opened <= self.zone.instant((last + 1 - _PLAIN_WEEKS) * DAY_MS):
            yield opened, None

    def _days(self, first: int, last: int) -> Iterator[int]:
        """Days that may have spans."""
        if any(self.weekly):
            yield from range(first, last + 1)
        else:
            yield from sorted(day for day in self.dates if day >= first)

    def _spans_of(self, day: int) -> tuple[Span, ...]:
        spans = self.dates.get(day)
        return self.weekly[weekday_of(day)] if spans is None else spans

    def _periods_of(self, day: int) -> Iterator[tuple[int, int]]:
        """The day's spans as instants."""
        midnight = day * DAY_MS
        for begin, end in self._spans_of(day):
            opens, closes = (
                self.zone.instant(midnight + begin * MINUTE_MS),
                self.zone.instant(midnight + end * MINUTE_MS),
            )
            if opens < closes:
                yield opens, closes
