"""Who is let in: hours, ceilings and quotas at the door, and what those are told who come outside hours."""

from __future__ import annotations

from engine.dispatch import events as ev
from engine.dispatch.contacts import Contact
from engine.dispatch.policy.compiled import EntryRule, Queue
from engine.dispatch.state import State


def holds(state: State, rule: EntryRule) -> bool:
    """Whether the conditions of an entry rule hold that the contact's own facts do not decide."""
    house = state.house
    if rule.while_open and not house.is_open(rule.while_open, state.now):
        return False
    if rule.while_closed and house.is_open(rule.while_closed, state.now):
        return False
    return not rule.queue_length or len(state.lines[rule.of_queue or rule.entry.queue].waiting) >= rule.queue_length


def open_now(state: State, queue: str, shop: str) -> bool:
    return state.house.is_open(state.house.calendar_of(queue, shop), state.now)


def no_room(state: State, queue: Queue, shop: str) -> str:
    """``full`` or ``quota``, and of each the queue's before the shop's; "": there is room."""
    house = state.house
    found = state.policy.shops.get(shop)
    if queue.ceiling and len(state.lines[queue.name].waiting) >= queue.ceiling:
        return "full"
    if found is not None and found.ceiling and len(house.crowds[shop]) >= found.ceiling:
        return "full"
    if state.now >= house.let_in_until:
        return ""  # a new day: nobody has been let in yet
    if queue.daily_quota and house.queues_let_in.get(queue.name, 0) >= queue.daily_quota:
        return "quota"
    if found is not None and found.daily_quota and house.shops_let_in.get(shop, 0) >= found.daily_quota:
        return "quota"
    return ""


def tell_arrival(state: State, contact: Contact, queue: Queue, outside: str) -> None:
    """What one is told who has just been let in: that it is outside hours, and the notice that hangs here."""
    if outside:
        tell(state, contact, "outside_hours", queue.closed_notice)
    notice = state.house.notices.get(queue.name)
    if notice is not None:
        tell(state, contact, "notice", notice.notice)


def tell(state: State, contact: Contact, why: str, notice: str, alternative: str = "") -> None:
    state.emit_on(contact, ev.ContactTold(state.now, contact.contact, why, notice, alternative))


def sent_off(state: State, contact: Contact) -> bool:
    """Asks for a person while bots alone are there, outside hours: told so, and offered what an arrival is offered."""
    queue = state.queue_of(contact)
    if contact.stage != "bot" or queue.closed != "bot" or open_now(state, contact.queue, contact.shop):
        return False
    tell(state, contact, "outside_hours", queue.closed_notice, queue.closed_alternative)
    return True
