"""Sockets that are ready and timers that are due, one after the other, until somebody says it is enough."""

from __future__ import annotations

import heapq
import itertools
import select
import time
from collections.abc import Callable

_READY_AT_ONCE = 512


class TookTooLong(Exception):
    """What was waited for did not come within its bound."""


class Loop:
    """Times are seconds of ``now_s``; a callback that raises ends the run."""

    def __init__(self) -> None:
        self.now_s = time.perf_counter
        self._epoll = select.epoll()
        self._ready: dict[int, Callable[[int], None]] = {}
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()
        self._last: list[Callable[[], None]] = []

    def watch(self, fd: int, events: int, on_ready: Callable[[int], None]) -> None:
        """Call ``on_ready(events)`` whenever ``fd`` is; again for the same ``fd``: with these events from now on."""
        if fd in self._ready:
            self._epoll.modify(fd, events)
        else:
            self._epoll.register(fd, events)
        self._ready[fd] = on_ready

    def forget(self, fd: int) -> None:
        if self._ready.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def at(self, instant_s: float, callback: Callable[[], None]) -> None:
        heapq.heappush(self._timers, (instant_s, next(self._count), callback))

    def after(self, delay_s: float, callback: Callable[[], None]) -> None:
        self.at(self.now_s() + delay_s, callback)

    def at_end_of_turn(self, callback: Callable[[], None]) -> None:
        """Once what is ready now was dealt with: what was said meanwhile goes out in one piece."""
        self._last.append(callback)

    def run(self, done: Callable[[], bool], within_s: float, what: str = "") -> None:
        """Until ``done()``. Raises :class:`TookTooLong`, naming ``what`` was waited for."""
        until_s = self.now_s() + within_s
        while not done():
            if self.now_s() > until_s:
                raise TookTooLong(f"{what or 'a run'}: not done within {within_s:g} s")
            self._turn()

    def run_for(self, length_s: float) -> None:
        until_s = self.now_s() + length_s
        while self.now_s() < until_s:
            self._turn()

    def _turn(self) -> None:
        now_s, timers = self.now_s(), self._timers
        wait_s = min(0.05, max(0.0, timers[0][0] - now_s)) if timers else 0.05
        for fd, events in self._epoll.poll(wait_s, _READY_AT_ONCE):
            on_ready = self._ready.get(fd)
            if on_ready is not None:
                on_ready(events)
        now_s = self.now_s()
        while timers and timers[0][0] <= now_s:
            heapq.heappop(timers)[2]()
        if self._last:
            last, self._last = self._last, []
            for callback in last:
                callback()

    def close(self) -> None:
        self._epoll.close()
