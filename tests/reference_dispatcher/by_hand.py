"""Given by hand: a supervisor's forced assignment, and a colleague who takes over."""

from __future__ import annotations

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.agents import SIGNED_ON
from engine.dispatch.contacts import ContactState
from engine.dispatch.refusals import Code
from tests.reference_dispatcher import consults, matching, offers, replies, shares, transfers
from tests.reference_dispatcher.desk import Agent, Contact, Desk, Offer
from tests.reference_dispatcher.registry import OBJECTIONS, Refused, handles


@handles(cm.AssignContact)
def assign(desk: Desk, command: cm.AssignContact) -> None:
    contact = desk.contact(command.contact, command.tenant, command.expect_version)
    if contact.state not in (ContactState.QUEUED, ContactState.OFFERED):
        raise Refused(Code.WRONG_STATE, contact.state, "a waiting contact (a connected one is taken over)")
    if not command.reason:
        raise Refused(Code.BAD_VALUE, "''", "reason: why this contact goes to this agent")
    agent = signed_on(desk, contact, command.agent)
    freed = offers.rescind(desk, contact, "assigned") if contact.offer else None
    if contact.stage == "bot" and not agent.is_bot:
        transfers.wait_for_a_person(desk, contact, "", "assigned")
    beyond = min(max(agent.load + contact.cost - agent.capacity, 0), contact.cost)
    desk.emit(
        ev.ContactAssigned, contact=contact.contact, agent=agent.name, reason=command.reason, beyond=beyond
    )  # fmt: skip
    contact.pinned = True
    desk.forget_all_preference(contact)
    hand(desk, contact, agent, "assigned")
    if freed is not None:
        matching.freed(desk, freed)


@handles(cm.TakeOverContact)
def take_over(desk: Desk, command: cm.TakeOverContact) -> None:
    contact = desk.contact(command.contact, command.tenant)
    if contact.state not in (ContactState.CONNECTED, ContactState.DORMANT):
        raise Refused(Code.WRONG_STATE, contact.state, "connected")
    if contact.agent == command.agent:
        raise Refused(Code.WRONG_STATE, command.agent, "somebody other than the agent who serves it")
    agent = signed_on(desk, contact, command.agent)
    consult = desk.consults.get(contact.contact)
    helps = consult is not None and consult.to_agent == agent.name  # and so has the room already
    if not helps and any(
        OBJECTIONS[name](desk, contact, agent) for name in ("capacity", "channel_limit", "shop_limit")
    ):
        raise Refused(Code.AGENT_BUSY, desk.free_units(agent, contact), f"room for {contact.cost} units")
    giver = desk.agents[contact.agent]
    if helps and consult is not None:
        consults.over(desk, consult, "taken_over", agent.name)
    hand_off = contact.stage == "bot" and giver.is_bot and not agent.is_bot
    stage = "person" if not agent.is_bot else contact.stage
    desk.emit(
        ev.ContactTransferred, contact=contact.contact, agent=giver.name, queue=contact.queue, stage=stage,
        priority=contact.priority, requires=contact.requires, reason=command.reason or "taken_over", hand_off=hand_off,
    )  # fmt: skip
    desk.let_go(contact)
    desk.wait_again(contact)
    contact.stage = stage
    if hand_off:
        transfers.wait_from_here(desk, contact)
    replies.start_if_owed(desk, contact)
    hand(desk, contact, agent, "taken_over")
    matching.freed(desk, giver)


def signed_on(desk: Desk, contact: Contact, name: str) -> Agent:
    agent = desk.agent(name)
    if agent.profile.tenant not in ("", contact.tenant):
        raise Refused(Code.UNKNOWN_AGENT, name, "a defined agent")
    if agent.state not in SIGNED_ON:
        raise Refused(Code.WRONG_STATE, agent.state, "an agent who is signed on")
    return agent


def hand(desk: Desk, contact: Contact, agent: Agent, how: str) -> None:
    """Connected at once, whatever stands against it."""
    number = desk.number("offer")
    queue = desk.queue_of(contact)
    desk.emit(
        ev.OfferMade, offer=number, contact=contact.contact, agent=agent.name, queue=contact.queue,
        pool=matching.own_pool(agent), step=contact.step, cost=contact.cost, deadline=desk.now + queue.offer_ms,
        waited_ms=desk.now - contact.start, trigger=how, choice=how, order=how, rank=(), policy=desk.policy.version,
        forced=True,
    )  # fmt: skip
    made = desk.offers[number] = Offer(number, contact.contact, agent.name, desk.now + queue.offer_ms)
    shares.charge(desk, contact, made, matching.own_pool(agent))
    contact.agent, contact.offer = agent.name, number
    desk.forget_preference(contact)
    agent.holds[contact.contact] = contact.cost
    agent.idle_since = desk.now
    desk.emit(ev.OfferAccepted, offer=number, contact=contact.contact, agent=agent.name, automatic=True)
    matching.connect(desk, contact, agent)
