"""Framed msgpack over a byte stream: u32 big-endian length, then one map. No I/O here."""

from __future__ import annotations

from collections.abc import Callable

from engine.wire import limits
from engine.wire.codec import Encoding, encode, later_frame, too_big
from engine.wire.errors import Close, WireCode, WireError

HEADER_BYTES = 4
# What an HTTP request begins with, a WebSocket's among them. Read as lengths these are over a GiB: no frame begins so.
_HTTP = frozenset({b"GET ", b"HEAD", b"POST", b"PUT ", b"DELE", b"OPTI", b"PATC", b"CONN", b"TRAC"})
_WANTED = "framed msgpack: a length in 4 bytes, then one map; a WebSocket (ws://) has an address of its own (--ws)"


def framed_later(retry_after_ms: int) -> bytes:
    """Says so before anything was read."""
    frame = encode(later_frame(retry_after_ms), Encoding.MSGPACK)
    return len(frame).to_bytes(HEADER_BYTES) + frame


class FramedCarrier:
    """Cuts a byte stream into frames and puts the length before outgoing ones.

    ``limit_bytes`` is low until hello was said, and is raised by whoever heard it.
    """

    name = "framed"
    encoding = Encoding.MSGPACK

    def __init__(self, limit_bytes: int = limits.HELLO_BYTES) -> None:
        self.limit_bytes = limit_bytes
        self.on_control: Callable[[], None] | None = None
        self._buffer = b""
        self._at = 0
        self._speaks_http = False
        self._said_close = False

    def feed(self, data: bytes) -> None:
        """Take in what came from the peer; read it with :meth:`next_frame`. After our last word nothing is kept."""
        if not self._said_close:
            self._buffer += data

    def next_frame(self) -> bytes | None:
        """The next whole frame, None when more bytes are needed. Raises :class:`WireError` for an oversize one, at once."""
        begin = self._at + HEADER_BYTES
        header = self._buffer[self._at : begin]
        if len(header) < HEADER_BYTES:
            self._cut()
            return None
        end = begin + int.from_bytes(header)
        if end - begin > self.limit_bytes:
            if header in _HTTP:
                self._speaks_http = True
                raise WireError(WireCode.WRONG_CARRIER, "connection", "HTTP", _WANTED, fatal=Close.MALFORMED)
            raise too_big(end - begin, self.limit_bytes)
        if len(self._buffer) < end:
            self._cut()
            return None
        self._at = end
        return self._buffer[begin:end]

    def _cut(self) -> None:
        """Frames are cut by moving a mark; what lies before it goes when a read is used up."""
        self._buffer, self._at = self._buffer[self._at :], 0

    def wrap(self, frame: bytes) -> bytes:
        """To who speaks HTTP a frame is noise: :meth:`close` answers it."""
        return b"" if self._speaks_http else len(frame).to_bytes(HEADER_BYTES) + frame

    def take_replies(self) -> bytes:
        """Bytes the carrier itself wants to say; framed connections have none."""
        return b""

    def ping(self) -> bytes:
        return b""

    def close(self, code: Close, reason: str) -> bytes:
        """Framed connections end after a ``bye`` or ``error`` frame; there is nothing to add, but to who speaks HTTP."""
        self._said_close = True
        self._buffer, self._at = b"", 0
        if not self._speaks_http:
            return b""
        body = f"Not an HTTP address, wanted {_WANTED}.\n".encode()
        head = (
            "HTTP/1.1 426 Upgrade Required\r\nConnection: close\r\n"
            f"Content-Type: text/plain; charset=utf-8\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    @property
    def peer_closed(self) -> bool:
        return False
