"""A measure's value as people write it."""

from __future__ import annotations

from math import isnan


def shown(value: float | None, unit: str) -> str:
    """Shares in per cent, lengths in seconds or minutes, a dash for nothing."""
    if value is None or isnan(value):
        return "–"
    if unit == "share":
        return f"{value:.1%}"
    if unit == "ms":
        return f"{value / 1000:.1f} s" if abs(value) < 120_000 else f"{value / 60_000:.1f} min"
    return f"{value:,.2f}" if abs(value) < 100 else f"{value:,.0f}"
