"""The Python client: one session with an engine, kept alive over as many connections as it takes.

    async with connect("ws://127.0.0.1:7700", role="agent", subject="ann") as client:
        await client.do({"type": "agent.sign_on"})
        async for push in client.pushes():
            ...

A lost connection is made again with full-jitter exponential back-off; unanswered commands are sent again with the same
id (the engine answers each once), streams go on after the last offset seen, and nothing is delivered twice. Where the
engine cannot replay without a gap, the push says so: it carries a ``snapshot``.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import trio

from adapters.clients.connection import Connection, Peer, converse
from adapters.clients.protocol import (
    FROM_NOW,
    ClientError,
    Codec,
    ConnectionLost,
    Dial,
    Frame,
    JsonCodec,
    MsgpackCodec,
    Overloaded,
    Push,
    Waiting,
    Welcome,
    check_size,
    dial,
    read_address,
    refusal_of,
)
from adapters.clients.streams import Streams

# Errors that say "connect again and send it again": the answer is still to come.
UNSETTLED = frozenset({"going_away", "store_failed"})
# Roles that the server subscribes to a stream of their own.
OWN_STREAM = frozenset({"agent", "bot", "channel"})
# Chance and no clock: the jitter needs no named stream, because nothing that is decided depends on it.
_draw: Callable[[], float] = secrets.SystemRandom().random


@dataclass(frozen=True, slots=True)
class Options:
    """Bounds and patience. Lengths in seconds of real time.

    ``inbox_limit``: pushes kept for a slow reader; beyond, streams stand still and are replayed when there is room.
    ``in_flight_limit``: unanswered commands and questions; beyond, ``do`` waits. ``patience_s``: how long the first
    connection is tried for; ``give_up_after_s``: how long a lost one is (None: for ever).
    """

    inbox_limit: int = 4096
    in_flight_limit: int = 1024
    connect_timeout_s: float = 5.0
    patience_s: float = 0.0
    give_up_after_s: float | None = None
    back_off_first_s: float = 0.25
    back_off_cap_s: float = 10.0


class Reply:
    """The answer to one frame, once it comes."""

    __slots__ = ("data", "error", "event", "result", "streams", "then")

    def __init__(self, data: bytes | str, streams: tuple[str, ...], then: Callable[[Frame], None] | None) -> None:
        self.data, self.streams, self.then = data, streams, then
        self.event = trio.Event()
        self.result: dict[str, Any] = {}
        self.error: ClientError | None = None

    async def wait(self) -> dict[str, Any]:
        """The result; raises :class:`Refused`, :class:`Overloaded` or :class:`ConnectionLost`."""
        await self.event.wait()
        if self.error is not None:
            raise self.error
        return self.result


class Client:
    """A session. Made by :func:`connect`; its methods may be called from any task of the same trio run."""

    def __init__(
        self,
        peer: Peer,
        hello: Frame,
        options: Options,
        on_status: Callable[[str, str], None] | None = None,
        on_waiting: Callable[[Waiting], None] | None = None,
    ) -> None:
        self.welcome: Welcome | None = None
        self.streams = Streams()
        self._peer, self._hello, self._options, self._on_status = peer, hello, options, on_status
        self._on_waiting = on_waiting
        self._encode = peer.codec.encode
        self._prefix, self._count = secrets.token_hex(6), 0
        self._pending: dict[str, Reply] = {}
        self._in_flight_limit = options.in_flight_limit
        self._room = trio.lowlevel.ParkingLot()
        self._inbox: deque[Push] = deque()
        self._inbox_wake = trio.Event()
        self._behind: set[str] = set()
        self._ended: ClientError | None = None
        self._settled = trio.Event()  # welcomed for the first time, or ended
        self._connection: Connection | None = None
        self._hold_off_s = 0.0
        self._closing = False
        self._handlers = {
            "push": self._on_push,
            "ok": self._on_ok,
            "error": self._on_error,
            "resync": self._on_resync,
            "waiting": self._on_waiting_frame,
        }

    # --- what callers do ---------------------------------------------------------------------------------------------

    async def do(self, command: Mapping[str, Any], text: str | None = None) -> dict[str, Any]:
        """Have a command carried out; returns its result and ``lsn`` once it is durable.

        ``text`` travels beside ``contact.submit`` and ``contact.message``. Raises :class:`Refused`,
        :class:`Overloaded`, :class:`ConnectionLost`. Cancelled, the command may or may not have happened.
        """
        return await (await self.begin(command, text)).wait()

    async def begin(self, command: Mapping[str, Any], text: str | None = None) -> Reply:
        """As :meth:`do`, but returns without waiting for the answer (only for room among the unanswered)."""
        frame: Frame = {"op": "do", "id": "", "command": command}
        if text is not None:
            frame["text"] = text
        return await self._request(frame)

    async def ask(self, query: Mapping[str, Any]) -> dict[str, Any]:
        """Ask for committed state; raises as :meth:`do`."""
        return await (await self._request({"op": "ask", "id": "", "query": query})).wait()

    async def subscribe(self, stream: str, offset: int = FROM_NOW) -> None:
        """Follow a stream from after ``offset`` (an lsn; ``FROM_NOW``: from now); raises as :meth:`do`."""
        self.streams.follow(stream, offset)
        await (await self._request({"op": "resume", "id": "", "streams": {stream: offset}}, (stream,))).wait()

    def pushes(self) -> _Pushes:
        """Iterate over the pushes of all streams; one reader at a time. Raises :class:`ConnectionLost` at the end."""
        return _Pushes(self)

    @property
    def is_connected(self) -> bool:
        return self._connection is not None

    def cut(self, hold_off_s: float = 0.0) -> None:
        """Break the connection without a goodbye and come back after ``hold_off_s``: to rehearse exactly that."""
        self._hold_off_s = hold_off_s
        if self._connection is not None:
            self._connection.cut()

    # --- a session's life --------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        self._manager = trio.open_nursery()
        self._nursery = await self._manager.__aenter__()
        self._nursery.start_soon(self._run)
        try:
            await self._settled.wait()
            if self._ended is not None:
                raise self._ended
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The nursery never sees the body's exception: callers get theirs as it was, in no group.
        self._closing = True
        if self._connection is not None and kind is None:
            await self._connection.finish()
        self._nursery.cancel_scope.cancel()
        await self._manager.__aexit__(None, None, None)
        self._end(ConnectionLost("this client was closed"))

    async def _run(self) -> None:
        options, attempt, lost_at = self._options, 0, trio.current_time()
        while self._ended is None:
            before = self.welcome
            try:
                down = await converse(self._peer, self._hello, self._on_welcome, self._take)
            except ClientError as error:
                self._end(error)
                return
            finally:
                self._connection = None
            if self._closing:
                return
            if self.welcome is not before:  # it had worked: the back-off starts again
                attempt, lost_at = 0, trio.current_time()
                self._say("lost", str(down))
            patience_s = options.patience_s if self.welcome is None else options.give_up_after_s
            if patience_s is not None and trio.current_time() - lost_at >= patience_s:
                self._end(ConnectionLost(str(down)))
                return
            if self.welcome is None and attempt == 0:
                self._say("waiting", str(down))
            ceiling_s = min(options.back_off_cap_s, options.back_off_first_s * 2 ** min(attempt, 32))
            pause_s = max(_draw() * ceiling_s, down.retry_after_ms / 1000, self._hold_off_s)
            attempt, self._hold_off_s = attempt + 1, 0.0
            await trio.sleep(pause_s)

    def _on_welcome(self, connection: Connection) -> None:
        """First the streams, then what is unanswered, in its order."""
        again, self.welcome = self.welcome is not None, connection.welcome
        self._hello["session"] = connection.welcome.session
        self._behind.clear()
        unanswered = list(self._pending.values())
        asked = {name for reply in unanswered for name in reply.streams}
        self._connection = connection
        self._in_flight_limit = min(self._options.in_flight_limit, _in_flight(connection.welcome))
        self._resume([name for name in self.streams.names() if name not in asked])
        if not again and connection.welcome.role in OWN_STREAM:
            # Where our own stream stands, so that a break before its first push leaves no gap either.
            self._send({"op": "ask", "id": "", "query": {"type": "streams"}}, then=self._on_streams)
        for reply in unanswered:
            connection.put(reply.data)
        self._say("reconnected" if again else "connected", "")
        self._settled.set()

    def _take(self, frame: Frame) -> None:
        handler = self._handlers.get(frame["op"])
        if handler is not None:  # what a newer server may say beyond this is not for us
            handler(frame)

    # --- frames out --------------------------------------------------------------------------------------------------

    async def _request(self, frame: Frame, streams: tuple[str, ...] = ()) -> Reply:
        # Resumes and the like of our own do not wait for room: there are a handful.
        while len(self._pending) >= self._in_flight_limit and self._ended is None:
            await self._room.park()
        if self._ended is not None:
            raise self._ended
        return self._send(frame, streams)

    def _send(self, frame: Frame, streams: tuple[str, ...] = (), then: Callable[[Frame], None] | None = None) -> Reply:
        self._count += 1
        frame["id"] = frame_id = f"{self._prefix}-{self._count}"
        reply = Reply(self._encode(frame), streams, then)
        if self.welcome is not None:
            check_size(reply.data, self.welcome.limits)
        self._pending[frame_id] = reply
        if self._connection is not None:
            self._connection.put(reply.data)
        return reply

    def _resume(self, streams: list[str]) -> None:
        """Ask for what follows in these streams; nothing of them is taken until the answer."""
        offsets = self.streams.gate(streams)
        if offsets:
            self._send({"op": "resume", "id": "", "streams": offsets}, tuple(offsets))

    # --- frames in ---------------------------------------------------------------------------------------------------

    def _on_ok(self, frame: Frame) -> None:
        reply = self._settle(frame)
        if reply is None:  # answered before the connection broke, and again after
            return
        result = frame.get("result") or {}
        reply.result = {**result, "lsn": frame["lsn"]} if "lsn" in frame else result
        if reply.streams:
            self.streams.resumed(reply.streams)
            self._on_streams(result)
        if reply.then is not None:
            reply.then(result)

    def _on_error(self, frame: Frame) -> None:
        refusal = refusal_of(frame)
        if not frame.get("id"):
            if isinstance(refusal, Overloaded):
                return
            raise refusal  # about a frame of ours that cannot be read: it would not be better the next time
        if refusal.code in UNSETTLED:
            return
        reply = self._settle(frame)
        if reply is None:
            return
        reply.error = refusal
        if len(reply.streams) > 1:  # one of them is the cause: ask for each alone
            for name in reply.streams:
                self._resume([name])
            return
        for name in reply.streams:
            self.streams.forget(name)
            self._deliver(Push(name, FROM_NOW, error=refusal))

    def _settle(self, frame: Frame) -> Reply | None:
        reply = self._pending.pop(str(frame.get("id")), None)
        if reply is not None:
            self._room.unpark()
            reply.event.set()
        return reply

    def _on_streams(self, result: Frame) -> None:
        """Where streams stand, in the answer to a resume or to our question."""
        for name, offset in result.get("streams", {}).items():
            self.streams.note(name, offset)

    def _on_push(self, frame: Frame) -> None:
        if len(self._inbox) >= self._options.inbox_limit:
            stream = str(frame.get("stream"))
            self.streams.gate([stream])
            self._behind.add(stream)
            return
        push = self.streams.take_push(frame)
        if push is not None:
            self._deliver(push)

    def _on_resync(self, frame: Frame) -> None:
        self._deliver(self.streams.take_resync(frame))

    def _on_waiting_frame(self, frame: Frame) -> None:
        if self._on_waiting is not None:
            self._on_waiting(Waiting.of(frame))

    def _deliver(self, push: Push) -> None:
        self._inbox.append(push)
        self._inbox_wake.set()

    async def _next_push(self) -> Push:
        while not self._inbox:
            if self._ended is not None:
                raise self._ended
            self._inbox_wake = trio.Event()
            await self._inbox_wake.wait()
        await trio.lowlevel.checkpoint_if_cancelled()
        push = self._inbox.popleft()
        if self._behind and len(self._inbox) <= self._options.inbox_limit // 2 and self._connection is not None:
            behind, self._behind = sorted(self._behind), set()
            self._resume(behind)
        return push

    def _end(self, error: ClientError) -> None:
        if self._ended is None:
            self._ended = error
        for reply in self._pending.values():
            reply.error = self._ended
            reply.event.set()
        self._pending.clear()
        self._room.unpark_all()
        self._inbox_wake.set()
        self._settled.set()

    def _say(self, status: str, reason: str) -> None:
        if self._on_status is not None:
            self._on_status(status, reason)


def _in_flight(welcome: Welcome) -> int:
    """What the server takes at once, less two for questions of our own."""
    return max(1, int(welcome.limits.get("in_flight", 1 << 20)) - 2)


class _Pushes:
    """The iterator of :meth:`Client.pushes`: no generator, so leaving it half-way needs no closing."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Push:
        return await self._client._next_push()


@asynccontextmanager
async def connect(
    url: str,
    *,
    role: str,
    subject: str = "",
    tenant: str = "",
    token: str = "",
    encoding: str = "msgpack",
    name: str = "sluice-python",
    options: Options | None = None,
    dial: Dial = dial,
    on_status: Callable[[str, str], None] | None = None,
    on_waiting: Callable[[Waiting], None] | None = None,
) -> AsyncIterator[Client]:
    """A session with the engine at ``url`` (``ws://``, ``wss://``, ``msgpack://HOST:PORT``, ``msgpack+unix:///PATH``).

    ``tenant`` and ``subject`` count in ``--dev`` only; otherwise they stand in the ``token``. ``encoding`` of a
    WebSocket: ``msgpack`` or ``json``. ``on_status(status, reason)`` hears ``waiting`` (nobody answers yet), ``connected``,
    ``lost``, ``reconnected``; ``on_waiting(place)``, of a contact whose stream is followed, where it stands and how long it
    still waits, now and then. Both are called between two frames, and must not block. Raises :class:`BadAddress`, :class:`ConnectionLost`, :class:`Refused` (a bad token, say).
    """
    codecs: dict[str, Codec] = {"msgpack": MsgpackCodec(), "json": JsonCodec()}
    hello = {"op": "hello", "token": token, "role": role, "subject": subject, "tenant": tenant, "client": name}
    options = options or Options()
    peer = Peer(read_address(url), codecs[encoding], dial, options.connect_timeout_s)
    async with Client(peer, hello, options, on_status, on_waiting) as client:
        yield client
