"""Token buckets: one, one for each of many, and one whose refused are told a moment of their own."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


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
        self._fill()
        if self._tokens >= 1:
            self._tokens -= 1
            return 0
        return (1 - self._tokens) / self._rate

    @property
    def is_full(self) -> bool:
        self._fill()
        return self._tokens >= self._burst

    def _fill(self) -> None:
        now_s = self._now_s()
        self._tokens = min(self._burst, self._tokens + (now_s - self._at_s) * self._rate)
        self._at_s = now_s


class Buckets(Generic[K]):
    """A bucket each for addresses or principals, whatever sockets they come on; full ones are as good as none."""

    def __init__(self, rate: float, burst: float, now_s: Callable[[], float]) -> None:
        self._rate, self._burst, self._now_s = rate, burst, now_s
        self._buckets: dict[K, Bucket] = {}

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key: K) -> float:
        """As :meth:`Bucket.take`."""
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = Bucket(self._rate, self._burst, self._now_s)
        return bucket.take()

    def sweep(self) -> None:
        self._buckets = {key: bucket for key, bucket in self._buckets.items() if not bucket.is_full}


class Pace:
    """So many come in a second. Each of the others is told a moment of its own, so that they come back one by one."""

    # Of the rate: the rest is for those who come without having been told.
    _TOLD_SHARE = 0.9
    _SOONEST_S = 0.25

    def __init__(self, rate: float, burst: float, now_s: Callable[[], float]) -> None:
        self._bucket = Bucket(rate, burst, now_s)
        self._step_s = 1 / (self._TOLD_SHARE * rate)
        self._now_s = now_s
        self._told_s = 0.0

    def ask(self) -> int:
        """0: come in; else the ms after which to come back."""
        if self._bucket.take() == 0:
            return 0
        now_s = self._now_s()
        self._told_s = max(now_s + self._SOONEST_S, self._told_s + self._step_s)
        return math.ceil((self._told_s - now_s) * 1000)


class Comings(Generic[K]):
    """How often each has come lately: ``kept`` instants at most, ``window_s`` back."""

    def __init__(self, window_s: float, kept: int, now_s: Callable[[], float]) -> None:
        self._window_s, self._kept, self._now_s = window_s, kept, now_s
        self._seen: dict[K, list[float]] = {}

    def come(self, key: K) -> int:
        """Once more; how often within the window, this time included (``kept`` stands for more, too)."""
        seen = self._seen.setdefault(key, [])
        seen.append(self._now_s())
        del seen[: -self._kept]
        return self._count(seen)

    def count(self, key: K) -> int:
        seen = self._seen.get(key)
        return self._count(seen) if seen else 0

    def _count(self, seen: list[float]) -> int:
        since_s = self._now_s() - self._window_s
        while seen and seen[0] <= since_s:
            del seen[0]
        return len(seen)

    def sweep(self) -> None:
        self._seen = {key: seen for key, seen in self._seen.items() if self._count(seen)}
