"""How an arriving contact picks among the free agents of a pool. Ties: longest idle, then who was defined first."""

from __future__ import annotations

from typing import Any

from tests.reference_dispatcher import needs
from tests.reference_dispatcher.desk import Agent, Contact, Desk
from tests.reference_dispatcher.registry import choice

MINUTE_MS = 60_000


@choice("longest_idle")
def longest_idle(desk: Desk, contact: Contact, agent: Agent, pool: str) -> tuple[float, ...]:
    return (agent.idle_since,)


@choice("least_loaded")
def least_loaded(desk: Desk, contact: Contact, agent: Agent, pool: str) -> tuple[float, ...]:
    """The smallest share of its capacity in use (in millionths)."""
    return (agent.load * 1_000_000 // max(agent.capacity, 1), agent.idle_since)


@choice("most_proficient")
def most_proficient(desk: Desk, contact: Contact, agent: Agent, pool: str) -> tuple[float, ...]:
    """The largest sum of levels in the skills that the requirement names."""
    return (-needs.requirement(desk, contact).proficiency(agent.profile.skills), agent.idle_since)


@choice("most_loaded")
def most_loaded(desk: Desk, contact: Contact, agent: Agent, pool: str) -> tuple[float, ...]:
    """The largest share in use, of those who have room."""
    return (-(agent.load * 1_000_000 // max(agent.capacity, 1)), agent.idle_since)


@choice("round_robin")
def round_robin(desk: Desk, contact: Contact, agent: Agent, pool: str) -> tuple[float, ...]:
    """Whoever was defined next after the one whom the pool last offered something; then from the start."""
    return (0 if agent.seq > desk.last_in_turn.get(pool, 0) else 1,)


@choice("weighted")
def weighted(desk: Desk, contact: Contact, agent: Agent, pool: str) -> tuple[float, ...]:
    """Points for minutes idle, for what is free, for levels; the most first."""
    weights = desk.policy.pools[pool].weights
    assert weights is not None
    level = needs.requirement(desk, contact).proficiency(agent.profile.skills)
    points = weights.idle * (desk.now - agent.idle_since)
    points += MINUTE_MS * weights.load * (agent.capacity - agent.load) // max(agent.capacity, 1)
    points += MINUTE_MS * weights.proficiency * level
    return (-points, agent.idle_since)


def took_its_turn(desk: Desk, pool: str, agent: Agent) -> None:
    if desk.policy.pools[pool].choice == "round_robin":
        desk.last_in_turn[pool] = agent.seq


def keeps_pages(desk: Desk, pool: str) -> bool:
    """Whether something is remembered of the pool, through other policies too."""
    rules = desk.policy.pools.get(pool)
    if rules is None:
        return False
    return rules.choice == "round_robin" or rules.shares != "none" or rules.lend_kpi is not None


def turn_pages(desk: Desk) -> None:
    """With another policy: what nobody asks for any more is forgotten."""
    pages: tuple[dict[str, Any], ...] = (desk.last_in_turn, desk.minutes, desk.shares)
    for page in pages:
        for pool in [*page]:
            if not keeps_pages(desk, pool):
                del page[pool]


def preferred(agent: Agent) -> tuple[float, ...]:
    """Nobody was compared: how long the preferred agent was idle."""
    return (agent.idle_since,)
