"""State as clients see it: rows of contacts, agents, queues, and the snapshots that stand in for lost pushes."""

from __future__ import annotations

from collections.abc import Callable

from engine.dispatch import events as ev
from engine.dispatch.agents import Agent
from engine.dispatch.commands import AddMessage
from engine.dispatch.contacts import Contact, ContactState, Offer
from engine.dispatch.dispatcher import Dispatcher
from engine.ports import Committed
from engine.server.hub import text_of
from engine.wire.queries import AgentRow, AgentSnapshot, ContactRow, MessageRow, OfferRow

S = ContactState


def contact_row(dispatcher: Dispatcher, contact: Contact, *, position: bool = False) -> ContactRow:
    now = dispatcher.now
    offer = dispatcher.offers.get(contact.offer)
    consult = dispatcher.consults.get(contact.contact)
    return ContactRow(
        contact=contact.contact,
        tenant=contact.tenant,
        channel=contact.channel,
        external_id=contact.external_id,
        customer=contact.customer,
        shop=contact.shop,
        queue=contact.queue,
        state=contact.state,
        stage=contact.stage,
        priority=contact.priority,
        version=contact.version,
        agent=contact.agent,
        offer=contact.offer,
        waited_ms=contact.waited_ms(now),
        age_ms=now - contact.arrived_at,
        messages=contact.messages,
        attributes=dict(contact.attributes),
        transcript=contact.transcript,
        requires=contact.requires,
        intent=contact.intent,
        reason=contact.reason,
        step=contact.step,
        offers=contact.offers,
        position=dispatcher.position(contact.contact) if position else 0,
        reply_since=contact.reply_since,
        wrap_up_until=contact.wrap_up_until,
        offer_left_ms=max(0, offer.deadline - now) if offer is not None else 0,
        helper="" if consult is None else consult.to_agent,
        helper_left_ms=max(0, consult.deadline - now) if consult is not None else 0,
    )


def customer_row(row: ContactRow) -> ContactRow:
    """What the customer's side may know: no load of the house, no rule, no reason given among colleagues."""
    return ContactRow(
        contact=row.contact,
        tenant=row.tenant,
        channel=row.channel,
        external_id=row.external_id,
        customer=row.customer,
        shop=row.shop,
        queue=row.queue,
        state=row.state,
        stage=row.stage,
        priority=0,
        version=row.version,
        agent=row.agent if row.state in (S.CONNECTED, S.DORMANT) else "",
        offer=0,
        waited_ms=row.waited_ms,
        age_ms=row.age_ms,
        messages=row.messages,
        position=row.position,
        last_messages=row.last_messages,
    )


def agent_row(agent: Agent, *, connected: bool) -> AgentRow:
    profile = agent.profile
    return AgentRow(
        agent=profile.agent,
        name=profile.name,
        kind=profile.kind,
        tenant=profile.tenant,
        team=profile.team,
        pools=profile.pools,
        state=agent.state,
        reason=agent.reason,
        load=agent.load,
        capacity=agent.capacity,
        contacts=list(agent.contacts),
        served=agent.served,
        connected_socket=connected,
        helping=list(agent.helping),
    )


def offer_row(dispatcher: Dispatcher, offer: Offer) -> OfferRow:
    contact = dispatcher.contacts[offer.contact]
    return OfferRow(
        offer=offer.offer,
        contact=offer.contact,
        queue=contact.queue,
        channel=contact.channel,
        shop=contact.shop,
        deadline=offer.deadline,
        held=offer.held,
        waited_ms=contact.waited_ms(dispatcher.now),
        attributes=dict(contact.attributes),
        intent=contact.intent,
        reason=contact.reason,
        messages=contact.messages,
        left_ms=max(0, offer.deadline - dispatcher.now),
    )


def agent_snapshot(dispatcher: Dispatcher, name: str, is_connected: Callable[[str], bool]) -> AgentSnapshot:
    """An agent's whole world: itself, its open offers, the contacts it serves or wraps up, those of others it helps with."""
    agent = dispatcher.agents.get(name)
    if agent is None:
        return AgentSnapshot(None, [], [])
    held = [dispatcher.contacts[number] for number in agent.contacts if number in dispatcher.contacts]
    offers = [dispatcher.offers[contact.offer] for contact in held if contact.offer in dispatcher.offers]
    return AgentSnapshot(
        agent_row(agent, connected=is_connected(name)),
        [offer_row(dispatcher, offer) for offer in offers],
        [contact_row(dispatcher, contact) for contact in held if contact.state is not S.OFFERED],
        [contact_row(dispatcher, dispatcher.contacts[number]) for number in agent.helping],
    )


def message_row(seq: int, record: Committed) -> MessageRow:
    """A journal record as a line of the conversation."""
    added = next((e for e in record.events if isinstance(e, ev.MessageAdded) and e.seq == seq), None)
    if added is not None:
        return MessageRow(
            seq,
            added.at,
            added.sender,
            text_of(record.payload),
            added.agent,
            added.automatic,
            record.lsn,
            record.erased,
        )
    sender = record.command.sender if isinstance(record.command, AddMessage) else ""
    return MessageRow(seq, record.stamp, sender, text_of(record.payload), lsn=record.lsn, erased=record.erased)
