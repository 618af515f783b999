"""Days as texts, ``YYYY-MM-DD``: they sort as they follow each other."""

from __future__ import annotations

import datetime as dt


def day_of(wall_ms: int, offset_minutes: int = 480) -> str:
    """The day at an instant of the wall clock (ms since 1970), where clocks are ``offset_minutes`` ahead of UTC (China: 480)."""
    zone = dt.timezone(dt.timedelta(minutes=offset_minutes))
    return dt.datetime.fromtimestamp(wall_ms / 1000, zone).date().isoformat()


def is_day(text: str) -> bool:
    """Exactly ``YYYY-MM-DD``, and there is such a day."""
    try:
        return dt.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
