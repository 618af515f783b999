"""Arrival, update, moves and the end of a contact."""

from __future__ import annotations

from typing import Final

from engine.dispatch import commands as cmd
from engine.dispatch import events as ev
from engine.dispatch.commands import Value
from engine.dispatch.contacts import Contact, ContactState
from engine.dispatch.matching import again, ask_person, feed, freed, place, start_reply_clock, stop_reply_clock
from engine.dispatch.policy.compiled import Entry, EntryRule, Queue
from engine.dispatch.policy.entering import lowest
from engine.dispatch.policy.requirements import ANYONE, Requirement, RequirementError, both, parse, parse_canonical
from engine.dispatch.refusals import Code
from engine.dispatch.rules.affinity import prefer_known
from engine.dispatch.rules.gate import holds, no_room, open_now, sent_off, tell_arrival
from engine.dispatch.rules.promises import leave, released_at_once
from engine.dispatch.rules.registry import find_contact, handles
from engine.dispatch.rules.silence import reopen, settle_reopened, settle_woken, wake
from engine.dispatch.state import State
from engine.dispatch.stepping import priority_in

QUEUED: Final = ContactState.QUEUED
OFFERED: Final = ContactState.OFFERED
HELD: Final = ContactState.HELD
CONNECTED: Final = ContactState.CONNECTED
DORMANT: Final = ContactState.DORMANT
WRAP_UP: Final = ContactState.WRAP_UP
ABANDONED: Final = ContactState.ABANDONED
CLOSED: Final = ContactState.CLOSED

# failures.md's limit on attributes holds at the wire; the core only bounds what it will evaluate.
PRIORITY_LIMIT = 1_000_000


@handles(cmd.SubmitContact)
def submit(state: State, command: cmd.SubmitContact) -> None:
    policy = state.policy
    tenant, shop, name, attributes = command.tenant, command.shop, command.channel, command.attributes
    channel = state.channels.get(name)
    if channel is None:
        return state.refuse(command, Code.UNKNOWN_CHANNEL, name, f"one of {', '.join(policy.channels)}")
    if tenant not in policy.tenants:
        return state.refuse(command, Code.BAD_VALUE, tenant, f"tenant: one of {', '.join(policy.tenants)}")
    if shop and (shop not in policy.shops or policy.shops[shop].tenant != tenant):
        return state.refuse(command, Code.UNKNOWN_SHOP, shop, "a shop of this tenant")
    wants = command.requires
    try:
        asks = parse(wants) if wants else ANYONE
    except RequirementError as error:
        return state.refuse(command, Code.BAD_REQUIREMENT, error.got, f"{error.wanted} at column {error.column}")
    external_id, customer = command.external_id, command.customer
    known = known_as(state, tenant, shop, name, external_id, customer)
    if known:
        return rejoin(state, command, known)
    entry = enter(state, tenant, shop, name, attributes)
    if deflect(state, command, entry):
        return None
    queue = state.queues[entry.queue]
    number = state.next_contact
    outside = queue.closed if state.house.gated and not open_now(state, queue.name, shop) else ""
    stage = "bot" if entry.first == "bot" and queue.bot_pools else "person"
    if outside:
        stage = "bot" if outside == "bot" else "person"
    state.emit(
        ev.ContactSubmitted(
            at=state.now,
            contact=number,
            tenant=tenant,
            channel=name,
            external_id=external_id,
            customer=customer,
            shop=shop,
            queue=queue.name,
            rule=entry.rule,
            stage=stage,
            priority=queue.priority if entry.priority is None else entry.priority,
            requires=joined(entry.requirement, asks).text,
            attributes=attributes,
            transcript=command.transcript,
            opening=command.opening,
            asks=asks.text,
            cost=channel.cost,
            source=command.source,
        )
    )
    contact = state.contacts[number]
    if outside or state.house.notices:
        tell_arrival(state, contact, queue, outside)
        if outside == "message":
            leave(state, contact, "message")
            return released_at_once(state, contact)
    start_reply_clock(state, contact)
    if state.prefers_known:
        prefer_known(state, contact)
    return place(state, contact, "arrival")


def joined(rule: Requirement | None, asks: Requirement) -> Requirement:
    """What the entry rule and the contact itself want, together."""
    if rule is None:
        return asks
    return both(rule, asks) if asks.text else rule


def enter(state: State, tenant: str, shop: str, channel: str, attributes: cmd.Attributes) -> Entry:
    """The first matching entry rule's word; the names tenant, shop and channel cannot be forged by an attribute."""
    facts: dict[str, Value] = {**attributes, "tenant": tenant, "shop": shop, "channel": channel}
    matching = state.entering.matching(facts)
    while True:
        rule: EntryRule = state.policy.entry[lowest(matching)]
        if not rule.conditional or holds(state, rule):
            return rule.entry
        matching &= matching - 1


def known_as(state: State, tenant: str, shop: str, channel: str, external_id: str, customer: str) -> int:
    """The contact that has this id already, or else is the same customer's with the same shop; 0: none."""
    number = None
    if external_id:
        number = state.by_external.last(tenant, channel, external_id)
    if number is None and customer:
        number = state.by_customer.last(tenant, shop, customer)
        if number is not None and state.policy.several_per_customer:
            number = number if state.contacts[number].state in (ABANDONED, CLOSED) else None
    return number or 0


def rejoin(state: State, command: cmd.SubmitContact, number: int) -> None:
    """The same id again, or the same customer and shop: the open contact answers, an abandoned one gets its place."""
    contact = state.contacts[number]
    if contact.state is ABANDONED:
        state.emit(ev.ContactResumed(state.now, number, command.external_id, command.channel, command.opening))
        start_reply_clock(state, contact)
        place(state, contact, "resumed")
        return
    if contact.state is CLOSED:
        served_by = reopen(state, contact, command.external_id, command.channel, command.opening, command.source)
        settle_reopened(state, contact, served_by)
        return
    woken = wake(state, contact) if contact.state is DORMANT else None
    state.emit(
        ev.ContactJoined(state.now, number, command.channel, command.external_id, command.opening, command.source)
    )
    start_reply_clock(state, contact)
    if woken is not None:
        settle_woken(state, contact, woken)


def deflect(state: State, command: cmd.SubmitContact, entry: Entry) -> bool:
    """Refused entry, with a reason and an alternative; never silence."""
    gated, sent = state.house.gated, entry.deflect
    if sent is not None:
        reason, alternative, notice = sent.reason, sent.alternative, sent.notice
    elif not gated and not state.closed_queues:
        return False
    else:
        queue = state.queues[entry.queue]
        alternative, notice = queue.closed_alternative, queue.closed_notice
        if gated and queue.closed == "serve" and not open_now(state, queue.name, command.shop):
            reason = "outside_hours"
        elif entry.queue in state.closed_queues:
            reason = "queue_closed"
        else:
            reason = no_room(state, queue, command.shop) if gated else ""
            alternative, notice = queue.full_alternative, queue.full_notice
        if not reason:
            return False
    state.emit(
        ev.ContactDeflected(
            at=state.now,
            contact=state.next_contact,
            tenant=command.tenant,
            channel=command.channel,
            external_id=command.external_id,
            customer=command.customer,
            shop=command.shop,
            queue=entry.queue,
            rule=entry.rule,
            reason=reason,
            alternative=alternative,
            notice=notice,
        )
    )
    return True


@handles(cmd.UpdateContact)
def update(state: State, command: cmd.UpdateContact) -> None:
    contact = find_contact(state, command)
    if contact is None:
        return None
    if contact.state in (WRAP_UP, ABANDONED):
        return state.refuse(command, Code.WRONG_STATE, contact.state, "an open contact")
    state.emit_on(contact, ev.ContactUpdated(state.now, contact.contact, command.attributes))
    if contact.state in (QUEUED, OFFERED) and not contact.pinned:
        reclassify(state, contact, "update")
        if contact.state is QUEUED:
            place(state, contact, "update")


def reclassify(state: State, contact: Contact, why: str) -> None:
    """Through the entry rules again; the caller places it. What a rule would deflect stays: it has been let in."""
    entry = enter(state, contact.tenant, contact.shop, contact.channel, contact.attributes)
    if not entry.queue:
        return
    queue = state.policy.queues[entry.queue]
    asks = parse_canonical(contact.asks)
    requires = joined(entry.requirement, asks).text
    priority = queue.priority if entry.priority is None else entry.priority
    if (contact.queue, contact.priority, contact.requires) == (queue.name, priority, requires):
        return
    number = contact.contact
    state.emit(ev.ContactMoved(state.now, number, queue.name, entry.rule, priority, requires, why))


@handles(cmd.AskPerson)
def asked_for_person(state: State, command: cmd.AskPerson) -> None:
    """At once, before any bot logic. A contact that already waits for a person, or has one, stays as it is."""
    contact = find_contact(state, command)
    if contact is None:
        return None
    if contact.state in (WRAP_UP, ABANDONED):
        return state.refuse(command, Code.WRONG_STATE, contact.state, "an open contact")
    if contact.state in (CONNECTED, DORMANT):
        if contact.seat is not None and contact.seat.bot and not sent_off(state, contact):
            hand_to_people(state, contact, command.intent, command.reason)
        elif contact.state is DORMANT:
            woken = wake(state, contact)
            if woken is not None:
                settle_woken(state, contact, woken)
        return None
    if contact.stage == "bot" and not sent_off(state, contact):
        seat = contact.seat
        take_back(state, contact, "person_asked")
        ask_person(state, contact, command.intent, command.reason)
        if state.prefers_known:
            prefer_known(state, contact)
        again(state, contact, seat, "person_asked")


def hand_to_people(state: State, contact: Contact, intent: str, reason: str) -> None:
    """A bot's contact goes to the people of its queue; age, transcript, intent and reason go along."""
    seat, first = contact.seat, contact.stage == "bot"
    state.emit(
        ev.ContactTransferred(
            at=state.now,
            contact=contact.contact,
            agent=contact.agent,
            queue=contact.queue,
            stage="person",
            priority=contact.priority,
            requires=contact.requires,
            reason=reason,
            intent=intent,
            transcript=contact.transcript,
            hand_off=first,
        )
    )
    start_reply_clock(state, contact)
    if first and state.prefers_known:
        prefer_known(state, contact)
    again(state, contact, seat, "hand_off")


def take_back(state: State, contact: Contact, reason: str) -> None:
    """Rescind the contact's open offer, if it has one; no blame. Freed room is used by the caller's ``feed``."""
    if contact.offer:
        state.emit_on(contact, ev.OfferRescinded(state.now, contact.offer, contact.contact, contact.agent, reason))


@handles(cmd.AbandonContact)
def abandon(state: State, command: cmd.AbandonContact) -> None:
    contact = find_contact(state, command)
    if contact is None:
        return None
    if contact.state not in (QUEUED, OFFERED, HELD):
        return state.refuse(command, Code.WRONG_STATE, contact.state, "a waiting contact (a connected one is closed)")
    seat = contact.seat
    take_back(state, contact, "abandoned")
    stop_reply_clock(state, contact)
    window = state.queue_of(contact).abandon_window_ms
    waited = state.now - contact.start
    state.emit_on(contact, ev.ContactAbandoned(state.now, contact.contact, waited, command.silent, state.now + window))
    if not window:
        state.emit_on(contact, ev.ContactForgotten(state.now, contact.contact))
    freed(state, seat)


@handles(cmd.CloseContact)
def close(state: State, command: cmd.CloseContact) -> None:
    """Wrap-up starts if a person served it and the queue has one; else capacity is free in the same step."""
    contact = find_contact(state, command)
    if contact is None:
        return None
    agent = command.agent
    if agent and agent != contact.agent:
        return state.refuse(command, Code.NOT_YOURS, contact.agent or "nobody", "the agent that serves the contact")
    if contact.state in (WRAP_UP, ABANDONED):
        return state.refuse(command, Code.WRONG_STATE, contact.state, "an open contact")
    if agent and contact.state not in (CONNECTED, DORMANT):
        return state.refuse(command, Code.WRONG_STATE, contact.state, "connected")
    seat = contact.seat
    served_by = contact.agent
    if contact.offer:
        take_back(state, contact, "closed")
        served_by = ""
    stop_reply_clock(state, contact)
    wrap_up = state.queue_of(contact).wrap_up_ms
    if not served_by or (seat is not None and seat.bot):
        wrap_up = 0
    until = state.now + wrap_up if wrap_up else 0
    by = agent or "customer"
    state.emit_on(contact, ev.ContactClosed(state.now, contact.contact, command.reason, served_by, by, until))
    if until:
        start_wrap_up(state, contact, served_by, until)
    else:
        freed(state, seat)
    return None


def start_wrap_up(state: State, contact: Contact, agent: str, until: int) -> None:
    """The agent's hands stay full; with less than before, where the channel says that wrap-up costs less."""
    cost: int | None = None
    seat = contact.seat
    if state.wrap_up_costs and seat is not None:
        channel = state.policy.channels.get(contact.channel)
        held = seat.agent.contacts[contact.contact]
        if channel is not None and channel.wrap_up_cost is not None and channel.wrap_up_cost < held:
            cost = channel.wrap_up_cost
    state.emit_on(contact, ev.WrapUpStarted(state.now, contact.contact, agent, until, cost))
    if seat is not None and cost is not None:
        feed(state, seat, "freed")


@handles(cmd.MoveContact)
def move(state: State, command: cmd.MoveContact) -> None:
    contact = find_contact(state, command)
    if contact is None:
        return None
    queue = state.policy.queues.get(command.queue)
    if queue is None or queue.tenant != contact.tenant:
        return state.refuse(command, Code.UNKNOWN_QUEUE, command.queue, "a queue of the contact's tenant")
    if contact.state not in (QUEUED, OFFERED, HELD):
        return state.refuse(command, Code.WRONG_STATE, contact.state, "a waiting contact")
    move_to(state, contact, queue, command.reason)


def move_to(state: State, contact: Contact, queue: Queue, reason: str) -> None:
    """A waiting contact into another queue, for a person; an offer is taken back without blame."""
    seat = contact.seat
    take_back(state, contact, "moved")
    if contact.stage == "bot":
        ask_person(state, contact, "", "moved")
    number, rule = contact.contact, contact.rule
    priority = priority_in(state, contact, queue)
    state.emit(ev.ContactMoved(state.now, number, queue.name, rule, priority, contact.asks, "moved", reason))
    again(state, contact, seat, "moved")


@handles(cmd.PrioritiseContact)
def prioritise(state: State, command: cmd.PrioritiseContact) -> None:
    contact = find_contact(state, command)
    if contact is None:
        return None
    if abs(command.priority) > PRIORITY_LIMIT:
        return state.refuse(command, Code.BAD_VALUE, command.priority, f"−{PRIORITY_LIMIT} to {PRIORITY_LIMIT}")
    if contact.state not in (QUEUED, OFFERED):
        return state.refuse(command, Code.WRONG_STATE, contact.state, "a waiting contact")
    prioritise_as(state, contact, command.priority, command.reason)


def prioritise_as(state: State, contact: Contact, priority: int, reason: str) -> None:
    """Another place in the same queue; an open offer stands."""
    number, queue, rule = contact.contact, contact.queue, contact.rule
    requires = contact.requires
    state.emit(ev.ContactMoved(state.now, number, queue, rule, priority, requires, "prioritised", reason))
