"""What is true now, read off the dispatcher's state in one pass."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.dispatch.agents import SIGNED_ON, AgentState
from engine.dispatch.contacts import ContactState
from engine.dispatch.dispatcher import Dispatcher

S = ContactState
_WITH_AGENT = frozenset({S.CONNECTED, S.DORMANT})
_TO_AGENT = frozenset({S.OFFERED, S.HELD})


@dataclass
class QueueGauges:
    """Contacts of one queue, by what they are doing now. ``waiting`` includes those offered."""

    waiting: int = 0
    longest_wait_ms: int = 0
    offered: int = 0
    connected: int = 0
    bot: int = 0
    closed: bool = False


@dataclass
class PoolGauges:
    """An agent counts in each of its pools. ``units`` and ``units_used``: of signed-on agents."""

    agents: dict[str, int] = field(default_factory=lambda: {state.value: 0 for state in AgentState})
    units: int = 0
    units_used: int = 0
    with_room: int = 0


@dataclass
class Gauges:
    queues: dict[str, QueueGauges] = field(default_factory=dict)
    pools: dict[str, PoolGauges] = field(default_factory=dict)
    policy: str = ""


def read_gauges(dispatcher: Dispatcher) -> Gauges:
    """Contacts that agents hold are walked; those that merely wait are counted by their lines."""
    gauges = Gauges(policy=dispatcher.policy.version)
    for name in dispatcher.policy.queues:
        gauges.queues[name] = QueueGauges(
            waiting=dispatcher.queue_length(name),
            longest_wait_ms=dispatcher.longest_wait(name),
            closed=name in dispatcher.closed_queues,
        )
    for name in dispatcher.policy.pools:
        gauges.pools[name] = PoolGauges()
    for agent in dispatcher.agents.values():
        for pool in agent.profile.pools:
            row = gauges.pools.setdefault(pool, PoolGauges())
            row.agents[agent.state] += 1
            if agent.state in SIGNED_ON:
                row.units += agent.capacity
                row.units_used += agent.load
                row.with_room += agent.state is AgentState.AVAILABLE and agent.load < agent.capacity
        for number in agent.contacts:
            _count(dispatcher, number, gauges)
    return gauges


def _count(dispatcher: Dispatcher, number: int, gauges: Gauges) -> None:
    contact = dispatcher.contacts.get(number)
    row = gauges.queues.get(contact.queue) if contact is not None else None
    if contact is None or row is None:
        return
    if contact.state in _TO_AGENT:
        row.offered += 1
    elif contact.state in _WITH_AGENT and contact.stage == "bot":
        row.bot += 1
    elif contact.state in _WITH_AGENT:
        row.connected += 1
