"""Addresses, framing and the WebSocket carrier: how bytes become frames and what bad ones do."""

from __future__ import annotations

import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgpack
import orjson
import pytest
import trio
import trio.testing
import trio_websocket

from adapters.clients import BadAddress, ConnectionLost, FencedOff, ProtocolError, connect
from adapters.clients.framed import FramedLink
from adapters.clients.protocol import MAX_FRAME_BYTES, JsonCodec, LinkDown, MsgpackCodec, read_address

WELCOME = {"op": "welcome", "session": "s", "epoch": 1, "heartbeat_ms": 20_000}


# --- addresses ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "carrier", "host", "port", "path"),
    [
        ("ws://127.0.0.1:7700", "websocket", "127.0.0.1", 7700, "/"),
        ("ws://example.org", "websocket", "example.org", 80, "/"),
        ("wss://example.org/sluice?x=1", "websocket", "example.org", 443, "/sluice?x=1"),
        ("msgpack://[::1]:7701", "framed", "::1", 7701, "/"),
        ("msgpack+unix:///run/sluice.sock", "framed", "", 0, "/run/sluice.sock"),
    ],
)
def test_addresses_that_can_be_used(url: str, carrier: str, host: str, port: int, path: str) -> None:
    """Each documented form names its carrier and its place."""
    address = read_address(url)
    assert (address.carrier, address.host, address.port, address.path) == (carrier, host, port, path)
    assert (address.tls is not None) == url.startswith("wss")


@pytest.mark.parametrize(
    "url",
    ["", "127.0.0.1:7700", "http://host:1", "ws://", "ws://host:70000", "msgpack://host", "msgpack+unix://host/p"],
)
def test_addresses_that_cannot(url: str) -> None:
    """The refusal says what was got and what is wanted."""
    with pytest.raises(BadAddress, match="wanted ws://HOST:PORT"):
        read_address(url)


# --- framing --------------------------------------------------------------------------------------------------------


def framed(*frames: Any) -> bytes:
    return b"".join(struct.pack(">I", len(data)) + data for data in map(msgpack.packb, frames))


async def test_frames_may_be_cut_anywhere() -> None:
    """Two frames arrive byte by byte; both come out whole."""
    ours, theirs = trio.testing.lockstep_stream_pair()
    link, got = FramedLink(ours), []
    async with trio.open_nursery() as nursery:

        async def drip() -> None:
            for byte in framed({"op": "a"}, {"op": "b", "text": "很高兴"}):
                await theirs.send_all(bytes([byte]))

        nursery.start_soon(drip)
        while len(got) < 2:
            got += await link.receive()
    assert got == [{"op": "a"}, {"op": "b", "text": "很高兴"}]


async def test_many_frames_come_in_one_piece() -> None:
    """A burst is read at once, and the piece of the next frame is kept for later."""
    ours, theirs = trio.testing.memory_stream_pair()
    link, last = FramedLink(ours), framed({"op": "last"})
    await theirs.send_all(framed(*[{"op": "x", "n": n} for n in range(100)]) + last[:5])
    assert len(await link.receive()) == 100
    await theirs.send_all(last[5:])
    assert await link.receive() == [{"op": "last"}]


@pytest.mark.parametrize(
    "data",
    [
        struct.pack(">I", MAX_FRAME_BYTES + 1),
        struct.pack(">I", 1) + b"\xc1",
        framed([1, 2]),
        framed({"no": "op"}),
        framed({"op": 5}),
        struct.pack(">I", 3) + b"\xa2\xff\xff",
    ],
    ids=["too long", "not msgpack", "a list", "no op", "op a number", "not UTF-8"],
)
async def test_bytes_that_are_no_frames(data: bytes) -> None:
    """A peer that sends nonsense is a protocol error, never a crash of another kind."""
    ours, theirs = trio.testing.memory_stream_pair()
    await theirs.send_all(data)
    with pytest.raises(ProtocolError):
        await FramedLink(ours).receive()


async def test_the_peer_goes() -> None:
    """Closed in the middle of a frame: the link is down, the half frame is nobody's."""
    ours, theirs = trio.testing.memory_stream_pair()
    await theirs.send_all(framed({"op": "x"})[:-1])
    await theirs.aclose()
    with pytest.raises(LinkDown, match="closed"):
        await FramedLink(ours).receive()


@pytest.mark.parametrize("codec", [MsgpackCodec(), JsonCodec()])
def test_codecs_give_back_what_they_were_given(codec: MsgpackCodec | JsonCodec) -> None:
    """Text, numbers, nesting: the same on the other side."""
    frame = {"op": "push", "events": [{"at": 2**40, "rank": [0.5, -3]}], "text": "你好 ✓", "held": False}
    assert codec.decode(codec.encode(frame)) == frame


def test_json_that_is_none() -> None:
    """Half a JSON text is a protocol error."""
    with pytest.raises(ProtocolError, match="not JSON"):
        JsonCodec().decode('{"op":')


# --- the WebSocket carrier ------------------------------------------------------------------------------------------

Handler = Callable[[trio_websocket.WebSocketRequest], Awaitable[None]]


def websocket_peer(nursery: trio.Nursery, handler: Handler) -> Callable[[object], Awaitable[trio.abc.Stream]]:
    """A dial to a trio-websocket server on memory streams."""

    async def serve(stream: Any) -> None:
        async with trio.open_nursery() as inner:
            await handler(await trio_websocket.wrap_server_stream(inner, stream))
            inner.cancel_scope.cancel()

    async def dial(address: object) -> trio.abc.Stream:
        ours, theirs = trio.testing.memory_stream_pair()
        nursery.start_soon(serve, theirs)
        return ours

    return dial


@pytest.mark.parametrize("encoding", ["msgpack", "json"])
async def test_the_protocol_over_a_websocket(encoding: str, nursery: trio.Nursery) -> None:
    """The sub-protocol says how frames are written: binary msgpack or JSON text; hello, do, bye."""
    heard: list[Any] = []

    async def handler(request: trio_websocket.WebSocketRequest) -> None:
        assert request.proposed_subprotocols == (f"sluice.v1.{encoding}",)
        socket = await request.accept(subprotocol=f"sluice.v1.{encoding}")
        write = (lambda frame: orjson.dumps(frame).decode()) if encoding == "json" else msgpack.packb
        read = orjson.loads if encoding == "json" else msgpack.unpackb
        try:
            while True:
                heard.append(read(await socket.get_message()))
                if heard[-1]["op"] == "hello":
                    await socket.send_message(write(WELCOME))
                elif heard[-1]["op"] == "do":
                    await socket.send_message(write({"op": "ok", "id": heard[-1]["id"], "result": {"n": 1}}))
        except trio_websocket.ConnectionClosed:
            pass

    dial = websocket_peer(nursery, handler)
    async with connect("ws://h:1", role="supervisor", subject="li", dial=dial, encoding=encoding) as client:
        assert await client.do({"type": "queue.close", "queue": "presale"}) == {"n": 1}
    await trio.testing.wait_all_tasks_blocked()
    assert [frame["op"] for frame in heard] == ["hello", "do", "bye"]
    assert heard[0]["subject"] == "li"


async def test_an_upgrade_refused(nursery: trio.Nursery) -> None:
    """A web server that is no engine: one clear error with its status."""

    async def handler(request: trio_websocket.WebSocketRequest) -> None:
        await request.reject(404, body=b"no such page")

    with pytest.raises(ConnectionLost, match="404"):
        async with connect("ws://h:1", role="agent", subject="ann", dial=websocket_peer(nursery, handler)):
            pass


@pytest.mark.parametrize("answer", [framed({"op": "error"}), b"SSH-2.0-OpenSSH\r\n\r\n"])
async def test_a_peer_that_answers_the_upgrade_in_another_tongue(nursery: trio.Nursery, answer: bytes) -> None:
    """Frames or a greeting where an HTTP answer should be: one clear error, no traceback of a library."""

    async def dial(address: object) -> trio.abc.Stream:
        ours, theirs = trio.testing.memory_stream_pair()

        async def serve() -> None:
            await theirs.receive_some()
            await theirs.send_all(answer)
            await theirs.aclose()

        nursery.start_soon(serve)
        return ours

    with pytest.raises(ProtocolError, match="does not speak WebSocket"):
        async with connect("ws://h:1", role="agent", subject="ann", dial=dial):
            pass


async def test_a_framed_peer_that_answers_in_http() -> None:
    """An older engine's WebSocket port, or a web server: said to be that, not a frame of a gigabyte."""
    ours, theirs = trio.testing.memory_stream_pair()
    await theirs.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    with pytest.raises(ProtocolError, match="answers in HTTP"):
        await FramedLink(ours).receive()


async def test_a_peer_without_our_subprotocol(nursery: trio.Nursery) -> None:
    """It upgrades but speaks something else: we do not guess."""

    async def handler(request: trio_websocket.WebSocketRequest) -> None:
        await request.accept(subprotocol=None)
        await trio.testing.wait_all_tasks_blocked()

    with pytest.raises(ProtocolError, match=r"does not speak sluice\.v1\.msgpack"):
        async with connect("ws://h:1", role="agent", subject="ann", dial=websocket_peer(nursery, handler)):
            pass


async def test_fenced_by_the_close_code(nursery: trio.Nursery) -> None:
    """The goodbye frame was lost, the close code 4010 says the same: we do not come back."""

    async def handler(request: trio_websocket.WebSocketRequest) -> None:
        socket = await request.accept(subprotocol="sluice.v1.msgpack")
        await socket.get_message()
        await socket.send_message(msgpack.packb(WELCOME))
        await socket.aclose(4010, "fenced")

    async with connect("ws://h:1", role="agent", subject="ann", dial=websocket_peer(nursery, handler)) as client:
        with pytest.raises(FencedOff):
            await client.pushes().__anext__()


async def test_a_unix_socket_and_a_port(tmp_path: Path) -> None:
    """The real dial: framed msgpack on a Unix socket and on a loopback port."""

    async def handler(stream: trio.abc.Stream) -> None:
        async with stream:
            await stream.receive_some()
            await stream.send_all(framed(WELCOME))
            while await stream.receive_some():
                pass

    unix = trio.socket.socket(trio.socket.AF_UNIX)
    await unix.bind(str(tmp_path / "s"))
    unix.listen()
    tcp = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, handler, [tcp, trio.SocketListener(unix)])
        for url in (f"msgpack://127.0.0.1:{tcp.socket.getsockname()[1]}", f"msgpack+unix://{tmp_path}/s"):
            async with connect(url, role="supervisor") as client:
                assert client.welcome is not None
                assert client.welcome.session == "s"
        nursery.cancel_scope.cancel()
    with pytest.raises(ConnectionLost, match="cannot connect to"):
        async with connect(f"msgpack+unix://{tmp_path}/none", role="supervisor"):
            pass
