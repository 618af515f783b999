"""WebSocket, server side: the ``websockets`` Sans-I/O protocol behind our own bounded head. No I/O here."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Collection
from http import HTTPStatus
from urllib.parse import urlsplit

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from engine.wire import limits
from engine.wire.codec import Encoding, encode, too_big
from engine.wire.errors import SENTENCES, Close, WireCode, WireError
from engine.wire.messages import SUBPROTOCOL_JSON, SUBPROTOCOL_MSGPACK, Error

_END_OF_HEAD = b"\r\n\r\n"
_LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_CONTROL_BYTES = 125  # a ping's at most, RFC 6455, 5.5
_VERSION = "13"
_new_utf8_decoder = codecs.getincrementaldecoder("utf-8")


class BadHead(Exception):
    """The upgrade request is refused. ``response``: what to write before closing; ``why``: one word for the counter."""

    def __init__(self, why: str, response: bytes) -> None:
        super().__init__(why)
        self.why = why
        self.response = response


class Head:
    """Collects an upgrade request: at most 8 KiB, ASCII only, nothing after it before we have answered."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> bytes | None:
        """The whole head once its empty line came, else None. Raises :class:`BadHead`."""
        searched = max(0, len(self._data) - len(_END_OF_HEAD))
        self._data += data
        end = self._data.find(_END_OF_HEAD, searched)
        if len(self._data if end < 0 else self._data[:end]) > limits.HEAD_BYTES - len(_END_OF_HEAD):
            raise _refused(
                HTTPStatus.BAD_REQUEST, "head_too_long", f"a request head of at most {limits.HEAD_BYTES} bytes"
            )
        if _is_framed(self._data):
            raise BadHead("framed_msgpack", _answer_in_frames())
        if not self._data.isascii():
            raise _refused(HTTPStatus.BAD_REQUEST, "not_ascii", "ASCII only")
        if end < 0:
            return None
        if len(self._data) > end + len(_END_OF_HEAD):
            raise _refused(HTTPStatus.BAD_REQUEST, "pipelined", "nothing after the request before its answer")
        return bytes(self._data)


def is_loopback_origin(origin: str) -> bool:
    """Whether a browser page of this very machine asks; what ``--dev`` allows."""
    try:
        parts = urlsplit(origin)
        plain = f"{parts.scheme}://{parts.netloc}" == origin and parts.username is None
        return plain and parts.scheme in ("http", "https") and parts.hostname in _LOOPBACK_HOSTS and parts.port != 0
    except ValueError:
        return False


class OriginRule:
    """Exact allow-list (scheme, host and port as the browser writes them). No Origin header: not a browser, allowed."""

    def __init__(self, allowed: Collection[str] = (), *, loopback: bool = False) -> None:
        self._allowed = frozenset(allowed)
        self._loopback = loopback

    def permits(self, origin: str) -> bool:
        return origin in self._allowed or (self._loopback and is_loopback_origin(origin))


def accept(head: bytes, origins: OriginRule) -> tuple[WebSocketCarrier, bytes]:
    """The open carrier and the 101 answer for an upgrade request. Raises :class:`BadHead`."""
    if head.count(b"\r\n") - 2 > limits.HEAD_FIELDS:
        wanted = f"at most {limits.HEAD_FIELDS} header fields"
        raise _refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "too_many_fields", wanted)
    protocol = ServerProtocol(
        subprotocols=[Subprotocol(SUBPROTOCOL_MSGPACK), Subprotocol(SUBPROTOCOL_JSON)],
        # Bytes of one message and of one frame; ours to raise once hello was said.
        max_size=(limits.HELLO_BYTES, limits.HELLO_BYTES),
        extensions=None,
    )
    protocol.receive_data(head)
    requests = protocol.events_received()
    if not requests or not isinstance(requests[0], Request):
        raise _refused(HTTPStatus.BAD_REQUEST, "not_http", "GET … HTTP/1.1 with Upgrade: websocket")
    _check_version(requests[0])
    _check_origin(requests[0], origins)
    response = protocol.accept(requests[0])
    protocol.send_response(response)
    answer = b"".join(protocol.data_to_send())
    if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
        raise BadHead("upgrade_refused", answer)
    return WebSocketCarrier(protocol), answer


def _check_version(request: Request) -> None:
    """Who speaks another version is told ours (RFC 6455, 4.2.2). No WebSocket at all is for others to refuse."""
    stated = request.headers.get_all("Sec-WebSocket-Version")
    if stated != [_VERSION] and "Upgrade" in request.headers and request.method == "GET":
        field = f"Sec-WebSocket-Version: {_VERSION}\r\n"
        raise _refused(HTTPStatus.UPGRADE_REQUIRED, "version", f"Sec-WebSocket-Version: {_VERSION}", fields=field)


def _check_origin(request: Request, origins: OriginRule) -> None:
    for origin in request.headers.get_all("Origin"):
        if not origins.permits(origin):
            raise _refused(HTTPStatus.FORBIDDEN, "origin", "an Origin of the allow-list (--origin)")
    if len(request.headers.get_all("Origin")) > 1:
        raise _refused(HTTPStatus.BAD_REQUEST, "origin", "one Origin at most")


def _is_framed(data: bytearray) -> bool:
    """The length of a frame below 16 MiB, then a msgpack map: no request begins so."""
    return len(data) > 4 and data[0] == 0 and (data[4] & 0xF0 == 0x80 or data[4] in (0xDE, 0xDF))


def _answer_in_frames() -> bytes:
    """To who speaks framed msgpack, in its own tongue."""
    wanted = "a WebSocket (ws://HOST:PORT); framed msgpack (msgpack://) has an address of its own (--msgpack)"
    code = WireCode.WRONG_CARRIER
    frame = encode(Error("", code, SENTENCES[code], "connection", "framed msgpack", wanted), Encoding.MSGPACK)
    return len(frame).to_bytes(4) + frame


def later(retry_after_ms: int) -> bytes:
    """The answer to an upgrade request, good as it may be: too many come at once."""
    body = f"Too many connections at once, wanted {retry_after_ms} ms later.\n".encode()
    head = (
        f"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: {-(-retry_after_ms // 1000)}\r\n"
        f"Retry-After-Ms: {retry_after_ms}\r\n"
        f"Content-Type: text/plain; charset=utf-8\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _refused(status: HTTPStatus, why: str, wanted: str, fields: str = "") -> BadHead:
    body = f"Not a WebSocket connection: {why}, wanted {wanted}.\n".encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nConnection: close\r\n{fields}"
        f"Content-Type: text/plain; charset=utf-8\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return BadHead(why, head.encode() + body)


def _header(opcode: Opcode, length: int) -> bytes:
    """A server's frame header: final, unmasked."""
    first = 0x80 | opcode
    if length < 126:
        return bytes((first, length))
    if length < 65536:
        return bytes((first, 126)) + length.to_bytes(2)
    return bytes((first, 127)) + length.to_bytes(8)


class WebSocketCarrier:
    """An open WebSocket. Incoming bytes go through ``ServerProtocol``; outgoing data frames are one header and the bytes,
    because they are written a thousand times more often than any control frame."""

    name = "websocket"

    def __init__(self, protocol: ServerProtocol) -> None:
        self._protocol = protocol
        self.encoding = Encoding.JSON if protocol.subprotocol == SUBPROTOCOL_JSON else Encoding.MSGPACK
        self._opcode = Opcode.TEXT if self.encoding is Encoding.JSON else Opcode.BINARY
        self._frames: list[bytes] = []
        self._taken = 0
        self._parts: list[bytes] = []
        self._utf8 = _new_utf8_decoder()
        self._fault: WireError | None = None
        self._said_close = False
        self.on_control: Callable[[], None] | None = None
        self.limit_bytes = limits.HELLO_BYTES

    @property
    def limit_bytes(self) -> int:
        return self._limit_bytes

    @limit_bytes.setter
    def limit_bytes(self, value: int) -> None:
        self._limit_bytes = value
        self._protocol.max_fragment_size = value
        # The library counts a ping between fragments as part of the message: room for one. ``_take`` counts the message.
        self._protocol.max_message_size = value + _CONTROL_BYTES

    def feed(self, data: bytes) -> None:
        """Take in what came from the peer; read it with :meth:`next_frame`. After our close only the peer's is heard."""
        if self._protocol.state is State.CLOSED:
            return
        self._protocol.receive_data(data)
        events = self._protocol.events_received()
        if self._said_close or self._fault is not None:
            return
        try:
            for event in events:
                assert isinstance(event, Frame), event
                self._on_event(event)
            self._check_protocol()
        except WireError as error:
            self._fault = error

    def _on_event(self, event: Frame) -> None:
        if event.opcode in (Opcode.PING, Opcode.PONG):
            if event.opcode is Opcode.PING and self.on_control is not None:
                self.on_control()
        elif event.opcode is not Opcode.CLOSE:
            self._take(event.opcode, bytes(event.data), event.fin)

    def _check_protocol(self) -> None:
        """What the library found wrong; it has said its close already."""
        if self._protocol.parser_exc is not None and self._protocol.close_sent is not None:
            if self._protocol.close_sent.code == Close.TOO_BIG:
                raise too_big(self._limit_bytes + 1, self._limit_bytes)
            why = f"a WebSocket fault: {self._protocol.parser_exc}"[:200]
            raise WireError(WireCode.MALFORMED, "the frame", why, "RFC 6455", fatal=Close.MALFORMED)

    def _take(self, opcode: Opcode, data: bytes, fin: bool) -> None:
        if opcode is not Opcode.CONT and opcode is not self._opcode:
            got, wanted = ("text", "binary") if opcode is Opcode.TEXT else ("binary", "text")
            raise WireError(
                WireCode.BAD_TYPE, "the frame", got, f"{wanted} on this sub-protocol", fatal=Close.MALFORMED
            )
        if self._opcode is Opcode.TEXT and (self._parts or not fin or not data.isascii()):
            self._check_text(data, fin)
        if fin and not self._parts:
            self._frames.append(data)
            return
        self._parts.append(data)
        if len(self._parts) > limits.FRAGMENTS:
            wanted = f"at most {limits.FRAGMENTS} fragments"
            raise WireError(
                WireCode.TOO_MANY_ITEMS, "the message", f"{len(self._parts)} fragments", wanted, fatal=Close.POLICY
            )
        size = sum(map(len, self._parts))
        if size > self._limit_bytes:
            raise too_big(size, self._limit_bytes)
        if fin:
            self._frames.append(b"".join(self._parts))
            self._parts.clear()

    def _check_text(self, data: bytes, fin: bool) -> None:
        """Text is UTF-8, a character may lie across fragments, and a bad one is said at once."""
        try:
            self._utf8.decode(data, fin)
        except UnicodeDecodeError as error:
            why = f"not UTF-8: {error.reason}"
            raise WireError(WireCode.MALFORMED, "the text", why, "UTF-8", fatal=Close.NOT_UTF8) from None

    def next_frame(self) -> bytes | None:
        """The next whole message, None when more bytes are needed. Raises :class:`WireError` for what broke the protocol
        or its limits, once what came before it is read."""
        if self._taken < len(self._frames):
            self._taken += 1
            return self._frames[self._taken - 1]
        self._frames.clear()
        self._taken = 0
        if self._fault is not None:
            raise self._fault
        return None

    def wrap(self, frame: bytes) -> bytes:
        return _header(self._opcode, len(frame)) + frame

    def take_replies(self) -> bytes:
        """Pongs, and the answer to a close."""
        return b"".join(self._protocol.data_to_send())

    def ping(self) -> bytes:
        if self._protocol.state is not State.OPEN:
            return b""
        return _header(Opcode.PING, 0)

    def close(self, code: Close, reason: str) -> bytes:
        self._said_close = True
        self._fault = None
        self._frames.clear()
        self._parts.clear()
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(code, reason)
        return self.take_replies()

    @property
    def peer_closed(self) -> bool:
        """The peer said close, or broke the protocol: nothing more will come."""
        return self._protocol.close_rcvd is not None or self._protocol.parser_exc is not None
