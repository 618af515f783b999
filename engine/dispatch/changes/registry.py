"""How a function is made the applier of an event."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from engine.dispatch.contacts import Contact
from engine.dispatch.state import Appliers, State

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
    agent = seat.agent
    agent.load -= agent.contacts.pop(contact.contact)
    if contact.channel in state.limited:
        # Not there: a policy that limits the channel is being swapped in, and this seat has not been counted anew yet.
        seat.by_channel[contact.channel] = seat.by_channel.get(contact.channel, 0) - 1
    agent.idle_since = at
    state.freer(seat)
