"""A day lived again: SimPy's clock, a dispatcher under a policy, and the lives of the recording.

In one millisecond deadlines come first, as in the driver; then what the recording says of the house; then what agents do; then
customers, those who come included. While the recorded engine was down nothing is done: it is done when it has started again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import msgspec
from simpy import Environment

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.commands import Command
from engine.dispatch.contacts import WAITING, ContactState
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.explain import Explanation
from engine.dispatch.policy.compiled import Policy
from sim.replay.lives import BACK_MS, Answers, Life, Lives
from sim.replay.reading import Day, Leg
from sim.twin.clock import NEVER
from sim.twin.stage import Waking

# Order in one millisecond.
DEADLINES, HOUSE, AGENTS, CUSTOMERS = 0, 1, 2, 3

UNSERVED = (*WAITING, ContactState.PROMISED)

Hear = Callable[[list[ev.Event]], None]


class Part:
    """A visit on stage. ``number``: its contact's here, 0 before and where it has none; ``turn`` guards what was planned for a talk."""

    __slots__ = (
        "base",
        "broken",
        "came_back",
        "done",
        "drawn",
        "leg",
        "life",
        "minded",
        "number",
        "offers",
        "since",
        "turn",
    )

    def __init__(self, life: Life) -> None:
        self.life = life
        self.number = 0
        self.offers = 0
        self.turn = 0
        self.minded = False  # its patience is being watched
        self.came_back = 0  # so often
        self.base = 0  # what it had waited when it last came back
        self.drawn = False  # it had a talk whose length was drawn
        self.leg: Leg | None = None
        self.since = 0
        self.done = {True: 0, False: 0}  # recorded talks begun, with bots and with people
        self.broken: dict[bool, tuple[Leg, int]] = {}  # broken off after so many ms


class Recreation:
    """``policy``: from the beginning. ``as_recorded``: policies that were swapped in later are so here, too. ``rivals``: for visits, by
    place, an agent: :attr:`verdicts` says why that one did not get the contact when it was first offered to another."""

    def __init__(
        self, day: Day, lives: Lives, policy: Policy, hears: Sequence[Hear], *, as_recorded: bool = False,
        rivals: dict[int, str] | None = None,
    ) -> None:  # fmt: skip
        self.day, self.lives, self.hears = day, lives, hears
        self.dispatcher = Dispatcher(policy)
        self.env: Any = Environment(day.begin_ms)
        self.parts: dict[int, Part] = {}  # by the contact's number here
        self.refusals: Counter[str] = Counter()
        self.verdicts: dict[int, Explanation] = {}
        self._rivals = rivals or {}
        self._as_recorded = as_recorded
        self._answers = Answers(lives)
        self._at_stage = [Part(life) for life in lives.lives]
        self._numbers = {visit.contact: visit.place for visit in day.visits if visit.contact}
        self._entering: Part | None = None
        self._absent: dict[str, list[Callable[[], None]]] = {}
        self._look_at = NEVER
        self._downs = [
            (at - command.down_ms, at)
            for at, command in day.house
            if isinstance(command, cm.StartEngine) and command.down_ms
        ]
        self._calls: list[Callable[[Any], None]] = [self._called]
        self._heard: dict[type, Callable[[Any], None]] = {
            getattr(ev, name): getattr(self, f"_{method}") for name, method in _HEARS.items()
        }

    @property
    def now(self) -> int:
        return int(self.env.now)

    def place_of(self, contact: int) -> int | None:
        """Which visit this contact is."""
        part = self.parts.get(contact)
        return None if part is None else part.life.visit.place

    def play(self) -> Recreation:
        """Up to the end of the record."""
        self._one_after_another(self._house(), HOUSE)
        self._one_after_another(self._customers(), CUSTOMERS)
        self.env.run(self.day.end_ms + 1)
        return self

    # --- the clock ------------------------------------------------------------------------------------------------

    def _call(self, at: int, rank: int, call: Callable[[], None]) -> None:
        self.env.schedule(Waking(self._calls, None, call), rank, max(at - self.env.now, 0))

    def _called(self, waking: Waking) -> None:
        waking.what()

    def _later(self, delay_ms: int, call: Callable[[], None], agent: str = "") -> None:
        """A deed; an agent who is lost by then does it when back."""
        if delay_ms < NEVER:
            rank = AGENTS if agent else CUSTOMERS
            self._call(self.env.now + delay_ms, rank, lambda: self._now_or_when_back(call, agent))

    def _now_or_when_back(self, call: Callable[[], None], agent: str) -> None:
        up_at = self._down_until()
        found = self.dispatcher.agents.get(agent)
        if up_at:
            self._call(up_at, AGENTS if agent else CUSTOMERS, lambda: self._now_or_when_back(call, agent))
        elif found is not None and found.state == "lost":
            self._absent.setdefault(agent, []).append(call)
        else:
            call()

    def _down_until(self) -> int:
        return next((up for down, up in self._downs if down < self.env.now < up), 0)

    def _house(self) -> Iterator[tuple[int, Callable[[], None]]]:
        """The first policy is in force already."""
        applied = 0
        for at, command in self.day.house:
            if isinstance(command, cm.ApplyPolicy):
                applied += 1
                if applied == 1 or not self._as_recorded:
                    continue
            yield at, partial(self._to_the_house, command)

    def _customers(self) -> Iterator[tuple[int, Callable[[], None]]]:
        """Who comes, and what is done to contacts at set instants."""
        found: list[tuple[int, int, Callable[[], None]]] = []
        for part in self._at_stage:
            visit = part.life.visit
            found.append((visit.at, len(found), partial(self._enter, part)))
            found += [
                (at, len(found) + place, partial(self._do_to, part, deed))
                for place, (at, deed) in enumerate(visit.deeds)
            ]
        found.sort(key=lambda each: each[:2])
        return iter([(at, call) for at, _, call in found])

    def _one_after_another(self, inputs: Iterator[tuple[int, Callable[[], None]]], rank: int) -> None:
        """The next one on the clock, and after it the one behind it."""
        following = next(inputs, None)
        if following is not None:
            at, call = following

            def give() -> None:
                self._one_after_another(inputs, rank)
                call()

            self._call(at, rank, give)

    # --- the dispatcher -------------------------------------------------------------------------------------------

    def do(self, command: Command) -> bool:
        """Give a command now; False: refused."""
        events = self.dispatcher.handle(command, self.env.now)
        self._spread(events)
        due = self.dispatcher.next_deadline()
        if due is not None and due < self._look_at:
            self._look_ahead(due)
        refused = bool(events) and type(events[-1]) is ev.CommandRejected
        if refused:
            self.refusals[f"{events[-1].command} {events[-1].code}"] += 1  # type: ignore[union-attr]  # just seen
        return not refused

    def _look_ahead(self, due: int) -> None:
        self._look_at = due
        self._call(due, DEADLINES, lambda: self._look(due))

    def _look(self, due: int) -> None:
        if due != self._look_at:
            return  # an earlier deadline came up meanwhile, and looks again from there
        self._look_at = NEVER
        now = self.env.now
        up_at = self._down_until()
        if up_at:
            return  # the engine's start gives deadlines their due
        next_due = self.dispatcher.next_deadline()
        while next_due is not None and next_due <= now:
            self._spread(self.dispatcher.expire(now))
            next_due = self.dispatcher.next_deadline()
        if next_due is not None:
            self._look_ahead(next_due)

    def _spread(self, events: list[ev.Event]) -> None:
        for event in events:
            heard = self._heard.get(type(event))
            if heard is not None:
                heard(event)
        for hear in self.hears:
            hear(events)

    # --- what the recording gives ---------------------------------------------------------------------------------

    def _to_the_house(self, command: Command) -> None:
        agent = self.dispatcher.agents.get(getattr(command, "agent", ""))
        if isinstance(command, cm.SignOn) and agent is not None and agent.state == "lost":
            command = cm.ReturnAgent(agent=command.agent)  # another policy's grace still runs
        elif isinstance(command, cm.ReturnAgent) and agent is not None and agent.state == "offline":
            command = cm.SignOn(agent=command.agent)  # … or is over
        elif isinstance(command, cm.SetGroupCapacity):
            command = msgspec.structs.replace(command, expect_count=self.dispatcher.count_matching(command))
        self.do(command)

    def _enter(self, part: Part) -> None:
        visit = part.life.visit
        if visit.again and not self._may_come_back(visit.again):
            return  # here it never left
        self._entering = part
        self.do(visit.command)
        self._entering = None

    def _may_come_back(self, recorded: int) -> bool:
        place = self._numbers.get(recorded)
        contact = None if place is None else self.dispatcher.contacts.get(self._at_stage[place].number)
        return contact is not None and contact.state in (ContactState.ABANDONED, ContactState.CLOSED)

    def _do_to(self, part: Part, command: Any) -> None:
        """At its recorded instant, where it still makes sense: what closes or asks for a person only while nobody serves it."""
        contact = self.dispatcher.contacts.get(part.number)
        if contact is None or contact.state is ContactState.CLOSED:
            return
        if isinstance(command, cm.CloseContact) and contact.state not in UNSERVED:
            return
        if isinstance(command, cm.AskPerson) and contact.stage != "bot":
            return
        self.do(msgspec.structs.replace(command, contact=part.number))

    # --- who waits ------------------------------------------------------------------------------------------------

    def _submitted(self, event: ev.ContactSubmitted) -> None:
        part = self._entering
        if part is not None and event.external_id == part.life.visit.command.external_id:
            part.number = event.contact
            self.parts[event.contact] = part
            self._mind(part)

    def _deflected(self, event: ev.ContactDeflected) -> None:
        part = self._entering
        if part is not None:
            part.number = event.contact
            self.parts[event.contact] = part

    def _waits(self, event: Any) -> None:
        """In line for the first time, or again: whatever it talked about is broken off."""
        part = self.parts.get(event.contact)
        if part is None:
            return
        if isinstance(event, ev.PersonAsked) or (isinstance(event, ev.ContactTransferred) and event.hand_off):
            part.base = 0  # its wait for a person begins here
        self._break_off(part)
        self._mind(part)

    def _came_back(self, event: ev.ContactResumed | ev.ContactReopened) -> None:
        part = self.parts.get(event.contact)
        if part is not None:
            part.came_back += 1
            part.base = self.dispatcher.contacts[event.contact].waited_ms(self.env.now)
        self._waits(event)

    def _mind(self, part: Part) -> None:
        """Its patience runs while it waits for a person; looked at when it may be over."""
        if not part.minded:
            part.minded = True
            self._later(0, lambda: self._is_patient(part))

    def _is_patient(self, part: Part) -> None:
        part.minded = False
        contact = self.dispatcher.contacts.get(part.number)
        if contact is None or contact.state not in WAITING or contact.stage == "bot" or contact.promised:
            return
        patience_ms = part.life.patiences[min(part.came_back, len(part.life.patiences) - 1)]
        left = part.base + patience_ms - contact.waited_ms(self.env.now)
        if left > 0 or contact.state is ContactState.HELD:
            part.minded = True
            self._later(max(left, 1), lambda: self._is_patient(part))
            return
        outcome = self.day.outcomes.of.get(part.life.visit.contact)
        silent = outcome is not None and outcome.silent
        self.do(cm.AbandonContact(tenant=contact.tenant, contact=part.number, silent=silent))

    # --- offers ---------------------------------------------------------------------------------------------------

    def _offered(self, event: ev.OfferMade) -> None:
        part = self.parts.get(event.contact)
        if part is None:
            return
        place = part.life.visit.place
        rival = self._rivals.get(place)
        if rival and rival != event.agent and place not in self.verdicts and event.agent not in self.day.bots:
            self.verdicts[place] = self.dispatcher.explain(event.contact, rival)
        number, part.offers = part.offers, part.offers + 1
        if self.dispatcher.agents[event.agent].profile.auto_accept:
            return
        how, after_ms = self._answers.to(part.life, number, event.agent)
        if how != "missed":
            self._later(after_ms, lambda: self._answer(event, how), event.agent)

    def _answer(self, event: ev.OfferMade, how: str) -> None:
        offer = self.dispatcher.offers.get(event.offer)
        if offer is None or offer.agent != event.agent:
            return
        if how == "accepted":
            self.do(cm.AcceptOffer(agent=event.agent, offer=event.offer))
        else:
            self.do(cm.DeclineOffer(agent=event.agent, offer=event.offer, reason="busy"))

    def _state(self, event: ev.AgentStateChanged) -> None:
        if event.after == "not_ready" and event.reason == "rona":
            back_ms = self._answers.back_after(event.agent)
            if back_ms < 0:
                if event.until:
                    return  # the policy brings it back
                back_ms = BACK_MS
            self._later(back_ms, lambda: self._be_ready(event.agent), event.agent)

    def _be_ready(self, name: str) -> None:
        agent = self.dispatcher.agents.get(name)
        if agent is not None and agent.state == "not_ready" and agent.reason == "rona":
            self.do(cm.SetAgentState(agent=name))

    def _back(self, event: ev.AgentBack) -> None:
        for call in self._absent.pop(event.agent, []):
            self._later(0, call)

    # --- talks ----------------------------------------------------------------------------------------------------

    def _connected(self, event: ev.ContactConnected) -> None:
        part = self.parts.get(event.contact)
        if part is None:
            return
        bot = self.dispatcher.agents[event.agent].profile.kind == cm.AgentKind.BOT
        leg, done_ms = self._next_leg(part, bot)
        part.turn += 1
        part.leg, part.since = leg, self.env.now - done_ms
        part.drawn |= leg.drawn and not bot
        turn = part.turn
        for at, sender, automatic in leg.words:
            if at >= done_ms:
                who = event.agent if sender in (cm.Sender.AGENT, cm.Sender.BOT) else ""
                self._later(at - done_ms, self._saying(part, turn, sender, who, automatic), who)
        self._later(
            leg.length_ms - done_ms,
            lambda: self._end_talk(part, turn, event.agent),
            event.agent if leg.by == "agent" else "",
        )

    @staticmethod
    def _next_leg(part: Part, bot: bool) -> tuple[Leg, int]:
        """The next recorded talk of this kind; else what was broken off goes on; else the spare one."""
        recorded = part.life.bots if bot else part.life.people
        if part.done[bot] < len(recorded):
            part.done[bot] += 1
            return recorded[part.done[bot] - 1], 0
        return part.broken.pop(bot, (part.life.spare_bot if bot else part.life.spare_person, 0))

    def _saying(self, part: Part, turn: int, sender: cm.Sender, agent: str, automatic: bool) -> Callable[[], None]:
        def say() -> None:
            if part.turn == turn:
                tenant = part.life.visit.command.tenant
                self.do(
                    cm.AddMessage(tenant=tenant, contact=part.number, sender=sender, agent=agent, automatic=automatic)
                )

        return say

    def _end_talk(self, part: Part, turn: int, agent: str) -> None:
        leg = part.leg
        if part.turn != turn or leg is None:
            return
        part.leg = None  # done, not broken off
        command: Command
        if leg.end == "transferred" and isinstance(leg.command, cm.TransferContact):
            command = msgspec.structs.replace(leg.command, contact=part.number, agent=agent)
        elif leg.end == "asked":
            reason = leg.command.reason if leg.command is not None else "customer_asked"
            command = cm.AskPerson(tenant=part.life.visit.command.tenant, contact=part.number, reason=reason)
        else:
            command = self._closing(part, leg.reason, "" if leg.by == "customer" else agent)
        if not self.do(command) and not isinstance(command, cm.CloseContact):
            self.do(self._closing(part, "done", agent))  # nowhere to pass it on to under this policy

    @staticmethod
    def _closing(part: Part, reason: str, agent: str) -> cm.CloseContact:
        return cm.CloseContact(tenant=part.life.visit.command.tenant, contact=part.number, agent=agent, reason=reason)

    def _break_off(self, part: Part) -> None:
        leg = part.leg
        part.turn += 1
        part.leg = None
        if leg is not None:
            part.broken[leg.bot] = (leg, min(self.env.now - part.since, leg.length_ms))

    def _over(self, event: Any) -> None:
        part = self.parts.get(event.contact)
        if part is not None:
            part.turn += 1
            part.leg = None

    def _wraps_up(self, event: ev.WrapUpStarted) -> None:
        part = self.parts.get(event.contact)
        if part is None:
            return
        legs = part.life.people
        place = part.done[False] - 1
        leg = legs[place] if 0 <= place < len(legs) else part.life.spare_person
        self._later(leg.wrap_ms if leg.wrap_ms >= 0 else NEVER, lambda: self._wrapped_up(event), event.agent)

    def _wrapped_up(self, event: ev.WrapUpStarted) -> None:
        contact = self.dispatcher.contacts.get(event.contact)
        if contact is not None and contact.state is ContactState.WRAP_UP and contact.agent == event.agent:
            self.do(cm.EndWrapUp(agent=event.agent, contact=event.contact))


_HEARS = {
    "ContactSubmitted": "submitted", "ContactDeflected": "deflected", "OfferMade": "offered", "AgentStateChanged": "state",
    "AgentBack": "back", "ContactConnected": "connected", "ContactTransferred": "waits", "ContactRequeued": "waits",
    "PersonAsked": "waits", "ContactResumed": "came_back", "ContactReopened": "came_back", "MessageReleased": "waits",
    "ContactAbandoned": "over", "ContactClosed": "over", "MessageLeft": "over", "WrapUpStarted": "wraps_up",
}  # fmt: skip
