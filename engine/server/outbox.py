"""What waits to be written to one socket, with a bound."""

from __future__ import annotations

import trio


class Outbox:
    """Frames of bytes in order, put without waiting by anybody, taken by who writes."""

    __slots__ = ("_drained", "_frames", "closed", "limit_bytes", "limit_frames", "size")

    def __init__(self, limit_frames: int, limit_bytes: int) -> None:
        self.limit_frames = limit_frames
        self.limit_bytes = limit_bytes
        self.size = 0
        self.closed = False
        self._frames: list[bytes] = []  # empty most of the time, and a deque takes 0.6 KiB for that
        self._drained: trio.Event | None = None

    def __len__(self) -> int:
        return len(self._frames)

    def put(self, data: bytes) -> bool:
        """False, and nothing taken in, when that would go over a limit. What comes after ``close`` is dropped."""
        if self.closed or not data:
            return True
        if len(self._frames) >= self.limit_frames or self.size + len(data) > self.limit_bytes:
            return False
        self._append(data)
        return True

    def put_last(self, data: bytes, *, drop_waiting: bool = False) -> None:
        """The last words, whatever the limits; then closed. ``drop_waiting``: instead of what still waits."""
        if self.closed:
            return
        if drop_waiting:
            self._frames.clear()
            self.size = 0
        self._append(data)
        self.closed = True
        self._tell_drained()

    def _append(self, data: bytes) -> None:
        self._frames.append(data)
        self.size += len(data)

    def take(self) -> bytes:
        """All that waits, in one piece; empty when nothing does."""
        frames = self._frames
        if not frames:
            return b""
        data = frames[0] if len(frames) == 1 else b"".join(frames)
        frames.clear()
        self.size = 0
        self._tell_drained()
        return data

    async def drained(self) -> None:
        """Until the writer has taken all that waits, or nothing is taken in any more."""
        while self._frames and not self.closed:
            if self._drained is None:
                self._drained = trio.Event()
            await self._drained.wait()

    def _tell_drained(self) -> None:
        if self._drained is not None:
            self._drained.set()
            self._drained = None

    def close(self) -> None:
        """Nothing more is taken in; what waits is still written."""
        self.closed = True
        self._tell_drained()

    def abandon(self) -> None:
        """Nobody will read any more."""
        self._frames.clear()
        self.size = 0
        self.close()
