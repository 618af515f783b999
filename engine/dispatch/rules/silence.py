"""Silence: the customer's ends a contact step by step, and each step can be undone; the agent's gives it to another."""

from __future__ import annotations

from typing import Final

from engine.dispatch import events as ev
from engine.dispatch.choosing import only_decliners_left
from engine.dispatch.contacts import Contact, ContactState
from engine.dispatch.lanes import Seat
from engine.dispatch.matching import again, feed, freed, place, start_reply_clock, stop_reply_clock
from engine.dispatch.rules.affinity import prefer
from engine.dispatch.state import State

QUEUED: Final = ContactState.QUEUED
DORMANT: Final = ContactState.DORMANT


def talk_due(state: State, number: int) -> None:
    """The next stage: reminded → dormant → closed as idle, those that the queue has; or the agent never answered."""
    contact = state.contacts[number]
    queue = state.queue_of(contact)
    if not contact.silent_at:
        take_from_silent_agent(state, contact)
    elif contact.state is DORMANT:
        close_idle(state, contact)
    elif queue.remind_ms and not contact.reminded:
        state.emit_on(contact, ev.ContactReminded(state.now, number, contact.agent))
    elif queue.dormant_ms:
        sleep(state, contact)
    else:
        close_idle(state, contact)


def take_from_silent_agent(state: State, contact: Contact) -> None:
    """Accepted and never answered: back with its clocks, and to that agent last."""
    seat, name = contact.seat, contact.agent
    memory = state.queue_of(contact).decliner_memory_ms
    forget_at = state.now + memory if memory else 0
    state.emit_on(contact, ev.ContactRequeued(state.now, contact.contact, name, "unanswered", forget_at=forget_at))
    if name in contact.decliners and only_decliners_left(state, contact):
        state.emit_on(contact, ev.DeclinerForgotten(state.now, contact.contact, name, "yielded"))
    again(state, contact, seat, "unanswered")


def sleep(state: State, contact: Contact) -> None:
    """It holds what its channel says a sleeper costs, never more than before; the next contact may come in beside it."""
    seat = contact.seat
    assert seat is not None, contact.contact
    cost = seat.agent.contacts[contact.contact]
    channel = state.policy.channels.get(contact.channel)
    if channel is not None and channel.dormant_cost is not None:
        cost = min(cost, channel.dormant_cost)
    state.emit_on(contact, ev.ContactSlept(state.now, contact.contact, contact.agent, cost))
    feed(state, seat, "freed")


def close_idle(state: State, contact: Contact) -> None:
    """Over, without wrap-up; for ``reopen_ms`` the customer's next word opens it again."""
    seat = contact.seat
    stop_reply_clock(state, contact)
    window = state.queue_of(contact).reopen_ms
    until = state.now + window if window else 0
    state.emit_on(
        contact, ev.ContactClosed(state.now, contact.contact, "idle", contact.agent, "clock", reopen_until=until)
    )
    freed(state, seat)


def wake(state: State, contact: Contact) -> Seat | None:
    """The customer of a dormant contact is back. In place if the agent has room; else it waits, and :func:`settle_woken`
    must follow with the seat returned."""
    seat = contact.seat
    assert seat is not None, contact.contact
    more = contact.cost - seat.agent.contacts[contact.contact]
    state.take_stock(seat)
    bound = state.bound_of(contact)
    free = seat.free() - (seat.yielding if bound is not None and bound.yields else 0)
    if more <= 0 or free >= more:
        state.emit_on(contact, ev.ContactWoke(state.now, contact.contact, contact.agent, contact.cost))
        return None
    state.emit_on(contact, ev.ContactRequeued(state.now, contact.contact, contact.agent, "woke"))
    return seat


def settle_woken(state: State, contact: Contact, seat: Seat) -> None:
    """Its agent had no room: preferred for the queue's ``last_agent_ms``, and both look around."""
    prefer(state, contact, seat, state.queue_of(contact).last_agent_ms, "woke")
    again(state, contact, seat, "woke")


def reopen(
    state: State, contact: Contact, external_id: str = "", channel: str = "", opening: bool = True, source: str = ""
) -> Seat | None:
    """Closed as idle, and the customer is back in time. :func:`settle_reopened` must follow with the seat returned."""
    served_by = state.seats.get(contact.prefer)
    state.emit_on(contact, ev.ContactReopened(state.now, contact.contact, external_id, channel, opening, source))
    return served_by


def settle_reopened(state: State, contact: Contact, served_by: Seat | None) -> None:
    """To the agent who had it, at once or within the queue's ``last_agent_ms``; else to anyone."""
    start_reply_clock(state, contact)
    prefer(state, contact, served_by, state.queue_of(contact).last_agent_ms, "reopened")
    place(state, contact, "reopened")
