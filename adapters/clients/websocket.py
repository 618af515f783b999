"""Frames over a WebSocket, by trio-websocket: a reading of the standard independent of the server's."""

from __future__ import annotations

from collections.abc import Sequence

import trio
from h11 import ProtocolError as BadHttp
from trio_websocket import (
    ConnectionClosed,
    ConnectionRejected,
    HandshakeError,
    WebSocketConnection,
    wrap_client_stream,
)
from wsproto.utilities import ProtocolError as BadWebSocket

from adapters.clients.protocol import (
    FENCED_OFF,
    MAX_FRAME_BYTES,
    Address,
    Codec,
    Dial,
    FencedOff,
    Frame,
    LinkDown,
    ProtocolError,
)

RECEIVE_BYTES = 64 * 1024
# Messages that wait between the library's reading task and ours: enough that a burst is one switch, not one each.
MESSAGES_WAITING = 64
CLOSE_S = 0.5
CLOSED_FENCED = 4010
# What the library's reading task lets out, and the nursery ends with, when the answer is no HTTP or no WebSocket.
UNREADABLE = (BadHttp, BadWebSocket)
BODY_TOLD = 300
# Whoever answers "in a year" is asked again all the same.
LONGEST_RETRY_MS = 60_000


class WebSocketLink:
    """A :class:`adapters.clients.protocol.Link` on a WebSocket; one frame is one message."""

    def __init__(self, socket: WebSocketConnection, stream: trio.abc.Stream, codec: Codec) -> None:
        self._socket = socket
        self._stream = stream
        self._codec = codec

    async def send(self, frames: Sequence[bytes | str]) -> None:
        try:
            for frame in frames:
                await self._socket.send_message(frame)
        except ConnectionClosed as error:
            raise _ended(error) from error

    async def receive(self) -> list[Frame]:
        try:
            return [self._codec.decode(await self._socket.get_message())]
        except ConnectionClosed as error:
            raise _ended(error) from error

    async def aclose(self, politely: bool = False) -> None:
        if politely:  # a courtesy: whoever does not answer the closing handshake is left
            with trio.move_on_after(CLOSE_S, shield=True):
                await self._socket.aclose()
        await trio.aclose_forcefully(self._stream)


def _ended(error: ConnectionClosed) -> LinkDown | FencedOff:
    reason = error.reason
    if reason is None:
        return LinkDown("the connection was closed")
    if reason.code == CLOSED_FENCED:
        return FencedOff(FENCED_OFF)
    return LinkDown(f"the connection was closed: {reason.reason or reason.name} ({reason.code})")


def refused_upgrade(error: HandshakeError) -> LinkDown:
    """The upgrade was answered with no; what the peer said to it, as one line."""
    if not isinstance(error, ConnectionRejected):
        return LinkDown(f"the engine did not answer the connection: {error!r}")
    body = (error.body or b"").decode(errors="replace").strip()[:BODY_TOLD]
    said = f": {' '.join(body.split())}" if body else " (is this the engine's --ws address?)"
    return LinkDown(f"the WebSocket was refused with HTTP status {error.status_code}{said}", _retry_after_ms(error))


def _retry_after_ms(error: ConnectionRejected) -> int:
    """When to come back, where the answer says so; 0 where it does not."""
    told = {bytes(name).lower(): bytes(value) for name, value in error.headers or ()}
    for name, unit in ((b"retry-after-ms", 1), (b"retry-after", 1000)):
        value = told.get(name, b"")
        if value.isdigit():
            return min(int(value) * unit, LONGEST_RETRY_MS)
    return 0


def not_a_websocket() -> ProtocolError:
    return ProtocolError("the peer does not speak WebSocket, wanted a --ws address: is this a msgpack:// one?")


async def open_websocket(nursery: trio.Nursery, address: Address, codec: Codec, dial: Dial) -> WebSocketLink:
    """Connect and upgrade; the library's reading task lives in ``nursery``.

    Raises :class:`LinkDown` when nobody listens there. A refused upgrade ends the nursery with trio-websocket's
    ``ConnectionRejected``: that is how the library reports it.
    """
    try:
        stream = await dial(address)
    except OSError as error:
        raise LinkDown(f"cannot connect to {address.host}:{address.port}: {error}") from error
    try:
        socket = await wrap_client_stream(
            nursery,
            stream,  # type: ignore[arg-type]  # any trio stream will do; the annotation names two
            f"{address.host}:{address.port}",
            address.path,
            subprotocols=[codec.subprotocol],
            message_queue_size=MESSAGES_WAITING,
            max_message_size=MAX_FRAME_BYTES,
            receive_buffer_size=RECEIVE_BYTES,
        )
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise
    if socket.subprotocol != codec.subprotocol:
        raise ProtocolError(f"the peer does not speak {codec.subprotocol}, got sub-protocol {socket.subprotocol!r}")
    return WebSocketLink(socket, stream, codec)
