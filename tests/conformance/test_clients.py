"""Two clients that others wrote, each with its own reading of RFC 6455: trio-websocket, and websockets' Sans-I/O client."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgpack
import pytest
import trio
import trio_websocket
from trio.testing import MockClock
from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.uri import parse_uri

from engine.wire import limits
from tests.conformance.raw import HELLO
from tests.server.stage import House, house

PROTOCOLS = ["sluice.v1.json", "sluice.v1.msgpack"]
ASK = {"op": "ask", "id": "q", "query": {"type": "streams"}}


def pack(frame: dict[str, Any], protocol: str) -> Any:
    return json.dumps(frame) if protocol == "sluice.v1.json" else msgpack.packb(frame)


def unpack(data: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(data) if isinstance(data, str) else msgpack.unpackb(bytes(data))
    return found


@asynccontextmanager
async def by_trio_websocket(home: House, protocol: str) -> AsyncIterator[trio_websocket.WebSocketConnection]:
    async with trio.open_nursery() as nursery:
        stream = home.connect("websocket")
        yield await trio_websocket.wrap_client_stream(
            nursery,
            stream,  # type: ignore[arg-type]  # any trio stream will do; the annotation names two
            "engine",
            "/",
            subprotocols=[protocol],
        )
        await trio.aclose_forcefully(stream)
        nursery.cancel_scope.cancel()


class SansIO:
    """``websockets``' client on a stream in memory; compression offered, as browsers do."""

    def __init__(self, stream: trio.abc.Stream, protocol: str) -> None:
        self.stream = stream
        self.client = ClientProtocol(
            parse_uri("ws://engine/"),
            subprotocols=[protocol],  # type: ignore[list-item]  # a NewType of str
            extensions=[ClientPerMessageDeflateFactory()],
        )
        self.response: Response | None = None
        self.frames: list[Frame] = []

    async def flush(self) -> None:
        for data in self.client.data_to_send():
            if data:
                await self.stream.send_all(data)

    async def read(self) -> bool:
        """One read's worth; False at the end."""
        with trio.fail_after(90):
            data = await self.stream.receive_some(4096)
        if data:
            self.client.receive_data(bytes(data))
        else:
            self.client.receive_eof()
        for event in self.client.events_received():
            if isinstance(event, Response):
                self.response = event
            else:
                assert isinstance(event, Frame)
                self.frames.append(event)
        await self.flush()
        return bool(data)

    async def shake_hands(self) -> SansIO:
        self.client.send_request(self.client.connect())
        await self.flush()
        while self.response is None:
            assert await self.read()
        assert self.client.handshake_exc is None
        assert self.client.state is State.OPEN
        return self

    async def next(self) -> Frame:
        while not self.frames:
            assert await self.read(), f"ended: {self.client.close_rcvd}"
        return self.frames.pop(0)

    async def message(self) -> dict[str, Any]:
        while (frame := await self.next()).opcode not in (Opcode.TEXT, Opcode.BINARY):
            pass
        return unpack(bytes(frame.data).decode() if frame.opcode is Opcode.TEXT else frame.data)


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_trio_websocket_talks_to_us(autojump_clock: MockClock, protocol: str) -> None:
    """Upgrade, hello, a question, a ping answered with its bytes, a message of three bytes a character, and the close."""
    async with house() as home, by_trio_websocket(home, protocol) as socket:
        assert socket.subprotocol == protocol
        await socket.send_message(pack(HELLO, protocol))
        assert unpack(await socket.get_message())["op"] == "welcome"
        await socket.send_message(pack(ASK, protocol))
        assert unpack(await socket.get_message())["id"] == "q"
        await socket.ping(b"still there?")
        submit = {"op": "do", "id": "s", "command": {"type": "contact.submit", "channel": "web"}, "text": "你好" * 2000}
        await socket.send_message(pack(submit, protocol))
        while (answer := unpack(await socket.get_message()))["op"] != "ok":
            pass  # pushes about it may come before
        assert answer["result"]["contact"] == 1
        await socket.aclose(4999, "until tomorrow")
        assert socket.closed is not None
        assert (socket.closed.code, socket.closed.reason) == (4999, "until tomorrow")
        await home.empty()
        assert home.core.counters.crashes == 0


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_trio_websocket_reads_why_we_end_it(autojump_clock: MockClock, protocol: str) -> None:
    """A message over the limit: the error, then 1009 as the library's own close reason."""
    async with house() as home, by_trio_websocket(home, protocol) as socket:
        await socket.send_message(pack(HELLO, protocol))
        await socket.get_message()
        await socket.send_message(" " * 70_000 if protocol == "sluice.v1.json" else bytes(70_000))
        assert unpack(await socket.get_message())["code"] == "too_big"
        with pytest.raises(trio_websocket.ConnectionClosed) as ended:
            await socket.get_message()
        assert ended.value.reason is not None
        assert ended.value.reason.code == 1009


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_websockets_client_talks_to_us(autojump_clock: MockClock, protocol: str) -> None:
    """Compression offered and not taken; fragments with a ping and a pong between; pings answered; closed in order."""
    async with house() as home:
        peer = await SansIO(home.connect("websocket"), protocol).shake_hands()
        client = peer.client
        assert client.subprotocol == protocol
        assert not client.extensions
        begin = client.send_text if protocol == "sluice.v1.json" else client.send_binary
        for frame in (HELLO, ASK):
            data = pack(frame, protocol)
            data = data.encode() if isinstance(data, str) else data
            begin(data[:10], fin=False)
            client.send_ping(b"in between")
            client.send_continuation(data[10:20], fin=False)
            client.send_pong(b"unasked")
            client.send_continuation(data[20:], fin=True)
            await peer.flush()
            assert (await peer.next()).opcode is Opcode.PONG
            assert (await peer.message())["op"] in ("welcome", "ok")
        client.send_close(3000, "再见")
        await peer.flush()
        while await peer.read():
            pass
        assert client.state is State.CLOSED
        assert client.close_rcvd is not None
        assert (client.close_rcvd.code, client.close_rcvd.reason) == (3000, "再见")
        assert client.parser_exc is None
        await home.empty()


async def test_websockets_client_answers_our_heartbeat(autojump_clock: MockClock) -> None:
    """It never says pong of its own; its answers to control pings keep the connection alive for minutes."""
    async with house() as home:
        peer = await SansIO(home.connect("websocket"), "sluice.v1.json").shake_hands()
        peer.client.send_text(json.dumps(HELLO).encode())
        await peer.flush()
        assert (await peer.message())["op"] == "welcome"
        with trio.move_on_after(10 * limits.HEARTBEAT_MS / 1000):
            while await peer.read():
                pass
            raise AssertionError("the server gave up on a client that answers")
        assert len([frame for frame in peer.frames if frame.opcode is Opcode.PING]) >= 7
        peer.client.send_text(json.dumps(ASK).encode())
        await peer.flush()
        while (await peer.message())["op"] != "ok":
            pass


async def test_websockets_client_reads_our_going_away(autojump_clock: MockClock) -> None:
    """The server stops while a message of the peer's is half sent: bye, 1001, and its parser finds no fault."""
    async with house() as home:
        peer = await SansIO(home.connect("websocket"), "sluice.v1.json").shake_hands()
        peer.client.send_text(json.dumps(HELLO).encode())
        await peer.flush()
        await peer.message()
        peer.client.send_text(b'{"op":"a', fin=False)
        await peer.flush()
        home.core.close_all()
        assert (await peer.message())["reason"] == "going_away"
        while await peer.read():
            pass
        assert peer.client.close_rcvd is not None
        assert peer.client.close_rcvd.code == 1001
        assert peer.client.parser_exc is None
