"""The bot at work: an agent of kind ``bot`` inside the engine's process, who answers what its customers write.

It keeps nothing that it could lose. Which contacts it serves is in the dispatcher's state, what was said is in the journal:
whenever something happens to a contact it looks there, and answers what has no answer yet. Each answer's command id
comes from the message it answers, so that a bot that was killed in between says nothing twice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

import msgspec
import structlog
import trio

from engine.desk.bot.brain import Brain
from engine.desk.bot.turns import LookedUp, Lookup, Reply, Said, State, Turn
from engine.dispatch import commands as cmd
from engine.dispatch import events as ev
from engine.dispatch.commands import AgentKind, AgentProfile, Command, Sender
from engine.dispatch.contacts import ContactState
from engine.dispatch.dispatcher import Dispatcher
from engine.ports import Answer, Committed, Listener, Overloaded, Principal, RunBlocking, Stopped, StoreError, Submit

T = TypeVar("T")

# A look-up that takes longer than this leaves the customer waiting: a person goes on.
LOOK_UP_S = 1.5
# The note for the person is waited for no longer than this.
NOTE_S = 1.0
# Conversations looked at the same time, and messages of one read at once.
AT_ONCE, CHUNK = 64, 200
# Look-ups that one text may ask for in a row.
MOST_LOOK_UPS = 3
# What does not get in for too much work is tried again after this.
AGAIN_S = 0.5
_LEFT = (ev.ContactClosed, ev.ContactTransferred, ev.ContactRequeued, ev.ContactAbandoned, ev.PersonAsked)

# Tenant, customer, what to look up.
LookUp = Callable[[str, str, Lookup], Awaitable[LookedUp]]
# Tenant, customer, contact, words for who takes over, command id.
LeaveNote = Callable[[str, str, int, str, str], Awaitable[None]]


class Driver(Submit, Protocol):
    """What the bot needs of the driver."""

    async def ask(self, question: Callable[[Dispatcher], T]) -> T: ...

    async def read_messages(self, contact: int, after_seq: int, limit: int) -> list[tuple[int, Committed]]: ...

    def add_listener(self, listener: Listener) -> None: ...

    def remove_listener(self, listener: Listener) -> None: ...


class Seat(msgspec.Struct, frozen=True):
    """As whom the bot signs on: agent's id, tenant (empty: of all), pools, and how many contacts it takes at once."""

    agent: str = "bot"
    tenant: str = ""
    pools: tuple[str, ...] = ("bot",)
    capacity: int = 2_000


class _Talk:
    """A conversation as far as the bot has come with it. ``seq``: the last message that it has seen."""

    def __init__(self, tenant: str, customer: str) -> None:
        self.tenant, self.customer = tenant, customer
        self.seq = 0
        self.state = State()
        self.is_looked_at = self.has_news = False


class BotRunner:
    """``run`` it inside a running driver. ``today``: the day where the shop is; ``look_up``: asks the shop's systems;
    ``leave_note``: has the summary of a conversation written down for the person who goes on.
    """

    def __init__(
        self,
        driver: Driver,
        brain: Brain,
        seat: Seat,
        run_blocking: RunBlocking,
        today: Callable[[], str],
        look_up: LookUp | None = None,
        leave_note: LeaveNote | None = None,
    ) -> None:
        self._driver, self._brain, self._seat = driver, brain, seat
        self._run_blocking, self._today, self._look_up = run_blocking, today, look_up
        self._leave_note = leave_note
        self._principal = Principal(seat.tenant, "bot", seat.agent)
        self._talks: dict[int, _Talk | None] = {}  # those it serves; None: not looked at yet
        self._nursery: trio.Nursery | None = None
        self._slots = trio.CapacityLimiter(AT_ONCE)
        self._thinking = trio.CapacityLimiter(1)  # the index is asked by one at a time
        self._log = structlog.get_logger("sluice.bot")

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Signs on, takes up what it held before, and serves until cancelled. Raises ``ValueError`` when it may not sign on."""
        seat = self._seat
        profile = AgentProfile(
            seat.agent, AgentKind.BOT, seat.tenant, self._brain.config.bot.name, pools=seat.pools, capacity=seat.capacity,
            auto_accept=True,
        )  # fmt: skip
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            self._driver.add_listener(self._hear)
            try:
                for command in (cmd.DefineAgent(profile), cmd.SignOn(seat.agent)):
                    answer = await self._do(command, self._house(command), "")
                    if answer.code:
                        raise ValueError(f"{answer.what}: got {answer.got}, wanted {answer.wanted}")
                for contact in await self._driver.ask(self._held):
                    self._news_of(contact)
                task_status.started()
                await trio.sleep_forever()
            finally:
                self._nursery = None
                self._driver.remove_listener(self._hear)

    def _house(self, command: Command) -> Principal:
        """Who the bot is, the desk says; what it does is its own."""
        return Principal("", "server", "desk") if isinstance(command, cmd.DefineAgent) else self._principal

    def _held(self, dispatcher: Dispatcher) -> list[int]:
        agent = dispatcher.agents.get(self._seat.agent)
        return [] if agent is None else list(agent.contacts)

    # --- what happens -----------------------------------------------------------------------------------------------

    def _hear(self, records: Sequence[Committed]) -> None:
        for record in records:
            for event in record.events:
                if isinstance(event, ev.ContactConnected):
                    if event.agent == self._seat.agent:
                        self._news_of(event.contact)
                elif isinstance(event, ev.MessageAdded):
                    if event.sender == Sender.CUSTOMER and event.contact in self._talks:
                        self._news_of(event.contact)
                elif isinstance(event, _LEFT):
                    self._talks.pop(event.contact, None)

    def _news_of(self, contact: int) -> None:
        """Have it looked at; once more afterwards, when it is being looked at."""
        talk = self._talks.setdefault(contact, None)
        if talk is not None and talk.is_looked_at:
            talk.has_news = True
        elif self._nursery is not None:
            if talk is None:
                talk = self._talks[contact] = _Talk("", "")
            talk.is_looked_at = True
            self._nursery.start_soon(self._look_at, contact, talk)

    async def _look_at(self, contact: int, talk: _Talk) -> None:
        """A fault of ours in one conversation goes to a person, and harms no other."""
        try:
            async with self._slots:
                while True:
                    talk.has_news = False
                    await self._answer(contact, talk)
                    if not talk.has_news:
                        break
        except (Stopped, StoreError):
            pass  # the engine goes down; the next one looks again
        except Exception as error:  # noqa: BLE001  # whatever it is, the others are served
            self._log.error("bot_failed", contact=contact, error=type(error).__name__)
            await self._give_up(contact, talk)
        finally:
            talk.is_looked_at = False
        if talk.has_news and contact in self._talks:
            self._news_of(contact)

    # --- a conversation ---------------------------------------------------------------------------------------------

    async def _answer(self, contact: int, talk: _Talk) -> None:
        """Think about all that was said; say what the last of it asks for."""
        if not await self._driver.ask(lambda dispatcher: self._serves(dispatcher, contact, talk)):
            return
        said = await self._heard(contact, talk)
        reply, answered = None, 0
        for seq, text in said:
            answered = seq
            reply = await self._think(talk, Said(text, self._today()))
            for _ in range(MOST_LOOK_UPS):
                if reply.lookup is None:
                    break
                reply = await self._think(talk, await self._ask_shop(talk, reply.lookup))
            if reply.hand_off is not None:
                break
        if reply is not None:
            await self._speak(contact, talk, answered, reply)

    def _serves(self, dispatcher: Dispatcher, contact: int, talk: _Talk) -> bool:
        found = dispatcher.contacts.get(contact)
        if found is None or found.agent != self._seat.agent or found.state is not ContactState.CONNECTED:
            return False
        talk.tenant, talk.customer = found.tenant, found.customer
        return True

    async def _heard(self, contact: int, talk: _Talk) -> list[tuple[int, str]]:
        """The customer's messages that have no answer yet. Those before the bot's last word are gone through in silence."""
        said: list[tuple[int, str]] = []
        while chunk := await self._driver.read_messages(contact, talk.seq, CHUNK):
            for seq, record in chunk:
                talk.seq = seq
                sender = next((e.sender for e in record.events if isinstance(e, ev.MessageAdded)), "")
                if sender == Sender.CUSTOMER:
                    said.append((seq, record.payload.decode(errors="replace")))
                elif sender == Sender.BOT:
                    for _, text in said:
                        await self._think(talk, Said(text, self._today()))
                    said.clear()
        return said

    async def _think(self, talk: _Talk, turn: Turn) -> Reply:
        async with self._thinking:
            reply = await self._run_blocking(self._brain.reply, talk.state, turn)
        talk.state = reply.state
        return reply

    async def _ask_shop(self, talk: _Talk, lookup: Lookup) -> LookedUp:
        if self._look_up is None:
            return LookedUp("failed")
        with trio.move_on_after(LOOK_UP_S):
            return await self._look_up(talk.tenant, talk.customer, lookup)
        return LookedUp("slow")

    async def _speak(self, contact: int, talk: _Talk, seq: int, reply: Reply) -> None:
        """``seq``: of the message that is answered."""
        if reply.text:
            message = cmd.AddMessage(talk.tenant, contact, Sender.BOT, self._seat.agent)
            await self._do(message, self._principal, f"bot-{contact}-{seq}", reply.text.encode())
        if reply.hand_off is not None:
            given = reply.hand_off
            if self._leave_note is not None and given.summary:
                with trio.move_on_after(NOTE_S):  # before anybody can ask for it; and nobody waits long for a note
                    await self._leave_note(
                        talk.tenant, talk.customer, contact, given.summary, f"bot-{contact}-{seq}-note"
                    )
            passed = cmd.TransferContact(
                talk.tenant, contact, self._seat.agent, reason=given.reason, intent=given.intent[:64]
            )
            await self._do(passed, self._principal, f"bot-{contact}-{seq}-on")

    async def _give_up(self, contact: int, talk: _Talk) -> None:
        passed = cmd.TransferContact(talk.tenant, contact, self._seat.agent, reason="bot_failed")
        try:
            await self._do(passed, self._principal, f"bot-{contact}-{talk.seq}-on")
        except (Stopped, StoreError):
            pass  # the next engine's bot looks again

    async def _do(self, command: Command, principal: Principal, id: str, payload: bytes = b"") -> Answer:
        """The durable answer; in a flood, later."""
        while True:
            waiter = _Waiter()
            try:
                self._driver.post(command, principal, id, payload, waiter.deliver)
                return await waiter.wait()
            except Overloaded:
                await trio.sleep(AGAIN_S)


class _Waiter:
    def __init__(self) -> None:
        self._come = trio.Event()
        self._answer: Answer | Exception | None = None

    def deliver(self, answer: Answer | Exception) -> None:
        self._answer = answer
        self._come.set()

    async def wait(self) -> Answer:
        await self._come.wait()
        if isinstance(self._answer, Exception):
            raise self._answer
        assert self._answer is not None
        return self._answer
