"""What the events of a consult do to state: the second agent's units, and whose word is awaited."""

from __future__ import annotations

import msgspec

from engine.dispatch import events as ev
from engine.dispatch.agents import NO_CONSULTS
from engine.dispatch.changes.registry import applies
from engine.dispatch.consults import Consult
from engine.dispatch.state import State
from engine.dispatch.timers import Kind


@applies(ev.ConsultAsked)
def consult_asked(state: State, event: ev.ConsultAsked) -> None:
    """Reserved in the same step, as for an offer."""
    contact, seat = state.contacts[event.contact], state.seats[event.to_agent]
    consult = state.consults[event.contact] = Consult(
        event.contact,
        event.agent,
        event.to_agent,
        event.cost,
        contact.channel,
        contact.shop,
        event.at,
        event.deadline,
    )
    agent = seat.agent
    agent.helping = {**agent.helping, event.contact: event.cost}
    agent.load += event.cost
    agent.idle_since = event.at
    state.count_help(seat, consult, 1)
    if seat.watched:
        state.freer(seat)  # not freer, but its pools count it
    state.timers.arm(event.deadline, Kind.CONSULT, event.contact)


@applies(ev.ConsultAccepted)
def consult_accepted(state: State, event: ev.ConsultAccepted) -> None:
    state.consults[event.contact] = msgspec.structs.replace(state.consults[event.contact], deadline=0)


@applies(ev.ConsultEnded)
def consult_ended(state: State, event: ev.ConsultEnded) -> None:
    consult = state.consults.pop(event.contact)
    state.shaken.pop(event.contact, None)
    seat = state.seats[event.agent]
    agent = seat.agent
    helping = {number: units for number, units in agent.helping.items() if number != event.contact}
    agent.helping = helping or NO_CONSULTS
    agent.load -= consult.units
    agent.idle_since = event.at
    state.count_help(seat, consult, -1)
    state.freer(seat)
