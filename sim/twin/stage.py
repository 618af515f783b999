"""Where the actors of a scenario meet the dispatcher: what each does goes in, what each would see is told to it.

The same actors play over sockets (:mod:`sim.live`). Here a command takes no time: its events are told at once, in their
order, and what somebody does on hearing them comes after all of them have been told. What happens in one millisecond
happens in the order of the actors (agents in the order of the roster, then bots, then customers), and for one actor in the
order in which it asked to be woken.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeAlias

from simpy import Environment

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.commands import Command
from engine.dispatch.dispatcher import Dispatcher
from sim.actors.bots import Bot
from sim.actors.customers import Customer, Phase
from sim.actors.deeds import Cut, Deed, Do, Wake
from sim.actors.people import Person
from sim.faults import Disturbance
from sim.plans import Plan
from sim.scenario import Scenario
from sim.twin.clock import NEVER, Callback
from sim.twin.listening import Listener

Actor: TypeAlias = Customer | Person | Bot
Served: TypeAlias = Person | Bot

# What was planned for the time away is looked at again this long after the line is back, as sockets do.
CATCH_UP_MS = 2_000
# After the engine's start a client is back this soon.
RECONNECT_MS = 1_000
# Order in one millisecond: deadlines first, as in the driver; then agents; then bots; then customers.
DEADLINES, AGENTS, CUSTOMERS = 0, 1, 1 << 30


class Waking:
    """Somebody is to be woken: what SimPy calls an event, made for less."""

    __slots__ = ("_defused", "_ok", "_value", "actor", "callbacks", "env", "what")

    def __init__(self, callbacks: list[Callback], actor: Any, what: Any) -> None:
        self.callbacks = callbacks
        self.actor = actor
        self.what = what
        self._ok = True
        self._value = None


class Stage:
    """One scenario's actors and the dispatcher, at an instant. ``begin_ms``: dispatcher time at which play begins."""

    def __init__(
        self, scenario: Scenario, dispatcher: Dispatcher, listeners: Sequence[Listener], begin_ms: int
    ) -> None:
        self.scenario, self.dispatcher = scenario, dispatcher
        self.env: Any = Environment(begin_ms)
        self.customers: dict[int, Customer] = {}
        self.agents: dict[str, Served] = {}
        self.arrived = 0
        self.refusals: Counter[str] = Counter()
        self.counts: Counter[type] = Counter()
        self._listeners = tuple(listeners)
        self._ranks: dict[Actor, int] = {}
        self._holders: dict[int, Served] = {}
        self._away: dict[Served, list[tuple[ev.Event, str]]] = {}
        self._later: dict[Served, list[Wake]] = {}
        self._soon: deque[tuple[Actor | None, Command, str]] = deque()
        self._doing = False
        self.is_down = False
        self._epoch = 1
        self._look_at = NEVER
        self._handle, self._next_deadline = dispatcher.handle, dispatcher.next_deadline
        self._wakes: list[Callback] = [self._woken]
        self._looks: list[Callback] = [self._look]
        self._arrivals: list[Callback] = [self._arrive]
        self._backs: list[Callback] = [self._back]
        self._hear: dict[type, Callable[[Any, str], None]] = {
            ev.ContactConnected: self._connected,
            ev.MessageAdded: self._said,
            ev.ContactTransferred: self._left,
            ev.ContactRequeued: self._left,
            ev.ContactClosed: self._closed,
            ev.OfferMade: self._offered,
        }
        self._hear |= dict.fromkeys(
            (
                ev.ContactSubmitted, ev.ContactDeflected, ev.ContactResumed, ev.ContactReopened, ev.PersonAsked,
                ev.ContactAbandoned,
            ),
            self._customer_hears,
        )  # fmt: skip
        self._hear |= dict.fromkeys(
            (
                ev.OfferAccepted, ev.OfferDeclined, ev.OfferExpired, ev.OfferRescinded, ev.WrapUpStarted,
                ev.AgentStateChanged, ev.AgentBack,
            ),
            self._agent_hears,
        )  # fmt: skip

    @property
    def now(self) -> int:
        return int(self.env._now)

    @property
    def still_there(self) -> int:
        """Customers with an open contact; who has left for now, or will be back another time, is not there."""
        return sum(customer.phase not in _ABSENT for customer in self.customers.values())

    # --- who plays ------------------------------------------------------------------------------------------------

    def enter(self, actor: Served) -> None:
        """An agent comes on stage, signed on or not: its first deeds."""
        profile = actor.profile if isinstance(actor, Bot) else actor.post.profile
        self.agents[profile.agent] = actor
        self._ranks[actor] = AGENTS + len(self._ranks)
        self.carry_out(actor, actor.start())

    def expect(self, plans: Iterator[tuple[int, Plan]]) -> None:
        """Customers, by the instant (dispatcher ms) at which they come, in order; drawn one ahead."""
        first = next(plans, None)
        if first is not None:
            self._call(first[0] - self.now, CUSTOMERS, Waking(self._arrivals, plans, first[1]))

    def _call(self, delay_ms: int, rank: int, waking: Waking) -> None:
        self.env.schedule(waking, rank, max(0, delay_ms))

    def _arrive(self, waking: Waking) -> None:
        plans, plan = waking.actor, waking.what
        following = next(plans, None)
        if following is not None:
            self._call(following[0] - self.env._now, CUSTOMERS, Waking(self._arrivals, plans, following[1]))
        self.arrived += 1
        scenario = self.scenario
        customer = Customer(plan, scenario.tenant, scenario.topics[plan.topic].words)
        self.carry_out(customer, customer.arrive())

    # --- deeds ----------------------------------------------------------------------------------------------------

    def carry_out(self, actor: Actor, deeds: Sequence[Deed]) -> None:
        ranks = self._ranks
        for deed in deeds:
            if type(deed) is Wake:
                rank = ranks.get(actor, CUSTOMERS)
                self.env.schedule(Waking(self._wakes, actor, deed), rank, max(0, deed.in_ms))
            elif type(deed) is Do:
                self.do(actor, deed.command, deed.text)
            elif type(deed) is Cut and not isinstance(actor, Customer):
                self._cut(actor, deed.away_ms)

    def _woken(self, waking: Waking) -> None:
        actor, deed = waking.actor, waking.what
        if self._away and actor in self._away:
            self._later.setdefault(actor, []).append(deed)
            return
        deeds = actor.woken(deed.what, deed.of, deed.guard)
        if deeds:
            self.carry_out(actor, deeds)

    def do(self, actor: Actor | None, command: Command, text: str = "") -> None:
        """Give a command now; while events are being told it waits until all of them are."""
        soon = self._soon
        if self._doing or self.is_down:
            soon.append((actor, command, text))
            return
        self._doing = True
        now, handle = self.env._now, self._handle
        while True:
            events = handle(command, now)
            for listener in self._listeners:
                listener(now, command, events)
            if type(command) is cm.SubmitContact:
                self._answer(actor, events)
            self._spread(events, text)
            if events and type(events[-1]) is ev.CommandRejected:
                self._refused(actor, command, events[-1])
            elif text and type(command) is cm.SubmitContact:
                self._first_word(actor, text)
            if not soon:
                break
            actor, command, text = soon.popleft()
        self._doing = False
        due = self._next_deadline()
        if due is not None and due < self._look_at:
            self._look_ahead(due)

    def _answer(self, actor: Actor | None, events: list[Any]) -> None:
        """What a submit is answered: the contact's number, before anything is heard of it."""
        if type(actor) is not Customer:
            return
        external_id = actor.plan.external_id
        for event in events:
            if type(event) in _ANSWERS and event.external_id == external_id:
                contact: int = event.contact
                before = actor.contact
                if before and before != contact:
                    self.customers.pop(before, None)  # came back too late for the old one
                self.customers[contact] = actor
                actor.submitted(contact, _ANSWERS[type(event)])
                return

    def _first_word(self, actor: Actor | None, text: str) -> None:
        """As on the wire: the text of a submit is the contact's first message."""
        if type(actor) is Customer and actor.phase is not Phase.DONE:
            self._soon.append((actor, cm.AddMessage(contact=actor.contact), text))

    def _refused(self, actor: Actor | None, command: Command, refusal: ev.CommandRejected) -> None:
        self.refusals[f"{refusal.command} {refusal.code}"] += 1
        if type(actor) is Customer:
            self.carry_out(actor, actor.refused(command, refusal.code))

    # --- deadlines ------------------------------------------------------------------------------------------------

    def _look_ahead(self, due: int) -> None:
        """Deadlines only come nearer here: one that has gone is found out when its instant comes."""
        self._look_at = due
        self._call(due - self.env._now, DEADLINES, Waking(self._looks, None, due))

    def _look(self, waking: Waking) -> None:
        if waking.what != self._look_at or self.is_down:
            return  # an earlier deadline came up meanwhile, and looks again from there
        self._look_at = NEVER
        now = self.env._now
        due = self._next_deadline()
        while due is not None and due <= now:
            self._doing = True
            events = self.dispatcher.expire(now)
            for listener in self._listeners:
                listener(now, None, events)
            self._spread(events, "")
            self._doing = False
            if self._soon:
                self.do(*self._soon.popleft())
            due = self._next_deadline()
        if due is not None and due < self._look_at:
            self._look_ahead(due)

    # --- what is heard --------------------------------------------------------------------------------------------

    def _spread(self, events: list[ev.Event], text: str) -> None:
        """To the contact's customer and to the agent concerned, as their streams would carry them."""
        hear, counts = self._hear, self.counts
        for event in events:
            kind = type(event)
            counts[kind] += 1
            heard = hear.get(kind)
            if heard is not None:
                heard(event, text)

    def _customer_hears(self, event: Any, text: str) -> None:
        contact = event.contact
        customer = self.customers.get(contact)
        if customer is None:
            return
        deeds = customer.heard(event)
        if deeds:
            self.carry_out(customer, deeds)
        if customer.phase is Phase.DONE:
            del self.customers[contact]

    def _tell(self, actor: Served, event: Any, text: str) -> None:
        if self._away and actor in self._away:
            self._away[actor].append((event, text))
            return
        deeds = actor.heard(event, text)
        if deeds:
            self.carry_out(actor, deeds)

    def _agent_hears(self, event: Any, text: str) -> None:
        actor = self.agents.get(event.agent)
        if actor is not None:
            self._tell(actor, event, text)

    def _offered(self, event: ev.OfferMade, text: str) -> None:
        actor = self.agents.get(event.agent)
        if actor is None:
            return
        customer = self.customers.get(event.contact)
        if customer is not None:
            if type(actor) is Person:
                actor.met(event.contact, customer.plan.channel, customer.plan.work_ms)
            elif type(actor) is Bot:
                actor.met(event.contact, customer.plan)
        self._tell(actor, event, text)

    def _connected(self, event: ev.ContactConnected, text: str) -> None:
        self._customer_hears(event, text)
        actor = self.agents.get(event.agent)
        if actor is not None:
            self._holders[event.contact] = actor
            self._tell(actor, event, text)

    def _said(self, event: ev.MessageAdded, text: str) -> None:
        self._customer_hears(event, text)
        holder = self._holders.get(event.contact)
        if holder is not None:
            self._tell(holder, event, text)

    def _left(self, event: Any, text: str) -> None:
        self._customer_hears(event, text)
        self._holders.pop(event.contact, None)
        self._agent_hears(event, text)

    def _closed(self, event: ev.ContactClosed, text: str) -> None:
        self._customer_hears(event, text)
        holder = self._holders.pop(event.contact, None)
        if holder is not None:
            self._tell(holder, event, text)

    # --- lines that break -----------------------------------------------------------------------------------------

    def _cut(self, actor: Served, away_ms: int) -> None:
        if actor in self._away:
            return
        agent = (actor.profile if isinstance(actor, Bot) else actor.post.profile).agent
        self._away[actor] = []
        if self.dispatcher.agents[agent].state != "offline":
            self.do(None, cm.LoseAgent(agent=agent))
        self._call(away_ms, self._ranks[actor], Waking(self._backs, actor, agent))

    def _back(self, waking: Waking) -> None:
        """The stream goes on where it broke off; what was planned meanwhile is looked at once it has been read."""
        actor = waking.actor
        if self.dispatcher.agents[waking.what].state != "offline":
            self.do(None, cm.ReturnAgent(agent=waking.what))
        for event, text in self._away.pop(actor):
            deeds = actor.heard(event, text)
            if deeds:
                self.carry_out(actor, deeds)
        for wake in self._later.pop(actor, ()):
            self.env.schedule(Waking(self._wakes, actor, wake), self._ranks[actor], CATCH_UP_MS)

    def disturb(self, faults: Iterable[Disturbance]) -> None:
        """Lines that will be cut and engines that will stop, by their instants (dispatcher ms)."""
        for fault in faults:
            self._call(fault.at_ms - self.now, DEADLINES, Waking([self._disturbed], None, fault))

    def _disturbed(self, waking: Waking) -> None:
        fault = waking.what
        if fault.agent:
            actor = self.agents.get(fault.agent)
            if actor is not None:
                self._cut(actor, fault.for_ms)
        else:
            self.is_down = True
            self._call(fault.for_ms, DEADLINES, Waking([self._up_again], None, fault.for_ms))

    def _up_again(self, waking: Waking) -> None:
        """The engine starts on what it had; whoever wanted something meanwhile has kept it, and everybody is soon back."""
        self.is_down = False
        self._epoch += 1
        # Commands that came meanwhile were never heard, so they come after the start.
        kept = list(self._soon)
        self._soon.clear()
        self.do(None, cm.StartEngine(epoch=self._epoch, down_ms=waking.what))
        for agent, actor in self.agents.items():
            if actor not in self._away and self.dispatcher.agents[agent].state != "offline":
                self._away[actor] = []
                self._call(RECONNECT_MS, self._ranks[actor], Waking(self._backs, actor, agent))
        for each in kept:
            self.do(*each)


_ABSENT = frozenset({Phase.AWAY, Phase.LATER})
_ANSWERS: dict[type, str] = {
    ev.ContactSubmitted: "queued",
    ev.ContactDeflected: "deflected",
    ev.ContactJoined: "joined",
    ev.ContactResumed: "resumed",
    ev.ContactReopened: "reopened",
}
