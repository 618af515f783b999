"""The real clock: dispatcher time from trio's, which goes on at its own pace whatever happens to the wall clock."""

from __future__ import annotations

import math

import trio

# Shorter than what is told apart below, and long enough to be no standstill.
_HAIR_S = 1e-6


class ScaledClock:
    """``engine.ports.Clock`` on trio's monotonic clock; ``scale`` dispatcher ms pass in one real ms.

    Starts at 0 until :meth:`set`. Under trio's ``MockClock`` it follows virtual time.
    """

    def __init__(self, scale: float = 1.0) -> None:
        if not (math.isfinite(scale) and scale > 0):
            raise ValueError(f"clock speed: got {scale}, wanted a number above 0")
        self.scale = scale
        self._from_ms = 0
        self._from_s: float | None = None

    def now_ms(self) -> int:
        # Through whole microseconds, so that 19.999999999999996 s are 20,000 ms and not one less.
        return self._from_ms + round(self._passed_s() * 1_000_000 * self.scale) // 1_000

    async def sleep_until(self, instant_ms: int) -> None:
        await trio.lowlevel.checkpoint()
        # Until the millisecond begins, and asked again: float seconds may come back a hair short.
        while self.now_ms() < instant_ms:
            left_s = (instant_ms - self._from_ms) / 1_000 / self.scale - self._passed_s()
            await trio.sleep(max(left_s, _HAIR_S))

    def set(self, instant_ms: int) -> None:
        self._from_ms, self._from_s = instant_ms, trio.current_time()

    def _passed_s(self) -> float:
        now = trio.current_time()
        if self._from_s is None:
            self._from_s = now
        return now - self._from_s
