"""Sets the stage for server stories: the real server and driver over streams in memory, and peers who speak raw frames.

The clock is trio's ``MockClock`` with autojump: waiting costs nothing, and whoever waits for what never comes fails
after a virtual minute and a half. Peers use ``wsproto`` and ``msgpack``, so nothing of the server's own codec reads its words back.
"""

from __future__ import annotations

import itertools
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar, TypeVarTuple

import msgpack
import trio
import trio.testing
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Request, TextMessage

from engine.access.tokens import Keys
from engine.clock import ScaledClock
from engine.desk.desk import Desk
from engine.driver import Driver, DriverLimits
from engine.ports import Sealer, Store
from engine.server.connection import Connection
from engine.server.core import Core
from engine.server.listeners import Listeners
from engine.store.memory import JournalInMemory, MemoryStore
from engine.wire.websocket import OriginRule

T = TypeVar("T")
Args = TypeVarTuple("Args")
Frame = dict[str, Any]

PATIENCE_S = 90.0
_count = itertools.count(1)
WALL_S = 1_900_000_000

POLICY = """
[policy]
name = "house"
[domain]
grace_ms = 60000
[tenants.acme]
[tenants.bolt]
[shops.flagship]
tenant = "acme"
[channels.web]
[pools.onsite]
[pools.bot]
[queues.help]
tenant = "acme"
pools = ["onsite"]
bot_pools = ["bot"]
offer_ms = 20000
[queues.vip]
tenant = "acme"
pools = ["onsite"]
priority = 5
[queues.desk]
tenant = "bolt"
pools = ["onsite"]
[[entry]]
name = "blocked"
when = {blocked = "yes"}
deflect = {reason = "blocked", alternative = "message", notice = "Please write to us."}
[[entry]]
name = "bolt"
when = {tenant = "bolt"}
queue = "desk"
[[entry]]
name = "vip"
when = {tier = "vip"}
queue = "vip"
[[entry]]
name = "bots first"
when = {first = "bot"}
queue = "help"
first = "bot"
[[entry]]
name = "default"
queue = "help"
"""


async def inline(function: Callable[[*Args], T], *args: *Args) -> T:
    """``run_blocking`` without threads, which a virtual clock would not wait for."""
    await trio.lowlevel.checkpoint()
    return function(*args)


class Peer:
    """A client that says what it likes. Pushes and answers are kept apart; ``frames`` holds everything, in order."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.frames: list[Frame] = []
        self.ended = False
        self.lively = True  # answers pings while it reads
        self.close_code = 0
        self._name = f"peer{next(_count)}"
        self._asked = 0
        self._answered: set[int] = set()
        self._events: deque[tuple[Frame, Frame]] = deque()
        self._read = 0

    # Carriers say how bytes become frames.
    def _cut(self, data: bytes) -> list[Frame]:
        raise NotImplementedError

    def _wrap(self, frame: Frame) -> bytes:
        raise NotImplementedError

    async def send(self, frame: Frame) -> None:
        await self.stream.send_all(self._wrap(frame))

    async def send_many(self, frames: list[Frame]) -> None:
        """In one piece, as one read at the other end."""
        await self.stream.send_all(b"".join(map(self._wrap, frames)))

    async def read(self) -> bool:
        """One read's worth; False when the server has ended the connection."""
        with trio.fail_after(PATIENCE_S):
            try:
                data = await self.stream.receive_some(1 << 16)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                data = b""
        if not data:
            self.ended = True
            return False
        frames = self._cut(bytes(data))
        self.frames += frames
        if self.lively and any(frame["op"] == "ping" for frame in frames):
            await self.send({"op": "pong"})
        return True

    async def next(self, *ops: str) -> Frame:
        """The next frame not looked at yet, of one of the given kinds (any, when none is given)."""
        while True:
            while self._read < len(self.frames):
                self._read += 1
                frame = self.frames[self._read - 1]
                if not ops or frame["op"] in ops:
                    return frame
            assert await self.read(), f"the connection ended; wanted {ops or 'a frame'}, had {self.frames}"

    async def answer(self, id: str) -> Frame:
        """The answer to ``id``, wherever it stands; what else came stays for :meth:`next`."""
        while True:
            for place, frame in enumerate(self.frames):
                if frame.get("id") == id and frame["op"] in ("ok", "error") and place not in self._answered:
                    self._answered.add(place)
                    return frame
            assert await self.read(), f"the connection ended without an answer to {id}: {self.frames}"

    def new_id(self) -> str:
        self._asked += 1
        return f"{self._name}-{self._asked}"

    async def call(self, frame: Frame) -> Frame:
        frame = {**frame, "id": frame.get("id") or self.new_id()}
        await self.send(frame)
        return await self.answer(frame["id"])

    async def do(self, type: str, *, text: str = "", id: str = "", **fields: Any) -> Frame:
        """The whole answer frame to a command."""
        frame: Frame = {"op": "do", "id": id, "command": {"type": type, **fields}}
        return await self.call({**frame, "text": text} if text else frame)

    async def done(self, type: str, **rest: Any) -> Frame:
        """The result of a command that must not be refused."""
        answer = await self.do(type, **rest)
        assert answer["op"] == "ok", answer
        result: Frame = answer["result"]
        return result

    async def ask(self, type: str, **fields: Any) -> Frame:
        answer = await self.call({"op": "ask", "query": {"type": type, **fields}})
        assert answer["op"] == "ok", answer
        result: Frame = answer["result"]
        return result

    async def hello(self, role: str = "", subject: str = "", **rest: str) -> Frame:
        said = {"role": role, "subject": subject, **rest}
        await self.send({"op": "hello", **{name: value for name, value in said.items() if value}})
        return await self.next("welcome", "error")

    async def event(self, type: str, stream: str = "") -> Frame:
        """The next event of this type among the pushes (of this stream); those before it are passed over."""
        while True:
            while self._events:
                push, event = self._events.popleft()
                if event["type"] == type and stream in ("", push["stream"]):
                    return {**event, "offset": push["offset"], "text": push.get("text", "")}
            push = await self.next("push")
            self._events += [(push, event) for event in push["events"]]

    async def rest(self) -> list[Frame]:
        """Everything until the server ends the connection."""
        while await self.read():
            pass
        return self.frames

    async def vanish(self) -> None:
        await trio.aclose_forcefully(self.stream)

    def seen(self, op: str) -> list[Frame]:
        return [frame for frame in self.frames if frame["op"] == op]


class FramedPeer(Peer):
    def __init__(self, stream: trio.abc.Stream) -> None:
        super().__init__(stream)
        self._buffer = b""

    def _cut(self, data: bytes) -> list[Frame]:
        self._buffer += data
        frames = []
        while len(self._buffer) >= 4 and len(self._buffer) >= 4 + (size := int.from_bytes(self._buffer[:4])):
            frames.append(msgpack.unpackb(self._buffer[4 : 4 + size]))
            self._buffer = self._buffer[4 + size :]
        return frames

    def _wrap(self, frame: Frame) -> bytes:
        packed: bytes = msgpack.packb(frame)
        return len(packed).to_bytes(4) + packed


class WebSocketPeer(Peer):
    def __init__(self, stream: trio.abc.Stream, protocol: str = "sluice.v1.json", origin: str = "") -> None:
        super().__init__(stream)
        self.json = protocol == "sluice.v1.json"
        self.ws = WSConnection(ConnectionType.CLIENT)
        headers = [(b"Origin", origin.encode())] if origin else []
        self.head = self.ws.send(
            Request(host="engine", target="/", subprotocols=[protocol], extra_headers=headers, extensions=[])
        )
        self.accepted: AcceptConnection | None = None
        self._parts: list[Any] = []

    async def shake_hands(self) -> WebSocketPeer:
        await self.stream.send_all(self.head)
        while self.accepted is None:
            assert await self.read(), "the server refused the WebSocket"
        return self

    def _cut(self, data: bytes) -> list[Frame]:
        frames: list[Frame] = []
        self.ws.receive_data(data)
        for event in self.ws.events():
            match event:
                case AcceptConnection():
                    self.accepted = event
                case TextMessage() | BytesMessage():
                    assert isinstance(event, TextMessage) == self.json
                    self._parts.append(event.data)
                    if event.message_finished:
                        frames.append(self._whole())
                case CloseConnection(code=code):
                    self.close_code = code
        return frames

    def _whole(self) -> Frame:
        parts, self._parts = self._parts, []
        frame: Frame = json.loads("".join(parts)) if self.json else msgpack.unpackb(b"".join(map(bytes, parts)))
        return frame

    async def send_raw(self, opcode: int, data: bytes, fin: bool = True) -> None:
        """One frame of our own making, masked with zeros; ``opcode``: 0 continuation, 1 text, 2 binary, 9 ping."""
        head = bytes([0x80 * fin | opcode])
        if len(data) < 126:
            head += bytes([0x80 | len(data)])
        elif len(data) < 65536:
            head += b"\xfe" + len(data).to_bytes(2)
        else:
            head += b"\xff" + len(data).to_bytes(8)
        await self.stream.send_all(head + b"\x00\x00\x00\x00" + data)

    def _wrap(self, frame: Frame) -> bytes:
        if self.json:
            return self.ws.send(TextMessage(json.dumps(frame)))
        return self.ws.send(BytesMessage(msgpack.packb(frame)))


class House:
    """A running server. ``framed`` and ``websocket`` open connections to it; ``core`` shows its inside."""

    def __init__(self, driver: Driver, core: Core, nursery: trio.Nursery) -> None:
        self.driver = driver
        self.core = core
        self.listeners = Listeners(core, OriginRule(["https://shop.example"], loopback=True))
        self._nursery = nursery
        self._far: dict[int, trio.abc.Stream] = {}

    def connect(self, handler: str = "framed", *, lockstep: bool = False) -> trio.abc.Stream:
        """The client's end of a new connection. ``lockstep``: nothing is buffered in between."""
        pair = trio.testing.lockstep_stream_pair if lockstep else trio.testing.memory_stream_pair
        ours, theirs = pair()
        self._far[id(ours)] = theirs
        handle = self.listeners.handle_framed if handler == "framed" else self.listeners.handle_websocket
        self._nursery.start_soon(self.listeners.supervise, theirs, handle)
        return ours

    def start(self, work: Callable[[], Awaitable[None]]) -> None:
        """In the background, for as long as the house stands."""
        self._nursery.start_soon(work)

    async def empty(self) -> None:
        """Until every connection is gone."""
        with trio.fail_after(PATIENCE_S):
            while self.core.connections:  # noqa: ASYNC110  # virtual time, and there is nothing to be told by
                await trio.sleep(0.1)

    async def empty_of(self, peer: Peer) -> None:
        """Until the server is done with this peer's connection, and what it told the dispatcher is durable."""
        with trio.fail_after(PATIENCE_S):
            while any(connection.stream is self._far[id(peer.stream)] for connection in self.core.connections):  # noqa: ASYNC110  # as above
                await trio.sleep(0.1)
        await self.driver.ask(lambda _: None)
        await trio.testing.wait_all_tasks_blocked()

    @contextmanager
    def stalled(self, connection: Connection) -> Iterator[None]:
        """While this lasts, the connection's writer gets nothing written: its peer's window is closed."""
        stream = connection.stream
        open_again = trio.Event()

        async def wait(data: bytes) -> None:
            await open_again.wait()
            await send_all(data)

        assert isinstance(stream, trio.StapledStream)
        send_all = stream.send_all
        stream.send_all = wait  # type: ignore[method-assign]  # a network in the test's hands
        try:
            yield
        finally:
            open_again.set()

    async def framed(self, role: str = "", subject: str = "", **rest: str) -> FramedPeer:
        peer = FramedPeer(self.connect())
        if role:
            await peer.hello(role, subject, **_with_tenant(rest))
        return peer

    async def websocket(
        self, role: str = "", subject: str = "", *, protocol: str = "sluice.v1.json", **rest: str
    ) -> WebSocketPeer:
        peer = await WebSocketPeer(self.connect("websocket"), protocol).shake_hands()
        if role:
            await peer.hello(role, subject, **_with_tenant(rest))
        return peer

    async def agent(self, name: str = "ann", capacity: int = 4, **rest: Any) -> FramedPeer:
        """Connected, defined and signed on."""
        kind = rest.pop("kind", "onsite")
        pools = rest.pop("pools", ["bot" if kind == "bot" else "onsite"])
        peer = await self.framed("bot" if kind == "bot" else "agent", name, **rest)
        profile = {"agent": name, "kind": kind, "pools": pools, "capacity": capacity}
        await peer.done("agent.define", profile=profile)
        await peer.done("agent.sign_on")
        return peer


def _with_tenant(said: dict[str, str]) -> dict[str, str]:
    return said if "token" in said else {"tenant": "acme", **said}


@asynccontextmanager
async def house(
    journal: JournalInMemory | None = None,
    *,
    dev: bool = True,
    keys: Keys | None = None,
    policy: str = POLICY,
    limits: DriverLimits | None = None,
    clock_scale: float = 1.0,
    store: Store | None = None,
    start_ms: int = WALL_S * 1000,
    desk: Callable[[Driver], Desk] | None = None,
    sealer: Sealer | None = None,
) -> AsyncIterator[House]:
    """The same ``journal`` again is the same engine restarted; or it has another ``store``. ``start_ms``: by the wall clock."""
    start_s = trio.current_time()

    def wall_ms() -> int:
        return start_ms + int((trio.current_time() - start_s) * 1000)

    if store is None:
        store = MemoryStore(journal if journal is not None else JournalInMemory())
    driver = Driver(store, ScaledClock(clock_scale), inline, policy, wall_ms=wall_ms, limits=limits, sealer=sealer)
    async with trio.open_nursery() as engine:
        await engine.start(driver.run)
        at_desk = None if desk is None else desk(driver)
        if at_desk is not None:
            await engine.start(at_desk.run)
        core = await Core.start(
            driver, keys=keys, wall_s=lambda: wall_ms() / 1000, dev=dev, clock_scale=clock_scale, desk=at_desk
        )
        async with trio.open_nursery() as nursery:
            nursery.start_soon(core.sweep)
            yield House(driver, core, nursery)
            nursery.cancel_scope.cancel()
        engine.cancel_scope.cancel()
