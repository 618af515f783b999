"""Real sockets as the fault schedules' clients know wires: framed msgpack over TCP, and the same frames over a WebSocket."""

from __future__ import annotations

import trio
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Ping, Request
from wsproto.utilities import ProtocolError

from tests.faults.chance import Chance

READ_BYTES = 65_536


class Socket:
    """What the clients expect of a wire: its near end, and whether it is dead."""

    def __init__(self, near: trio.abc.Stream) -> None:
        self.near = near
        self.silent = False


class Dialler:
    """Dials one of the ports, another after each failure: where the engine is now nobody tells."""

    def __init__(self, ports: list[int], *, websocket: bool) -> None:
        self._ports = ports
        self._websocket = websocket
        self._next = 0

    async def dial(self, chance: Chance) -> Socket:
        """Raises OSError."""
        port = self._ports[self._next % len(self._ports)]
        self._next += 1
        stream = _Bounded(await trio.open_tcp_stream("127.0.0.1", port))
        self._next -= 1
        if not self._websocket:
            return Socket(stream)
        with trio.move_on_after(5.0):
            near = OverWebSocket(stream)
            if await near.shake_hands():
                return Socket(near)
        self._next += 1
        await trio.aclose_forcefully(stream)
        raise OSError("no WebSocket there")


class _Bounded(trio.abc.Stream):
    """A socket stream whose reads have a size."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        return bytes(await self._stream.receive_some(READ_BYTES))

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        await self._stream.aclose()


class OverWebSocket(trio.abc.Stream):
    """Length-prefixed frames in and out, as binary messages of a WebSocket in between (wsproto's reading of it)."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._ws = WSConnection(ConnectionType.CLIENT)
        self._unsent = b""
        self._parts: list[bytes] = []

    async def shake_hands(self) -> bool:
        request = Request(host="engine", target="/", subprotocols=["sluice.v1.msgpack"])
        try:
            await self._stream.send_all(self._ws.send(request))
            while data := await self._stream.receive_some():
                self._ws.receive_data(bytes(data))
                for event in self._ws.events():
                    return isinstance(event, AcceptConnection)
        except (trio.BrokenResourceError, ProtocolError):
            pass
        return False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        self._unsent += bytes(data)
        out = []
        while len(self._unsent) >= 4 and len(self._unsent) >= (end := 4 + int.from_bytes(self._unsent[:4])):
            out.append(self._ws.send(BytesMessage(self._unsent[4:end])))
            self._unsent = self._unsent[end:]
        await self._stream.send_all(b"".join(out))

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        while True:
            data = bytes(await self._stream.receive_some())
            if not data:
                return b""
            self._ws.receive_data(data)
            said, ended = await self._heard()
            if said or ended:
                return said

    async def _heard(self) -> tuple[bytes, bool]:
        frames, ended = [], False
        for event in self._ws.events():
            if isinstance(event, BytesMessage):
                self._parts.append(bytes(event.data))
                if event.message_finished:
                    whole = b"".join(self._parts)
                    self._parts.clear()
                    frames.append(len(whole).to_bytes(4) + whole)
            elif isinstance(event, Ping):
                await self._stream.send_all(self._ws.send(event.response()))
            elif isinstance(event, CloseConnection):
                ended = True
        return b"".join(frames), ended

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        await trio.aclose_forcefully(self._stream)
