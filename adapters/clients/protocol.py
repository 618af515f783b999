"""The wire protocol as a client reads it: frames, codecs, addresses, errors.

An independent reading, on purpose: nothing here comes from the server's code, so the two check each other. A frame is a
map with the tag ``op``; JSON text, msgpack binary, or a u32 big-endian length and one msgpack map.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias
from urllib.parse import urlsplit

import msgpack
import orjson
import trio

Frame: TypeAlias = dict[str, Any]

SUBPROTOCOL_MSGPACK = "sluice.v1.msgpack"
SUBPROTOCOL_JSON = "sluice.v1.json"
FROM_NOW = -1
FENCED_OFF = "another connection took this session over"
# The largest frame we take. A resync of a busy agent or a page of history stays far below.
MAX_FRAME_BYTES = 16 * 1024 * 1024


class ClientError(Exception):
    """What can go wrong for a caller of this client."""


class BadAddress(ClientError, ValueError):
    """The URL cannot be used: says what was wrong, got and wanted."""


class ConnectionLost(ClientError):
    """No connection, and none will be tried any more (or the first try failed). The text says why."""


class FencedOff(ConnectionLost):
    """Another connection took this session over. We do not fight for it."""


class ProtocolError(ClientError):
    """The peer sent what this protocol does not hold."""


class Refused(ClientError):
    """The engine said no. ``code`` is stable; ``what``, ``got`` and ``wanted`` say it in words; ``lsn`` when journaled."""

    def __init__(self, code: str, message: str = "", what: str = "", got: str = "", wanted: str = "") -> None:
        self.code, self.message, self.what, self.got, self.wanted = code, message, what, got, wanted
        super().__init__(str(self))

    def __str__(self) -> str:
        said = self.what or self.message or self.code
        if self.what and self.message and self.message not in self.what:
            said = f"{self.what}: {self.message}"
        got = f", got {self.got}" if self.got else ""
        wanted = f", wanted {self.wanted}" if self.wanted else ""
        return f"{said}{got}{wanted} ({self.code})"


class Overloaded(Refused):
    """Not taken in, nothing stored: try again after ``retry_after_ms`` (the same id may be used)."""

    def __init__(self, retry_after_ms: int, code: str = "overloaded", message: str = "", **words: str) -> None:
        self.retry_after_ms = retry_after_ms
        super().__init__(code, message, **words)


def refusal_of(frame: Frame) -> Refused:
    """The exception that an ``error`` frame stands for."""
    words = {name: str(frame.get(name) or "") for name in ("message", "what", "got", "wanted")}
    code = str(frame.get("code") or "unknown")
    retry_after_ms = frame.get("retry_after_ms")
    if isinstance(retry_after_ms, int) and not isinstance(retry_after_ms, bool):
        return Overloaded(retry_after_ms, code, **words)
    return Refused(code, **words)


@dataclass(frozen=True, slots=True)
class Welcome:
    """The server's answer to ``hello``. ``now``: dispatcher time in ms; ``clock_scale``: its ms per real ms."""

    session: str
    epoch: int
    heartbeat_ms: int
    tenant: str = ""
    role: str = ""
    subject: str = ""
    clock_scale: float = 1.0
    now: int = 0
    limits: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, frame: Frame) -> Welcome:
        """Raises :class:`ProtocolError` when what we rely on is missing. Fields we do not know are passed over."""
        session, epoch, heartbeat_ms = frame.get("session"), frame.get("epoch"), frame.get("heartbeat_ms")
        beats = isinstance(heartbeat_ms, int) and heartbeat_ms > 0
        if not (beats and isinstance(session, str) and isinstance(epoch, int)):
            raise ProtocolError(f"welcome without a session, an epoch and a heartbeat_ms, got {frame!r}")
        known = {name: frame[name] for name in cls.__dataclass_fields__ if name in frame}
        return cls(**known)


@dataclass(frozen=True, slots=True)
class Push:
    """One piece of a stream. ``offset``: its place there (an lsn); ``events``: maps with ``type`` and ``at``.

    ``text``: the message that the record carried, if any (``erased``: its customer was erased). ``snapshot`` is set on a *resync*: the stream could not be
    replayed without a gap, this is the state instead, and pushes go on after it. ``error``: the stream ended.
    """

    stream: str
    offset: int
    events: tuple[Frame, ...] = ()
    text: str = ""
    snapshot: Frame | None = None
    error: Refused | None = None
    erased: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    """Where a waiting contact stands (1 is next) and how long it still waits: in half, in nine of ten such cases (-1:
    nobody can say). ``at``: the instant, in dispatcher ms. Told now and then, and no part of history."""

    contact: int
    queue: str
    position: int
    at: int
    p50_ms: int = -1
    p90_ms: int = -1

    @classmethod
    def of(cls, frame: Frame) -> Waiting:
        """Raises :class:`ProtocolError`. Fields we do not know are passed over."""
        known = {name: frame[name] for name in cls.__dataclass_fields__ if name in frame}
        try:
            return cls(**known)
        except TypeError as error:
            raise ProtocolError(
                f"waiting without a contact, a queue, a position and an instant, got {frame!r}"
            ) from error


class MsgpackCodec:
    """Binary frames."""

    subprotocol = SUBPROTOCOL_MSGPACK

    def encode(self, frame: Frame) -> bytes:
        """Raises :class:`Refused` for what msgpack has no bytes for: half a surrogate pair, 65 bits, too deep."""
        try:
            packed: bytes = msgpack.packb(frame)
        except (ValueError, OverflowError) as error:
            raise _unsendable(error) from error
        return packed

    def decode(self, data: bytes | str) -> Frame:
        """Raises :class:`ProtocolError`."""
        if isinstance(data, str):
            raise ProtocolError("got a text frame on a msgpack connection")
        try:
            frame = msgpack.unpackb(data)
        except Exception as error:  # the library raises its own, ValueError, UnicodeDecodeError, …
            raise ProtocolError(f"a frame is not msgpack: {error}") from error
        return _checked(frame)


class JsonCodec:
    """Text frames."""

    subprotocol = SUBPROTOCOL_JSON

    def encode(self, frame: Frame) -> str:
        """Raises :class:`Refused` for what JSON has no text for."""
        try:
            return orjson.dumps(frame).decode()
        except orjson.JSONEncodeError as error:
            raise _unsendable(error) from error

    def decode(self, data: bytes | str) -> Frame:
        """Raises :class:`ProtocolError`."""
        try:
            frame = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise ProtocolError(f"a frame is not JSON: {error}") from error
        return _checked(frame)


Codec: TypeAlias = MsgpackCodec | JsonCodec


def check_size(data: bytes | str, limits: Mapping[str, Any]) -> None:
    """Raises :class:`Refused` for a frame over the engine's limit: sent, it would cost the whole connection."""
    limit = int(limits.get("frame_bytes", MAX_FRAME_BYTES))
    if len(data) * 4 > limit:  # no character has more than four bytes
        size = len(data if isinstance(data, bytes) else data.encode())
        if size > limit:
            raise Refused("too_big", what="the frame", got=f"{size} bytes", wanted=f"at most {limit} bytes")


def _unsendable(error: Exception) -> Refused:
    return Refused("bad_value", what="the frame", got=str(error), wanted="values that can be written down")


def _checked(frame: object) -> Frame:
    if type(frame) is not dict or type(frame.get("op")) is not str:
        raise ProtocolError(f"a frame is a map with a text `op`, got {str(frame)[:80]!r}")
    return frame


@dataclass(frozen=True, slots=True)
class Address:
    """Where an engine listens. ``carrier``: ``websocket`` or ``framed``; ``path``: the Unix socket, or the WebSocket's."""

    carrier: str
    host: str = ""
    port: int = 0
    path: str = "/"
    tls: ssl.SSLContext | None = None

    @property
    def is_unix(self) -> bool:
        return self.carrier == "framed" and not self.host


WANTED_URL = "ws://HOST:PORT, wss://HOST:PORT, msgpack://HOST:PORT or msgpack+unix:///PATH"
_DEFAULT_PORTS = {"ws": 80, "wss": 443}


def read_address(url: str) -> Address:
    """Parse a URL; raises :class:`BadAddress`."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError as error:
        raise BadAddress(f"the address cannot be read: {error}, got {url!r}, wanted {WANTED_URL}") from error
    if parts.scheme == "msgpack+unix" and parts.path and not host:
        return Address("framed", path=parts.path)
    if not host or not port or parts.scheme not in ("ws", "wss", "msgpack"):
        raise BadAddress(f"the address cannot be used, got {url!r}, wanted {WANTED_URL}")
    if parts.scheme == "msgpack":
        return Address("framed", host, port)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Address("websocket", host, port, path, ssl.create_default_context() if parts.scheme == "wss" else None)


class LinkDown(Exception):
    """This connection is over; another may be tried, not before ``retry_after_ms``. Not seen by callers."""

    def __init__(self, reason: str, retry_after_ms: int = 0) -> None:
        super().__init__(reason)
        self.retry_after_ms = retry_after_ms


class Link(Protocol):
    """One live connection that carries frames. Both methods raise :class:`LinkDown` when it is over."""

    async def send(self, frames: Sequence[bytes | str]) -> None:
        """Send encoded frames in order."""

    async def receive(self) -> list[Frame]:
        """The next frames, at least one."""

    async def aclose(self, politely: bool = False) -> None:
        """End it; ``politely``: with the carrier's own goodbye, if it has one. Never raises, never waits long."""


# How a byte stream to the address is made; tests and in-process engines pass their own.
Dial: TypeAlias = Callable[[Address], Awaitable[trio.abc.Stream]]


async def dial(address: Address) -> trio.abc.Stream:
    """Open a TCP, TLS or Unix-socket stream; raises :class:`OSError`."""
    if address.is_unix:
        return await trio.open_unix_socket(address.path)
    if address.tls is not None:
        return await trio.open_ssl_over_tcp_stream(
            address.host, address.port, ssl_context=address.tls, https_compatible=True
        )
    return await trio.open_tcp_stream(address.host, address.port)
