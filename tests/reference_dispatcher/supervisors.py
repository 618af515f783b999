"""By hand: move, prioritise, close and open a queue; and an update, which the entry rules answer."""

from __future__ import annotations

from engine.dispatch import commands as cm
from engine.dispatch import contacts as contact_table
from engine.dispatch import events as ev
from engine.dispatch.contacts import ContactState
from engine.dispatch.policy.compiled import Queue
from engine.dispatch.refusals import Code
from tests.reference_dispatcher import entry, matching, offers, transfers
from tests.reference_dispatcher.desk import Contact, Desk
from tests.reference_dispatcher.registry import Refused, handles

MOST = 1_000_000


@handles(cm.UpdateContact)
def update(desk: Desk, command: cm.UpdateContact) -> None:
    contact = desk.contact(command.contact, command.tenant, command.expect_version)
    if contact.state not in contact_table.OPEN:
        raise Refused(Code.WRONG_STATE, contact.state, "an open contact")
    desk.emit(ev.ContactUpdated, contact=contact.contact, attributes=command.attributes)
    contact.attributes = {**contact.attributes, **command.attributes}
    if contact.state in (ContactState.QUEUED, ContactState.OFFERED) and not contact.pinned:
        enter_again(desk, contact, "update")
        matching.place(desk, contact, "update")


def enter_again(desk: Desk, contact: Contact, why: str) -> None:
    """Through the entry rules again; moved only when they say something else. A deflection is not for who is in."""
    rule = entry.first_rule(desk, contact)
    if rule.deflect is not None:
        return
    requires, priority = entry.terms(desk, rule, contact.asks)
    if (rule.queue, requires, priority) == (contact.queue, contact.requires, contact.priority):
        return
    move_to(desk, contact, rule.queue, rule.rule, priority, requires, why)


def move_to(
    desk: Desk, contact: Contact, queue: str, rule: str, priority: int, requires: str, why: str, reason: str = ""
) -> None:  # fmt: skip
    elsewhere = queue != contact.queue
    freed = offers.rescind(desk, contact, why) if contact.offer and why == "moved" else None
    if contact.stage == "bot" and why == "moved":
        transfers.wait_for_a_person(desk, contact, "", why)
    desk.emit(
        ev.ContactMoved, contact=contact.contact, queue=queue, rule=rule, priority=priority, requires=requires,
        why=why, reason=reason,
    )  # fmt: skip
    contact.queue, contact.rule, contact.priority, contact.requires = queue, rule, priority, requires
    if elsewhere:
        contact.fruitless = 0
        transfers.begin_steps_again(desk, contact)
    if freed is not None:
        matching.place_beside(desk, contact, freed, why)
    elif why != "prioritised":  # nobody is free for it, or it would not wait
        matching.place(desk, contact, why)


@handles(cm.MoveContact)
def move(desk: Desk, command: cm.MoveContact) -> None:
    contact = desk.contact(command.contact, command.tenant, command.expect_version)
    queue = desk.policy.queues.get(command.queue)
    if queue is None or queue.tenant != contact.tenant:
        raise Refused(Code.UNKNOWN_QUEUE, command.queue, "a queue of the contact's tenant")
    if not contact.waits:
        raise Refused(Code.WRONG_STATE, contact.state, "a waiting contact")
    move_by_hand(desk, contact, queue, command.reason)


def move_by_hand(desk: Desk, contact: Contact, queue: Queue, reason: str) -> None:
    contact.pinned = True
    desk.forget_all_preference(contact)
    priority = transfers.priority_in(desk, contact, queue)
    move_to(desk, contact, queue.name, contact.rule, priority, contact.asks, "moved", reason)


def put_into(
    desk: Desk, contact: Contact, queue: Queue, why: str, reason: str = "", *, let_go: bool = True
) -> None:  # fmt: skip
    """Moved as by hand, not yet looked after."""
    contact.pinned = True
    contact.priority, contact.requires = transfers.priority_in(desk, contact, queue), contact.asks
    desk.emit(
        ev.ContactMoved, contact=contact.contact, queue=queue.name, rule=contact.rule, priority=contact.priority,
        requires=contact.requires, why=why, reason=reason,
    )  # fmt: skip
    if let_go:
        desk.forget_all_preference(contact)
    contact.queue, contact.fruitless = queue.name, 0
    transfers.begin_steps_again(desk, contact)


@handles(cm.PrioritiseContact)
def prioritise(desk: Desk, command: cm.PrioritiseContact) -> None:
    contact = desk.contact(command.contact, command.tenant, command.expect_version)
    if not -MOST <= command.priority <= MOST:
        raise Refused(Code.BAD_VALUE, command.priority, f"−{MOST} to {MOST}")
    if contact.state not in (ContactState.QUEUED, ContactState.OFFERED):
        raise Refused(Code.WRONG_STATE, contact.state, "a waiting contact")
    prioritise_as(desk, contact, command.priority, command.reason)


def prioritise_as(desk: Desk, contact: Contact, priority: int, reason: str) -> None:
    contact.pinned = True
    move_to(desk, contact, contact.queue, contact.rule, priority, contact.requires, "prioritised", reason)


@handles(cm.RecordDesk)
def record_desk(desk: Desk, command: cm.RecordDesk) -> None:
    """Written down, no more; a contact that is open here is the tenant's own."""
    for name, text, most in (("kind", command.kind, 64), ("subject", command.subject, 1_024)):
        if len(text) > most or (name == "kind" and not text):
            raise Refused(Code.BAD_VALUE, f"{name} of {len(text)} characters", f"at most {most}")
    if not 0 <= command.contact < 2**62:
        raise Refused(Code.BAD_VALUE, command.contact, "a contact's number, or 0")
    if command.contact in desk.contacts and desk.contacts[command.contact].tenant != command.tenant:
        raise Refused(Code.UNKNOWN_CONTACT, command.contact, "a contact of the tenant")
    desk.emit(
        ev.DeskRecorded, tenant=command.tenant, kind=command.kind, subject=command.subject, contact=command.contact
    )


@handles(cm.CloseQueue)
def close_queue(desk: Desk, command: cm.CloseQueue) -> None:
    """To new contacts; those waiting are served."""
    queue = desk.queue(command.queue)
    if queue.name not in desk.closed_queues:
        desk.emit(ev.QueueClosed, queue=queue.name, reason=command.reason)
        desk.closed_queues[queue.name] = command.reason


@handles(cm.OpenQueue)
def open_queue(desk: Desk, command: cm.OpenQueue) -> None:
    queue = desk.queue(command.queue)
    if queue.name in desk.closed_queues:
        desk.emit(ev.QueueOpened, queue=queue.name, reason=command.reason)
        del desk.closed_queues[queue.name]
