"""What a supervisor does by hand with one contact or one pool: assign, take over, drain."""

from __future__ import annotations

from typing import Any, Final

from engine.dispatch import commands as cmd
from engine.dispatch import events as ev
from engine.dispatch.agents import SIGNED_ON
from engine.dispatch.contacts import Contact, ContactState
from engine.dispatch.lanes import Seat
from engine.dispatch.matching import ask_person, connect, freed, reconsider_stranded, start_reply_clock
from engine.dispatch.refusals import Code
from engine.dispatch.rules.consults import close
from engine.dispatch.rules.contacts import take_back
from engine.dispatch.rules.rearranging import do_slice
from engine.dispatch.rules.registry import find_contact, handles
from engine.dispatch.slices import FEEDING
from engine.dispatch.state import State

QUEUED: Final = ContactState.QUEUED
OFFERED: Final = ContactState.OFFERED
CONNECTED: Final = ContactState.CONNECTED
DORMANT: Final = ContactState.DORMANT


def find_taker(state: State, command: Any, contact: Contact) -> Seat | None:
    """Somebody signed on, in whatever state, who may serve this tenant; None after a refusal."""
    seat = state.seats.get(command.agent)
    if seat is None or seat.agent.profile.tenant not in ("", contact.tenant):
        state.refuse(command, Code.UNKNOWN_AGENT, command.agent, "a defined agent")
        return None
    if seat.agent.state not in SIGNED_ON:
        state.refuse(command, Code.WRONG_STATE, seat.agent.state, "an agent who is signed on")
        return None
    return seat


@handles(cmd.AssignContact)
def assign(state: State, command: cmd.AssignContact) -> None:
    """Connected at once, past order, choice and capacity: a person decided so and said why."""
    contact = find_contact(state, command)
    if contact is None:
        return None
    if contact.state is not QUEUED and contact.state is not OFFERED:
        return state.refuse(
            command, Code.WRONG_STATE, contact.state, "a waiting contact (a connected one is taken over)"
        )
    if not command.reason:
        return state.refuse(command, Code.BAD_VALUE, "''", "reason: why this contact goes to this agent")
    seat = find_taker(state, command, contact)
    if seat is None:
        return None
    before = contact.seat
    take_back(state, contact, "assigned")
    if contact.stage == "bot" and not seat.bot:
        ask_person(state, contact, "", "assigned")
    held = seat.agent.load + seat.external
    beyond = min(max(held + contact.cost - seat.agent.capacity, 0), contact.cost)
    state.emit_on(contact, ev.ContactAssigned(state.now, contact.contact, seat.name, command.reason, beyond))
    hand_to(state, contact, seat, "assigned")
    if before is not None and before is not seat:
        freed(state, before)
    return None


@handles(cmd.TakeOverContact)
def take_over(state: State, command: cmd.TakeOverContact) -> None:
    """From the agent who serves it to one who asks for it and has room."""
    contact = find_contact(state, command)
    if contact is None:
        return None
    if contact.state is not CONNECTED and contact.state is not DORMANT:
        return state.refuse(command, Code.WRONG_STATE, contact.state, "connected")
    if command.agent == contact.agent:
        return state.refuse(command, Code.WRONG_STATE, command.agent, "somebody other than the agent who serves it")
    seat = find_taker(state, command, contact)
    if seat is None:
        return None
    found, bound = state.consults.get(contact.contact), state.bound_of(contact)
    helps = found is not None and found.to_agent == seat.name  # and so holds the room already
    state.take_stock(seat)
    if not helps and not seat.has_room(contact.cost, bound):
        free = seat.free() - (seat.yielding if bound is not None and bound.yields else 0)
        return state.refuse(command, Code.AGENT_BUSY, free, f"room for {contact.cost} units")
    before = contact.seat
    if found is not None and helps:
        close(state, found, "taken_over", seat.name)
    from_bot = before is not None and before.bot and contact.stage == "bot"
    state.emit_on(
        contact,
        ev.ContactTransferred(
            at=state.now,
            contact=contact.contact,
            agent=contact.agent,
            queue=contact.queue,
            stage=contact.stage if seat.bot else "person",
            priority=contact.priority,
            requires=contact.requires,
            reason=command.reason or "taken_over",
            hand_off=from_bot and not seat.bot,
        ),
    )
    start_reply_clock(state, contact)
    hand_to(state, contact, seat, "taken_over")
    freed(state, before)
    return None


def hand_to(state: State, contact: Contact, seat: Seat, how: str) -> None:
    """A forced offer, accepted and connected in the same step."""
    queue = state.queue_of(contact)
    number, now = state.next_offer, state.now
    state.emit_on(
        contact,
        ev.OfferMade(
            at=now,
            offer=number,
            contact=contact.contact,
            agent=seat.name,
            queue=queue.name,
            pool=next(iter(seat.groups), ""),
            step=contact.step,
            cost=contact.cost,
            deadline=now + queue.offer_ms,
            waited_ms=now - contact.start,
            trigger=how,
            choice=how,
            order=how,
            rank=(),
            policy=state.policy.version,
            forced=True,
        ),
    )
    state.emit_on(contact, ev.OfferAccepted(now, number, contact.contact, seat.name, automatic=True))
    connect(state, contact, state.offers[number])


@handles(cmd.DrainPool)
def drain(state: State, command: cmd.DrainPool) -> None:
    """Nothing new through this pool; who waits for it alone is decided anew."""
    if command.pool not in state.policy.pools:
        return state.refuse(command, Code.UNKNOWN_POOL, command.pool, f"one of {', '.join(state.policy.pools)}")
    if command.pool in state.drained:
        return None
    state.emit(ev.PoolDrained(state.now, command.pool, command.reason))
    reconsider_stranded(state, [lane for lane in state.lanes.values() if lane.pool.name == command.pool])
    return None


@handles(cmd.OpenPool)
def open_pool(state: State, command: cmd.OpenPool) -> None:
    """Its free agents are given what waits, as after any rearrangement."""
    if command.pool not in state.policy.pools:
        return state.refuse(command, Code.UNKNOWN_POOL, command.pool, f"one of {', '.join(state.policy.pools)}")
    if command.pool not in state.drained:
        return None
    state.emit(ev.PoolOpened(state.now, command.pool, command.reason))
    if state.rearranging is None:
        state.emit(ev.RearrangementStarted(state.now, "pool_opened", FEEDING))
        go_on(state)
    elif state.rearranging.stage >= FEEDING:
        state.emit(ev.RearrangementStarted(state.now, "pool_opened", FEEDING))
    return None


def go_on(state: State) -> None:
    """Two slices of what has just begun: in a small domain that is all."""
    for _ in range(2):
        work = state.rearranging
        if work is not None:
            do_slice(state, work)
