"""Lengths of time as a cases file writes them: ``90s``, ``1m30s``, ``2h``, ``1d``, ``1.5s``, ``250ms``."""

from __future__ import annotations

import re

DAY_MS = 86_400_000
# A policy's longest length is a week (engine.dispatch.policy.model); nothing that a case asks about comes later.
MAX_MS = 7 * DAY_MS
WANTED = 'a length of time such as "10s", "1m30s" or "2h", at most 7d'

_UNITS = (("d", DAY_MS), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1))
_LENGTH = re.compile(r"(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,9}(?:\.\d{1,3})?)s)?(?:(\d{1,9})ms)?")


def find_length(text: str) -> int | None:
    """Milliseconds; None where the text is no length or a longer one than ``MAX_MS``."""
    match = _LENGTH.fullmatch(text)
    if match is None or not text:
        return None
    # Seconds may have decimals, three at most: exact in milliseconds.
    total = sum(round(float(part) * unit) for part, (_, unit) in zip(match.groups(), _UNITS, strict=True) if part)
    return total if total <= MAX_MS else None


def shown_length(ms: int) -> str:
    """``95_500`` → ``1m35.5s``: the same in every language, and what may be typed into a file."""
    days, rest = divmod(ms, DAY_MS)
    hours, rest = divmod(rest, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    parts = [f"{count}{unit}" for count, unit in ((days, "d"), (hours, "h"), (minutes, "m")) if count]
    if rest or not parts:
        parts.append(f"{rest / 1000:.3f}".rstrip("0").rstrip(".") + "s")
    return "".join(parts)
