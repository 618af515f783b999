"""Whose turn it is on a server in virtual time: one after the other, each when the one before has been answered."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any

import trio
import trio.testing

from engine.clock import ScaledClock
from sim.live.clock import SharedClock, Timeline
from sim.live.players import Player

# The server's deadlines fall on whole milliseconds of a clock that jumps, so they come first, as they should: everybody
# else has a turn half a millisecond later, in the same millisecond of dispatcher time.
HALF_MS = 0.5


class Conductor(Timeline):
    """A troupe's timeline. Turns are in the order of :mod:`sim.actors.turns`; after each one the server is left to itself
    until nothing moves any more, and whoever had its turn has its answers. ``is_calling``: during a turn."""

    def __init__(self, clock: SharedClock, begin_ms: int) -> None:
        super().__init__(clock)
        self._now = ScaledClock()
        self._now.set(begin_ms)
        self._begin_ms, self._begin_s = begin_ms, trio.current_time()
        self._turns: list[tuple[int, int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._asked = 0
        self.is_calling = False

    @property
    def now_ms(self) -> int:
        """Dispatcher time."""
        return self._now.now_ms()

    def put(self, instant_ms: int, rank: int, call: Callable[..., None], *args: object) -> None:
        self._asked += 1
        heapq.heappush(self._turns, (instant_ms, rank, self._asked, call, args))
        self._changed.set()

    def after(self, length_ms: float, call: Callable[..., None], *args: Any) -> None:
        """The first of ``args`` is the actor."""
        self.put(self.now_ms + max(0, round(length_ms)), args[0].rank, call, *args)

    async def play(self, until_ms: int) -> None:
        """All turns before that instant, and what they bring about."""
        while True:
            instant = self._turns[0][0] if self._turns else until_ms
            self._changed = trio.Event()
            with trio.move_on_at(self._time_of(min(instant, until_ms - 1))):
                await self._changed.wait()
                continue  # somebody heard something, and perhaps has an earlier turn now
            if instant >= until_ms:
                return
            await self._call_next()

    def _time_of(self, instant_ms: int) -> float:
        return self._begin_s + (instant_ms - self._begin_ms + HALF_MS) / 1000

    async def _call_next(self) -> None:
        *_, call, args = heapq.heappop(self._turns)
        self.is_calling = True
        call(*args)
        self.is_calling = False
        await trio.testing.wait_all_tasks_blocked()
        player = getattr(call, "__self__", None)
        while isinstance(player, Player) and player.unsettled:  # noqa: ASYNC110  # an answer is late, in virtual time
            await trio.sleep(HALF_MS / 1000)
