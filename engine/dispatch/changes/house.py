"""What events of hours, notices, promises and mass effects do to state."""

from __future__ import annotations

from typing import Final

import msgspec

from engine.dispatch import events as ev
from engine.dispatch.changes.contacts import restart_wait, stand
from engine.dispatch.changes.registry import applies, applies_to_contact, release
from engine.dispatch.contacts import Contact, ContactState
from engine.dispatch.estimates import OTHERWISE
from engine.dispatch.house import CLOSING, HOURS, LIVE, NOTICE, RELEASE, SORT_SHIFT, TELLING
from engine.dispatch.standing import Notice, Promise, Sweep
from engine.dispatch.state import State

QUEUED: Final = ContactState.QUEUED
CONNECTED: Final = ContactState.CONNECTED
PROMISED: Final = ContactState.PROMISED


@applies(ev.HoursChanged)
def hours_changed(state: State, event: ev.HoursChanged) -> None:
    """A journal may begin under a policy that the one in hand has replaced: its calendars are nobody's."""
    house = state.house
    if event.calendar not in house.calendars:
        return
    hours = house.hours_from(event.calendar, event.at)
    house.hours[event.calendar] = msgspec.structs.replace(hours, open=event.open)
    house.closings.pop(event.calendar, None)
    state.arm_house(HOURS << SORT_SHIFT | house.calendars.index(event.calendar))
    for queue in house.shelves:
        state.arm_house(RELEASE << SORT_SHIFT | house.queues.index(queue))


@applies(ev.EffectSliced)
def effect_sliced(state: State, event: ev.EffectSliced) -> None:
    house, name = state.house, event.name
    if event.what == "due":
        house.live_from = event.resume_at
        state.arm_house(LIVE << SORT_SHIFT)
    elif event.what == "release":
        house.release_from[name] = event.resume_at
        state.arm_house(RELEASE << SORT_SHIFT | house.queues.index(name))
    elif event.what == "closing":
        meant = waiting_under(state, name) if name not in house.closings else []
        go_on(house.closings, meant, event)
        state.arm_house(CLOSING << SORT_SHIFT | house.calendars.index(name))
    else:
        meant = sorted(state.lines[name].waiting) if name not in house.tellings else []
        go_on(house.tellings, meant, event)
        state.arm_house(TELLING << SORT_SHIFT | house.queues.index(name))


def go_on(sweeps: dict[str, Sweep], numbers: list[int], event: ev.EffectSliced) -> None:
    """Who is meant is settled when the first slice ends: ``numbers``, less those who have been served."""
    if not event.resume_at:
        sweeps.pop(event.name, None)
        return
    found = sweeps.get(event.name)
    meant = tuple(number for number in numbers if number > event.after) if found is None else found.numbers
    sweeps[event.name] = Sweep(meant, event.after, event.resume_at)


def waiting_under(state: State, calendar: str) -> list[int]:
    """The contacts in line whose hours this calendar may keep, by number; each is looked at again at its turn."""
    numbers: list[int] = []
    for queue in state.policy.queues.values():
        if queue.hours == calendar:
            numbers += state.lines[queue.name].waiting
    for shop, crowd in state.house.crowds.items():
        if state.policy.shops[shop].hours == calendar:
            numbers += crowd
    return sorted(set(numbers))


def closes_for(state: State, contact: Contact, calendar: str) -> bool:
    """Those who are offered or held go on."""
    return contact.state is QUEUED and state.house.calendar_of(contact.queue, contact.shop) == calendar


@applies(ev.QueueNoticeSet)
def notice_set(state: State, event: ev.QueueNoticeSet) -> None:
    house = state.house
    house.notices[event.queue] = Notice(event.notice, event.until)
    house.tellings.pop(event.queue, None)
    state.arm_house(NOTICE << SORT_SHIFT | house.queues.index(event.queue))


@applies(ev.QueueNoticeEnded)
def notice_ended(state: State, event: ev.QueueNoticeEnded) -> None:
    state.house.notices.pop(event.queue, None)
    state.house.tellings.pop(event.queue, None)


@applies_to_contact(ev.ContactTold)
def told(state: State, event: ev.ContactTold, contact: Contact) -> None:
    state.house.spend(event.at)


@applies_to_contact(ev.ContactSentToBot)
def sent_to_bot(state: State, event: ev.ContactSentToBot, contact: Contact) -> None:
    state.measure_leaving(contact, event.at, OTHERWISE)
    state.leave_lanes(contact)
    contact.prefer, contact.prefer_until, contact.prefer_only, contact.team = "", 0, False, ""
    contact.stage, contact.reason = "bot", event.reason
    restart_wait(state, contact, event.at)


@applies_to_contact(ev.MessageLeft)
def message_left(state: State, event: ev.MessageLeft, contact: Contact) -> None:
    """For people, whoever it waited for before: left in the bot stage, it has not waited for them yet."""
    at = event.at
    if contact.state is CONNECTED:
        release(state, contact, at)
        contact.start = at - contact.waited
        contact.step_at += at - contact.left_at
    else:
        state.measure_leaving(contact, at, OTHERWISE)
        state.leave_lanes(contact)
        state.leave_line(contact)
        contact.waited = at - contact.start
    contact.left_at = at
    if contact.stage == "bot":
        contact.stage = "person"
        contact.start = contact.step_at = at
        contact.waited = contact.step = contact.raised = 0
    contact.prefer, contact.prefer_until, contact.prefer_only, contact.team = "", 0, False, ""
    contact.silent_at, contact.reminded, contact.wrote = 0, False, False
    contact.state = PROMISED
    contact.behind = True  # one that is due is released by its promise again, at once
    if not contact.promised:
        contact.promised = True
        number = contact.contact
        state.house.promises[number] = Promise(number, event.kind, at, event.promised_by, event.live_at)
    stand(state, contact)


@applies_to_contact(ev.MessageReleased)
def message_released(state: State, event: ev.MessageReleased, contact: Contact) -> None:
    house = state.house
    house.spend(event.at)
    away = event.at - contact.left_at
    contact.start += away
    contact.step_at += away
    if event.why == "pace":
        house.release_from[contact.queue] = event.at + house.pace_ms(contact.queue)
    else:
        contact.behind = False
        contact.start = house.promises[contact.contact].left_at
    contact.state = QUEUED
    stand(state, contact)
    state.arm_house(RELEASE << SORT_SHIFT | house.queues.index(contact.queue))
    state.arm_house(LIVE << SORT_SHIFT)


@applies_to_contact(ev.MessageDue)
def message_due(state: State, event: ev.MessageDue, contact: Contact) -> None:
    house = state.house
    house.spend(event.at)
    state.leave_lanes(contact)
    state.leave_line(contact)
    contact.behind = False
    contact.start = house.promises[contact.contact].left_at
    stand(state, contact)
    state.arm_house(LIVE << SORT_SHIFT)
