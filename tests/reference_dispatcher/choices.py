"""How an arriving contact picks among the free agents of a pool. Ties: longest idle, then who was defined first."""

from __future__ import annotations

from tests.reference_dispatcher import needs
from tests.reference_dispatcher.desk import Agent, Contact, Desk
from tests.reference_dispatcher.registry import choice


@choice("longest_idle")
def longest_idle(desk: Desk, contact: Contact, agent: Agent) -> tuple[float, ...]:
    return (agent.idle_since,)


@choice("least_loaded")
def least_loaded(desk: Desk, contact: Contact, agent: Agent) -> tuple[float, ...]:
    """The smallest share of its capacity in use (in millionths)."""
    return (agent.load * 1_000_000 // max(agent.capacity, 1), agent.idle_since)


@choice("most_proficient")
def most_proficient(desk: Desk, contact: Contact, agent: Agent) -> tuple[float, ...]:
    """The largest sum of levels in the skills that the requirement names."""
    return (-needs.requirement(desk, contact).proficiency(agent.profile.skills), agent.idle_since)


def preferred(agent: Agent) -> tuple[float, ...]:
    """Nobody was compared: how long the preferred agent was idle."""
    return (agent.idle_since,)
