"""One action on all that match: counted beforehand, each contact whole or not at all, in ascending order."""

from __future__ import annotations

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.contacts import ContactState
from engine.dispatch.refusals import Code
from tests.reference_dispatcher import hours, matching, offers, promises, slices, supervisors
from tests.reference_dispatcher.desk import Contact, Desk
from tests.reference_dispatcher.registry import Refused, handles


@handles(cm.BulkCommand)
def bulk(desk: Desk, command: cm.BulkCommand) -> None:
    check(desk, command)
    found = [contact.contact for contact in desk.contacts.values() if matches(contact, command)]
    if command.preview:
        return
    if len(found) != command.expect_count:
        raise Refused(Code.COUNT_CHANGED, len(found), f"expect_count = {len(found)}")
    job = desk.number("job")
    desk.emit(
        ev.BulkStarted, job=job, action=command.action, count=len(found), tenant=command.tenant, queue=command.queue,
        shop=command.shop, channel=command.channel, to_queue=command.to_queue, priority=command.priority,
        reason=command.reason,
    )  # fmt: skip
    slices.in_turns(desk, job, command.action, sorted(found), lambda number: take_turn(desk, number, command))


def take_turn(desk: Desk, number: int, command: cm.BulkCommand) -> bool:
    """Done, or passed: it does not wait any more."""
    contact = desk.contacts.get(number)
    return contact is not None and matches(contact, command, again=True) and act(desk, contact, command)


def check(desk: Desk, command: cm.BulkCommand) -> None:
    policy, tenant = desk.policy, command.tenant
    if tenant and tenant not in policy.tenants:
        raise Refused(Code.BAD_VALUE, tenant, f"tenant: one of {', '.join(policy.tenants)}")
    if command.queue and not theirs(desk, command.queue, tenant):
        raise Refused(Code.UNKNOWN_QUEUE, command.queue, "queue: one of the policy's")
    shop = policy.shops.get(command.shop)
    if command.shop and (shop is None or tenant not in ("", shop.tenant)):
        raise Refused(Code.UNKNOWN_SHOP, command.shop, "shop: one of the tenant's")
    if command.channel and command.channel not in policy.channels:
        raise Refused(Code.UNKNOWN_CHANNEL, command.channel, f"one of {', '.join(policy.channels)}")
    if not (command.queue or command.shop or command.channel or command.everything):
        raise Refused(Code.NOT_CONFIRMED, "no queue, shop or channel", "a filter, or everything = true")
    if command.action == "move" and not theirs(desk, command.to_queue, tenant):
        raise Refused(Code.UNKNOWN_QUEUE, command.to_queue, "to_queue: a queue of the contacts' tenant")
    if abs(command.priority) > supervisors.MOST:
        raise Refused(Code.BAD_VALUE, command.priority, f"priority: −{supervisors.MOST} to {supervisors.MOST}")


def theirs(desk: Desk, queue: str, tenant: str) -> bool:
    """A queue of the policy, and of this tenant if one is named."""
    return queue in desk.policy.queues and tenant in ("", desk.policy.queues[queue].tenant)


def matches(contact: Contact, command: cm.BulkCommand, *, again: bool = False) -> bool:
    """Waits, offered or not. ``again``: still, when its turn has come; only the queue may have changed meanwhile."""
    waits = contact.state in (ContactState.QUEUED, ContactState.OFFERED) and command.queue in ("", contact.queue)
    told = ((command.tenant, contact.tenant), (command.shop, contact.shop), (command.channel, contact.channel))
    return waits and (again or all(wanted in ("", got) for wanted, got in told))


def act(desk: Desk, contact: Contact, command: cm.BulkCommand) -> bool:
    """Whether it could be done to this one."""
    queue = desk.queue_of(contact)
    if command.action == "prioritise":
        supervisors.prioritise_as(desk, contact, command.priority, command.reason)
    elif command.action == "move":
        there = desk.policy.queues[command.to_queue]
        if there.tenant != contact.tenant:
            return False
        supervisors.move_by_hand(desk, contact, there, command.reason)
    elif command.action == "bot":
        if contact.stage == "bot" or not queue.bot_pools:
            return False
        to_the_bot(desk, contact, command.reason)
    else:
        if not queue.promise_ms:
            return False
        freed = offers.rescind(desk, contact, "message_left") if contact.offer else None
        promises.leave(desk, contact, "message")
        if freed is not None:
            matching.freed(desk, freed)
        promises.live_now(desk)
        promises.release(desk, queue)
    return True


@handles(cm.AskBot)
def ask_bot(desk: Desk, command: cm.AskBot) -> None:
    """The customer takes the bot that was offered; who has one or waits for one already needs nothing."""
    contact = desk.contact(command.contact, command.tenant)
    if not contact.waits:
        raise Refused(Code.WRONG_STATE, contact.state, "a waiting contact")
    if contact.stage == "bot":
        return
    if not desk.queue_of(contact).bot_pools:
        raise Refused(Code.NO_BOTS, contact.queue, f"queues.{contact.queue}.bot_pools in the policy")
    to_the_bot(desk, contact, command.reason)


def to_the_bot(desk: Desk, contact: Contact, reason: str) -> None:
    freed = offers.rescind(desk, contact, "sent_to_bot") if contact.offer else None
    hours.send_to_bot(desk, contact, reason)
    if freed is not None:
        matching.place_beside(desk, contact, freed, "sent_to_bot")
    else:
        matching.place(desk, contact, "sent_to_bot")
