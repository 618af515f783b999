"""What a contact needs now: its open pools, its requirement less what steps have relaxed."""

from __future__ import annotations

from engine.dispatch.agents import PRESENT
from engine.dispatch.policy.compiled import Step
from engine.dispatch.policy.requirements import ANYONE, Requirement, both, parse_canonical
from tests.reference_dispatcher.desk import Agent, Contact, Desk


def open_steps(desk: Desk, contact: Contact) -> tuple[Step, ...]:
    return desk.queue_of(contact).steps[: contact.step]


def open_pools(desk: Desk, contact: Contact) -> list[str]:
    """In the order in which an arriving contact tries them: the queue's own, then what each step added."""
    queue = desk.queue_of(contact)
    if contact.stage == "bot":
        return list(queue.bot_pools)
    pools = list(queue.pools)
    for step in open_steps(desk, contact):
        pools += [pool for pool in step.add_pools if pool not in pools]
    return pools


def requirement(desk: Desk, contact: Contact) -> Requirement:
    """The queue's and the contact's own. A bot need not meet it: it only begins."""
    if contact.stage == "bot":
        return ANYONE
    relaxed = [name for step in open_steps(desk, contact) for name in step.relax]
    whole = both(desk.queue_of(contact).requirement, parse_canonical(contact.requires))
    return whole.without(relaxed)


def belongs(desk: Desk, contact: Contact, agent: Agent) -> bool:
    """Could this agent ever have it, as things are open now: tenant, pool (drained or not), requirement."""
    profile = agent.profile
    return (
        profile.tenant in ("", contact.tenant)
        and bool(set(open_pools(desk, contact)) & set(profile.pools))
        and requirement(desk, contact).matches(profile.skills, profile.attributes)
    )


def qualifies(desk: Desk, contact: Contact, agent: Agent) -> bool:
    """… through a pool that is not drained."""
    ways = set(open_pools(desk, contact)) & set(agent.profile.pools) - {*desk.drained}
    return bool(ways) and belongs(desk, contact, agent)


def present(desk: Desk, contact: Contact) -> list[Agent]:
    """Who is logged in (a lost agent counts while its grace runs) and qualifies."""
    return [agent for agent in desk.agents.values() if agent.state in PRESENT and qualifies(desk, contact, agent)]
