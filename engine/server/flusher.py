"""One task that writes for all sockets: what a commit says to a hundred connections goes out in one turn, not in a hundred."""

from __future__ import annotations

from typing import Protocol

import trio


class Flushed(Protocol):
    """A connection with something to write. ``flush`` does not wait and does not raise."""

    def flush(self) -> None: ...


class Flusher:
    """Without its task running (before the start, after the end) everything is written at once."""

    def __init__(self) -> None:
        self._waiting: list[Flushed] = []
        self._wake: trio.Event | None = None
        self._runs = False

    def add(self, connection: Flushed) -> None:
        if not self._runs:
            connection.flush()
            return
        self._waiting.append(connection)
        if self._wake is not None:
            self._wake.set()
            self._wake = None

    async def run(self) -> None:
        """For ever."""
        self._runs = True
        try:
            while True:
                self._flush()
                self._wake = trio.Event()
                await self._wake.wait()
        finally:
            self._runs = False
            self._flush()

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        for connection in waiting:
            connection.flush()
