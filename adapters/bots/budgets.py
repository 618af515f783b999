"""What a bot may cost: requests and tokens a minute, calls at once."""

from __future__ import annotations

import msgspec


class Budgets(msgspec.Struct, frozen=True):
    """``tokens_per_minute`` counts what is sent and what may come back, 3 bytes for a token. ``at_once``: calls in flight."""

    requests_per_minute: int = 600
    tokens_per_minute: int = 400_000
    at_once: int = 50
    request_bytes: int = 65_536
    answer_bytes: int = 65_536
    answer_tokens: int = 500


class Allowance:
    """Fills up at ``per_minute`` and holds a minute's worth. Time in seconds, as an argument."""

    def __init__(self, per_minute: int, now: float) -> None:
        self._size, self._left, self._filled = float(per_minute), float(per_minute), now

    def take(self, amount: float, now: float) -> bool:
        """True when there was enough: it is gone then. Nothing is taken otherwise."""
        self._left = min(self._size, self._left + (now - self._filled) * self._size / 60)
        self._filled = now
        if amount > self._left:
            return False
        self._left -= amount
        return True
