"""What falls due when: every deadline that a contact, an agent or the domain names.

The second layer of :class:`engine.dispatch.state.State`.
"""

from __future__ import annotations

from typing import Final

from engine.dispatch.agents import agent_deadline
from engine.dispatch.contacts import Contact, ContactState
from engine.dispatch.house import LIVE, SORT_SHIFT
from engine.dispatch.policy.compiled import Step
from engine.dispatch.pools import Gate
from engine.dispatch.records import Records
from engine.dispatch.stands import MINUTE_MS
from engine.dispatch.timers import Kind

QUEUED: Final = ContactState.QUEUED
CONNECTED: Final = ContactState.CONNECTED
DORMANT: Final = ContactState.DORMANT
OFFER: Final = Kind.OFFER
WRAP_UP: Final = Kind.WRAP_UP
STEP: Final = Kind.STEP
REPLY: Final = Kind.REPLY
TALK: Final = Kind.TALK
BACK_OFF: Final = Kind.BACK_OFF
CAPACITY: Final = Kind.CAPACITY
CONSULT: Final = Kind.CONSULT
LENDER: Final = Kind.LENDER
QUOTA: Final = Kind.QUOTA
HOUSE: Final = Kind.HOUSE


class Clocks(Records):
    """Deadlines, read from state; the timers hold hints of them."""

    def step_due(self, contact: Contact) -> int:
        """The instant at which the contact's next step opens by its clock; 0: at no set time.

        Steps open for contacts that wait without an offer; one that comes back opens what has fallen due meanwhile.
        """
        if contact.state is not QUEUED or contact.stage == "bot":
            return 0
        if self.unplaced_from < contact.contact < self.unplaced_until:
            return 0
        stand = contact.stand
        if stand is not None and stand.era == self.era:
            return self.looks.get(contact.contact, 0) if stand.watched else stand.step_due(contact)
        steps = self.queue_of(contact).steps
        if contact.step >= len(steps):
            return 0
        step = steps[contact.step]
        if step.watched:
            return self.looks.get(contact.contact, 0)
        return 0 if step.only_nobody else self.clock_due(contact, step)

    def clock_due(self, contact: Contact, step: Step) -> int:
        """The instant at which the step's clock says so; not later than now where it names no length."""
        if step.clock == "step":
            return contact.step_at + step.after_ms
        return (contact.start if step.clock == "waited" else contact.arrived_at) + step.after_ms

    def reply_due(self, contact: Contact) -> int:
        """The next alarm of the reply clock; 0: none."""
        if not contact.replying or contact.reply_alarm == 2:
            return 0
        if self.unplaced_from < contact.contact < self.unplaced_until:
            return 0
        queue = self.queue_of(contact)
        return contact.reply_since + (queue.reply_breach_ms if contact.reply_alarm else queue.reply_warn_ms)

    def talk_due(self, contact: Contact) -> int:
        """The next stage of the customer's silence, or the instant at which an agent who has never answered loses the
        contact; 0: neither. One excludes the other: silent is who wrote before the agent's last word."""
        state = contact.state
        if state is not CONNECTED and state is not DORMANT:
            return 0
        if self.unplaced_from < contact.contact < self.unplaced_until:
            return 0
        queue = self.queue_of(contact)
        if contact.silent_at:
            if state is DORMANT:
                wait = queue.idle_close_ms
            elif queue.remind_ms and not contact.reminded:
                wait = queue.remind_ms
            else:
                wait = queue.dormant_ms or queue.idle_close_ms
            return contact.silent_at + wait if wait else 0
        if not queue.unanswered_ms or contact.wrote or not contact.replying:
            return 0
        if contact.seat is None or contact.seat.bot:
            return 0
        return max(contact.connected_at, contact.reply_since) + queue.unanswered_ms

    def arm_contact(self, contact: Contact) -> None:
        """Arm whatever the contact's state names."""
        arm, number = self.timers.arm, contact.contact
        arm(self.reply_due(contact), Kind.REPLY, number)
        arm(contact.wrap_up_until, Kind.WRAP_UP, number)
        arm(contact.resume_until, Kind.RESUME, number)
        arm(contact.prefer_until, Kind.AFFINITY, number)
        arm(self.talk_due(contact), TALK, number)
        if contact.decliners:
            arm(min(contact.decliners.values()), Kind.DECLINER, number)

    def arm_domain(self) -> None:
        """Arm what belongs to no single contact, offer or agent: consults, the domain's own deadlines, lenders' minutes."""
        for number, consult in self.consults.items():
            self.timers.arm(consult.deadline, CONSULT, number)
        for ident in self.house.idents():
            self.arm_house(ident)
        for gate in self.measured:
            self.arm_measure(gate)

    def shelve(self, contact: Contact) -> None:
        """The contact is under a promise. Any may come to be the first, so that each instant has a hint of its own."""
        live_at, hinted = self.house.shelve(contact), self.house.hinted
        if live_at <= self.now or live_at not in hinted:
            hinted[live_at] = None
            self.timers.arm(live_at, HOUSE, LIVE << SORT_SHIFT)

    def arm_house(self, ident: int) -> None:
        """Arm one of the domain's own deadlines."""
        self.timers.arm(self.house.due(ident), HOUSE, ident)

    def _due_of_none(self, kind: int, ident: int) -> int:
        """As :meth:`due`, for deadlines of no contact and no offer."""
        if kind == HOUSE:
            return self.house.due(ident)
        if kind == CONSULT:
            consult = self.consults.get(ident)
            return 0 if consult is None else consult.deadline
        if kind == QUOTA:
            seat = self.seats_by_seq.get(ident)
            return 0 if seat is None else seat.agent.quota_until
        # LENDER; a hint may come from a policy with other pools
        name = self.pool_names[ident] if ident < len(self.pool_names) else ""
        return self.measure_due(self.gates[name]) if name in self.gates else 0

    def due(self, kind: int, ident: int) -> int:
        """What state names as the deadline of this kind and id; 0: none (the timer is stale)."""
        if kind == OFFER:
            offer = self.offers.get(ident)
            return offer.deadline if offer is not None else 0
        if BACK_OFF <= kind <= CAPACITY:
            seat = self.seats_by_seq.get(ident)
            return 0 if seat is None else agent_deadline(seat.agent, kind)
        if kind >= CONSULT:
            return self._due_of_none(kind, ident)
        contact = self.contacts.get(ident)
        if contact is None:
            return 0
        if kind == REPLY:
            return self.reply_due(contact)
        if kind == STEP:
            return self.step_due(contact)
        if kind == WRAP_UP:
            return contact.wrap_up_until
        if kind == Kind.RESUME:
            return contact.resume_until
        if kind == Kind.AFFINITY:
            return contact.prefer_until
        if kind == TALK:
            return self.talk_due(contact)
        return min(contact.decliners.values()) if contact.decliners else 0

    def arm_measure(self, gate: Gate) -> None:
        self.timers.arm(self.measure_due(gate), Kind.LENDER, self.pool_names.index(gate.pool.name))

    def measure_due(self, gate: Gate) -> int:
        """When the oldest minute counted leaves the window of the lender's service level; 0: nothing is counted."""
        if gate.kpi is None or not gate.ledger.minutes:
            return 0
        return min(gate.ledger.minutes) * MINUTE_MS + gate.kpi.window_ms
