"""The agent whom a contact should have rather than another, for a budgeted wait."""

from __future__ import annotations

from engine.dispatch import events as ev
from engine.dispatch.agents import PRESENT
from engine.dispatch.choosing import can_serve_preferred
from engine.dispatch.contacts import Contact
from engine.dispatch.lanes import Seat
from engine.dispatch.state import State


def prefer_known(state: State, contact: Contact) -> None:
    """The contact begins to wait for a person: the agent it names, else its last one, is asked first.

    Such an agent must meet the requirement and be of an open pool: attributes come from outside.
    """
    queue = state.queue_of(contact)
    if contact.stage != "person":
        return
    for attribute, budget_ms in (("named", queue.named_agent_ms), ("last", queue.last_agent_ms)):
        name = contact.attributes.get(f"{attribute}_agent") if budget_ms else None
        seat = state.seats.get(name) if isinstance(name, str) else None
        if seat is None or not may_serve(state, contact, seat):
            continue
        if prefer(state, contact, seat, budget_ms, attribute):
            return


def may_serve(state: State, contact: Contact, seat: Seat) -> bool:
    """By pool and requirement. Not read off the lanes' members: while a policy is swapped in they are incomplete."""
    pools = seat.agent.profile.pools
    return any(
        lane.pool.name in pools and not lane.drained and lane.qualifies(seat) for lane in state.lanes_of(contact)
    )


def prefer(state: State, contact: Contact, seat: Seat | None, budget_ms: int, why: str) -> bool:
    """Affinity begins if the agent can take the contact now, or is there and worth ``budget_ms``; the caller places it."""
    if seat is None:
        return False
    if not can_serve_preferred(state, seat, contact):
        there = seat.agent.state in PRESENT and seat.agent.profile.tenant in ("", contact.tenant)
        if not budget_ms or not there or seat.name in contact.decliners:
            return False
    state.emit_on(contact, ev.AffinityBegan(state.now, contact.contact, seat.name, state.now + budget_ms, why))
    return True
