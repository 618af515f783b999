"""How a function is made the applier of an event."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from engine.dispatch.contacts import Contact
from engine.dispatch.records import Appliers
from engine.dispatch.state import State

E = TypeVar("E")
APPLY: Appliers = {}


def applies(event_type: type[E]) -> Callable[[Callable[[State, E], None]], Callable[[State, E], None]]:
    """Register the function that applies ``event_type``."""

    def register(function: Callable[[State, E], None]) -> Callable[[State, E], None]:
        assert event_type not in APPLY, event_type
        APPLY[event_type] = (function, False)
        return function

    return register


def applies_to_contact(
    event_type: type[E],
) -> Callable[[Callable[[State, E, Contact], None]], Callable[[State, E, Contact], None]]:
    """Register an applier that wants the event's contact."""

    def register(function: Callable[[State, E, Contact], None]) -> Callable[[State, E, Contact], None]:
        assert event_type not in APPLY, event_type
        APPLY[event_type] = (function, True)
        return function

    return register


def release(state: State, contact: Contact, at: int) -> None:
    """Its agent no longer holds the contact: units and channel slot are free, the idle clock starts again."""
    seat = contact.seat
    assert seat is not None, contact.contact
    contact.agent, contact.seat = "", None
    if state.consults:
        state.shake(contact.contact, "passed_on")
    agent = seat.agent
    units = agent.contacts.pop(contact.contact)
    agent.load -= units
    if state.bounded:
        state.count(seat, contact.channel, contact.shop, -1, -units)
    agent.idle_since = at
    state.freer(seat)


def hold(state: State, contact: Contact, units: int) -> None:
    """Its agent goes on holding the contact with so many units."""
    seat = contact.seat
    assert seat is not None, contact.contact
    agent = seat.agent
    more = units - agent.contacts[contact.contact]
    agent.contacts[contact.contact] = units
    agent.load += more
    if state.bounded:
        state.count(seat, contact.channel, contact.shop, 0, more)
    state.freer(seat)
