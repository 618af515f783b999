"""Messages and call-backs under a promise: left, put in line at a pace behind live contacts, live when they are due."""

from __future__ import annotations

from engine.dispatch import events as ev
from engine.dispatch.contacts import Contact, ContactState
from engine.dispatch.matching import place, stop_reply_clock
from engine.dispatch.state import State


def leave(state: State, contact: Contact, kind: str) -> None:
    """QUEUED, or CONNECTED with a bot → PROMISED. One that is under a promise already keeps that promise."""
    house, now, number = state.house, state.now, contact.contact
    stop_reply_clock(state, contact)
    if contact.promised:
        kept = house.promises[number]
        state.emit_on(contact, ev.MessageLeft(now, number, kind, kept.promised_by, kept.live_at))
        return
    queue = state.queue_of(contact)
    name = house.calendar_of(contact.queue, contact.shop)
    opens = now
    if not house.is_open(name, now):
        opens = state.policy.calendars[name].next_open(now) or now
    promised_by = opens + queue.promise_ms
    state.emit_on(contact, ev.MessageLeft(now, number, kind, promised_by, promised_by - queue.release_lead_ms))


def released_at_once(state: State, contact: Contact) -> None:
    """What has just been left and may be put in line this very moment."""
    go_live(state)
    release(state, contact.queue)


def release(state: State, queue: str) -> None:
    """Put in line what the queue's pace allows by now, the earliest promise first."""
    house, now = state.house, state.now
    while True:
        due = house.release_due(queue)
        if not due or due > now:
            return
        if not house.left(now):
            state.emit(ev.EffectSliced(now, "release", queue, 0, now + 1))
            return
        contact = state.contacts[house.first_on_shelf(queue, now)]
        state.emit_on(contact, ev.MessageReleased(now, contact.contact))
        place(state, contact, "released")


def release_all(state: State) -> None:
    """Some calendar may have opened: every queue looks at its shelf."""
    for queue in state.house.queues:
        if queue in state.house.shelves:
            release(state, queue)


def go_live(state: State) -> None:
    """Whose promise is due from here on ranks as live, whatever the pace, the earliest first."""
    house, now = state.house, state.now
    while True:
        due = house.live_due()
        if not due or due > now:
            return
        if not house.left(now):
            state.emit(ev.EffectSliced(now, "due", "", 0, now + 1))
            return
        contact = state.contacts[house.first_live()]
        if contact.state is ContactState.PROMISED:
            state.emit_on(contact, ev.MessageReleased(now, contact.contact, "due"))
            place(state, contact, "released")
        else:
            state.emit_on(contact, ev.MessageDue(now, contact.contact))
