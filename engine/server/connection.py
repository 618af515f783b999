"""One socket: hello, frames in, frames out, the end. Its task is supervised: what goes wrong here ends here."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Protocol

import trio

from engine.access.roles import TRUSTED_ROLES, Role
from engine.access.tokens import Identity
from engine.ports import Principal
from engine.server.outbox import Outbox
from engine.server.rates import Bucket
from engine.wire import limits
from engine.wire.codec import Encoding, RefusalOfSubmits, decode, encode, id_of_submit
from engine.wire.errors import Close, WireCode, WireError
from engine.wire.messages import (
    FROM_NOW,
    Ask,
    Bye,
    ByeFromClient,
    ClientFrame,
    Do,
    Error,
    Hello,
    Ok,
    Ping,
    Pong,
    Renew,
    Resume,
    ServerFrame,
)

if TYPE_CHECKING:
    from engine.server.core import Core
    from engine.server.hub import Subscription
    from engine.wire.streams import StreamKey

READ_BYTES = 64 * 1024
# A read is handled in slices, so that ten thousand empty frames in one are refused after some hundred of them (7 ms).
SLICE_BYTES = 4096
# How long the peer may take to answer our close before the socket is simply shut.
LINGER_S = 1.0
# What a resumable close suggests; clients add their own jitter.
RETRY_AFTER_MS = 500
# A socket that brings nothing but new contacts nobody has time for is read this often: a hundred at once cost a third of
# what they cost one by one, and nobody who is refused minds.
SHED_PAUSE_S = 0.05
_NOBODY = Principal("", "", "")
_SUBMIT = frozenset({Role.CHANNEL, Role.CUSTOMER})


class Carrier(Protocol):
    """What lies between a byte stream and frames: ``engine.wire.framed`` and ``engine.wire.websocket``."""

    name: str
    encoding: Encoding
    limit_bytes: int
    on_control: Callable[[], None] | None

    def feed(self, data: bytes) -> None: ...
    def next_frame(self) -> bytes | None: ...
    def wrap(self, frame: bytes) -> bytes: ...
    def take_replies(self) -> bytes: ...
    def ping(self) -> bytes: ...
    def close(self, code: Close, reason: str) -> bytes: ...
    @property
    def peer_closed(self) -> bool: ...


class Connection:
    """``run`` owns the socket from the open carrier to the end. Everything else here is synchronous."""

    def __init__(
        self,
        core: Core,
        stream: trio.abc.Stream,
        carrier: Carrier,
        *,
        loopback: bool,
        turn: Callable[[], int] | None = None,
    ) -> None:
        """``turn``: asked once hello was read and found good; 0, or the ms after which the peer is to come back."""
        self.core = core
        self._turn = turn
        self.stream = stream
        self.carrier = carrier
        self.encoding = carrier.encoding
        self.loopback = loopback
        self.principal = _NOBODY
        self.session = ""
        self.of_another_history = False
        self.expires_s = 0
        self.in_flight = 0
        self.in_flight_limit = 1
        self.opened_s = trio.current_time()
        self.ping_at_s = self.opened_s + core.jittered_s(limits.HEARTBEAT_MS / 1000)
        self.pings_unanswered = 0
        self.writing_since_s = math.inf
        self.outbox = Outbox(limits.OUTBOX_FRAMES, limits.OUTBOX_BYTES)
        self._send_now: Callable[[bytes], int] | None = getattr(stream, "send_now", None)
        self._is_due = self._is_writing = False
        self._written: trio.Event | None = None
        self.nursery: trio.Nursery | None = None
        self.streams: set[StreamKey] = set()
        self.resumed: set[StreamKey] = set()  # at least once, by this connection
        self._own: Subscription | None = None
        self._is_limited = False
        self._refused_in_a_row = 0
        self._refuses: RefusalOfSubmits | None = None  # until the end of this slice of a read
        self._refusals: list[bytes] = []  # of contacts nobody has read, to be said together
        self._closing = False
        self._reading = trio.CancelScope()
        self._pings = Bucket(limits.PINGS_PER_S, limits.PING_BURST, trio.current_time)
        carrier.on_control = self._on_control

    @property
    def is_open(self) -> bool:
        return bool(self.principal.role) and not self._closing

    # --- its life --------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until the peer is gone or we have said our last word. Raises only our own bugs."""
        self.core.on_open(self)
        try:
            async with trio.open_nursery() as nursery:
                self.nursery = nursery
                try:
                    await self._talk()
                finally:
                    # Others call ``flush`` at any time, and nothing can be started in a nursery once it has closed.
                    self.nursery = None
                nursery.cancel_scope.cancel()
        finally:
            self._closing = True
            self.outbox.abandon()
            # No cycle stays behind: the collector seldom looks at what is old.
            self.carrier.on_control = self._own = None
            self.core.on_gone(self)

    async def _talk(self) -> None:
        polite = False
        with self._reading:
            polite = await self._read()
        self._closing = True
        if polite:
            self.outbox.close()
            await self._say_the_rest()

    async def _say_the_rest(self) -> None:
        """The peer has ended its side, and may still listen. The sweep ends this when it does not."""
        self.flush()
        if self._is_writing:
            self._written = trio.Event()
            await self._written.wait()

    async def _read(self) -> bool:
        """Whether the peer ended it in good order, and may still listen to what we had to say."""
        while True:
            try:
                data = await self.stream.receive_some(READ_BYTES)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return False
            if not data:
                return True
            self.pings_unanswered = 0
            shed = True
            for at in range(0, len(data), SLICE_BYTES):
                shed = self._feed(bytes(data[at : at + SLICE_BYTES])) and shed
            if self._closing and self.carrier.peer_closed:
                return True
            if shed:
                await trio.sleep(SHED_PAUSE_S)

    def _feed(self, data: bytes) -> bool:
        """Whether new contacts were refused unread, and nothing else came."""
        others = self.core.counters.frames_in
        try:
            self.carrier.feed(data)
            while not self._closing and (frame := self.carrier.next_frame()) is not None:
                self.core.counters.frames_in += 1
                if self._refuses is None or not self._is_refused(frame):
                    self._on_frame(frame)
        except WireError as error:
            if not self._closing:
                self.refuse(error)
        refusals, self._refusals, self._refuses = self._refusals, [], None
        if refusals:
            self.core.door.shed(len(refusals))
            self.core.counters.refused_frames[WireCode.OVERLOADED] += len(refusals)
            self.core.counters.frames_out += len(refusals)
        self._put(b"".join(refusals) + self.carrier.take_replies())
        if self.carrier.peer_closed:
            self.end(Close.NORMAL, "")
        return bool(refusals) and self.core.counters.frames_in - others == len(refusals)

    # --- bytes out ------------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Write what waits: straight into the socket as far as the kernel takes it, the rest from a task.

        Called from the one task that writes for all: whatever goes wrong is this connection's end and nobody else's.
        """
        try:
            self._flush()
        except Exception as error:  # noqa: BLE001  # as said above
            self.core.on_crash(error)
            self.cut()

    def _flush(self) -> None:
        self._is_due = False
        if self._is_writing:
            return
        rest = b""
        if self._send_now is not None and (data := self.outbox.take()):
            try:
                rest = data[self._send_now(data) :]
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                self.cut()
                return
        if (rest or len(self.outbox) or self.outbox.closed) and self.nursery is not None:
            self._is_writing = True
            self.nursery.start_soon(self._write, rest)

    async def _write(self, data: bytes) -> None:
        """The socket's one writer while there is much to write, or its end to be said.

        The sweep watches ``writing_since_s`` and cuts a socket whose peer takes nothing.
        """
        try:
            while data := data or self.outbox.take():
                self.writing_since_s = trio.current_time()
                await self.stream.send_all(data)
                self.writing_since_s, data = math.inf, b""
            if self.outbox.closed:
                self._reading.deadline = trio.current_time() + LINGER_S
                if isinstance(self.stream, trio.abc.HalfCloseableStream):
                    await self.stream.send_eof()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._reading.cancel()
        finally:
            self._is_writing = False
            if self._written is not None:
                self._written.set()

    # --- frames in ------------------------------------------------------------------------------------------------

    def _on_frame(self, data: bytes) -> None:
        if self.core.door.figures.admitted_per_s >= 0 and self.principal.role in _SUBMIT and self._is_shed(data):
            return
        try:
            frame = decode(data, self.encoding, limit_bytes=self.carrier.limit_bytes)
            if self.principal is _NOBODY:
                self._on_first(frame)
            else:
                self._check_rate(frame)
                self._on_next(frame)
        except WireError as error:
            self.refuse(error)

    def _is_shed(self, data: bytes) -> bool:
        """In a flood a new contact that would be refused is not even read: a tenth of the work, and the rest gets on."""
        if self._refuses is None:
            retry_after_ms = self.core.door.sheds(self.principal.tenant)
            if not retry_after_ms:
                return False
            self._refuses = RefusalOfSubmits(retry_after_ms, self.encoding)
        return self._is_refused(data)

    def _is_refused(self, data: bytes) -> bool:
        assert self._refuses is not None
        id = id_of_submit(data, self.encoding)
        if not id:
            return False
        self._refusals.append(self.carrier.wrap(self._refuses.of(id)))
        return True

    def _on_first(self, frame: ClientFrame) -> None:
        if not isinstance(frame, Hello):
            got = str(type(frame).__struct_config__.tag)
            raise WireError(
                WireCode.HELLO_EXPECTED, "op", got, "hello", id=getattr(frame, "id", ""), fatal=Close.UNAUTHORIZED
            )
        identity = self.core.gate.identify(frame, self.loopback)
        turn, self._turn = self._turn, None
        if turn is not None and (retry_after_ms := turn()):
            got, wanted = "many at once", "later"
            raise WireError(
                WireCode.OVERLOADED, "connections", got, wanted, fatal=Close.RATE, retry_after_ms=retry_after_ms
            )
        self.core.let_in(identity.principal)
        self._open(identity)
        self.core.on_hello(self, frame)

    def _open(self, identity: Identity) -> None:
        role = Role(identity.principal.role)
        trusted = role in TRUSTED_ROLES
        self.principal = identity.principal
        self.expires_s = identity.expires_s
        self.carrier.limit_bytes = limits.FRAME_BYTES
        self.in_flight_limit = limits.IN_FLIGHT_TRUSTED if trusted else limits.IN_FLIGHT
        if trusted:
            self.outbox.limit_frames, self.outbox.limit_bytes = (
                limits.OUTBOX_FRAMES_TRUSTED,
                limits.OUTBOX_BYTES_TRUSTED,
            )
        else:
            self._is_limited = True

    def _on_next(self, frame: ClientFrame) -> None:
        if not isinstance(frame, Resume):
            self.release_own()
        match frame:
            case Do():
                self._take_in(frame.id)
                self.core.commands.do(self, frame)
            case Ask():
                self._take_in(frame.id)
                self.core.questions.start(self, frame)
            case Resume():
                self._take_in(frame.id)
                self.core.resumes.start(self, frame)
            case Renew(id=id, token=token):
                self.expires_s = self.core.gate.renew(self.principal, token, id)
                self.send(Ok(id))
            case Pong():
                pass
            case ByeFromClient():
                self.end(Close.NORMAL, "bye")
            case Hello():
                raise WireError(WireCode.HELLO_TWICE, "op", "hello", "any other")

    def _check_rate(self, frame: ClientFrame) -> None:
        if not self._is_limited or isinstance(frame, Pong):
            return
        wait_s = self.core.rates.take(self.principal)
        if wait_s == 0:
            self._refused_in_a_row = 0
            return
        self._refused_in_a_row += 1
        if self._refused_in_a_row > limits.REFUSED_IN_A_ROW:
            self.end(Close.RATE, "rate", Bye("rate", RETRY_AFTER_MS))
            return
        raise WireError(
            WireCode.RATE_LIMITED,
            "frames a second",
            f"over {limits.FRAMES_PER_S}",
            f"at most {limits.FRAMES_PER_S}, {limits.FRAMES_BURST} at once",
            id=getattr(frame, "id", ""),
            retry_after_ms=max(1, round(wait_s * 1000)),
        )

    def _on_control(self) -> None:
        if self._pings.take() > 0:
            wanted = f"at most {limits.PINGS_PER_S}, {limits.PING_BURST} at once"
            raise WireError(WireCode.RATE_LIMITED, "pings a second", "more", wanted, fatal=Close.POLICY)

    def _take_in(self, id: str) -> None:
        if self.in_flight >= self.in_flight_limit:
            got, wanted = str(self.in_flight), f"fewer than {self.in_flight_limit}"
            raise WireError(WireCode.OVERLOADED, "unanswered frames", got, wanted, id=id, retry_after_ms=50)
        self.in_flight += 1

    # --- streams --------------------------------------------------------------------------------------------------

    def follow_own(self, subscription: Subscription) -> None:
        """Its own stream, held back until the client's next frame says whether it resumes from an earlier place."""
        self._own = subscription
        self.streams.add(subscription.stream.key)

    def release_own(self, key: StreamKey | None = None) -> None:
        """Let the own stream go (when it is ``key``, if given)."""
        own = self._own
        if own is not None and key in (None, own.stream.key):
            self._own = None
            own.release(FROM_NOW)

    def forget_own(self, key: StreamKey) -> None:
        """What the own stream said since welcome will be told in its place, by a replay or in a snapshot."""
        if self._own is not None and self._own.stream.key == key:
            self._own = None

    def check_subscriptions(self, keys: Collection[StreamKey], id: str) -> None:
        """Raises :class:`WireError`."""
        wanted = len(self.streams.union(keys))
        if wanted > limits.SUBSCRIPTIONS:
            raise WireError(WireCode.TOO_MANY, "streams", str(wanted), f"at most {limits.SUBSCRIPTIONS}", id=id)

    # --- frames out -----------------------------------------------------------------------------------------------

    def send(self, frame: ServerFrame) -> None:
        self.deliver(encode(frame, self.encoding))

    def answer(self, frame: Ok | Error) -> None:
        """The answer to something that was taken in. Called from the driver's task too, so nothing may come out."""
        self.in_flight -= 1
        try:
            self.send(frame)
        except Exception as error:  # noqa: BLE001  # whatever it is, it is this connection's end and nobody else's
            self.core.on_crash(error)
            self.cut()

    def deliver(self, data: bytes) -> None:
        """An encoded frame, in order. A reader too slow for its bound is closed, and may resume."""
        self.core.counters.frames_out += 1
        self._put(self.carrier.wrap(data))

    def _put(self, data: bytes) -> None:
        if not self.outbox.put(data):
            self.end(Close.SLOW, "slow", Bye("slow", RETRY_AFTER_MS), drop_waiting=True)
        elif data:
            self._soon()

    def _soon(self) -> None:
        if not self._is_due:
            self._is_due = True
            self.core.flusher.add(self)

    def refuse(self, error: WireError) -> None:
        """Say what was wrong; go on unless it was fatal."""
        self.core.counters.refused_frames[error.code] += 1
        frame = Error(
            error.id,
            error.code,
            error.message,
            error.what,
            error.got,
            error.wanted,
            retry_after_ms=error.retry_after_ms,
        )
        if error.fatal is None:
            self.send(frame)
        else:
            self.end(error.fatal, error.code, frame)

    def ping(self) -> None:
        self.pings_unanswered += 1
        self.send(Ping())
        self._put(self.carrier.ping())

    # --- the end --------------------------------------------------------------------------------------------------

    def fence(self) -> None:
        """Another socket took over."""
        self.end(Close.FENCED, "fenced", Bye("fenced"))

    def end(self, code: Close, reason: str, last: ServerFrame | None = None, *, drop_waiting: bool = False) -> None:
        """Say the last word; the writer writes it, then the socket is shut."""
        if self._closing:
            return
        self._closing = True
        self.core.counters.closed[code.name.lower()] += 1
        said = b"" if last is None else self.carrier.wrap(encode(last, self.encoding))
        self.outbox.put_last(said + self.carrier.close(code, reason), drop_waiting=drop_waiting)
        self._soon()

    def cut(self) -> None:
        """No word would arrive any more."""
        self._closing = True
        self._reading.cancel()
        if self._written is not None and self.nursery is not None:
            self.nursery.cancel_scope.cancel()
