"""Framed msgpack over a byte stream: u32 big-endian length, then one map. No I/O here."""

from __future__ import annotations

from collections.abc import Callable

from engine.wire import limits
from engine.wire.codec import Encoding, too_big
from engine.wire.errors import Close

HEADER_BYTES = 4


class FramedCarrier:
    """Cuts a byte stream into frames and puts the length before outgoing ones.

    ``limit_bytes`` is low until hello was said, and is raised by whoever heard it.
    """

    name = "framed"
    encoding = Encoding.MSGPACK

    def __init__(self, limit_bytes: int = limits.HELLO_BYTES) -> None:
        self.limit_bytes = limit_bytes
        self.on_control: Callable[[], None] | None = None
        self._buffer = bytearray()
        self._at = 0

    def feed(self, data: bytes) -> None:
        """Take in what came from the peer; read it with :meth:`next_frame`."""
        self._buffer += data

    def next_frame(self) -> bytes | None:
        """The next whole frame, None when more bytes are needed. Raises :class:`WireError` for an oversize one, at once."""
        begin = self._at + HEADER_BYTES
        if len(self._buffer) < begin:
            self._cut()
            return None
        length = int.from_bytes(self._buffer[self._at : begin])
        if length > self.limit_bytes:
            raise too_big(length, self.limit_bytes)
        if len(self._buffer) < begin + length:
            self._cut()
            return None
        self._at = begin + length
        return bytes(self._buffer[begin : self._at])

    def _cut(self) -> None:
        """Frames are cut by moving a mark; what lies before it goes when a read is used up."""
        del self._buffer[: self._at]
        self._at = 0

    def wrap(self, frame: bytes) -> bytes:
        return len(frame).to_bytes(HEADER_BYTES) + frame

    def take_replies(self) -> bytes:
        """Bytes the carrier itself wants to say; framed connections have none."""
        return b""

    def ping(self) -> bytes:
        return b""

    def close(self, code: Close, reason: str) -> bytes:
        """Framed connections end after a ``bye`` or ``error`` frame; there is nothing to add."""
        return b""

    @property
    def peer_closed(self) -> bool:
        return False
