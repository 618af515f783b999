"""The rules of civil time, read from the system's IANA database (or the ``tzdata`` package) into plain tables.

The one place of the dispatcher's room that touches ``zoneinfo`` and ``datetime``, and only for what a policy's text names:
no clock is read. Zone rules are data, and governments change them; a machine with a newer database may open a queue at
another instant than an older one did, which the journal's events then say.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from engine.dispatch.hours import Zone

# Tables end here; the offset of the last day holds from then on.
FIRST_YEAR, LAST_YEAR = 1970, 2100
_STEP = timedelta(days=7)  # no zone leaves an offset and comes back to it within a week
# Of the machine, not of the world: the same text would mean different hours on two machines.
_NOT_A_PLACE = frozenset({"localtime", "Factory", "posixrules"})


@lru_cache(maxsize=64)
def find_zone(name: str) -> Zone | None:
    """The zone's table, or None if the database has no such zone."""
    if name in _NOT_A_PLACE or name.startswith(("posix/", "right/")):
        return None
    try:
        zone = ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # a folder, a path out of the database, no such file, no zone file
        return None
    return _table(name, zone)


def zone_names() -> list[str]:
    """Every zone there is, for a hint."""
    return sorted(available_timezones() - _NOT_A_PLACE)


def _table(name: str, zone: ZoneInfo) -> Zone:
    at, end = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC), datetime(LAST_YEAR, 12, 31, tzinfo=UTC)
    begins: list[int] = []
    offsets = [_offset(zone, at)]
    while at < end:
        following = at + _STEP
        after = _offset(zone, following)
        if after != offsets[-1]:
            begins.append(_moment(zone, at, following, offsets[-1]))
            offsets.append(after)
        at = following
    return Zone(name, tuple(begins), tuple(_ms(offset) for offset in offsets))


def _moment(zone: ZoneInfo, low: datetime, high: datetime, before: timedelta) -> int:
    """The instant, between the two, at which the offset is no longer ``before``: whole seconds, halved down to one."""
    first, last = int(low.timestamp()), int(high.timestamp())
    while last - first > 1:
        middle = (first + last) // 2
        if _offset(zone, datetime.fromtimestamp(middle, UTC)) == before:
            first = middle
        else:
            last = middle
    return last * 1_000


def _offset(zone: ZoneInfo, at: datetime) -> timedelta:
    offset = at.astimezone(zone).utcoffset()
    assert offset is not None  # every ZoneInfo knows its offset
    return offset


def _ms(length: timedelta) -> int:
    return length // timedelta(milliseconds=1)
