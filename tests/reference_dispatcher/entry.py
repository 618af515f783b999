"""A contact arrives: joined to the customer's open one, back in its old place, deflected, or queued."""

from __future__ import annotations

from typing import Any

from engine.dispatch import commands as cm
from engine.dispatch import contacts as contact_table
from engine.dispatch import events as ev
from engine.dispatch.contacts import ContactState
from engine.dispatch.policy.compiled import Entry
from engine.dispatch.policy.requirements import ANYONE, RequirementError, both, parse, parse_canonical
from engine.dispatch.refusals import Code
from tests.reference_dispatcher import affinity, hours, matching, notices, promises, replies, silence, steps, transfers
from tests.reference_dispatcher.desk import Contact, Desk
from tests.reference_dispatcher.registry import Refused, handles

LEFT = (ContactState.ABANDONED, ContactState.CLOSED)
KNOWN = (*contact_table.OPEN, *LEFT)


@handles(cm.SubmitContact)
def submit(desk: Desk, command: cm.SubmitContact) -> None:
    policy = desk.policy
    if command.channel not in policy.channels:
        raise Refused(Code.UNKNOWN_CHANNEL, command.channel, f"one of {', '.join(policy.channels)}")
    if command.tenant not in policy.tenants:
        raise Refused(Code.BAD_VALUE, command.tenant, f"tenant: one of {', '.join(policy.tenants)}")
    if command.shop and (command.shop not in policy.shops or policy.shops[command.shop].tenant != command.tenant):
        raise Refused(Code.UNKNOWN_SHOP, command.shop, "a shop of this tenant")
    try:
        asks = parse(command.requires)
    except RequirementError as error:
        raise Refused(Code.BAD_REQUIREMENT, error.got, f"{error.wanted} at column {error.column}") from error
    found = same_id(desk, command) or same_customer(desk, command)
    if found is None:
        enter(desk, command, asks.text)
    elif found.state == ContactState.ABANDONED:
        resume(desk, found, command)
    elif found.state == ContactState.CLOSED:
        silence.reopen_by_submit(desk, found, command)
    else:
        join(desk, found, command)


def same_id(desk: Desk, command: cm.SubmitContact) -> Contact | None:
    """The channel's own id again: its contact, while open or inside the window for coming back."""
    name = (command.tenant, command.channel, command.external_id)
    for contact in desk.contacts.values():
        known = [(contact.tenant, channel, external_id) for channel, external_id in contact.names]
        if command.external_id and name in known and contact.state in KNOWN:
            return contact
    return None


def same_customer(desk: Desk, command: cm.SubmitContact) -> Contact | None:
    """This customer's newest contact with this shop, if it was left, or is open and only one may be."""
    key = (command.tenant, command.customer, command.shop)
    mine = [c for c in desk.contacts.values() if (c.tenant, c.customer, c.shop) == key and c.state in KNOWN]
    if not command.customer or not mine:
        return None
    newest = max(mine, key=lambda contact: contact.contact)
    several = desk.policy.several_per_customer and newest.state not in LEFT
    return None if several else newest


def join(desk: Desk, contact: Contact, command: cm.SubmitContact) -> None:
    woken = silence.wake(desk, contact)
    desk.emit(
        ev.ContactJoined, contact=contact.contact, channel=command.channel, external_id=command.external_id,
        opening=command.opening, source=command.source,
    )  # fmt: skip
    contact.names.append((command.channel, command.external_id))
    if command.opening:
        replies.customer_wrote(desk, contact)
    silence.ended(contact)
    silence.awake(desk, contact, woken)


def resume(desk: Desk, contact: Contact, command: cm.SubmitContact) -> None:
    desk.emit(
        ev.ContactResumed, contact=contact.contact, external_id=command.external_id, channel=command.channel,
        opening=command.opening,
    )  # fmt: skip
    contact.names.append((command.channel, command.external_id))
    desk.wait_again(contact)
    contact.resume_until = 0
    contact.owed = contact.owed or command.opening
    replies.start_if_owed(desk, contact)
    matching.place(desk, contact, "resumed")


def facts(contact: Contact | cm.SubmitContact) -> cm.Attributes:
    return {**contact.attributes, "tenant": contact.tenant, "shop": contact.shop, "channel": contact.channel}


def first_rule(desk: Desk, of: Contact | cm.SubmitContact) -> Entry:
    """The first whose `when` holds. A rule of another tenant's queue is none for this contact."""
    seen = facts(of)
    for rule in desk.policy.entry:
        if rule.matches(seen) and hours.holds(desk, rule):
            return rule.entry
    raise AssertionError("a compiled policy ends with a default rule")


def enter(desk: Desk, command: cm.SubmitContact, asks: str) -> None:
    entry = first_rule(desk, command)
    number = desk.number("contact")
    who: dict[str, Any] = {
        "contact": number, "tenant": command.tenant, "channel": command.channel, "external_id": command.external_id,
        "customer": command.customer, "shop": command.shop, "queue": entry.queue, "rule": entry.rule,
    }  # fmt: skip
    if entry.deflect is not None:
        told = entry.deflect
        desk.emit(ev.ContactDeflected, **who, reason=told.reason, alternative=told.alternative, notice=told.notice)
        return
    queue = desk.policy.queues[entry.queue]
    refused = hours.refusal(desk, queue, command)
    if refused is not None:
        reason, alternative, notice = refused
        desk.emit(ev.ContactDeflected, **who, reason=reason, alternative=alternative, notice=notice)
        return
    instead = "" if hours.is_open(desk, queue.name, command.shop) else queue.closed
    stage = "bot" if entry.first == "bot" and queue.bot_pools else "person"
    if instead:
        stage = "bot" if instead == "bot" else "person"
    requires, priority = terms(desk, entry, asks)
    cost = desk.policy.channels[command.channel].cost
    contact = Contact(
        **who, stage=stage, priority=priority, requires=requires, asks=asks, attributes=dict(command.attributes),
        cost=cost, arrived_at=desk.now, start=desk.now, step_at=desk.now, owed=command.opening, transcript=command.transcript,
        names=[(command.channel, command.external_id)],
    )  # fmt: skip
    desk.contacts[number] = contact
    desk.emit(
        ev.ContactSubmitted, **who, stage=stage, priority=priority, requires=requires, attributes=command.attributes,
        transcript=command.transcript, opening=command.opening, asks=asks, cost=cost, source=command.source,
    )  # fmt: skip
    hours.count(desk, queue, contact.shop)
    if instead:
        hours.tell(desk, contact, "outside_hours", queue.closed_notice)
    notices.arrived(desk, contact)
    if instead == "message":
        promises.leave(desk, contact, "message")
    else:
        arrive(desk, contact)


def terms(desk: Desk, entry: Entry, asks: str) -> tuple[str, int]:
    """What it needs on top of its queue, and its priority."""
    whole = both(entry.requirement or ANYONE, parse_canonical(asks))
    priority = desk.policy.queues[entry.queue].priority if entry.priority is None else entry.priority
    return whole.text, priority


def arrive(desk: Desk, contact: Contact) -> None:
    asked_for_a_person = contact.stage == "person"
    if not asked_for_a_person:
        steps.judge_reached(desk)
        transfers.no_bot_left(desk, contact)
    replies.start_if_owed(desk, contact)
    if asked_for_a_person:
        affinity.begin_named(desk, contact)
    matching.place(desk, contact, "arrival")
