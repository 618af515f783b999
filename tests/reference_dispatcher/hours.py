"""Opening hours: a flag per calendar that is in use, who waits at closing, who comes too late; ceilings and quotas."""

from __future__ import annotations

from collections.abc import Iterator

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.contacts import ContactState
from engine.dispatch.policy.compiled import EntryRule, Queue
from tests.reference_dispatcher import matching, promises, replies, transfers
from tests.reference_dispatcher.desk import Contact, Desk
from tests.reference_dispatcher.registry import Deadline, deadlines


def in_use(desk: Desk) -> list[str]:
    policy = desk.policy
    named = {queue.hours for queue in policy.queues.values()} | {shop.hours for shop in policy.shops.values()}
    named |= {name for rule in policy.entry for name in (rule.while_open, rule.while_closed)}
    return [name for name in policy.calendars if name in named]


def first_input(desk: Desk) -> None:
    if not desk.begun:
        desk.begun = True
        for name in in_use(desk):
            changed(desk, name)


def changed(desk: Desk, name: str) -> None:
    calendar = desk.policy.calendars[name]
    before, after = desk.hours.get(name), calendar.is_open(desk.now)
    desk.emit(ev.HoursChanged, calendar=name, open=after)
    desk.hours[name], desk.hours_next[name] = after, calendar.next_change(desk.now)
    if before is True and not after:
        closing(desk, name)
    if before is False and after:
        for queue in desk.policy.queues.values():
            promises.release(desk, queue)


def look_at_the_clock(desk: Desk) -> None:
    """With another policy: nobody is told."""
    desk.hours = {name: desk.policy.calendars[name].is_open(desk.now) for name in in_use(desk)}
    desk.hours_next = {name: desk.policy.calendars[name].next_change(desk.now) for name in desk.hours}


@deadlines
def running(desk: Desk) -> Iterator[Deadline]:
    for place, name in enumerate(desk.policy.calendars):
        at = desk.hours_next.get(name)
        if at is not None:

            def act(name: str = name) -> None:
                changed(desk, name)

            yield Deadline(at, "house", (0, place), act)


def is_open(desk: Desk, queue: str, shop: str) -> bool:
    """The shop's hours, else the queue's; none: always."""
    calendar = desk.policy.calendar_of(queue, shop)
    return calendar is None or desk.hours[calendar.name]


def tell(desk: Desk, contact: Contact, why: str, notice: str, alternative: str = "") -> None:
    desk.emit(ev.ContactTold, contact=contact.contact, why=why, notice=notice, alternative=alternative)


def closing(desk: Desk, name: str) -> None:
    """Who is in line is told, and stays, leaves a message, or goes to the bot. Offered ones go on."""
    for number in sorted(desk.contacts):
        contact = desk.contacts.get(number)
        if contact is None or contact.state != ContactState.QUEUED:
            continue
        calendar = desk.policy.calendar_of(contact.queue, contact.shop)
        if calendar is None or calendar.name != name:
            continue
        queue = desk.queue_of(contact)
        serve = queue.closed == "serve"
        tell(desk, contact, "closing", queue.closed_notice, queue.closed_alternative if serve else "")
        if queue.closed == "message" and (contact.behind or not contact.promised):
            promises.leave(desk, contact, "message")
        elif queue.closed == "bot" and contact.stage == "person":
            send_to_bot(desk, contact, "closing")
            matching.place(desk, contact, "closing")


def send_to_bot(desk: Desk, contact: Contact, reason: str) -> None:
    replies.stop(desk, contact, answered=False)
    desk.emit(ev.ContactSentToBot, contact=contact.contact, reason=reason)
    contact.stage = "bot"
    desk.forget_all_preference(contact)
    transfers.wait_from_here(desk, contact)


# --- at the door ------------------------------------------------------------------------------------------------------


def length(desk: Desk, queue: str) -> int:
    return sum(contact.waits and contact.queue == queue for contact in desk.contacts.values())


def holds(desk: Desk, rule: EntryRule) -> bool:
    if rule.while_open and not desk.hours[rule.while_open]:
        return False
    if rule.while_closed and desk.hours[rule.while_closed]:
        return False
    return not rule.queue_length or length(desk, rule.of_queue or rule.entry.queue) >= rule.queue_length


def refusal(desk: Desk, queue: Queue, command: cm.SubmitContact) -> tuple[str, str, str] | None:
    """Why it may not come in, what it is told and offered instead."""
    outside = not is_open(desk, queue.name, command.shop)
    if outside and queue.closed == "serve":
        return "outside_hours", queue.closed_alternative, queue.closed_notice
    if queue.name in desk.closed_queues:
        return "queue_closed", queue.closed_alternative, queue.closed_notice
    shop = desk.policy.shops.get(command.shop)
    of_shop = sum(contact.waits and contact.shop == command.shop for contact in desk.contacts.values())
    full = bool(queue.ceiling) and length(desk, queue.name) >= queue.ceiling
    full = full or (shop is not None and bool(shop.ceiling) and of_shop >= shop.ceiling)
    if full:
        return "full", queue.full_alternative, queue.full_notice
    spent = bool(queue.daily_quota) and let_in(desk, "queue", queue.name) >= queue.daily_quota
    spent = spent or (
        shop is not None and bool(shop.daily_quota) and let_in(desk, "shop", shop.name) >= shop.daily_quota
    )
    return ("quota", queue.full_alternative, queue.full_notice) if spent else None


def let_in(desk: Desk, kind: str, name: str) -> int:
    return desk.let_in.get((kind, name, desk.policy.zone.day(desk.now)), 0)


def count(desk: Desk, queue: Queue, shop: str) -> None:
    """Only what has a quota now is counted."""
    found = desk.policy.shops.get(shop)
    named = [("queue", queue.name)] if queue.daily_quota else []
    if found is not None and found.daily_quota:
        named.append(("shop", shop))
    for kind, name in named:
        desk.let_in[kind, name, desk.policy.zone.day(desk.now)] = let_in(desk, kind, name) + 1


def asks_in_vain(desk: Desk, contact: Contact) -> bool:
    """In the bot's stage, outside hours that say bot: answered as at the door."""
    queue = desk.queue_of(contact)
    if queue.closed != "bot" or is_open(desk, contact.queue, contact.shop):
        return False
    tell(desk, contact, "outside_hours", queue.closed_notice, queue.closed_alternative)
    return True
