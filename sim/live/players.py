"""Clients that play actors: an agent's socket, a bot's, and a channel's with all its customers."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, get_args

import msgspec
import trio

from adapters.clients import Client, ClientError, Options, Overloaded, Push, Refused, Reply, connect
from adapters.clients.protocol import Dial, dial
from engine.dispatch import commands as cmd
from engine.dispatch import events as ev
from engine.dispatch.commands import Sender
from sim.actors.bots import Bot
from sim.actors.customers import Customer, Phase
from sim.actors.deeds import Cut, Deed, Do, Wake
from sim.actors.people import Person
from sim.arrivals import Plan
from sim.live.asking import Asking, Questions
from sim.live.clock import SharedClock, Timeline
from sim.live.latency import Measured
from sim.scenario import Scenario
from sim.witness import Witness

Actor: TypeAlias = Customer | Person | Bot
# By tag: converting to a union would look all of it through for each event.
EVENT_TYPES: dict[str, type[ev.Event]] = {
    kind.__struct_config__.tag: kind for kind in get_args(ev.Event) for kind in (get_args(kind) or (kind,))
}
# Back sooner than a client's own: at speed a quarter of a second is a long time away. Should the engine end, whoever
# watches its process says so: nobody here gives up.
PATIENT = Options(
    inbox_limit=65_536, connect_timeout_s=20.0, patience_s=20.0, back_off_first_s=0.05, back_off_cap_s=1.0
)
# After a drop the stream is read up to date before anything is done on the strength of what was seen before.
CATCH_UP_MS = 2_000
# A contact that no customer of ours has named by then is somebody else's.
STRANGER_S = 10.0
_MEETINGS = frozenset({"offer.made", "contact.connected"})


def events_of(push: Push) -> list[ev.Event]:
    """The push's events, typed; those of a newer engine that we do not know are left out."""
    return [msgspec.convert(event, EVENT_TYPES[event["type"]]) for event in push.events if event["type"] in EVENT_TYPES]


@dataclass
class Troupe:
    """What all players share. ``dial``: how a byte stream to the engine is made."""

    scenario: Scenario
    clock: SharedClock
    timeline: Timeline
    witness: Witness
    measured: Measured
    nursery: trio.Nursery
    refusals: Counter[str] = field(default_factory=Counter)
    commands: int = 0
    cuts: int = 0
    resyncs: int = 0
    retries: int = 0
    may_cut: bool = True
    customers: dict[int, Customer] = field(default_factory=dict)
    came: trio.Event = field(default_factory=trio.Event)

    def is_of(self, contact: int, customer: Customer) -> None:
        """A contact's number is known; who waits to know whose it is goes on."""
        self.customers[contact] = customer
        self.came.set()
        self.came = trio.Event()

    mail_queues: frozenset[str] = frozenset()
    dial: Dial = dial
    options: Options = PATIENT


class Player:
    """One client. Commands leave in the order in which the actors decided on them."""

    def __init__(self, troupe: Troupe, url: str, role: str, subject: str) -> None:
        self.troupe, self.url, self.role, self.subject = troupe, url, role, subject
        self.client: Client | None = None
        self.away = False
        self._out: deque[tuple[Actor, Do, float]] = deque()  # and since when it has been due
        self._wake = trio.Event()
        self._unread: deque[tuple[Actor, Do, Reply]] = deque()
        self._awaited = 0
        self._later: list[tuple[Actor, Wake]] = []

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Connect, begin, and play until cancelled. Raises :class:`ClientError` when the engine is gone for good."""
        async with connect(
            self.url,
            role=self.role,
            subject=self.subject,
            tenant=self.troupe.scenario.tenant,
            name="sluice-demo",
            options=self.troupe.options,
            dial=self.troupe.dial,
            on_status=self._on_status,
        ) as client:
            self.client = client
            if client.welcome is not None:
                self.troupe.clock.sync(client.welcome.now)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._pump, client)
                self.begin()
                task_status.started()
                async for push in client.pushes():
                    await self.before(push)
                    self.take(push)

    @property
    def unsettled(self) -> int:
        """Commands that have not left or whose answer has not been read."""
        self.read_answers()
        return len(self._out) + len(self._unread) + self._awaited

    def _heard_of(self, event: ev.Event) -> None:
        """How long it took to hear what somebody else has said."""
        if isinstance(event, ev.MessageAdded) and event.agent != self.subject and not self.away:
            clock = self.troupe.clock
            self.troupe.measured.messages.add((clock.exact_ms() - event.at) / clock.scale)

    def begin(self) -> None:
        """Called once connected."""

    async def before(self, push: Push) -> None:
        """Waits until the push can be taken."""

    def take(self, push: Push) -> None:
        """Called for each push, in order."""
        raise NotImplementedError

    def decide(self, actor: Actor, what: Wake) -> None:
        """The time that an actor asked for has passed."""
        if self.away:
            self._later.append((actor, what))
        else:
            self.carry_out(actor, actor.woken(what.what, what.of, what.guard))

    def carry_out(self, actor: Actor, deeds: Sequence[Deed]) -> None:
        for deed in deeds:
            if isinstance(deed, Do):
                due_s = self.troupe.timeline.due_s
                self._out.append((actor, deed, trio.current_time() if due_s is None else due_s))
                self._wake.set()
            elif isinstance(deed, Wake):
                self.troupe.timeline.after(deed.in_ms, self.decide, actor, deed)
            elif self.troupe.may_cut and self.client is not None and self.client.is_connected:
                self._cut(self.client, deed)

    def _cut(self, client: Client, deed: Cut) -> None:
        self.away = True
        self.troupe.cuts += 1
        client.cut(self.troupe.clock.real_s(deed.away_ms))

    def _on_status(self, status: str, _reason: str) -> None:
        self.away = status == "lost"
        if status == "reconnected":
            later, self._later = self._later, []
            for actor, wake in later:
                self.troupe.timeline.after(CATCH_UP_MS, self.decide, actor, wake)

    async def _pump(self, client: Client) -> None:
        while True:
            while self._out:
                actor, deed, due_s = self._out.popleft()
                await self._send(client, actor, deed, due_s)
            self._wake = trio.Event()
            await self._wake.wait()

    async def _send(self, client: Client, actor: Actor, deed: Do, due_s: float) -> None:
        reply = await client.begin(msgspec.to_builtins(deed.command), deed.text or None)
        self.troupe.commands += 1
        if isinstance(deed.command, cmd.SubmitContact | cmd.AbandonContact | cmd.AcceptOffer):
            self._awaited += 1
            self.troupe.nursery.start_soon(self._await, actor, deed, reply, due_s)
            return
        # The other answers only say yes; they are looked at when the next command leaves.
        self._unread.append((actor, deed, reply))
        self.read_answers()

    def read_answers(self) -> None:
        unread = self._unread
        while unread and unread[0][2].event.is_set():
            actor, deed, reply = unread.popleft()
            if reply.error is not None:
                self._refused(actor, deed, reply.error)

    async def _await(self, actor: Actor, deed: Do, reply: Reply, due_s: float) -> None:
        try:
            result = await reply.wait()
        except ClientError as error:
            self._refused(actor, deed, error)
            return
        finally:
            self._awaited -= 1
        if isinstance(deed.command, cmd.AcceptOffer):
            self.troupe.measured.acks.add((trio.current_time() - due_s) * 1000)
        else:
            self.answered(actor, deed, result)

    def answered(self, actor: Actor, deed: Do, result: dict[str, Any]) -> None:
        """A submit or an abandon was answered with yes."""

    def _refused(self, actor: Actor, deed: Do, error: ClientError) -> None:
        if isinstance(error, Overloaded):
            self.troupe.retries += 1
            pause_ms = error.retry_after_ms * self.troupe.clock.scale
            self.troupe.timeline.after(pause_ms, self.carry_out, actor, [deed])
        elif isinstance(error, Refused):
            self.troupe.refusals[f"{type(deed.command).__struct_config__.tag} {error.code}"] += 1
            if isinstance(actor, Customer):
                self.carry_out(actor, actor.refused(deed.command, error.code))


class AgentPlayer(Player):
    """A person or a bot at its own socket."""

    def __init__(self, troupe: Troupe, url: str, actor: Person | Bot) -> None:
        super().__init__(troupe, url, "bot" if isinstance(actor, Bot) else "agent", actor.profile.agent)
        self.actor = actor
        troupe.witness.agent_signs_on(actor.profile)

    def begin(self) -> None:
        self.carry_out(self.actor, self.actor.start())

    def take(self, push: Push) -> None:
        if push.snapshot is not None:
            self._resync(push)
            return
        for event in events_of(push):
            self.troupe.witness.agent_saw(self.subject, event, push.offset)
            if isinstance(event, ev.OfferMade) and event.agent == self.subject:
                self._offered(event)
            if isinstance(event, ev.OfferMade | ev.OfferAccepted | ev.ContactConnected):
                self._meet(event.contact)
            self._heard_of(event)
            self.carry_out(self.actor, self.actor.heard(event, push.text))

    async def before(self, push: Push) -> None:
        """Where work is given as a whole, what a contact will take is the customer's to say; the channel's stream, which
        tells whose it is, may come a moment after the agent's."""
        scenario = self.troupe.scenario
        if push.snapshot is not None or not (scenario.work or scenario.bots.session is not None):
            return
        with trio.move_on_after(STRANGER_S):
            for event in push.events:
                if event["type"] in _MEETINGS:
                    while event["contact"] not in self.troupe.customers:
                        await self.troupe.came.wait()

    def _meet(self, contact: int) -> None:
        """Where a scenario gives a contact's work as a whole, whoever serves it learns it from the customer."""
        customer = self.troupe.customers.get(contact)
        if customer is None:
            return
        if isinstance(self.actor, Bot):
            self.actor.met(contact, customer.plan)
        elif customer.plan.work_ms >= 0:
            self.actor.met(contact, customer.plan.channel, customer.plan.work_ms)

    def _offered(self, event: ev.OfferMade) -> None:
        clock = self.troupe.clock
        if not self.away:  # what is replayed after a drop says nothing of how fast the engine is
            self.troupe.measured.offers.add((clock.exact_ms() - event.at) / clock.scale)
        if event.queue in self.troupe.mail_queues and isinstance(self.actor, Person):
            self.troupe.nursery.start_soon(self._read_card, event.contact)

    async def _read_card(self, contact: int) -> None:
        """What a console shows beside an offer: here, whether it is a mail. Elsewhere it cannot be one."""
        assert self.client is not None
        assert isinstance(self.actor, Person)
        try:
            card = await self.client.ask({"type": "contact", "contact": contact})
        except ClientError:
            return  # gone again, or the line is down: the person answers as in a chat
        self.actor.met(contact, str(card.get("channel", "")))

    def _resync(self, push: Push) -> None:
        """The replay had a gap: what is on the screen is what the engine says is there."""
        self.troupe.resyncs += 1
        snapshot = push.snapshot or {}
        contacts = {row["contact"]: row for row in snapshot.get("contacts", [])}
        wrapping = {contact for contact, row in contacts.items() if row["state"] == "wrap_up"}
        offers = {row["offer"]: row["contact"] for row in snapshot.get("offers", [])}
        self.troupe.witness.agent_resynced(self.subject, offers, contacts.keys() - wrapping, wrapping, push.offset)
        serving = {
            contact: (row["channel"], row["queue"]) for contact, row in contacts.items() if contact not in wrapping
        }
        agent = snapshot.get("agent") or {}
        self.carry_out(self.actor, self.actor.resynced(str(agent.get("state", "offline")), serving, wrapping))


class ChannelPlayer(Player):
    """A channel's adapter: one connection for all customers of the channel."""

    def __init__(self, troupe: Troupe, url: str, channel: str, questions: Questions | None = None) -> None:
        super().__init__(troupe, url, "channel", channel)
        self._questions = questions or {}
        self._coming: dict[str, Customer] = {}
        self._customers: dict[int, Customer] = {}

    @property
    def is_empty(self) -> bool:
        """Nobody is there, or will be back."""
        return not self._customers and not self._coming

    def arrive(self, plan: Plan) -> None:
        scenario = self.troupe.scenario
        customer = (
            Asking(plan, scenario.tenant, self._questions)
            if self._questions
            else Customer(plan, scenario.tenant, scenario.topics[plan.topic].words)
        )
        self.carry_out(customer, customer.arrive())

    def carry_out(self, actor: Actor, deeds: Sequence[Deed]) -> None:
        for deed in deeds:
            if isinstance(actor, Customer) and isinstance(deed, Do) and isinstance(deed.command, cmd.SubmitContact):
                self._coming[deed.command.external_id] = actor
        super().carry_out(actor, deeds)

    def decide(self, actor: Actor, what: Wake) -> None:
        super().decide(actor, what)
        if isinstance(actor, Customer) and actor.phase == Phase.GONE:
            life = self.troupe.witness.lives.get(actor.contact)
            if life is not None:
                life.gone = True

    def _refused(self, actor: Actor, deed: Do, error: ClientError) -> None:
        super()._refused(actor, deed, error)
        if isinstance(deed.command, cmd.SubmitContact) and not isinstance(error, Overloaded):
            self._coming.pop(deed.command.external_id, None)

    def answered(self, actor: Actor, deed: Do, result: dict[str, Any]) -> None:
        if isinstance(deed.command, cmd.SubmitContact) and isinstance(actor, Customer):
            contact, state = int(result["contact"]), str(result["state"])
            self.troupe.witness.submit_acked(deed.command.external_id, contact, state)
            if actor.contact != contact:  # came back too late for the old one, or was turned away there
                self._customers.pop(actor.contact, None)
            actor.submitted(contact)
            self._coming.pop(deed.command.external_id, None)
            if actor.phase != Phase.DONE:
                self._customers[contact] = actor
                self.troupe.is_of(contact, actor)

    def take(self, push: Push) -> None:
        if push.snapshot is not None:
            self.troupe.resyncs += 1
            return
        for event in events_of(push):
            self.troupe.witness.channel_saw(event, push.offset)
            if not isinstance(event, ev.MessageAdded) or event.sender != Sender.CUSTOMER:
                self._heard_of(event)
            if isinstance(event, ev.ContactSubmitted | ev.ContactDeflected):
                customer = self._coming.get(event.external_id)
                if customer is not None:
                    self._customers.pop(customer.contact, None)
                    self._customers[event.contact] = customer
                    self.troupe.is_of(event.contact, customer)
            customer = self._customers.get(getattr(event, "contact", 0))
            if customer is not None:
                self.carry_out(customer, customer.heard(event))
                if customer.phase == Phase.DONE:
                    del self._customers[customer.contact]
