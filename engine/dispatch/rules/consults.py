"""A consult: an agent asks a second one to help with a contact that stays its own."""

from __future__ import annotations

from typing import Any, Final

from engine.dispatch import commands as cmd
from engine.dispatch import events as ev
from engine.dispatch.agents import SIGNED_ON
from engine.dispatch.consults import Consult
from engine.dispatch.contacts import Contact, ContactState
from engine.dispatch.lanes import Seat
from engine.dispatch.matching import freed
from engine.dispatch.policy.compiled import Queue
from engine.dispatch.refusals import Code
from engine.dispatch.rules.registry import find_contact, handles
from engine.dispatch.state import State

CONNECTED: Final = ContactState.CONNECTED


@handles(cmd.ConsultAgent)
def consult(state: State, command: cmd.ConsultAgent) -> None:
    """Somebody is found now or the command is refused: nobody waits for a consult."""
    contact = find_contact(state, command)
    if contact is None:
        return None
    if command.agent != contact.agent:
        return state.refuse(command, Code.NOT_YOURS, contact.agent or "nobody", "the agent that serves the contact")
    if contact.state is not CONNECTED:
        return state.refuse(command, Code.WRONG_STATE, contact.state, "connected")
    asking = contact.seat
    if asking is not None and asking.agent.state not in SIGNED_ON:
        return state.refuse(command, Code.WRONG_STATE, asking.agent.state, "an agent whose connection is there")
    queue, seat = whom(state, command, contact)
    if queue is None and seat is None:
        return None
    if command.to_agent == contact.agent:
        return state.refuse(command, Code.WRONG_STATE, command.to_agent, "somebody other than the agent who asks")
    if contact.contact in state.consults:
        helper = state.consults[contact.contact].to_agent
        return state.refuse(command, Code.WRONG_STATE, helper, "a contact that nobody else is asked to help with")
    pool, found = find_helper(state, contact, queue) if queue is not None else ("", seat)
    if found is None:
        return state.refuse(command, Code.AGENT_BUSY, "nobody", f"somebody of queue {command.to_queue} with room")
    if not can_help(state, contact, found):
        got = str(found.free()) if found.takes_offers() else f"{found.agent.state} {found.agent.reason}".strip()
        return state.refuse(command, Code.AGENT_BUSY, got, f"available, with room for {contact.cost} units")
    return ask(state, contact, command, pool, found)


def whom(state: State, command: cmd.ConsultAgent, contact: Contact) -> tuple[Queue | None, Seat | None]:
    """The queue or the agent that the command names; neither after a refusal."""
    if bool(command.to_agent) == bool(command.to_queue):
        state.refuse(command, Code.BAD_VALUE, "both" if command.to_agent else "neither", "to_agent or to_queue")
        return None, None
    queue, seat = state.policy.queues.get(command.to_queue), state.seats.get(command.to_agent)
    if command.to_queue and (queue is None or queue.tenant != contact.tenant):
        state.refuse(command, Code.UNKNOWN_QUEUE, command.to_queue, "a queue of the contact's tenant")
        return None, None
    if command.to_agent and (seat is None or seat.agent.profile.tenant not in ("", contact.tenant)):
        state.refuse(command, Code.UNKNOWN_AGENT, command.to_agent, "a defined agent")
        return None, None
    return queue, seat


def find_helper(state: State, contact: Contact, queue: Queue) -> tuple[str, Seat | None]:
    """Whom the queue's own pools, in their order, would offer such a contact of theirs, whoever asks passed over."""
    if state.frozen:
        return "", None
    state.tell_lanes()
    bound = state.bound_of(contact)
    for name in queue.pools:
        if name in state.drained:
            continue
        pool = state.policy.pools[name]
        lane = state.lane_for(queue, pool, queue.requirement, contact.tenant, contact.shop, contact.cost, bound)
        found = lane.pick((contact.agent,))
        if found is not None:
            return name, found[1]
    return "", None


def can_help(state: State, contact: Contact, seat: Seat) -> bool:
    """Whom a colleague names needs no pool and no skill, but presence and room."""
    state.take_stock(seat)
    return seat.takes_offers() and seat.has_room(contact.cost, state.bound_of(contact))


def ask(state: State, contact: Contact, command: cmd.ConsultAgent, pool: str, seat: Seat) -> None:
    deadline = state.now + state.queue_of(contact).offer_ms
    number, reason = contact.contact, command.reason
    state.emit(
        ev.ConsultAsked(
            state.now, number, contact.agent, seat.name, command.to_queue, pool, contact.cost, deadline, reason
        )
    )
    if seat.auto_accept:
        state.emit(ev.ConsultAccepted(state.now, number, seat.name, automatic=True))


def find_consult(state: State, command: Any) -> Consult | None:
    """The consult in which the command's agent asks or is asked, or None after a refusal."""
    contact = find_contact(state, command)
    if contact is None:
        return None
    found = state.consults.get(contact.contact)
    if found is None or command.agent not in (found.agent, found.to_agent):
        got = "no consult" if found is None else f"{found.agent} asks {found.to_agent}"
        state.refuse(command, Code.NOT_YOURS, got, "a consult of this agent")
        return None
    return found


@handles(cmd.AcceptConsult)
def accept(state: State, command: cmd.AcceptConsult) -> None:
    found = find_consult(state, command)
    if found is None:
        return None
    if command.agent != found.to_agent:
        return state.refuse(command, Code.NOT_YOURS, found.to_agent, "the agent who is asked")
    if found.accepted:
        return state.refuse(command, Code.WRONG_STATE, "accepted", "a consult not answered yet")
    state.emit(ev.ConsultAccepted(state.now, found.contact, found.to_agent))


@handles(cmd.EndConsult)
def end(state: State, command: cmd.EndConsult) -> None:
    found = find_consult(state, command)
    if found is None:
        return
    why = "ended" if found.accepted else "declined" if command.agent == found.to_agent else "withdrawn"
    close(state, found, why, command.agent)
    freed(state, state.seats[found.to_agent])


def close(state: State, found: Consult, why: str, by: str = "") -> None:
    """The second agent's units are free; whoever closes it feeds the agent."""
    state.emit(ev.ConsultEnded(state.now, found.contact, found.to_agent, why, by))


def consult_due(state: State, number: int) -> None:
    """Not answered in time: nobody is blamed."""
    found = state.consults[number]
    close(state, found, "expired")
    freed(state, state.seats[found.to_agent])


def end_shaken(state: State) -> None:
    """The step is over but for these: their contact or one of the two agents is gone. All end before anyone is fed."""
    while state.shaken:
        over = [(state.consults[number], state.shaken[number]) for number in sorted(state.shaken)]
        for found, why in over:
            close(state, found, why)
        for found, _ in over:
            freed(state, state.seats[found.to_agent])
