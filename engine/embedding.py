"""The engine inside somebody's own trio program: submit, subscribe, ask, explain, and agents in the same process."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Literal, TypeVar

import msgspec
import trio

from engine.console.sentences import present, why_not
from engine.console.wording import Language, Words
from engine.dispatch import commands as cmd
from engine.dispatch import events as ev
from engine.dispatch.commands import AgentProfile, Command
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.events import Event
from engine.dispatch.explain import Explanation
from engine.driver import Driver
from engine.ports import Answer, Committed, Principal, Stopped, StoreError

T = TypeVar("T")

# Who an embedding program is when it does not say: it may do everything.
EMBEDDER = Principal("", "supervisor", "embedder")
# Records a subscriber may lag behind before it is fed from the journal instead of from memory.
_BUFFER = 4_096
_CHUNK = 500
_SIGN_OFF_S = 5.0


class Engine:
    """A running engine (see ``open_engine``). ``driver`` is there for what this door does not show."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self._subscriptions: set[Subscription] = set()

    async def submit(
        self, command: Command, principal: Principal = EMBEDDER, command_id: str = "", payload: bytes = b""
    ) -> Answer:
        """Durable once it returns. A refusal is an answer with a ``code``; the same ``command_id`` gets the same answer.

        ``payload``: what the dispatcher must not see (a message's text). Raises ``Overloaded``, ``Stopped``, ``StoreError``.
        """
        return await self.driver.submit(command, principal, command_id, payload)

    async def ask(self, question: Callable[[Dispatcher], T]) -> T:
        """``question`` of committed state; quick, read only, keeping nothing."""
        return await self.driver.ask(question)

    async def explain(self, contact: int, agent: str | None = None) -> Explanation:
        """Why the contact is where it is, or why ``agent`` does not have it, as codes. KeyError: no such open contact."""
        return await self.driver.ask(lambda dispatcher: dispatcher.explain(contact, agent))

    async def tell(self, contact: int, agent: str | None = None, language: Language = "en") -> list[str]:
        """As :meth:`explain`, in sentences that a team lead understands: where it stands, then why not ``agent``."""

        def look(dispatcher: Dispatcher) -> tuple[Explanation, dict[str, str]]:
            now = dispatcher.explain(contact, agent)
            known = [dispatcher.agents.get(name) for name in (now.agent, now.prefer, agent or "")]
            return now, {each.profile.agent: each.profile.name for each in known if each is not None}

        now, names = await self.driver.ask(look)
        words = Words(language, names)
        return [*present(now, words), *why_not(now, words)]

    def subscribe(self, after_lsn: int | None = None) -> Subscription:
        """``with engine.subscribe() as records: async for record in records``: all from now on, or after a record."""
        return Subscription(self.driver, self._subscriptions, after_lsn)

    @asynccontextmanager
    async def agent(
        self,
        who: str | AgentProfile,
        state: Literal["available", "paused", "not_ready"] = "available",
    ) -> AsyncIterator[AgentHere]:
        """An agent in this process: defined if a profile is given, signed on, and signed off on leaving the block.

        Raises ``ValueError`` when it may not sign on.
        """
        agent = AgentHere(self, who if isinstance(who, str) else who.agent)
        if not isinstance(who, str):
            _insist(await agent.do(cmd.DefineAgent(who)))
        # In one look at the state: what it holds from before, and every record from there on.
        held, heard = await self.ask(lambda dispatcher: (_held_by(agent.name, dispatcher), self.subscribe()))
        with heard as records:
            agent.listen(records, held)
            _insist(await agent.do(cmd.SignOn(agent.name, state)))
            try:
                yield agent
            finally:
                with trio.move_on_after(_SIGN_OFF_S, shield=True):
                    try:
                        await agent.do(cmd.SignOff(agent.name))
                    except (Stopped, StoreError):
                        pass  # the engine went first: its next start finds the agent lost, and grace does the rest

    def end(self) -> None:
        """The engine is stopping: subscriptions end once they have handed on what they have."""
        for subscription in tuple(self._subscriptions):
            subscription.end()


class Subscription:
    """Every committed record in lsn order, none left out: what no longer fits memory is read from the journal."""

    def __init__(self, driver: Driver, register: set[Subscription], after_lsn: int | None) -> None:
        self._driver = driver
        self._register = register
        self._next = (driver.last_lsn if after_lsn is None else after_lsn) + 1
        self._heard: deque[Committed] = deque()
        self._fetched: deque[Committed] = deque()
        self._news = trio.Event()
        self._over = False

    def __enter__(self) -> Subscription:
        self._driver.add_listener(self._hear)
        self._register.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._register.discard(self)
        self._driver.remove_listener(self._hear)

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> Committed:
        while True:
            await trio.lowlevel.checkpoint()
            if (record := self._at_hand()) is not None:
                self._next += 1
                return record
            if self._over:
                raise StopAsyncIteration
            if self._next <= self._driver.last_lsn:
                self._fetched.extend(await self._driver.read_committed(self._next - 1, _CHUNK))
            else:
                self._news = trio.Event()
                await self._news.wait()

    def end(self) -> None:
        self._over = True
        self._news.set()

    def _hear(self, records: Sequence[Committed]) -> None:
        if len(self._heard) < _BUFFER:
            self._heard.extend(records)
        self._news.set()

    def _at_hand(self) -> Committed | None:
        for source in (self._fetched, self._heard):
            while source and source[0].lsn < self._next:
                source.popleft()
            if source and source[0].lsn == self._next:
                return source.popleft()
        return None


class Delivery(msgspec.Struct, frozen=True):
    """An event that concerns an agent; ``payload`` is the message's text (UTF-8) when the event is one."""

    lsn: int
    event: Event
    payload: bytes = b""


class AgentHere:
    """An agent that lives in this process: ``async for delivery in agent`` hears what concerns it.

    Each method returns the command's durable answer, refusals included.
    """

    def __init__(self, engine: Engine, name: str) -> None:
        self.name = name
        self._engine = engine
        self._principal = Principal("", "agent", name)
        self._records: Subscription | None = None
        self._contacts: set[int] = set()
        self._deliveries: deque[Delivery] = deque()

    def listen(self, records: Subscription, held: Iterable[int] = ()) -> None:
        """``held``: the contacts it has already where ``records`` begin."""
        self._records = records
        self._contacts.update(held)

    async def do(self, command: Command, payload: bytes = b"") -> Answer:
        return await self._engine.submit(command, self._principal, payload=payload)

    def __aiter__(self) -> AgentHere:
        """What concerns this agent, in order: its offers, its state, and everything about the contacts it holds."""
        return self

    async def __anext__(self) -> Delivery:
        assert self._records is not None, "made by Engine.agent"
        while not self._deliveries:
            record = await anext(self._records)
            for event in record.events:
                if self._concerns(event):
                    payload = record.payload if isinstance(event, ev.MessageAdded) else b""
                    self._deliveries.append(Delivery(record.lsn, event, payload))
        return self._deliveries.popleft()

    async def accept(self, offer: int, hold: bool = False) -> Answer:
        return await self.do(cmd.AcceptOffer(self.name, offer, hold))

    async def decline(self, offer: int, reason: str = "") -> Answer:
        return await self.do(cmd.DeclineOffer(self.name, offer, reason))

    async def say(self, contact: int, text: str) -> Answer:
        """A message to the customer of a contact this agent serves. ``tenant`` is the contact's."""
        tenant = await self._tenant_of(contact)
        command = cmd.AddMessage(tenant, contact, cmd.Sender.AGENT, self.name)
        return await self.do(command, text.encode())

    async def transfer(self, contact: int, *, to_queue: str = "", to_agent: str = "", reason: str = "") -> Answer:
        tenant = await self._tenant_of(contact)
        return await self.do(
            cmd.TransferContact(tenant, contact, self.name, to_queue=to_queue, to_agent=to_agent, reason=reason)
        )

    async def close(self, contact: int, reason: str = "done") -> Answer:
        tenant = await self._tenant_of(contact)
        return await self.do(cmd.CloseContact(tenant, contact, self.name, reason))

    async def end_wrap_up(self, contact: int) -> Answer:
        return await self.do(cmd.EndWrapUp(self.name, contact))

    async def set_state(
        self, state: Literal["available", "paused", "finishing", "not_ready"], reason: str = ""
    ) -> Answer:
        return await self.do(cmd.SetAgentState(self.name, state, reason))

    async def _tenant_of(self, contact: int) -> str:
        found = await self._engine.ask(lambda dispatcher: dispatcher.contacts.get(contact))
        return "" if found is None else found.tenant

    def _concerns(self, event: Event) -> bool:
        contact, mine = getattr(event, "contact", 0), getattr(event, "agent", "") == self.name
        held = contact in self._contacts
        if mine and isinstance(event, ev.OfferMade):
            self._contacts.add(contact)
        elif (mine and isinstance(event, _LEFT)) or (held and isinstance(event, ev.ContactClosed)):
            self._contacts.discard(contact)
        return mine or held


# After these, what happens to the contact is no longer this agent's.
_LEFT = (ev.OfferDeclined, ev.OfferExpired, ev.OfferRescinded, ev.ContactTransferred, ev.ContactRequeued)


def _held_by(name: str, dispatcher: Dispatcher) -> tuple[int, ...]:
    agent = dispatcher.agents.get(name)
    return () if agent is None else tuple(agent.contacts)


def _insist(answer: Answer) -> None:
    if answer.code:
        raise ValueError(f"{answer.what}: got {answer.got}, wanted {answer.wanted}")
