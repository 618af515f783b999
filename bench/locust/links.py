"""Two carriers of the protocol for gevent: WebSocket (JSON or msgpack) and length-framed msgpack.

Written against the protocol's text and its own libraries (websocket-client, msgpack): it shares no line with the engine
or with our client, so that a mistake made twice shows. Sockets here are the standard library's; locust has patched them.
"""

from __future__ import annotations

import json
import socket
import struct
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgpack

Frame = dict[str, Any]
_LENGTH = struct.Struct(">I")
# Far above any frame of the protocol: beyond it the peer is not speaking it.
MAX_FRAME_BYTES = 16 * 1024 * 1024


class LinkEnded(Exception):
    """The peer closed the connection, or the connection broke."""


class Link(Protocol):
    """One connection that carries frames. ``name`` is how locust's tables call the carrier."""

    name: str

    def send(self, frame: Frame) -> int:
        """Send one frame; returns its length in bytes. Raises :class:`LinkEnded`."""

    def receive(self) -> tuple[Frame, int]:
        """The next frame and its length in bytes; waits for it. Raises :class:`LinkEnded`."""

    def close(self) -> None: ...


class FramedLink:
    """u32 big-endian length, then one msgpack map; over TCP or a Unix socket."""

    name = "framed"

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._reader = sock.makefile("rb")

    def send(self, frame: Frame) -> int:
        body = msgpack.packb(frame)
        try:
            self._socket.sendall(_LENGTH.pack(len(body)) + body)
        except OSError as error:
            raise LinkEnded(str(error)) from error
        return _LENGTH.size + len(body)

    def receive(self) -> tuple[Frame, int]:
        (length,) = _LENGTH.unpack(self._exactly(_LENGTH.size))
        if length > MAX_FRAME_BYTES:
            raise LinkEnded(f"a frame of {length} bytes, wanted at most {MAX_FRAME_BYTES}")
        return msgpack.unpackb(self._exactly(length)), _LENGTH.size + length

    def _exactly(self, length: int) -> bytes:
        try:
            data = self._reader.read(length)
        except (OSError, ValueError) as error:  # ValueError: closed on our side while reading
            raise LinkEnded(str(error)) from error
        if len(data) < length:
            raise LinkEnded("the engine closed the connection")
        return data

    def close(self) -> None:
        self._socket.close()


class WebSocketLink:
    """Text frames under ``sluice.v1.json``, binary ones under ``sluice.v1.msgpack``."""

    def __init__(self, url: str, *, binary: bool) -> None:
        import websocket  # here, not above: in the extra `load` only, and the framed link does without

        self.name = "ws-msgpack" if binary else "ws-json"
        self._binary = binary
        self._broken = (websocket.WebSocketException, OSError)
        protocol = "sluice.v1.msgpack" if binary else "sluice.v1.json"
        try:
            self._socket = websocket.create_connection(url, subprotocols=[protocol], timeout=None)
        except self._broken as error:
            raise LinkEnded(f"cannot connect to {url}: {error}") from error

    def send(self, frame: Frame) -> int:
        try:
            if self._binary:
                return int(self._socket.send_binary(msgpack.packb(frame)))
            return int(self._socket.send(json.dumps(frame, ensure_ascii=False, separators=(",", ":"))))
        except self._broken as error:
            raise LinkEnded(str(error)) from error

    def receive(self) -> tuple[Frame, int]:
        try:
            data = self._socket.recv()
        except self._broken as error:
            raise LinkEnded(str(error)) from error
        if not data:
            raise LinkEnded("the engine closed the connection")
        return (msgpack.unpackb(data) if isinstance(data, bytes) else json.loads(data)), len(data)

    def close(self) -> None:
        self._socket.close()


def connect_framed(url: str) -> FramedLink:
    """Open ``msgpack://HOST:PORT`` or ``msgpack+unix:///PATH``; raises :class:`LinkEnded`."""
    parts = urlsplit(url)
    try:
        if parts.scheme == "msgpack+unix" and parts.path:
            sock = socket.socket(socket.AF_UNIX)
            try:
                sock.connect(parts.path)
            except OSError:
                sock.close()
                raise
        elif parts.scheme == "msgpack" and parts.hostname and parts.port:
            sock = socket.create_connection((parts.hostname, parts.port))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        else:
            raise LinkEnded(
                f"the framed address cannot be used, got {url!r}, wanted msgpack://HOST:PORT or msgpack+unix:///PATH"
            )
    except OSError as error:
        raise LinkEnded(f"cannot connect to {url}: {error}") from error
    return FramedLink(sock)
