"""Inputs sent to a real engine process over loopback: it lives, crashes nowhere, answers everybody, and stays small."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import msgpack
import trio

from tests.conformance.raw import HEAD, HELLO, TEXT, frame
from tests.fuzz.targets import Fault
from tests.killer.process import EngineProcess
from tests.server.stage import POLICY, FramedPeer

# Real seconds: the handshake's and hello's five, the linger's one, and room for a busy machine.
PATIENCE_S = 30.0
AT_ONCE = 32
GROWTH_KIB = 96 * 1024


def start(folder: Path) -> EngineProcess:
    engine = EngineProcess(folder, POLICY)
    engine.start()
    if not engine.wait_ready():
        raise Fault(f"the engine does not start: {engine.last_words()}")
    return engine


def play(engine: EngineProcess, inputs: Sequence[tuple[str, bytes]]) -> None:
    """``inputs``: carrier and bytes. Raises :class:`Fault`."""
    trio.run(_play, engine, inputs)
    if not engine.running:
        raise Fault(f"the process ended: {engine.last_words()}")
    crashed = engine.log_lines("connection_crashed")
    if crashed:
        raise Fault(f"a connection's task crashed: {crashed[0]}")


async def _play(engine: EngineProcess, inputs: Sequence[tuple[str, bytes]]) -> None:
    waiting = list(inputs)

    async def work() -> None:
        while waiting:
            carrier, data = waiting.pop()
            with trio.move_on_after(PATIENCE_S) as patience:
                await _send(engine, carrier, data)
            if patience.cancelled_caught:
                raise Fault(f"hangs for {PATIENCE_S:.0f} s: {carrier} {data!r:.200}")

    try:
        async with trio.open_nursery() as nursery:
            for _ in range(AT_ONCE):
                nursery.start_soon(work)
    except* Fault as group:
        raise group.exceptions[0] from None
    await _witness(engine)


async def _send(engine: EngineProcess, carrier: str, data: bytes) -> None:
    framed = carrier in ("framed", "msgpack", "commands")
    try:
        stream = await trio.open_tcp_stream("127.0.0.1", engine.msgpack_port if framed else engine.ws_port)
    except OSError as error:
        raise Fault(f"nobody listens: {error}") from None
    async with stream:
        try:
            await stream.send_all(await _opening(stream, carrier) + data)
            await stream.send_eof()
            while await stream.receive_some(65536):
                pass
        except trio.BrokenResourceError:
            pass  # cut off by a reset: what we had not read yet is lost, as it is to any client


async def _opening(stream: trio.SocketStream, carrier: str) -> bytes:
    if carrier == "head":
        return b""
    if carrier == "websocket":
        await stream.send_all(HEAD.encode())
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += await stream.receive_some(4096) or b"\r\n\r\n"
        return frame(TEXT, json.dumps({**HELLO, "role": "supervisor"}).encode())
    return FramedPeer(stream)._wrap({**HELLO, "role": "supervisor"})


async def _witness(engine: EngineProcess) -> None:
    """A good client is served."""
    with trio.move_on_after(PATIENCE_S) as patience:
        stream = await trio.open_tcp_stream("127.0.0.1", engine.msgpack_port)
        async with stream:
            peer = FramedPeer(stream)
            welcome = await peer.hello("channel", "witness", tenant="acme")
            while True:
                answer = await peer.do("contact.submit", channel="web", customer="witness")
                if answer.get("retry_after_ms") is None:
                    break
                await trio.sleep(
                    answer["retry_after_ms"] / 1000
                )  # a flood is answered with "later", which is an answer
            if welcome["op"] != "welcome" or answer["op"] != "ok":
                raise Fault(f"the witness heard {answer}")
    if patience.cancelled_caught:
        raise Fault("the witness is not answered")


def worst_frames() -> list[bytes]:
    """64 KiB each, of what costs the most memory once it is read."""
    maps = b"\x82\xa2op\xa4pong\xa1x\xdd" + (65_000).to_bytes(4) + b"\x80" * 65_000
    keys = b"\xde" + (16_000).to_bytes(2) + b"".join(b"\xa3" + f"{n:03x}"[-3:].encode() for n in range(16_000))
    deep = b"\x82\xa2op\xa4pong\xa1x" + b"\x91" * 65_000 + b"\xc0"
    texts = msgpack.packb({"op": "resume", "id": "r", "streams": {f"{n:04}": n for n in range(9_000)}})
    floats = msgpack.packb({"op": "pong", "x": [0.5] * 7_000})
    return [each[: 64 * 1024] for each in (maps, keys, deep, texts, floats)]


async def flood_with_worst_frames(engine: EngineProcess, connections: int) -> None:
    """So many connections, each with a worst frame but its last byte, then all the last bytes at once."""
    async with trio.open_nursery() as nursery:
        ready: list[trio.Event] = []
        go = trio.Event()

        async def one(data: bytes, here: trio.Event) -> None:
            stream = await trio.open_tcp_stream("127.0.0.1", engine.msgpack_port)
            async with stream:
                peer = FramedPeer(stream)
                await peer.hello("supervisor", "sue", tenant="acme")
                await stream.send_all(len(data).to_bytes(4) + data[:-1])
                here.set()
                await go.wait()
                await stream.send_all(data[-1:])
                await peer.rest()

        worst = worst_frames()
        for place in range(connections):
            ready.append(trio.Event())
            nursery.start_soon(one, worst[place % len(worst)], ready[-1])
        for here in ready:
            await here.wait()
        go.set()
    await _witness(engine)
