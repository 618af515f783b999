"""What contact events do to state."""

from __future__ import annotations

from typing import Final

from engine.dispatch import events as ev
from engine.dispatch.agents import Agent
from engine.dispatch.changes.registry import applies, applies_to_contact, hold, release
from engine.dispatch.contacts import WAITING, Contact, ContactState
from engine.dispatch.estimates import GAVE_UP, OTHERWISE
from engine.dispatch.house import RELEASE, SORT_SHIFT
from engine.dispatch.pools import Gate
from engine.dispatch.state import State
from engine.dispatch.timers import Kind

QUEUED: Final = ContactState.QUEUED
CONNECTED: Final = ContactState.CONNECTED
DORMANT: Final = ContactState.DORMANT
CLOSED: Final = ContactState.CLOSED
WRAP_UP: Final = ContactState.WRAP_UP
ABANDONED: Final = ContactState.ABANDONED
# One contact in eight tells how long its offer rang.
RINGS_KEPT: Final = 7


@applies(ev.ContactSubmitted)
def submitted(state: State, event: ev.ContactSubmitted) -> None:
    contact = Contact(event)
    number, tenant = contact.contact, contact.tenant
    state.contacts[number] = contact
    state.next_contact = number + 1
    state.by_external.add(tenant, contact.channel, contact.external_id, number)
    state.by_customer.add(tenant, contact.shop, contact.customer, number)
    state.enter_line(contact)
    state.enter_lanes(contact)
    if state.house.counting:
        state.house.count(contact.queue, contact.shop, contact.arrived_at)


@applies(ev.ContactDeflected)
def deflected(state: State, event: ev.ContactDeflected) -> None:
    state.next_contact = event.contact + 1


@applies_to_contact(ev.ContactJoined)
def joined(state: State, event: ev.ContactJoined, contact: Contact) -> None:
    name_too(state, contact, event.channel, event.external_id)
    contact.owed = contact.owed or event.opening
    if event.source and event.source != contact.source and event.source not in contact.also:
        contact.also = (*contact.also, event.source)
    contact.silent_at, contact.reminded = 0, False
    state.timers.arm(state.talk_due(contact), Kind.TALK, contact.contact)


@applies_to_contact(ev.ContactResumed)
def resumed(state: State, event: ev.ContactResumed, contact: Contact) -> None:
    name_too(state, contact, event.channel or contact.channel, event.external_id)
    contact.owed = contact.owed or event.opening
    contact.resume_until = 0
    wait_again(state, contact, event.at)


def name_too(state: State, contact: Contact, channel: str, external_id: str) -> None:
    """The contact is known under this external id as well."""
    tenant = contact.tenant
    if external_id and state.by_external.last(tenant, channel, external_id) is None:
        contact.joined = (*contact.joined, (channel, external_id))
        state.by_external.add(tenant, channel, external_id, contact.contact)


@applies_to_contact(ev.ContactUpdated)
def updated(state: State, event: ev.ContactUpdated, contact: Contact) -> None:
    contact.attributes = {**contact.attributes, **event.attributes}


@applies_to_contact(ev.ContactMoved)
def moved(state: State, event: ev.ContactMoved, contact: Contact) -> None:
    if event.queue != contact.queue and contact.state is QUEUED and contact.queue in state.lines:
        state.measure_leaving(contact, event.at, OTHERWISE)
    state.leave_lanes(contact)
    state.leave_line(contact)
    if event.queue != contact.queue:
        # Not waiting (a swap took its queue away): the step clock starts with its next wait, as after a transfer.
        change_queue(contact, event.queue, event.at if contact.state in WAITING else contact.left_at)
    contact.rule, contact.priority, contact.requires = event.rule, event.priority, event.requires
    if event.why in ("moved", "prioritised", "step", "delivery_limit"):
        contact.pinned = True
    if event.why in ("moved", "delivery_limit"):
        contact.prefer, contact.prefer_until, contact.prefer_only, contact.team = "", 0, False, ""
    stand(state, contact)


@applies_to_contact(ev.StepOpened)
def step_opened(state: State, event: ev.StepOpened, contact: Contact) -> None:
    state.leave_lanes(contact)
    contact.raised += state.queue_of(contact).steps[event.step - 1].raise_priority
    contact.step = event.step
    contact.step_at = event.at
    if contact.state is QUEUED:
        state.enter_lanes(contact)


@applies_to_contact(ev.AlternativesOffered)
def alternatives_offered(state: State, event: ev.AlternativesOffered, contact: Contact) -> None:
    """The customer goes on waiting."""


@applies_to_contact(ev.AffinityEnded)
def affinity_ended(state: State, event: ev.AffinityEnded, contact: Contact) -> None:
    state.leave_lanes(contact)
    contact.prefer, contact.prefer_until, contact.prefer_only, contact.team = "", 0, False, ""
    if contact.state is QUEUED:
        state.enter_lanes(contact)


@applies_to_contact(ev.DeclinerForgotten)
def decliner_forgotten(state: State, event: ev.DeclinerForgotten, contact: Contact) -> None:
    del contact.decliners[event.agent]
    seat = state.seats.get(event.agent)
    if seat is not None:
        seat.declined -= {contact.contact}
    if state.noting and contact.state is QUEUED:
        state.note(contact.contact, 0)  # one more may have it
    if contact.decliners:
        state.timers.arm(min(contact.decliners.values()), Kind.DECLINER, contact.contact)


@applies_to_contact(ev.MessageAdded)
def message_added(state: State, event: ev.MessageAdded, contact: Contact) -> None:
    contact.messages = event.seq
    if event.sender == "customer":
        contact.owed = True
        contact.silent_at, contact.reminded = 0, False
    elif event.sender == "agent" and not event.automatic:
        contact.owed, contact.wrote = False, True
        customer_is_silent(state, contact, event.at)
    elif event.sender == "bot":
        customer_is_silent(state, contact, event.at)


def customer_is_silent(state: State, contact: Contact, at: int) -> None:
    """Somebody has spoken to the customer: the silence clock begins anew, a sleeper's goes on to its end."""
    contact.silent_at, contact.reminded = at, False
    state.timers.arm(state.talk_due(contact), Kind.TALK, contact.contact)


@applies_to_contact(ev.ReplyStarted)
def reply_started(state: State, event: ev.ReplyStarted, contact: Contact) -> None:
    contact.replying, contact.reply_since = True, event.at
    contact.reply_round, contact.reply_alarm = event.round, 0
    state.timers.arm(state.reply_due(contact), Kind.REPLY, contact.contact)
    if state.unanswered:
        state.timers.arm(state.talk_due(contact), Kind.TALK, contact.contact)


@applies_to_contact(ev.ReplyWarned)
def reply_warned(state: State, event: ev.ReplyWarned, contact: Contact) -> None:
    contact.reply_alarm = 1
    state.timers.arm(state.reply_due(contact), Kind.REPLY, contact.contact)


@applies_to_contact(ev.ReplyBreached)
def reply_breached(state: State, event: ev.ReplyBreached, contact: Contact) -> None:
    contact.reply_alarm = 2


@applies_to_contact(ev.ReplyStopped)
def reply_stopped(state: State, event: ev.ReplyStopped, contact: Contact) -> None:
    contact.replying, contact.reply_since, contact.reply_alarm = False, 0, 0


@applies_to_contact(ev.ContactAnswered)
def answered(state: State, event: ev.ContactAnswered, contact: Contact) -> None:
    contact.answered, contact.answered_at = True, event.at
    for gate in state.measured:
        kpi = gate.kpi
        if kpi is not None and contact.queue in gate.pool.owners:
            measure(state, gate, event.at, 1, int(event.waited_ms <= kpi.within_ms), 0)


def measure(state: State, gate: Gate, at: int, answered: int, in_time: int, abandoned: int) -> None:
    """A contact of a lender's owners counts for the service level; better: perhaps its agents may be borrowed again."""
    asking = state.asking.get(gate.pool.name)
    held = asking is None or gate.holds()
    gate.ledger.count(at, answered, in_time, abandoned)
    gate.held = -1
    if in_time:
        state.stirred[gate.pool.name] = None
    if not held and asking is not None and gate.holds():
        state.reached.update(asking)
    if len(gate.ledger.minutes) == 1:
        state.arm_measure(gate)


@applies_to_contact(ev.ContactConnected)
def connected(state: State, event: ev.ContactConnected, contact: Contact) -> None:
    state.leave_line(contact)
    at = event.at
    offer = state.offers.pop(contact.offer, None)
    if not contact.contact & RINGS_KEPT and offer is not None and contact.stage != "bot":
        line = state.measures.get(contact.queue)
        if line is not None:
            line.rang(at - offer.made_at)
    if state.remembering and offer is not None and offer.pool in state.shares:
        state.ledgers[offer.pool].charges.pop(offer.offer, None)
    contact.state, contact.offer = CONNECTED, 0
    contact.waited = at - contact.start
    contact.connected_at = contact.left_at = at
    seat = contact.seat
    assert seat is not None, contact.contact
    seat.agent.served += 1
    if contact.promised:
        keep_promise(state, contact)
    if contact.team:
        contact.team, contact.prefer_until = "", 0
    if state.unanswered:
        state.timers.arm(state.talk_due(contact), Kind.TALK, contact.contact)
    if seat.watched:
        seat.open -= 1
        if state.quotas:
            count_for_quota(state, seat.agent, at)


def count_for_quota(state: State, agent: Agent, at: int) -> None:
    """One more of its day; the first says when the day is over."""
    agent.quota_used += 1
    if not agent.quota_until:
        agent.quota_until = state.policy.zone.next_day(at)
        state.timers.arm(agent.quota_until, Kind.QUOTA, agent.seq)


@applies_to_contact(ev.ContactTransferred)
def transferred(state: State, event: ev.ContactTransferred, contact: Contact) -> None:
    release(state, contact, event.at)
    contact.stage, contact.priority, contact.requires = event.stage, event.priority, event.requires
    contact.intent, contact.reason = event.intent or contact.intent, event.reason
    contact.transcript = event.transcript or contact.transcript
    if event.attributes:
        contact.attributes = {**contact.attributes, **event.attributes}
    contact.prefer, contact.prefer_until = event.prefer, event.prefer_until
    contact.prefer_only, contact.team = bool(event.prefer), event.team
    if event.queue != contact.queue:
        contact.pinned = True
        forget_decliners(state, contact)
        change_queue(contact, event.queue, contact.left_at)  # the step clock starts with the new wait
    if event.forget_at:
        passed_on(state, contact, event.agent, event.forget_at)
    wait_again(state, contact, event.at)
    if event.hand_off:
        restart_wait(state, contact, event.at)


def passed_on(state: State, contact: Contact, agent: str, forget_at: int) -> None:
    """Who had it and did not keep it counts as a decliner for a while."""
    contact.decliners = {**contact.decliners, agent: forget_at}
    state.seats[agent].declined |= {contact.contact}


@applies_to_contact(ev.ContactRequeued)
def requeued(state: State, event: ev.ContactRequeued, contact: Contact) -> None:
    release(state, contact, event.at)
    contact.reason = event.reason
    contact.prefer, contact.prefer_until, contact.prefer_only = event.prefer, event.prefer_until, False
    contact.team = event.team
    if event.forget_at:
        passed_on(state, contact, event.agent, event.forget_at)
    wait_again(state, contact, event.at)


@applies_to_contact(ev.PersonAsked)
def person_asked(state: State, event: ev.PersonAsked, contact: Contact) -> None:
    contact.stage = "person"
    contact.intent, contact.reason = event.intent or contact.intent, event.reason
    restart_wait(state, contact, event.at)


@applies_to_contact(ev.ContactAbandoned)
def abandoned(state: State, event: ev.ContactAbandoned, contact: Contact) -> None:
    state.measure_leaving(contact, event.at, GAVE_UP)
    for gate in state.measured:
        kpi, owns = gate.kpi, contact.queue in gate.pool.owners and contact.stage == "person"
        if kpi is not None and owns and event.waited_ms > kpi.short_ms:
            measure(state, gate, event.at, 0, 0, 1)
    state.leave_lanes(contact)
    state.leave_line(contact)
    contact.state, contact.waited, contact.left_at = ABANDONED, event.waited_ms, event.at
    contact.prefer, contact.prefer_until, contact.prefer_only, contact.team = "", 0, False, ""
    contact.resume_until = event.resume_until
    state.timers.arm(event.resume_until, Kind.RESUME, contact.contact)


@applies_to_contact(ev.ContactClosed)
def closed(state: State, event: ev.ContactClosed, contact: Contact) -> None:
    if contact.state is QUEUED:
        state.measure_leaving(contact, event.at, OTHERWISE)
        state.leave_lanes(contact)
        state.leave_line(contact)
    contact.state = CLOSED
    if state.consults:
        state.shake(contact.contact, "closed")
    if event.reopen_until:  # its names stay: they open it again
        release(state, contact, event.at)
        contact.prefer, contact.left_at, contact.resume_until = event.agent, event.at, event.reopen_until
        contact.silent_at, contact.reminded, contact.wrote = 0, False, False
        state.timers.arm(event.reopen_until, Kind.RESUME, contact.contact)
        return
    unname(state, contact)
    if event.wrap_up_until:
        return  # WrapUpStarted follows in the same step; the capacity stays held
    if contact.seat is not None:
        release(state, contact, event.at)
    forget(state, contact)


@applies_to_contact(ev.ContactForgotten)
def forgotten(state: State, event: ev.ContactForgotten, contact: Contact) -> None:
    unname(state, contact)
    forget(state, contact)


@applies_to_contact(ev.WrapUpStarted)
def wrap_up_started(state: State, event: ev.WrapUpStarted, contact: Contact) -> None:
    until, cost = event.until, event.cost
    contact.state, contact.wrap_up_until = WRAP_UP, until
    state.timers.arm(until, Kind.WRAP_UP, contact.contact)
    if cost is not None:
        hold(state, contact, cost)


@applies_to_contact(ev.WrapUpEnded)
def wrap_up_ended(state: State, event: ev.WrapUpEnded, contact: Contact) -> None:
    release(state, contact, event.at)
    forget(state, contact)


def change_queue(contact: Contact, queue: str, step_at: int) -> None:
    """Another queue: its steps start from the first; waited and age go on."""
    contact.queue, contact.step, contact.raised, contact.step_at = queue, 0, 0, step_at
    contact.fruitless = 0


def wait_again(state: State, contact: Contact, at: int) -> None:
    """Waiting once more: the time since ``left_at`` counts neither as waited nor on the step clock."""
    away = at - contact.left_at
    contact.start += away
    contact.step_at += away
    contact.silent_at, contact.reminded, contact.wrote = 0, False, False
    contact.state = QUEUED
    stand(state, contact)


def restart_wait(state: State, contact: Contact, at: int) -> None:
    """From here the contact waits for a person: waited and the steps count from zero."""
    state.leave_lanes(contact)
    state.leave_line(contact)
    contact.start = contact.step_at = at
    contact.waited = contact.step = contact.raised = 0
    stand(state, contact)


def stand(state: State, contact: Contact) -> None:
    """Put a waiting contact where its state says, and arm its deadlines."""
    if contact.state in WAITING:
        state.enter_line(contact)
    if contact.state is QUEUED:
        state.enter_lanes(contact)
    if contact.promised:
        state.shelve(contact)
        state.arm_house(RELEASE << SORT_SHIFT | state.house.queues.index(contact.queue))
    state.arm_contact(contact)


def forget_decliners(state: State, contact: Contact) -> None:
    for name in contact.decliners:
        if name in state.seats:
            state.seats[name].declined -= {contact.contact}
    contact.decliners = {}


def keep_promise(state: State, contact: Contact) -> None:
    """Nothing is owed later any more: somebody has it, or it is over."""
    contact.promised = contact.behind = False
    del state.house.promises[contact.contact]


def unname(state: State, contact: Contact) -> None:
    """Its ids and its customer may open another contact."""
    tenant, number = contact.tenant, contact.contact
    state.by_external.drop(tenant, contact.channel, contact.external_id, number)
    for channel, external_id in contact.joined:
        state.by_external.drop(tenant, channel, external_id, number)
    state.by_customer.drop(tenant, contact.shop, contact.customer, number)


def forget(state: State, contact: Contact) -> None:
    if contact.decliners:
        forget_decliners(state, contact)
    if contact.promised:
        keep_promise(state, contact)
    del state.contacts[contact.contact]
