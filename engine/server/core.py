"""What all connections share: who is who, which stream goes where, and the sweep that keeps sockets honest."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog
import trio

from engine.access.roles import TRUSTED_ROLES, Role
from engine.access.tokens import Keys
from engine.dispatch import events as ev
from engine.dispatch.commands import AgentKind
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.policy.compile import compile_policy
from engine.dispatch.policy.compiled import Policy
from engine.driver import Figures
from engine.ports import Committed, Draw, Principal
from engine.server.authority import Authority
from engine.server.commands import Commands
from engine.server.connection import Connection
from engine.server.desk_door import DeskDoor
from engine.server.door import Door
from engine.server.flusher import Flusher
from engine.server.gate import Gate
from engine.server.hub import Hub
from engine.server.questions import Questions
from engine.server.rates import Buckets, Comings
from engine.server.resumes import Resumes
from engine.server.roster import Roster
from engine.server.teller import Teller
from engine.telemetry.counters import Counters
from engine.telemetry.gauges import Readings
from engine.telemetry.logs import where
from engine.telemetry.tally import Tally
from engine.wire import limits
from engine.wire.errors import Close, WireCode, WireError
from engine.wire.messages import Bye, Hello, Welcome
from engine.wire.streams import Directory, StreamKey

SWEEP_S = 1.0
# A client that says nothing after welcome gets its own stream after this long.
HOLD_OWN_S = 1.0
JITTER = 0.2
# For the answer to the last ping: found out within 30 + 30 + 4 s and a sweep.
LAST_PONG_S = 4.0
_HUB_SWEEP_S = 60.0
# Nobody is back sooner than this: the next engine needs as long to begin.
GOODBYE_MS = 200
# Programs of the house may have several sockets, and come and go as they are deployed.
_HOUSE = frozenset({Role.CHANNEL, Role.SUPERVISOR})
_COMINGS_KEPT = 16


class Figured(Door, Protocol):
    """The driver, with what the welcome frame and telemetry read."""

    figures: Figures

    def now_ms(self) -> int: ...


class Core:
    """Made inside a running driver by :meth:`start`; synchronous but for the sweep."""

    def __init__(
        self,
        door: Figured,
        policy: Policy,
        *,
        keys: Keys | None,
        wall_s: Callable[[], float],
        clock_scale: float,
        dev: bool,
        draw: Draw,
        desk: DeskDoor | None = None,
    ) -> None:
        self.door = door
        self.desk = desk
        self.policy = policy
        self.clock_scale = clock_scale
        self.dev = dev
        self.log = structlog.get_logger("sluice.server")
        self.counters = Counters()
        self.tally = Tally()
        self.flusher = Flusher()
        scale = max(1.0, clock_scale)
        self.rates: Buckets[Principal] = Buckets(
            limits.FRAMES_PER_S * scale, limits.FRAMES_BURST * scale, trio.current_time
        )
        self.comings: Comings[Principal] = Comings(limits.FLAPS_WINDOW_S / scale, _COMINGS_KEPT, trio.current_time)
        self.sockets: Counter[Principal] = Counter()
        self.connections: dict[Connection, None] = {}  # in the order in which they came
        self._draw = draw
        self.directory = Directory(self._queue_tenant)
        self.hub = Hub(self.directory, trio.current_time)
        self.gauges = Readings(lambda: self.hub.last_lsn)
        self.roster = Roster(door, draw)
        self.authority = Authority(self.directory, lambda: self.policy, dev=dev)
        self.gate = Gate(keys, self.directory, lambda: self.policy, wall_s, dev=dev)
        self.teller = Teller(door, self.hub, trio.current_time)
        self.commands = Commands(door, self.authority, self.counters, desk)
        self.resumes = Resumes(door, self.hub, self.authority, self.roster)
        self.questions = Questions(
            door,
            self.hub,
            self.authority,
            self.roster,
            self.tally,
            self.gauges,
            self.counters,
            lambda: door.figures.inbox_depth,
            desk,
        )

    @classmethod
    async def start(
        cls,
        door: Figured,
        *,
        keys: Keys | None = None,
        wall_s: Callable[[], float],
        clock_scale: float = 1.0,
        dev: bool = False,
        draw: Draw = secrets.randbelow,
        desk: DeskDoor | None = None,
    ) -> Core:
        """Reads the recovered state and listens from the very next commit on, in one step."""

        def load(dispatcher: Dispatcher) -> Core:
            core = cls(
                door,
                dispatcher.policy,
                keys=keys,
                wall_s=wall_s,
                clock_scale=clock_scale,
                dev=dev,
                draw=draw,
                desk=desk,
            )
            agent_tenants = {name: agent.profile.tenant for name, agent in dispatcher.agents.items()}
            people = [name for name, agent in dispatcher.agents.items() if agent.profile.kind is not AgentKind.BOT]
            core.directory.load(dict(dispatcher.contacts), agent_tenants, dispatcher.consults, people)
            core.roster.load(dispatcher)
            core.teller.load(dispatcher)
            core.tally.load(dispatcher.policy.queues, dispatcher.contacts, dispatcher.now, dispatcher.agents.values())
            core.hub.last_lsn = door.figures.last_lsn
            core.roster.epoch = door.figures.epoch
            door.add_listener(core.on_commit)
            return core

        return await door.ask(load)

    def _queue_tenant(self, queue: str) -> str:
        found = self.policy.queues.get(queue)
        return found.tenant if found is not None else ""

    def on_commit(self, records: Sequence[Committed]) -> None:
        for record in records:
            for event in record.events:
                if type(event) is ev.PolicyApplied:
                    self.policy = compile_policy(event.text)
        self.roster.on_commit(records)
        self.tally.on_commit(records)
        self.hub.on_commit(records)
        self.teller.on_commit(records)

    # --- connections ----------------------------------------------------------------------------------------------

    def on_open(self, connection: Connection) -> None:
        self.connections[connection] = None
        self.counters.open[connection.carrier.name, ""] += 1

    def let_in(self, principal: Principal) -> None:
        """Who has too many sockets, or comes again and again, is told to wait. Raises :class:`WireError`, fatal."""
        role = Role(principal.role)
        if role is Role.CUSTOMER and self.sockets[principal] >= limits.SOCKETS_PER_PRINCIPAL:
            raise _later("sockets", str(self.sockets[principal] + 1), f"at most {limits.SOCKETS_PER_PRINCIPAL}", 5_000)
        if role in _HOUSE:
            return
        times = self.comings.come(principal)
        if times > limits.FLAPS:
            wanted = f"at most {limits.FLAPS} in {limits.FLAPS_WINDOW_S} s"
            raise _later("connections", str(times), wanted, min(30_000, 500 << times - limits.FLAPS))

    def on_hello(self, connection: Connection, hello: Hello) -> None:
        """Welcome, its own stream, and the news that an agent is back."""
        principal, role = connection.principal, Role(connection.principal.role)
        self.counters.open[connection.carrier.name, ""] -= 1
        self.counters.open[connection.carrier.name, role] += 1
        self.sockets[principal] += 1
        connection.of_another_history = self.roster.is_of_another_history(hello.session)
        connection.session = self.roster.join(connection, hello.session)
        if role is Role.AGENT and self.comings.count(principal) >= limits.FLAPS:
            self.roster.rest(principal.subject)
        connection.send(
            Welcome(
                session=connection.session,
                epoch=self.door.figures.epoch,
                heartbeat_ms=limits.HEARTBEAT_MS,
                limits=limits.for_role(role in TRUSTED_ROLES),
                tenant=principal.tenant,
                role=role,
                subject=principal.subject,
                clock_scale=self.clock_scale,
                now=self.door.now_ms(),
            )
        )
        own = _own_stream(connection)
        if own is not None:
            connection.follow_own(self.hub.subscribe(connection, own, hold=True))

    def on_gone(self, connection: Connection) -> None:
        self.connections.pop(connection, None)
        role = connection.principal.role
        self.counters.open[connection.carrier.name, role] -= 1
        self.hub.unsubscribe(connection, list(connection.streams))
        if role:
            self.sockets[connection.principal] -= 1
            if not self.sockets[connection.principal]:
                del self.sockets[connection.principal]
            self.roster.leave(connection)

    def on_crash(self, error: BaseException) -> None:
        """A connection's handling failed: a bug of ours, counted, logged without what a client said."""
        self.counters.crashes += 1
        self.log.error("connection_crashed", where=where(error))

    # --- the sweep ------------------------------------------------------------------------------------------------

    async def sweep(self) -> None:
        """Pings, dead peers, late hellos, expired tokens; once a second, forever. And what is to be written."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.flusher.run)
            await self._sweep()

    async def _sweep(self) -> None:
        hub_swept_s = trio.current_time()
        while True:
            await trio.sleep(SWEEP_S)
            now_s = trio.current_time()
            self.roster.say_again()
            for connection in list(self.connections):
                self._tend(connection, now_s)
            if now_s - hub_swept_s >= _HUB_SWEEP_S:
                hub_swept_s = now_s
                self.hub.sweep()
                self.rates.sweep()
                self.comings.sweep()

    def _tend(self, connection: Connection, now_s: float) -> None:
        if now_s - connection.writing_since_s >= limits.WRITE_MS / 1000:
            # Half a frame may be out: this socket is of no use any more, and nothing is tried again.
            self.counters.write_timeouts += 1
            connection.cut()
            return
        if not connection.principal.role:
            if now_s - connection.opened_s > limits.HELLO_MS / 1000:
                connection.end(Close.UNAUTHORIZED, "no hello", Bye("no_hello"))
            return
        if now_s - connection.opened_s >= HOLD_OWN_S:
            connection.release_own()
        if self.gate.expired(connection.expires_s):
            connection.end(Close.EXPIRED, "expired", Bye("expired"))
        if now_s >= connection.ping_at_s:
            if connection.pings_unanswered >= limits.HEARTBEATS_MISSED:
                connection.cut()
                return
            connection.ping()
            last = connection.pings_unanswered >= limits.HEARTBEATS_MISSED
            connection.ping_at_s = now_s + (LAST_PONG_S if last else self.jittered_s(limits.HEARTBEAT_MS / 1000))

    def jittered_s(self, length_s: float) -> float:
        """±20 %, so that sockets opened together do not ping together. No decision hangs on it."""
        return length_s * (1 - JITTER + 2 * JITTER * self._draw(1000) / 999)

    def close_all(self) -> None:
        """Going away: everybody may come back and resume, each at a moment of its own, those who bring contacts first."""
        self.roster.closing = True
        leaving = sorted(self.connections, key=lambda connection: connection.principal.role not in TRUSTED_ROLES)
        for place, connection in enumerate(leaving):
            retry_after_ms = GOODBYE_MS + place * 1000 // limits.WELCOMES_PER_S + self._draw(GOODBYE_MS)
            connection.end(Close.GOING_AWAY, "going away", Bye("going_away", retry_after_ms))


def _later(what: str, got: str, wanted: str, retry_after_ms: int) -> WireError:
    return WireError(WireCode.OVERLOADED, what, got, wanted, fatal=Close.RATE, retry_after_ms=retry_after_ms)


def _own_stream(connection: Connection) -> StreamKey | None:
    principal = connection.principal
    match principal.role:
        case Role.AGENT | Role.BOT:
            return StreamKey("agent", principal.subject)
        case Role.CHANNEL:
            return StreamKey("channel", principal.subject, principal.tenant)
        case _:
            return None
