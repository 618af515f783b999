"""``ask``: questions about committed state, within what the principal may see."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from itertools import islice
from typing import Any

from engine.access.roles import Role
from engine.desk.deeds import Question, tag_of
from engine.desk.queries import DeskQuery
from engine.desk.refusals import DeskCode, Refused
from engine.dispatch.contacts import Contact
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.refusals import Code
from engine.ports import HistoryTrimmed, Principal, Stopped, StoreError
from engine.server import views
from engine.server.authority import Authority, Unknown, covers
from engine.server.commands import answer_frame, error_frame, failure_frame
from engine.server.connection import Connection
from engine.server.desk_door import DeskDoor
from engine.server.door import Door
from engine.server.figures import figures_of, queue_rows
from engine.server.hub import Hub
from engine.server.roster import Roster
from engine.server.stories import Stories
from engine.telemetry.counters import Counters
from engine.telemetry.gauges import Readings
from engine.telemetry.tally import Tally
from engine.wire import limits
from engine.wire import queries as q
from engine.wire.errors import WireCode, WireError
from engine.wire.messages import Ask, Error, Ok

_RETRY_MS = 1_000
_CUSTOMER_SIDE = frozenset({Role.CHANNEL, Role.CUSTOMER})


class Questions:
    """Each question is a task of its connection: bounded by the frames in flight, gone with the socket."""

    def __init__(
        self,
        door: Door,
        hub: Hub,
        authority: Authority,
        roster: Roster,
        tally: Tally,
        gauges: Readings,
        counters: Counters,
        inbox_depth: Callable[[], int],
        desk: DeskDoor | None = None,
    ) -> None:
        self._door = door
        self._hub = hub
        self._authority = authority
        self._roster = roster
        self._tally = tally
        self._gauges = gauges
        self._counters = counters
        self._inbox_depth = inbox_depth
        self._desk = desk
        self._stories = Stories(door, hub)
        self._handlers: dict[type, Callable[[Connection, Any], Awaitable[Any]]] = {
            q.AskQueues: self._queues,
            q.AskAgents: self._agents,
            q.AskContacts: self._contacts,
            q.AskContact: self._contact,
            q.AskHistory: self._history,
            q.AskExplain: self._explain,
            q.AskPosition: self._position,
            q.AskFigures: self._figures,
            q.AskPolicy: self._policy,
            q.AskStreams: self._streams,
        }

    def start(self, connection: Connection, frame: Ask) -> None:
        assert connection.nursery is not None
        connection.nursery.start_soon(self._answer, connection, frame)

    async def _answer(self, connection: Connection, frame: Ask) -> None:
        answer: Ok | Error
        try:
            asked = self._authorised(connection.principal, frame.query)
            if self._door.is_late() and not isinstance(frame.query, q.AskStreams):
                wanted = "a retry later: the conversations come first"
                raise WireError(WireCode.OVERLOADED, "engine", "late", wanted, id=frame.id, retry_after_ms=_RETRY_MS)
            answer = Ok(frame.id, result=await asked(connection, frame.query))
        except WireError as error:
            self._counters.refused_frames[error.code] += 1
            answer = error_frame(frame.id, error)
        except Unknown as unknown:
            answer = Error(frame.id, unknown.code, unknown.message, "query", unknown.got)
        except HistoryTrimmed as trimmed:
            wanted = "a later record, or no `at` and no `why_not`"
            answer = error_frame(frame.id, WireError(WireCode.HISTORY_TRIMMED, "query", str(trimmed), wanted))
        except Refused as refused:
            answer = answer_frame(frame.id, refused.answer())
        except (Stopped, StoreError) as failure:
            answer = failure_frame(frame.id, failure)
        connection.answer(answer)

    def _authorised(
        self, principal: Principal, query: q.Query | DeskQuery
    ) -> Callable[[Connection, Any], Awaitable[Any]]:
        """Who answers it. Raises :class:`WireError` (forbidden)."""
        if not isinstance(query, Question):
            self._authority.check_question(principal, str(type(query).__struct_config__.tag))
            return self._handlers[type(query)]
        asker, question = self._authority.prepare_deed(principal, query)
        desk = self._desk
        if desk is None:
            raise Refused(DeskCode.NOT_SUPPORTED, tag_of(query), "an engine without a desk", "sluice serve --desk")
        return lambda _connection, _query: desk.ask(asker, question)

    # --- lists ----------------------------------------------------------------------------------------------------

    async def _queues(self, connection: Connection, _query: q.AskQueues) -> dict[str, Any]:
        tenant = self._authority.tenant_shown(connection.principal)
        return {"queues": await self.queues(tenant)}

    async def queues(self, tenant: str) -> list[q.QueueRow]:
        """A row per queue of the tenant (empty: of all)."""
        return await self._door.ask(
            lambda dispatcher: queue_rows(dispatcher, self._gauges(dispatcher), self._tally, tenant)
        )

    async def _agents(self, connection: Connection, query: q.AskAgents) -> dict[str, Any]:
        limit = _page(query.limit)

        def build(dispatcher: Dispatcher) -> list[q.AgentRow]:
            names = sorted(name for name in dispatcher.agents if name > query.after)
            agents = (dispatcher.agents[name] for name in names)
            rows = (
                views.agent_row(agent, connected=self._roster.is_connected(agent.profile.agent))
                for agent in agents
                if (not agent.profile.tenant or covers(connection.principal, agent.profile.tenant))
                and (not query.state or agent.state == query.state)
                and (not query.pool or query.pool in agent.profile.pools)
            )
            return list(islice(rows, limit + 1))

        rows = await self._door.ask(build)
        return {"agents": rows[:limit], "more": len(rows) > limit}

    async def _contacts(self, connection: Connection, query: q.AskContacts) -> dict[str, Any]:
        limit = _page(query.limit)

        def build(dispatcher: Dispatcher) -> list[q.ContactRow]:
            numbers = self._candidates(dispatcher, connection.principal, query)
            rows = (
                views.contact_row(dispatcher, contact)
                for number in numbers
                if number > query.after
                and (contact := dispatcher.contacts.get(number)) is not None
                and self._visible(connection.principal, contact)
                and _matches(contact, query)
            )
            return list(islice(rows, limit + 1))

        rows = await self._door.ask(build)
        return {"contacts": rows[:limit], "more": len(rows) > limit}

    def _candidates(self, dispatcher: Dispatcher, principal: Principal, query: q.AskContacts) -> Iterable[int]:
        """Contact numbers in order; an agent's own are few and need no search."""
        name = principal.subject if principal.role in (Role.AGENT, Role.BOT) else query.agent
        if name:
            agent = dispatcher.agents.get(name)
            return sorted((*agent.contacts, *agent.helping)) if agent is not None else ()
        return dispatcher.contacts  # numbered by arrival, so in order already

    # --- one contact ----------------------------------------------------------------------------------------------

    async def _contact(self, connection: Connection, query: q.AskContact) -> q.ContactRow:
        def build(dispatcher: Dispatcher) -> q.ContactRow:
            contact = self._find(dispatcher, connection.principal, query.contact)
            return views.contact_row(dispatcher, contact, position=True)

        row = await self._door.ask(build)
        return views.customer_row(row) if connection.principal.role in _CUSTOMER_SIDE else row

    async def _position(self, connection: Connection, query: q.AskPosition) -> dict[str, Any]:
        def build(dispatcher: Dispatcher) -> dict[str, Any]:
            contact = self._find(dispatcher, connection.principal, query.contact)
            position = dispatcher.position(query.contact)
            estimate = dispatcher.estimate(query.contact)
            p50, p90 = (-1, -1) if estimate is None else estimate
            place = {"contact": query.contact, "state": contact.state, "queue": contact.queue, "position": position}
            return {**place, "p50_ms": p50, "p90_ms": p90}

        return await self._door.ask(build)

    async def _history(self, connection: Connection, query: q.AskHistory) -> dict[str, Any]:
        limit = _page(query.limit, limits.HISTORY_PAGE)
        facts = self._hub.directory.find(query.contact)
        principal = connection.principal
        if facts is not None:
            holder = facts.agent
            if principal.role in (Role.AGENT, Role.BOT):
                holder = await self._door.ask(lambda dispatcher: _holder(dispatcher, query.contact)) or holder
            if not self._authority.may_see(principal, facts.tenant, facts.customer, holder, facts.helper):
                raise Unknown(Code.UNKNOWN_CONTACT, str(query.contact))
        elif principal.role not in (Role.SUPERVISOR, Role.CHANNEL):
            raise Unknown(Code.UNKNOWN_CONTACT, str(query.contact))
        read = await self._door.read_messages(query.contact, max(0, query.after_seq), limit + 1)
        if facts is None and not (read and self._stories.belongs(read[0][1], principal)):
            raise Unknown(Code.UNKNOWN_CONTACT, str(query.contact))
        rows = [views.message_row(seq, record) for seq, record in read[:limit]]
        return {"messages": rows, "more": len(read) > limit}

    async def _explain(self, connection: Connection, query: q.AskExplain) -> q.ExplainResult:
        return await self.explain(connection.principal, query)

    async def explain(self, principal: Principal, query: q.AskExplain) -> q.ExplainResult:
        """Raises :class:`Unknown` and :class:`HistoryTrimmed`."""
        return await self._stories.explain(principal, query, self._visible)

    # --- the domain -----------------------------------------------------------------------------------------------

    async def _figures(self, connection: Connection, _query: q.AskFigures) -> q.Figures:
        tenant = self._authority.tenant_shown(connection.principal)

        def build(dispatcher: Dispatcher) -> q.Figures:
            return figures_of(
                dispatcher,
                self._gauges(dispatcher),
                self._tally,
                tenant,
                self._counters.open,
                self._hub.last_lsn,
                self._inbox_depth(),
            )

        return await self._door.ask(build)

    async def _policy(self, _connection: Connection, query: q.AskPolicy) -> dict[str, Any]:
        policy = await self._door.ask(lambda dispatcher: dispatcher.policy)
        return {
            "version": policy.version,
            "tenants": list(policy.tenants),
            "channels": list(policy.channels),
            "pools": list(policy.pools),
            "queues": list(policy.queues),
            **({"text": policy.text} if query.text else {}),
        }

    async def _streams(self, connection: Connection, _query: q.AskStreams) -> dict[str, Any]:
        last = self._hub.last_lsn
        return {"streams": {key.public: last for key in sorted(connection.streams)}, "last": last}

    # --- who may see what -----------------------------------------------------------------------------------------

    def _visible(self, principal: Principal, contact: Contact) -> bool:
        facts = self._hub.directory.find(contact.contact)
        helper = "" if facts is None else facts.helper
        return self._authority.may_see(principal, contact.tenant, contact.customer, contact.agent, helper)

    def _find(self, dispatcher: Dispatcher, principal: Principal, number: int) -> Contact:
        contact = dispatcher.contacts.get(number)
        if contact is None or not self._visible(principal, contact):
            raise Unknown(Code.UNKNOWN_CONTACT, str(number))
        return contact


def _holder(dispatcher: Dispatcher, number: int) -> str:
    contact = dispatcher.contacts.get(number)
    return contact.agent if contact is not None else ""


def _page(asked: int, limit: int = limits.LIST_PAGE) -> int:
    return max(1, min(asked, limit))


def _matches(contact: Contact, query: q.AskContacts) -> bool:
    return (
        (not query.queue or contact.queue == query.queue)
        and (not query.state or contact.state == query.state)
        and (not query.agent or contact.agent == query.agent)
        and (not query.customer or contact.customer == query.customer)
        and (not query.channel or contact.channel == query.channel)
    )
