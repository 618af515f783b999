"""Inputs sent over streams in memory to a whole engine in virtual time: connection, server, driver and dispatcher."""

from __future__ import annotations

import json
import tempfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.conformance.raw import CLOSE, HEAD, HELLO, TEXT, Raw, frame
from tests.desk.stage import Archive, desk_house
from tests.fuzz.chance import Chance
from tests.fuzz.mutation import as_framed
from tests.fuzz.targets import DECLARED, Fault, cuts
from tests.server.stage import Frame, FramedPeer, House

ROLES = ("agent", "channel", "supervisor", "customer", "bot", "channel", "supervisor", "agent", "")
# Virtual: handshake and hello have 5 s each, two heartbeats 60 s, a write 10 s.
PATIENCE_S = 120.0


def play(carrier: str, inputs: Sequence[bytes]) -> None:
    """Each input on a connection of its own, one engine for all. Raises :class:`Fault`."""

    async def scene() -> None:
        with tempfile.TemporaryDirectory() as folder:
            await _scene(Archive(Path(folder) / "desk.db"), carrier, inputs)

    try:
        trio.run(scene, clock=MockClock(autojump_threshold=0))
    except* Fault as group:
        raise _first(group) from None
    except* Exception as group:
        raise Fault(f"a task of the server ended: {_first(group)!r}") from group


async def _scene(archive: Archive, carrier: str, inputs: Sequence[bytes]) -> None:
    async with desk_house(archive) as home:
        witness = await home.framed("channel", "witness")
        for name in ("ann", "bob"):
            await home.agent(name)
        for customer in ("c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "c9", "c10"):
            await witness.do("contact.submit", channel="web", customer=customer, text="hello")
        for place, data in enumerate(inputs):
            await _one(home, carrier, data)
            if home.core.counters.crashes:
                raise Fault(f"a connection's task crashed: {data!r:.200}")
            if place % 8 == 0:
                answer = await witness.do("contact.submit", channel="web", customer=f"witness-{place}")
                if answer["op"] != "ok" and answer["code"] == "internal":
                    raise Fault(f"the witness heard {answer}")
        if (at_desk := home.core.desk) is not None and at_desk.crashes:  # type: ignore[attr-defined]  # the desk itself
            raise Fault("a deed crashed at the desk")
        problems = await home.driver.ask(lambda dispatcher: dispatcher.audit())
        if problems:
            raise Fault(f"the dispatcher's indexes disagree: {problems[0]}")


def _first(group: BaseExceptionGroup[Exception]) -> Exception:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, Exception)
    return error


async def _one(home: House, carrier: str, data: bytes) -> None:
    with trio.move_on_after(PATIENCE_S) as patience:
        match carrier:
            case "head":
                said = await _to_the_listener(home, data)
                if said and not said.startswith((b"HTTP/1.1 ", b"\0")):
                    raise Fault(f"answered {said[:60]!r}")
            case "websocket":
                await _over_websocket(home, data, cuts(data, (1, 100, 5000, 70_000)))
            case "json":
                await _over_websocket(home, data, [frame(TEXT, data)])
            case "framed":
                await _over_framed(home, data, cuts(data, (1, 100, 5000, 70_000)))
            case "msgpack":
                await _over_framed(home, data, [as_framed([data], Chance(0))])
    if patience.cancelled_caught:
        raise Fault(f"hangs for {PATIENCE_S:.0f} virtual seconds")


def _hello(data: bytes) -> dict[str, str]:
    """Who says it is decided by the input, so that the input alone repeats a fault."""
    role = ROLES[zlib.crc32(data) % len(ROLES)]
    return {**HELLO, "role": role, "subject": "ann"} if role else {}


async def _to_the_listener(home: House, data: bytes) -> bytes:
    stream = home.connect("websocket")
    await _pour(stream, cuts(data, (1, 100, 9000)))
    return await _rest(stream)


async def _pour(stream: trio.abc.Stream, pieces: Sequence[bytes]) -> None:
    """All of it, then the end of our side; whoever is cut off in between has been answered."""
    try:
        for piece in pieces:
            await stream.send_all(piece)
        await wait_all_tasks_blocked()
        assert isinstance(stream, trio.abc.HalfCloseableStream)
        await stream.send_eof()
    except trio.BrokenResourceError:
        pass


async def _rest(stream: trio.abc.Stream) -> bytes:
    said = b""
    try:
        while some := await stream.receive_some(65536):
            said += bytes(some)
    except trio.BrokenResourceError:
        pass
    return said


async def _over_websocket(home: House, data: bytes, pieces: Sequence[bytes]) -> None:
    stream = home.connect("websocket")
    await stream.send_all(HEAD.encode())
    await wait_all_tasks_blocked()
    hello = _hello(data)
    await _pour(stream, [frame(TEXT, json.dumps(hello).encode()), *pieces] if hello else pieces)
    said = await _rest(stream)
    head, _, frames = said.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 101"):
        raise Fault(f"the upgrade was answered with {head[:60]!r}")
    raw = Raw(_Said(frames))  # type: ignore[arg-type]  # all it does is read
    try:
        code = await raw.end()
    except AssertionError as error:
        raise Fault(f"the server breaks RFC 6455: {error}") from None
    if code in (1011, 1006) and any(got.opcode == CLOSE for got in raw.got):
        raise Fault(f"closed with {code}")
    for got in raw.got:
        if got.opcode == TEXT:
            _check(json.loads(got.data))


async def _over_framed(home: House, data: bytes, pieces: Sequence[bytes]) -> None:
    stream = home.connect("framed")
    peer = FramedPeer(stream)
    hello = _hello(data)
    await _pour(stream, [peer._wrap(hello), *pieces] if hello else pieces)
    said = await _rest(stream)
    if said.startswith(b"HTTP/1.1 426"):
        return
    for each in peer._cut(said.partition(b"HTTP/1.1 426")[0]):
        _check(each)


class _Said:
    """What was said, to be read again."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    async def receive_some(self, limit: int) -> bytes:
        await trio.lowlevel.checkpoint()
        some, self._data = self._data[:limit], self._data[limit:]
        return some


def _check(said: Frame) -> None:
    if said["op"] == "error" and (said["code"] not in DECLARED or not said["message"]):
        raise Fault(f"an error that is not declared: {said}")
    if said["op"] not in ("welcome", "ok", "error", "push", "resync", "waiting", "ping", "bye"):
        raise Fault(f"said {said}")
