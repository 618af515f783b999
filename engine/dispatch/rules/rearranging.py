"""One slice of a rearrangement per call: which stage comes next, and what each does. See :mod:`engine.dispatch.slices`."""

from __future__ import annotations

from typing import Final

from engine.dispatch import events as ev
from engine.dispatch.agents import SIGNED_ON
from engine.dispatch.choosing import best_preferred, best_waiting
from engine.dispatch.contacts import Contact, ContactState
from engine.dispatch.lanes import Seat
from engine.dispatch.matching import first_before, make_offer, open_anew, place
from engine.dispatch.rules.agents import lose_connection
from engine.dispatch.rules.contacts import reclassify, take_back
from engine.dispatch.slices import (
    AGENTS,
    CONTACTS,
    FEEDING,
    LOSING,
    NOTES,
    OPENING,
    RESCINDING,
    Rearrangement,
)  # fmt: skip
from engine.dispatch.state import State
from engine.dispatch.swapping import left_to_do

QUEUED: Final = ContactState.QUEUED
# A look at somebody for whom there is nothing to do costs a fraction of a unit.
LOOKS_A_UNIT: Final = 8
# A slice that begins with somebody for whom an offer is sought in vain must get past that one, however small it is.
FEWEST_UNITS: Final = 2


def do_slice(state: State, work: Rearrangement) -> None:
    """As much as one call may do. What it offers, nobody else has been offered in the meantime."""
    if work.stage == RESCINDING:
        rescind_some(state, work)
    elif work.stage == LOSING:
        lose_some(state, work)
    elif work.stage == CONTACTS:
        place_some(state, work)
    elif work.stage == AGENTS:
        seat_some(state, work)
    elif work.stage == OPENING:
        open_some(state, work)
    else:
        state.frozen = False
        if work.stage == FEEDING:
            feed_some(state, work)
        else:
            hear_some(state, work)
        state.frozen = state.rearranging is not None
    state.settle()


def go_on(state: State, stage: int, cursor: int, contacts: int = 0, agents: int = 0) -> None:
    state.emit(ev.RearrangementContinued(state.now, stage, cursor, contacts, agents))


def finish_start(state: State) -> None:
    """The first two stages of an epoch's start are over before anything else is done."""
    while state.rearranging is not None and state.rearranging.stage < CONTACTS:
        do_slice(state, state.rearranging)


# --- the start of an epoch --------------------------------------------------------------------------------------------


def rescind_some(state: State, work: Rearrangement) -> None:
    for number in sorted(state.offers)[: max(state.slice_units // 2, 1)]:
        take_back(state, state.contacts[state.offers[number].contact], "restart")
    if not state.offers:
        go_on(state, LOSING, 0)


def lose_some(state: State, work: Rearrangement) -> None:
    numbers, place = left_to_do(state, work), state.todo_at
    some = numbers[place : place + max(state.slice_units // 8, 1)]
    for seq in some:
        agent = state.seats_by_seq[seq].agent
        if agent.state in SIGNED_ON:
            lose_connection(state, agent, "restart")
    if some:
        go_on(state, LOSING, some[-1])
    if place + len(some) == len(numbers):
        # A swap that the last epoch left unfinished goes on where its stage began.
        go_on(state, CONTACTS if work.former else AGENTS if work.seating else OPENING, 0)


# --- another policy ---------------------------------------------------------------------------------------------------


def place_some(state: State, work: Rearrangement) -> None:
    """Contacts of queues that are gone go through the entry rules, and each finds its place."""
    numbers, place = left_to_do(state, work), state.todo_at
    units, last = state.slice_units, 0
    while place < len(numbers) and units > 0:
        contact = state.contacts.get(numbers[place])
        place += 1
        if contact is None:
            continue
        units -= 1
        last = contact.contact
        if contact.queue in state.former:
            rehouse(state, contact)
            units -= 1
    if last:
        go_on(state, CONTACTS, last)
    if place == len(numbers):
        go_on(state, AGENTS, 0)


def house(state: State, contact: Contact) -> None:
    """Somebody asks about this contact before its turn."""
    if contact.queue in state.former:
        rehouse(state, contact)


def rehouse(state: State, contact: Contact) -> None:
    """Its queue is gone: through the entry rules; what they would deflect goes to its tenant's first queue."""
    policy = state.policy
    reclassify(state, contact, "policy")
    if contact.queue not in policy.queues:
        queue = next(queue for queue in policy.queues.values() if queue.tenant == contact.tenant)
        number = contact.contact
        state.emit(ev.ContactMoved(state.now, number, queue.name, "", contact.priority, contact.asks, "policy"))


def seat_some(state: State, work: Rearrangement) -> None:
    """What an agent's lanes cost depends on its pools and skills."""
    numbers, place = left_to_do(state, work), state.todo_at
    units, last = state.slice_units, 0
    while place < len(numbers) and units > 0:
        seat = state.seats_by_seq.get(numbers[place])
        place += 1
        if seat is None:
            continue
        last = seat.agent.seq
        profile = seat.agent.profile
        units -= 2 + len(profile.pools) * (1 + len(profile.skills))
    if last:
        go_on(state, AGENTS, last)
    if place == len(numbers):
        go_on(state, OPENING, 0)


# --- everything is decided anew ---------------------------------------------------------------------------------------


def open_some(state: State, work: Rearrangement) -> None:
    """Steps first, for everybody, so that nobody who may be served is passed by somebody who was looked at earlier."""
    numbers, place = left_to_do(state, work), state.todo_at
    events, looks, last = len(state.out) + max(state.slice_units // 2, 1), state.slice_units * 4, 0
    while place < len(numbers) and looks > 0 and len(state.out) < events:
        contact = state.contacts.get(numbers[place])
        place += 1
        if contact is None:
            continue
        last = contact.contact
        looks -= 1
        if contact.state is QUEUED:
            open_anew(state, contact, yields=True)
    if last:
        go_on(state, OPENING, last)
    if place == len(numbers):
        go_on(state, FEEDING, 0)


def feed_some(state: State, work: Rearrangement) -> None:
    """Agents with room in the order in which they were defined; each contact still goes to the best of the free ones."""
    numbers, place = left_to_do(state, work), state.todo_at
    units, last = max(state.slice_units, FEWEST_UNITS) * LOOKS_A_UNIT, 0
    while place < len(numbers) and units > 0:
        seat = state.seats_by_seq.get(numbers[place])
        if seat is not None:
            units = give(state, seat, work.why, units - 1)
            if units <= 0 and seat.room() > 0:
                break  # has its turn again
            last = seat.agent.seq
        place += 1
    if last:
        go_on(state, FEEDING, last)
    if place == len(numbers):
        go_on(state, NOTES, 0)


def hear_some(state: State, work: Rearrangement) -> None:
    """Those who began to wait or became freer meanwhile, in that order; then everything is as ever."""
    units, agents, contacts = max(state.slice_units, FEWEST_UNITS) * LOOKS_A_UNIT, 0, 0
    for seq in list(work.agents):
        seat = state.seats_by_seq.get(seq)
        if seat is not None:
            units = give(state, seat, work.why, units - 1)
            if units <= 0 and seat.room() > 0:
                break
        agents += 1
    if units > 0:
        for number in list(work.contacts):
            contact = state.contacts.get(number)
            if contact is not None:
                units = seek(state, contact, work.why, units - 1)
                if units <= 0:
                    break
            contacts += 1
    if agents or contacts:
        go_on(state, NOTES, 0, contacts, agents)
    if not work.agents and not work.contacts:
        state.emit(ev.RearrangementEnded(state.now, work.why, state.now - work.began_at))


def give(state: State, seat: Seat, why: str, units: int) -> int:
    """Offer what this agent may take to whom it should go, until this agent has no room or nothing waits for it."""
    while units > 0 and seat.room() > 0:
        state.settle()
        if seat.preferred:
            contact = best_preferred(state, seat)
            if contact is not None:
                make_offer(state, contact, seat, "", why, state.shown_first(contact), preferred=True)
                units -= LOOKS_A_UNIT
                continue
        key = best_waiting(state, seat)
        if key is None:
            break
        first = first_before(state, state.contacts[key[3]])
        place(state, first, why)
        units -= LOOKS_A_UNIT
        if first.state is QUEUED:
            break
    return units


def seek(state: State, contact: Contact, why: str, units: int) -> int:
    """Offer the contact to the best free agent, after everybody who stands before it there."""
    while units > 0 and contact.state is QUEUED:
        state.settle()
        first = first_before(state, contact)
        place(state, first, why)
        units -= LOOKS_A_UNIT
        if first.state is QUEUED:
            break
    return units
