"""Where the actors of a scenario meet the dispatcher: what each does goes in, what each would see is told to it.

The same actors play over sockets (:mod:`sim.live`). Here a command takes no time: its events are told at once, in their
order. What happens in one millisecond happens in the order of :mod:`sim.actors.turns`, and for one actor in the order in
which it asked to be woken; what somebody does on hearing an event waits for its turn in that millisecond, too.
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
from sim.actors.turns import CUSTOMERS, DEADLINES, OUTSIDE
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
        self._reactions: list[Callback] = [self._react]
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

    def open(self, policy_text: str) -> None:
        """The inputs with which an engine begins."""
        self.do(None, cm.ApplyPolicy(text=policy_text))
        self.do(None, cm.StartEngine(epoch=self._epoch, down_ms=0))

    def enter(self, actor: Served) -> None:
        """An agent comes on stage, signed on or not: its first deeds."""
        self.agents[actor.profile.agent] = actor
        self.carry_out(actor, actor.start())

    def expect(self, plans: Iterator[tuple[int, Plan]]) -> None:
        """Customers, by the instant (dispatcher ms) at which they come, in order; drawn one ahead."""
        first = next(plans, None)
        if first is not None:
            self._await(plans, *first)

    def _await(self, plans: Iterator[tuple[int, Plan]], at_ms: int, plan: Plan) -> None:
        self._call(at_ms - self.env._now, CUSTOMERS + plan.number, Waking(self._arrivals, plans, plan))

    def _call(self, delay_ms: int, rank: int, waking: Waking) -> None:
        self.env.schedule(waking, rank, max(0, delay_ms))

    def _arrive(self, waking: Waking) -> None:
        plans, plan = waking.actor, waking.what
        following = next(plans, None)
        if following is not None:
            self._await(plans, *following)
        self.arrived += 1
        scenario = self.scenario
        customer = Customer(plan, scenario.tenant, scenario.topics[plan.topic].words)
        self.carry_out(customer, customer.arrive())

    # --- deeds ----------------------------------------------------------------------------------------------------

    def carry_out(self, actor: Actor, deeds: Sequence[Deed]) -> None:
        """What the actor wants to be woken for is noted first: hearing what its own commands bring may add to it."""
        schedule, rank, others = self.env.schedule, actor.rank, False
        for deed in deeds:
            if type(deed) is Wake:
                schedule(Waking(self._wakes, actor, deed), rank, max(0, deed.in_ms))
            elif self._doing:
                schedule(Waking(self._reactions, actor, deed), rank)
            else:
                others = True
        if others:
            for deed in deeds:
                if type(deed) is Do:
                    self.do(actor, deed.command, deed.text)
                elif type(deed) is Cut:
                    self._cut(actor, deed.away_ms)

    def _react(self, waking: Waking) -> None:
        self.carry_out(waking.actor, (waking.what,))

    def _woken(self, waking: Waking) -> None:
        actor, deed = waking.actor, waking.what
        if self._away and actor in self._away:
            self._later.setdefault(actor, []).append(deed)
            return
        deeds = actor.woken(deed.what, deed.of, deed.guard)
        if deeds:
            self.carry_out(actor, deeds)

    def do(self, actor: Actor | None, command: Command, text: str = "") -> None:
        """Give a command now; while the engine is down it waits."""
        soon = self._soon
        if self.is_down:
            soon.append((actor, command, text))
            return
        self._doing = True
        now, handle = self.env._now, self._handle
        while True:
            events = handle(command, now)
            for listener in self._listeners:
                listener(now, command, events)
            is_submit = type(command) is cm.SubmitContact
            if is_submit:
                self._answer(actor, events)
            self._spread(events, text)
            if events and type(events[-1]) is ev.CommandRejected:
                self._refused(actor, command, events[-1])
            elif text and is_submit:
                self._first_word(actor, events, text)
            if not soon:
                break
            actor, command, text = soon.popleft()
        self._doing = False
        due = self._next_deadline()
        if due is not None and due < self._look_at:
            self._look_ahead(due)

    def _answer(self, actor: Actor | None, events: list[Any]) -> None:
        """What a submit is answered, before anything is heard of it: the contact's number."""
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
                actor.submitted(contact)
                return

    def _first_word(self, actor: Actor | None, events: list[Any], text: str) -> None:
        """As on the wire: the text of a submit is the contact's first message, where it is open and not answered later."""
        if type(actor) is not Customer:
            return
        contact = actor.contact
        if not any(type(event) in _NO_WORD and event.contact == contact for event in events):
            self._soon.append((actor, cm.AddMessage(contact=contact), text))

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

    def _cut(self, actor: Actor, away_ms: int) -> None:
        if isinstance(actor, Customer) or actor in self._away:
            return
        agent = actor.profile.agent
        self._away[actor] = []
        if self.dispatcher.agents[agent].state != "offline":
            self.do(None, cm.LoseAgent(agent=agent))
        self._call(away_ms, actor.rank, Waking(self._backs, actor, agent))

    def _back(self, waking: Waking) -> None:
        """The stream goes on where it broke off; what was planned meanwhile is looked at once it has been read."""
        actor = waking.actor
        if self.dispatcher.agents[waking.what].state != "offline":
            self.do(None, cm.ReturnAgent(agent=waking.what))
        for wake in self._later.pop(actor, ()):
            self.env.schedule(Waking(self._wakes, actor, wake), actor.rank, CATCH_UP_MS)
        self._doing = True  # what it does on hearing all this waits for its turn
        for event, text in self._away.pop(actor):
            deeds = actor.heard(event, text)
            if deeds:
                self.carry_out(actor, deeds)
        self._doing = False

    def disturb(self, faults: Iterable[Disturbance]) -> None:
        """Lines that will be cut and engines that will stop, by their instants (dispatcher ms)."""
        for fault in faults:
            self._call(fault.at_ms - self.now, OUTSIDE, Waking([self._disturbed], None, fault))

    def _disturbed(self, waking: Waking) -> None:
        fault = waking.what
        if fault.agent:
            actor = self.agents.get(fault.agent)
            if actor is not None:
                self._cut(actor, fault.for_ms)
        else:
            self.is_down = True
            self._call(fault.for_ms, OUTSIDE, Waking([self._up_again], None, fault.for_ms))

    def swap(self, policies: Iterable[tuple[int, str]]) -> None:
        """Other policies, by the instants (dispatcher ms) from which they are in force."""
        for at_ms, text in policies:
            self._call(at_ms - self.now, OUTSIDE, Waking([self._swapped], None, text))

    def _swapped(self, waking: Waking) -> None:
        self.do(None, cm.ApplyPolicy(text=waking.what))

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
                self._call(RECONNECT_MS, actor.rank, Waking(self._backs, actor, agent))
        for each in kept:
            self.do(*each)


_ABSENT = frozenset({Phase.AWAY, Phase.LATER})
# How a submit is answered.
_ANSWERS = frozenset(
    {ev.ContactSubmitted, ev.ContactDeflected, ev.ContactJoined, ev.ContactResumed, ev.ContactReopened}
)
_NO_WORD = frozenset({ev.ContactDeflected, ev.MessageLeft})
