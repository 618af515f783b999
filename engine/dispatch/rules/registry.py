"""How a function is made the handler of a command, and the checks that handlers share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from engine.dispatch.agents import Agent
from engine.dispatch.contacts import Contact, ContactState
from engine.dispatch.lanes import Seat
from engine.dispatch.refusals import Code
from engine.dispatch.state import State

CLOSED: Final = ContactState.CLOSED
C = TypeVar("C")
HANDLERS: dict[type, Callable[[State, Any], None]] = {}


def handles(command_type: type[C]) -> Callable[[Callable[[State, C], None]], Callable[[State, C], None]]:
    """Register the function that handles ``command_type``."""

    def register(function: Callable[[State, C], None]) -> Callable[[State, C], None]:
        assert command_type not in HANDLERS, command_type
        HANDLERS[command_type] = function
        return function

    return register


def find_contact(state: State, command: Any, closed: bool = False) -> Contact | None:
    """The command's open contact, or None after a refusal. Another tenant's contact looks unknown.

    ``closed``: also one that is closed as idle and may open again.
    """
    contact = state.contacts.get(command.contact)
    if contact is None or (contact.state is CLOSED and not closed):
        gone = 0 < command.contact < state.next_contact
        state.refuse(command, Code.CONTACT_GONE if gone else Code.UNKNOWN_CONTACT, command.contact, "an open contact")
        return None
    if command.tenant and command.tenant != contact.tenant:
        state.refuse(command, Code.UNKNOWN_CONTACT, command.contact, "an open contact")
        return None
    wanted = getattr(command, "expect_version", None)
    if wanted is not None and wanted != contact.version:
        state.refuse(command, Code.VERSION_CONFLICT, contact.version, f"version {wanted}")
        return None
    return contact


def find_agent(state: State, command: Any) -> Agent | None:
    """The command's agent, or None after a refusal."""
    agent = state.agents.get(command.agent)
    if agent is None:
        state.refuse(command, Code.UNKNOWN_AGENT, command.agent, "a defined agent")
    return agent


def find_seat(state: State, command: Any) -> Seat | None:
    """As :func:`find_agent`, with its place in the indexes."""
    agent = find_agent(state, command)
    return None if agent is None else state.seats[agent.profile.agent]
