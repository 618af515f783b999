"""What the events of a silent customer do to state: reminded, asleep, awake, open again; and affinity that begins."""

from __future__ import annotations

from typing import Final

from engine.dispatch import events as ev
from engine.dispatch.changes.contacts import forget_decliners, name_too, stand
from engine.dispatch.changes.registry import applies_to_contact, hold
from engine.dispatch.contacts import Contact, ContactState
from engine.dispatch.state import State
from engine.dispatch.timers import Kind

QUEUED: Final = ContactState.QUEUED
CONNECTED: Final = ContactState.CONNECTED
DORMANT: Final = ContactState.DORMANT


@applies_to_contact(ev.ContactReminded)
def reminded(state: State, event: ev.ContactReminded, contact: Contact) -> None:
    contact.reminded, contact.silent_at = True, event.at
    state.timers.arm(state.talk_due(contact), Kind.TALK, contact.contact)


@applies_to_contact(ev.ContactSlept)
def slept(state: State, event: ev.ContactSlept, contact: Contact) -> None:
    contact.state, contact.silent_at = DORMANT, event.at
    hold(state, contact, event.cost)
    state.timers.arm(state.talk_due(contact), Kind.TALK, contact.contact)


@applies_to_contact(ev.ContactWoke)
def woke(state: State, event: ev.ContactWoke, contact: Contact) -> None:
    contact.state, contact.silent_at, contact.reminded = CONNECTED, 0, False
    hold(state, contact, event.cost)
    state.timers.arm(state.talk_due(contact), Kind.TALK, contact.contact)


@applies_to_contact(ev.ContactReopened)
def reopened(state: State, event: ev.ContactReopened, contact: Contact) -> None:
    """Waits from here on, as one that has just come; its age and its record go on."""
    name_too(state, contact, event.channel or contact.channel, event.external_id)
    contact.owed = contact.owed or event.opening
    if event.source and event.source != contact.source and event.source not in contact.also:
        contact.also = (*contact.also, event.source)
    if contact.decliners:
        forget_decliners(state, contact)
    contact.prefer, contact.resume_until = "", 0
    contact.start = contact.step_at = event.at
    contact.waited = contact.step = contact.raised = contact.fruitless = 0
    contact.answered, contact.answered_at = False, 0
    contact.state = QUEUED
    stand(state, contact)


@applies_to_contact(ev.AffinityBegan)
def affinity_began(state: State, event: ev.AffinityBegan, contact: Contact) -> None:
    state.leave_lanes(contact)
    contact.prefer, contact.prefer_until, contact.prefer_only = event.agent, event.until, True
    state.enter_lanes(contact)
    state.timers.arm(event.until, Kind.AFFINITY, contact.contact)
