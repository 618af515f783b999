"""One socket and its carrier: bytes in frames, framed msgpack or WebSocket. Never waits; calls back from the loop."""

from __future__ import annotations

import errno
import re
import select
import socket
from collections.abc import Callable
from urllib.parse import urlsplit

from bench.crowd.loop import Loop

_READ_BYTES = 256 * 1024
_UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: engine\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: sluice.v1.msgpack\r\n\r\n"
)
_CONTINUES, _BINARY, _CLOSE, _PING, _PONG = 0, 2, 8, 9, 10


class Framed:
    """u32 big-endian length, then the frame."""

    opening = b""
    is_open = True
    retry_after_ms = 0

    def __init__(self) -> None:
        self._buffer = bytearray()

    def wrap(self, frame: bytes) -> bytes:
        return len(frame).to_bytes(4) + frame

    def cut(self, data: bytes) -> tuple[list[bytes], bytes, bool]:
        """(whole frames, bytes to send back, whether the peer is done)."""
        buffer = self._buffer
        buffer += data
        frames, at, have = [], 0, len(buffer)
        while have - at >= 4:
            end = at + 4 + int.from_bytes(buffer[at : at + 4])
            if end > have:
                break
            frames.append(bytes(buffer[at + 4 : end]))
            at = end
        del buffer[:at]
        return frames, b"", False


class WebSocket:
    """A client's end, masked with zeros (a mask is asked for; that it is random protects proxies, and there is none)."""

    opening = _UPGRADE

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.is_open = False
        self._parts: list[bytes] = []
        self.close_code = self.retry_after_ms = 0

    def wrap(self, frame: bytes, opcode: int = _BINARY) -> bytes:
        size = len(frame)
        if size < 126:
            return bytes((0x80 | opcode, 0x80 | size, 0, 0, 0, 0)) + frame
        return bytes((0x80 | opcode, 0xFE)) + size.to_bytes(2) + b"\0\0\0\0" + frame

    def cut(self, data: bytes) -> tuple[list[bytes], bytes, bool]:
        """As :meth:`Framed.cut`."""
        buffer = self._buffer
        buffer += data
        if not self.is_open:
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                return [], b"", False
            if not buffer.startswith(b"HTTP/1.1 101"):
                told = re.search(rb"(?i)\r\nretry-after-ms: (\d+)", buffer)
                self.retry_after_ms = int(told[1]) if told else 0
                return [], b"", True
            del buffer[: end + 4]
            self.is_open = True
        frames: list[bytes] = []
        back, at, done = b"", 0, False
        while (found := _header(buffer, at)) is not None:
            begin, size = found
            body, first = bytes(buffer[begin : begin + size]), buffer[at]
            at = begin + size
            opcode = first & 0x0F
            if opcode in (_BINARY, _CONTINUES):
                if first & 0x80 and not self._parts:
                    frames.append(body)
                else:
                    self._parts.append(body)
                    if first & 0x80:
                        frames.append(b"".join(self._parts))
                        self._parts.clear()
            elif opcode == _PING:
                back += self.wrap(body, _PONG)
            elif opcode == _CLOSE:
                self.close_code = int.from_bytes(body[:2])
                back, done = back + self.wrap(body[:2], _CLOSE), True
        del buffer[:at]
        return frames, back, done


def _header(buffer: bytearray, at: int) -> tuple[int, int] | None:
    """(where the body begins, its size) of the frame at ``at``; None: not all of it is there."""
    have = len(buffer) - at
    if have < 2:
        return None
    size, head = buffer[at + 1] & 0x7F, 2
    if size >= 126:
        width = 2 if size == 126 else 8
        if have < 2 + width:
            return None
        size, head = int.from_bytes(buffer[at + 2 : at + 2 + width]), 2 + width
    return (at + head, size) if have >= head + size else None


class Link:
    """``on_frames`` gets what one read brought; ``on_down(why)`` is called once, and not after :meth:`cut`."""

    def __init__(
        self,
        loop: Loop,
        url: str,
        on_open: Callable[[], None],
        on_frames: Callable[[list[bytes]], None],
        on_down: Callable[[str], None],
        source: str = "",
        receive_bytes: int = 0,
    ) -> None:
        parts = urlsplit(url)
        self.carrier: Framed | WebSocket = WebSocket() if parts.scheme == "ws" else Framed()
        self.is_down = False
        self.reads = True
        self._loop = loop
        self._on_open, self._on_frames, self._on_down = on_open, on_frames, on_down
        self._out = bytearray()
        self._connected = self._promised = False
        self._socket = socket.socket()
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if receive_bytes:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        if source:
            # The port is chosen at connect, when the far end is known: thousands share one address.
            self._socket.setsockopt(socket.IPPROTO_IP, getattr(socket, "IP_BIND_ADDRESS_NO_PORT", 24), 1)
            self._socket.bind((source, 0))
        code = self._socket.connect_ex((parts.hostname, parts.port))
        if code not in (0, errno.EINPROGRESS):
            loop.at_end_of_turn(lambda: self._end(errno.errorcode.get(code, str(code))))
            return
        loop.watch(self._socket.fileno(), select.EPOLLOUT, self._on_ready)

    def send(self, frame: bytes) -> None:
        """Goes out at the end of this turn of the loop, with what else is said meanwhile."""
        self._out += self.carrier.wrap(frame)
        self._promise()

    def pause(self, *, reads: bool) -> None:
        """Stop taking bytes from the socket (a tab that sleeps), or go on."""
        self.reads = reads
        self._watch()

    def cut(self) -> None:
        """Break it without a word, and without a call back."""
        if not self.is_down:
            self.is_down = True
            self._loop.forget(self._socket.fileno())
            self._socket.close()

    def _promise(self) -> None:
        if not self._promised:
            self._promised = True
            self._loop.at_end_of_turn(self._flush)

    def _flush(self) -> None:
        self._promised = False
        if self.is_down or not self._connected or not self._out:
            return
        try:
            sent = self._socket.send(self._out)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._end(str(error))
            return
        del self._out[:sent]
        self._watch()

    def _watch(self) -> None:
        if not self.is_down and self._connected:
            events = (select.EPOLLIN if self.reads else 0) | (select.EPOLLOUT if self._out else 0)
            self._loop.watch(self._socket.fileno(), events, self._on_ready)

    def _on_ready(self, events: int) -> None:
        if not self._connected:
            code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                self._end(errno.errorcode.get(code, str(code)))
                return
            self._connected = True
            self._out += self.carrier.opening
            if self.carrier.is_open:
                self._on_open()
            self._flush()
            self._watch()
            return
        if events & select.EPOLLOUT:
            self._flush()
        if events & ~select.EPOLLOUT and not self.is_down:
            self._read()

    def _read(self) -> None:
        try:
            data = self._socket.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._end(str(error))
            return
        if not data:
            self._end("closed")
            return
        was_open = self.carrier.is_open
        frames, back, done = self.carrier.cut(data)
        if self.carrier.is_open and not was_open:
            self._on_open()
        if back:
            self._out += back
            self._promise()
        if frames:
            self._on_frames(frames)
        if done and not self.is_down:
            self._flush()
            self._end("closed")

    def _end(self, why: str) -> None:
        if not self.is_down:
            self.cut()
            self._on_down(why)
