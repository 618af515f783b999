"""What offer events do to state."""

from __future__ import annotations

from typing import Final

from engine.dispatch import events as ev
from engine.dispatch.changes.registry import applies_to_contact, release
from engine.dispatch.contacts import Contact, ContactState, Offer
from engine.dispatch.estimates import FEEDS, OTHERWISE, RELEASED
from engine.dispatch.pools import refund
from engine.dispatch.state import State
from engine.dispatch.timers import Kind

QUEUED: Final = ContactState.QUEUED
OFFERED: Final = ContactState.OFFERED
HELD: Final = ContactState.HELD

# How many ended offers an agent's record keeps, so that a late answer learns what became of its offer.
ENDED_KEPT = 16


@applies_to_contact(ev.OfferMade)
def offer_made(state: State, event: ev.OfferMade, contact: Contact) -> None:
    """Capacity is reserved in the same step that makes the offer."""
    at, number, name, cost = event.at, event.offer, event.agent, event.cost
    if event.waited_ms:
        how = RELEASED if event.trigger in FEEDS and not event.preferred else OTHERWISE
        state.measure_leaving(contact, at, how)
    state.leave_lanes(contact)
    seat, state.chosen = state.chosen, None
    if seat is None or seat.name != name:
        seat = state.seats[name]
    agent = seat.agent
    agent.load += cost
    agent.contacts[contact.contact] = cost
    agent.idle_since = at
    if state.bounded:
        state.count(seat, contact.channel, contact.shop, 1, cost)
    if seat.watched:
        seat.open += 1
        state.freer(seat)  # not freer, but its pools count it, or put those first who have least room
    pool = event.pool
    if state.remembering and pool in state.ledgers:
        remember_offer(state, event, contact)
    # The seat's own name: an event's would be one more object a contact, far from everything else.
    contact.state, contact.agent, contact.seat, contact.offer = OFFERED, seat.name, seat, number
    contact.offers += 1
    if contact.prefer:
        contact.prefer, contact.prefer_until, contact.prefer_only = "", 0, False
    deadline = event.deadline
    state.offers[number] = Offer(number, contact.contact, seat.name, pool, at, deadline)
    state.next_offer = number + 1
    state.timers.arm(deadline, Kind.OFFER, number)


@applies_to_contact(ev.OfferAccepted)
def offer_accepted(state: State, event: ev.OfferAccepted, contact: Contact) -> None:
    contact.state = HELD
    number, until = event.offer, event.hold_until
    offer = state.offers[number]
    offer.held, offer.deadline = event.held, until
    state.timers.arm(until, Kind.OFFER, number)


@applies_to_contact(ev.OfferDeclined)
def offer_declined(state: State, event: ev.OfferDeclined, contact: Contact) -> None:
    agent = state.agents[event.agent]
    if event.back_off_until:
        agent.back_off_until = max(agent.back_off_until, event.back_off_until)
        state.timers.arm(agent.back_off_until, Kind.BACK_OFF, agent.seq)
    if event.forget_at > event.at:
        remember_decliner(state, contact, event.agent, event.forget_at)
    contact.fruitless += 1
    end_offer(state, event.offer, contact, "declined", event.at)


@applies_to_contact(ev.OfferExpired)
def offer_expired(state: State, event: ev.OfferExpired, contact: Contact) -> None:
    agent = state.agents[event.agent]
    if event.effect == "back_off" and event.return_at:
        agent.back_off_until = max(agent.back_off_until, event.return_at)
        agent.rona_back_off = True
        state.timers.arm(agent.back_off_until, Kind.BACK_OFF, agent.seq)
    if event.effect in ("lower_capacity", "none") and event.return_at:
        remember_decliner(state, contact, event.agent, event.return_at)
    contact.fruitless += 1
    end_offer(state, event.offer, contact, "expired", event.at)


@applies_to_contact(ev.OfferRescinded)
def offer_rescinded(state: State, event: ev.OfferRescinded, contact: Contact) -> None:
    contact.offers -= 1  # nobody's fault: it does not count
    end_offer(state, event.offer, contact, "rescinded", event.at)


def remember_offer(state: State, event: ev.OfferMade, contact: Contact) -> None:
    """The pool's ledger: whom it served last, and whose share the work counts for."""
    ledger = state.ledgers[event.pool]
    if event.pool in state.rings and not event.preferred and not event.forced:
        ledger.last = state.agents[event.agent].seq
    if event.pool in state.shares:
        pool = state.policy.pools[event.pool]
        state.party_of(pool, contact.tenant, contact.shop).charge(event.offer, event.cost)


def remember_decliner(state: State, contact: Contact, agent: str, until: int) -> None:
    contact.decliners = {**contact.decliners, agent: until}
    state.seats[agent].declined |= {contact.contact}
    state.timers.arm(min(contact.decliners.values()), Kind.DECLINER, contact.contact)


def end_offer(state: State, number: int, contact: Contact, how: str, at: int) -> None:
    """The contact waits on with its clocks; the agent's units are free; a late answer will be told ``how``."""
    offer = state.offers.pop(number)
    if state.remembering and offer.pool in state.ledgers:
        refund(state.ledgers[offer.pool], number)
    seat = contact.seat
    assert seat is not None, contact.contact
    if seat.watched:
        seat.open -= 1
    ended = seat.agent.ended_offers
    ended[number] = how
    if len(ended) > ENDED_KEPT:
        del ended[next(iter(ended))]
    contact.state, contact.offer = QUEUED, 0
    release(state, contact, at)
    state.enter_lanes(contact)
