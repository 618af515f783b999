"""An offer's life: accepted, held and completed or failed, declined, expired, taken back."""

from __future__ import annotations

from collections.abc import Iterator

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.agents import AgentState
from engine.dispatch.contacts import ContactState
from engine.dispatch.refusals import Code
from tests.reference_dispatcher import decliners, matching, rona, supervisors, transfers
from tests.reference_dispatcher.desk import Agent, Contact, Desk, Offer
from tests.reference_dispatcher.registry import Deadline, Refused, deadlines, handles


def open_offer(desk: Desk, name: str, number: int) -> tuple[Offer, Contact, Agent]:
    agent = desk.agent(name)
    found = desk.offers.get(number)
    if found is None:
        how = agent.ended_offers.get(number)
        if how == "expired":
            raise Refused(Code.OFFER_EXPIRED, number, "an offer before its deadline")
        if 1 <= number <= desk.numbers["offer"]:
            raise Refused(Code.OFFER_GONE, how or number, "an open offer")
        raise Refused(Code.UNKNOWN_OFFER, number, "an offer made to this agent")
    if found.agent != name:
        raise Refused(Code.NOT_YOURS, number, "an offer made to this agent")
    return found, desk.contacts[found.contact], agent


@handles(cm.AcceptOffer)
def accept(desk: Desk, command: cm.AcceptOffer) -> None:
    offer, contact, agent = open_offer(desk, command.agent, command.offer)
    if offer.held:
        raise Refused(Code.WRONG_STATE, "held", "offered")
    who = {"offer": offer.offer, "contact": contact.contact, "agent": agent.name}
    if command.hold:
        offer.held, offer.deadline = True, desk.now + desk.queue_of(contact).hold_ms
        desk.emit(ev.OfferAccepted, **who, held=True, hold_until=offer.deadline)
    else:
        desk.emit(ev.OfferAccepted, **who)
        matching.connect(desk, contact, agent)


@handles(cm.CompleteAccept)
def complete(desk: Desk, command: cm.CompleteAccept) -> None:
    _, contact, agent = held_offer(desk, command.agent, command.offer)
    matching.connect(desk, contact, agent)


@handles(cm.FailAccept)
def fail(desk: Desk, command: cm.FailAccept) -> None:
    _, contact, _ = held_offer(desk, command.agent, command.offer)
    back_without_blame(desk, contact, "failed")


def held_offer(desk: Desk, name: str, number: int) -> tuple[Offer, Contact, Agent]:
    offer, contact, agent = open_offer(desk, name, number)
    if not offer.held:
        raise Refused(Code.WRONG_STATE, "offered", "an offer accepted with hold")
    return offer, contact, agent


@handles(cm.DeclineOffer)
def decline(desk: Desk, command: cm.DeclineOffer) -> None:
    offer, contact, agent = open_offer(desk, command.agent, command.offer)
    if offer.held:
        raise Refused(Code.WRONG_STATE, "held", "offered")
    queue = desk.queue_of(contact)
    back_off_until = desk.now + queue.decline_back_off_ms if queue.decline_back_off_ms else 0
    forget_at = desk.now + queue.decliner_memory_ms
    if back_off_until and not decliners.others(desk, contact, but=agent.name):
        forget_at = min(forget_at, back_off_until)
    desk.emit(
        ev.OfferDeclined, offer=offer.offer, contact=contact.contact, agent=agent.name, reason=command.reason,
        forget_at=forget_at, back_off_until=back_off_until,
    )  # fmt: skip
    desk.let_go(contact, "declined")
    if forget_at > desk.now:
        contact.decliners[agent.name] = forget_at
    agent.back_off_until = max(agent.back_off_until, back_off_until)
    contact.fruitless += 1
    look_on(desk, contact, agent, "declined")


def look_on(desk: Desk, contact: Contact, agent: Agent, trigger: str) -> None:
    """After so many fruitless offers it is the supervisors'."""
    limit = desk.policy.supervision(contact.queue)
    there = desk.policy.queues.get(limit.queue)
    if limit.limit and contact.fruitless >= limit.limit and there is not None and there.tenant == contact.tenant:
        if contact.stage == "bot":
            transfers.wait_for_a_person(desk, contact, "", "delivery_limit")
        supervisors.put_into(desk, contact, there, "delivery_limit")
        trigger = "delivery_limit"
    matching.place_beside(desk, contact, agent, trigger)


def rescind(desk: Desk, contact: Contact, reason: str) -> Agent:
    """Taken back, no blame; returns who had it."""
    desk.emit(
        ev.OfferRescinded, offer=contact.offer, contact=contact.contact, agent=contact.agent, reason=reason
    )  # fmt: skip
    return desk.let_go(contact, "rescinded")


def rescind_all(desk: Desk, agent: Agent, reason: str) -> list[Contact]:
    """Every open offer of this agent, the oldest first; returns their contacts."""
    found = [desk.contacts[offer.contact] for offer in desk.offers.values() if offer.agent == agent.name]
    for contact in sorted(found, key=lambda contact: contact.offer):
        rescind(desk, contact, reason)
    return found


def back_without_blame(desk: Desk, contact: Contact, reason: str) -> None:
    agent = rescind(desk, contact, reason)
    matching.place_beside(desk, contact, agent, reason)


def expire(desk: Desk, offer: Offer) -> None:
    contact, agent = desk.contacts[offer.contact], desk.agents[offer.agent]
    if offer.held:
        back_without_blame(desk, contact, "hold_expired")
        return
    queue = desk.queue_of(contact)
    return_at = desk.now + queue.rona_return_ms if queue.rona_return_ms else 0
    alert = rona.too_many(desk, agent)
    effect = queue.rona if alert is None else "none"
    desk.emit(
        ev.OfferExpired, offer=offer.offer, contact=contact.contact, agent=agent.name, effect=effect,
        return_at=return_at,
    )  # fmt: skip
    desk.let_go(contact, "expired")
    contact.fruitless += 1
    took_offers = agent.state == AgentState.AVAILABLE
    if alert is not None:
        desk.say(alert)
    rona.EFFECTS[effect](desk, contact, agent, return_at)
    if took_offers and agent.state != AgentState.AVAILABLE:
        matching.takes_nothing_more(desk, agent)
    if contact.state == ContactState.QUEUED:
        look_on(desk, contact, agent, "expired")
    else:
        matching.freed(desk, agent)


@deadlines
def running(desk: Desk) -> Iterator[Deadline]:
    for offer in desk.offers.values():

        def act(offer: Offer = offer) -> None:
            expire(desk, offer)

        yield Deadline(offer.deadline, "offer", (offer.offer,), act)
