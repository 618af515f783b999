"""How a function is made the applier of an event."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from engine.dispatch.contacts import Contact
from engine.dispatch.events import Event
from engine.dispatch.lanes import refresh
from engine.dispatch.state import State

E = TypeVar("E")
APPLY: dict[type, Callable[[State, Event], None]] = {}


def applies(event_type: type[E]) -> Callable[[Callable[[State, E], None]], Callable[[State, E], None]]:
    """Register the function that applies ``event_type``."""

    def register(function: Callable[[State, E], None]) -> Callable[[State, E], None]:
        assert event_type not in APPLY, event_type
        APPLY[event_type] = function  # type: ignore[assignment]  # a table keyed by type is beyond the type system
        return function

    return register


def applies_to_contact(
    event_type: type[E],
) -> Callable[[Callable[[State, E, Contact], None]], Callable[[State, E, Contact], None]]:
    """Register an applier that wants the event's contact; counts the contact's version."""

    def register(function: Callable[[State, E, Contact], None]) -> Callable[[State, E, Contact], None]:
        assert event_type not in APPLY, event_type

        def apply(state: State, event: Any) -> None:
            contact = state.contacts[event.contact]
            contact.version += 1
            function(state, event, contact)

        APPLY[event_type] = apply
        return function

    return register


def release(state: State, agent_id: str, contact: Contact, at: int) -> None:
    """The agent no longer holds the contact: units and channel slot are free, its idle clock starts again."""
    seat = state.seats[agent_id]
    agent = seat.agent
    agent.load -= agent.contacts.pop(contact.contact)
    seat.by_channel[contact.channel] -= 1
    agent.idle_since = at
    refresh(seat)
