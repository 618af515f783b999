"""The agent's answers to offers, and the end of wrap-up."""

from __future__ import annotations

from typing import Any, Final

from engine.dispatch import commands as cmd
from engine.dispatch import events as ev
from engine.dispatch.choosing import only_decliners_left
from engine.dispatch.contacts import Contact, ContactState, Offer
from engine.dispatch.matching import again, ask_person, connect, freed
from engine.dispatch.refusals import Code
from engine.dispatch.rules.registry import find_agent, handles
from engine.dispatch.state import State
from engine.dispatch.stepping import priority_in

OFFERED: Final = ContactState.OFFERED
WRAP_UP: Final = ContactState.WRAP_UP


def find_offer(state: State, command: Any) -> Offer | None:
    """The agent's open offer, or None after a refusal that tells what became of it."""
    offer = state.offers.get(command.offer)
    if offer is not None and offer.agent == command.agent:
        return offer
    agent = find_agent(state, command)
    if agent is None:
        return None
    how = agent.ended_offers.get(command.offer)
    if how == "expired":
        state.refuse(command, Code.OFFER_EXPIRED, command.offer, "an offer before its deadline")
    elif how is not None:
        state.refuse(command, Code.OFFER_GONE, how, "an open offer")
    elif offer is not None:
        state.refuse(command, Code.NOT_YOURS, offer.offer, "an offer made to this agent")
    elif 0 < command.offer < state.next_offer:
        state.refuse(command, Code.OFFER_GONE, command.offer, "an open offer")
    else:
        state.refuse(command, Code.UNKNOWN_OFFER, command.offer, "an offer made to this agent")
    return None


@handles(cmd.AcceptOffer)
def accept(state: State, command: cmd.AcceptOffer) -> None:
    offer = find_offer(state, command)
    if offer is None:
        return None
    contact = state.contacts[offer.contact]
    if contact.state is not OFFERED:
        return state.refuse(command, Code.WRONG_STATE, contact.state, "offered")
    until = state.now + state.queue_of(contact).hold_ms if command.hold else 0
    state.emit_on(contact, ev.OfferAccepted(state.now, offer.offer, offer.contact, offer.agent, command.hold, until))
    if not command.hold:
        connect(state, contact, offer)


@handles(cmd.CompleteAccept)
def complete(state: State, command: cmd.CompleteAccept) -> None:
    offer = find_offer(state, command)
    if offer is None:
        return None
    if not offer.held:
        return state.refuse(command, Code.WRONG_STATE, "offered", "an offer accepted with hold")
    connect(state, state.contacts[offer.contact], offer)


@handles(cmd.FailAccept)
def fail(state: State, command: cmd.FailAccept) -> None:
    """The connection could not be made: no RONA, no decliner memory; the contact looks for the next agent first."""
    offer = find_offer(state, command)
    if offer is None:
        return None
    if not offer.held:
        return state.refuse(command, Code.WRONG_STATE, "offered", "an offer accepted with hold")
    rescind(state, offer, "failed")


def rescind(state: State, offer: Offer, reason: str) -> None:
    """Taken back without blame, and both sides look again."""
    contact = state.contacts[offer.contact]
    seat = contact.seat
    state.emit(ev.OfferRescinded(state.now, offer.offer, offer.contact, offer.agent, reason))
    again(state, contact, seat, reason)


@handles(cmd.DeclineOffer)
def decline(state: State, command: cmd.DeclineOffer) -> None:
    offer = find_offer(state, command)
    if offer is None:
        return None
    contact, agent = state.contacts[offer.contact], offer.agent
    seat = contact.seat
    if contact.state is not OFFERED:
        return state.refuse(command, Code.WRONG_STATE, contact.state, "offered")
    queue = state.queue_of(contact)
    memory, back_off = queue.decliner_memory_ms, queue.decline_back_off_ms
    if 0 < back_off < memory and only_decliners_left(state, contact, agent):
        memory = back_off  # yields: nobody else is eligible
    back_off_until = state.now + back_off if back_off else 0
    at, reason = state.now, command.reason
    state.emit_on(contact, ev.OfferDeclined(at, offer.offer, offer.contact, agent, reason, at + memory, back_off_until))
    again(state, contact, seat, "delivery_limit" if undeliverable(state, contact) else "declined")


def undeliverable(state: State, contact: Contact) -> bool:
    """Offered in vain as often as its queue allows: from here on it is the supervisors', with its clocks. Never lost."""
    supervision = state.policy.supervision(contact.queue)
    if not supervision.limit or contact.fruitless < supervision.limit:
        return False
    queue = state.policy.queues[supervision.queue]
    if queue.tenant != contact.tenant:
        return False
    if contact.stage == "bot":
        ask_person(state, contact, "", "delivery_limit")
    number, rule, priority = contact.contact, contact.rule, priority_in(state, contact, queue)
    moved = ev.ContactMoved(state.now, number, queue.name, rule, priority, contact.asks, "delivery_limit")
    state.emit_on(contact, moved)
    return True


@handles(cmd.EndWrapUp)
def end_wrap_up(state: State, command: cmd.EndWrapUp) -> None:
    contact: Contact | None = state.contacts.get(command.contact)
    if contact is None or contact.agent != command.agent or contact.state is not WRAP_UP:
        if find_agent(state, command) is not None:
            state.refuse(command, Code.WRONG_STATE, command.contact, "a contact in wrap-up with this agent")
        return
    seat = contact.seat
    state.emit_on(contact, ev.WrapUpEnded(state.now, command.contact, command.agent))
    freed(state, seat)
