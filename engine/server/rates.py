"""A token bucket."""

from __future__ import annotations

from collections.abc import Callable


class Bucket:
    """``rate`` tokens a second, at most ``burst`` saved up."""

    __slots__ = ("_at_s", "_burst", "_now_s", "_rate", "_tokens")

    def __init__(self, rate: float, burst: float, now_s: Callable[[], float]) -> None:
        self._rate = rate
        self._burst = burst
        self._now_s = now_s
        self._tokens = burst
        self._at_s = now_s()

    def take(self) -> float:
        """0 and one token less, or the seconds until there is one."""
        now_s = self._now_s()
        self._tokens = min(self._burst, self._tokens + (now_s - self._at_s) * self._rate)
        self._at_s = now_s
        if self._tokens >= 1:
            self._tokens -= 1
            return 0
        return (1 - self._tokens) / self._rate
