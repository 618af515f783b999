"""One writer per thing: whoever checks what a thing is like keeps others away until what it did is in the tables."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import trio


class Locks:
    """A lock per name, there while somebody wants it. Several are taken in one order, so nobody waits in a ring."""

    def __init__(self) -> None:
        self._locks: dict[tuple[str, str], tuple[trio.Lock, int]] = {}

    @asynccontextmanager
    async def held(self, tenant: str, things: Sequence[str]) -> AsyncIterator[None]:
        names = [(tenant, thing) for thing in sorted(set(things))]
        taken: list[tuple[str, str]] = []
        try:
            for name in names:
                lock, users = self._locks.get(name, (trio.Lock(), 0))
                self._locks[name] = (lock, users + 1)
                try:
                    await lock.acquire()
                except BaseException:
                    self._leave(name)
                    raise
                taken.append(name)
            yield
        finally:
            for name in reversed(taken):
                self._locks[name][0].release()
                self._leave(name)

    def _leave(self, name: tuple[str, str]) -> None:
        lock, users = self._locks[name]
        if users == 1:
            del self._locks[name]
        else:
            self._locks[name] = (lock, users - 1)
