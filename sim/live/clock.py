"""The clock that engine and actors share, and the timeline of what actors asked to be woken for.

Dispatcher time runs ``scale`` times as fast as real time. The engine says its ``now`` in each welcome; the answer is old
by the time it took to arrive, so the latest of several readings is the nearest. Both processes read the same monotonic
clock of one machine: once set, they do not drift apart.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from math import inf

import trio


class SharedClock:
    """Dispatcher time as the engine has it. Valid after the first :meth:`sync`."""

    def __init__(self, scale: float) -> None:
        self.scale = scale
        self._offset_ms = -inf

    def sync(self, engine_now_ms: int) -> None:
        """A reading of the engine's clock, just arrived."""
        self._offset_ms = max(self._offset_ms, engine_now_ms - trio.current_time() * 1000 * self.scale)

    def change(self, scale: float) -> None:
        """From now on time passes at this pace; it neither jumps nor goes back."""
        now = self.exact_ms()
        self.scale = scale
        self._offset_ms = now - trio.current_time() * 1000 * scale

    def set(self, engine_now_ms: int) -> None:
        """As :meth:`sync`, but whatever was read before counts no more: the engine has started again."""
        self._offset_ms = -inf
        self.sync(engine_now_ms)

    def now_ms(self) -> int:
        return int(self.exact_ms())

    def exact_ms(self) -> float:
        return trio.current_time() * 1000 * self.scale + self._offset_ms

    def real_time(self, instant_ms: float) -> float:
        """The instant on trio's clock, in seconds."""
        return (instant_ms - self._offset_ms) / 1000 / self.scale

    def real_s(self, length_ms: float) -> float:
        return length_ms / 1000 / self.scale


class Timeline:
    """Calls functions at instants of dispatcher time, in order; late ones in a row. ``lag_ms``: real ms, the worst so far."""

    def __init__(self, clock: SharedClock) -> None:
        self._clock = clock
        self._heap: list[tuple[float, int, Callable[..., None], tuple[object, ...]]] = []
        self._count = 0
        self._changed = trio.Event()
        self.lag_ms = 0.0
        self.due_s: float | None = None  # while a function is called: when it was due, on trio's clock
        self._paused = False

    def pause(self) -> None:
        """Nothing is called until :meth:`resume`."""
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        self._changed.set()

    def at(self, instant_ms: float, call: Callable[..., None], *args: object) -> None:
        self._count += 1
        heapq.heappush(self._heap, (instant_ms, self._count, call, args))
        if self._heap[0][1] == self._count:
            self._changed.set()

    def after(self, length_ms: float, call: Callable[..., None], *args: object) -> None:
        self.at(self._clock.exact_ms() + length_ms, call, *args)

    async def run(self) -> None:
        """For ever. The calls must not block and must not raise."""
        heap, clock = self._heap, self._clock
        while True:
            now = clock.exact_ms()
            # A bounded run at a time: sockets want their turn too.
            for _ in range(64):
                if self._paused or not heap or heap[0][0] > now:
                    break
                instant, _, call, args = heapq.heappop(heap)
                self.lag_ms = max(self.lag_ms, (now - instant) / clock.scale)
                self.due_s = clock.real_time(instant)
                call(*args)
            self.due_s = None
            if heap and heap[0][0] <= now and not self._paused:
                await trio.lowlevel.checkpoint()
                continue
            self._changed = trio.Event()
            with trio.move_on_at(clock.real_time(heap[0][0]) if heap and not self._paused else inf):
                await self._changed.wait()
