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
    if event.waited_ms and event.trigger in FEEDS and not event.preferred:
        state.measure_leaving(contact, event.at, RELEASED)
    elif event.waited_ms:
        state.measure_leaving(contact, event.at, OTHERWISE)
    state.leave_lanes(contact)
    seat, state.chosen = state.chosen, None
    if seat is None or seat.name != event.agent:
        seat = state.seats[event.agent]
    agent = seat.agent
    agent.load += event.cost
    agent.contacts[event.contact] = event.cost
    agent.idle_since = event.at
    if state.bounded:
        state.count(seat, contact.channel, contact.shop, 1, event.cost)
    if seat.watched:
        seat.open += 1
        state.freer(seat)  # not freer, but its pools count it, or put those first who have least room
    if state.remembering and event.pool in state.ledgers:
        remember_offer(state, event, contact)
    contact.state, contact.agent, contact.seat, contact.offer = OFFERED, event.agent, seat, event.offer
    contact.offers += 1
    if contact.prefer:
        contact.prefer, contact.prefer_until, contact.prefer_only = "", 0, False
    state.offers[event.offer] = Offer(event.offer, event.contact, event.agent, event.pool, event.at, event.deadline)
    state.next_offer = event.offer + 1
    state.timers.arm(event.deadline, Kind.OFFER, event.offer)


@applies_to_contact(ev.OfferAccepted)
def offer_accepted(state: State, event: ev.OfferAccepted, contact: Contact) -> None:
    contact.state = HELD
    offer = state.offers[event.offer]
    offer.held, offer.deadline = event.held, event.hold_until
    state.timers.arm(event.hold_until, Kind.OFFER, event.offer)


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
