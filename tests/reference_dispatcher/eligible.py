"""Who may be offered what, now. One small function for each thing that can stand against it."""

from __future__ import annotations

from engine.dispatch.agents import TAKES_OFFERS
from engine.dispatch.contacts import ContactState
from tests.reference_dispatcher import lender, needs
from tests.reference_dispatcher.desk import Agent, Contact, Desk
from tests.reference_dispatcher.registry import OBJECTIONS, objection


def may(desk: Desk, contact: Contact, agent: Agent) -> bool:
    """The contact waits and nothing stands against this agent."""
    return contact.state == ContactState.QUEUED and not any(says(desk, contact, agent) for says in OBJECTIONS.values())


def is_for_anybody(contact: Contact) -> bool:
    """It waits, and is not kept for one agent."""
    return contact.state == ContactState.QUEUED and not contact.prefer_only


@objection("state")
def does_not_take_offers(desk: Desk, contact: Contact, agent: Agent) -> bool:
    """Presence is an allow-list."""
    return agent.state not in TAKES_OFFERS


@objection("back_off")
def backs_off(desk: Desk, contact: Contact, agent: Agent) -> bool:
    return agent.back_off_until != 0


@objection("preferred_other")
def kept_for_another(desk: Desk, contact: Contact, agent: Agent) -> bool:
    """Passed on by name: until the budget is over it is this agent's alone."""
    return contact.prefer_only and contact.prefer != agent.name


@objection("team")
def kept_for_a_team(desk: Desk, contact: Contact, agent: Agent) -> bool:
    """Handed over by a colleague: until the budget is over it is the team's alone."""
    return bool(contact.team) and agent.profile.team != contact.team


@objection("declined")
def declined_before(desk: Desk, contact: Contact, agent: Agent) -> bool:
    return agent.name in contact.decliners


@objection("capacity")
def has_no_room(desk: Desk, contact: Contact, agent: Agent) -> bool:
    return desk.free_units(agent, contact) < contact.cost


@objection("channel_limit")
def is_at_the_channels_limit(desk: Desk, contact: Contact, agent: Agent) -> bool:
    """The policy's limit, which an agent may only lower for itself."""
    declared = desk.policy.channels[contact.channel].limit
    if declared == 0:
        return False
    limit = min(declared, agent.profile.channel_limits.get(contact.channel, declared))
    return sum(desk.work(held).channel == contact.channel for held, _ in agent.works_on) >= limit


@objection("shop_limit")
def is_at_the_shops_limit(desk: Desk, contact: Contact, agent: Agent) -> bool:
    limit = desk.policy.shops[contact.shop].limit if contact.shop in desk.policy.shops else 0
    return bool(limit) and sum(desk.work(held).shop == contact.shop for held, _ in agent.works_on) >= limit


def through(desk: Desk, contact: Contact, agent: Agent, pool: str) -> bool:
    """Whether this contact may come to the agent through this pool: it is not drained, and its rules let it."""
    return pool in agent.profile.pools and pool not in desk.drained and lets(desk, contact, agent, pool)


def lets(desk: Desk, contact: Contact, agent: Agent, pool: str) -> bool:
    """The agent has not had its share of the pool today, and the pool is the contact's own or lends."""
    quota = desk.policy.pools[pool].daily_quota
    open_offers = sum(offer.agent == agent.name for offer in desk.offers.values())
    if quota and agent.connected_today + open_offers >= quota:
        return False
    return not lender.borrows(desk, contact, pool) or lender.lends(desk, contact, pool)


@objection("pools")
def no_pool_gives_it(desk: Desk, contact: Contact, agent: Agent) -> bool:
    """One pool that they share must; if they share none, a preferred agent's own pools all must, drained or not."""
    shared = [pool for pool in needs.open_pools(desk, contact) if pool in agent.profile.pools]
    shared = [pool for pool in shared if pool not in desk.drained]
    if shared:
        return not any(lets(desk, contact, agent, pool) for pool in shared)
    return not all(lets(desk, contact, agent, pool) for pool in agent.profile.pools)


@objection("qualification")
def does_not_qualify(desk: Desk, contact: Contact, agent: Agent) -> bool:
    """Tenant, pool and requirement. A person chosen by name need not be of the queue's pools, nor skilled."""
    if contact.prefer == agent.name:
        return agent.profile.tenant not in ("", contact.tenant)
    return not needs.qualifies(desk, contact, agent)
