"""What is true now, read off the dispatcher's state in one pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from engine.dispatch.agents import SIGNED_ON, Agent, AgentState
from engine.dispatch.contacts import ContactState
from engine.dispatch.dispatcher import Dispatcher

# Looked up once: up to Python 3.11 an enum's member costs a call each time it is named.
_AVAILABLE = AgentState.AVAILABLE
_CONNECTED, _DORMANT = ContactState.CONNECTED, ContactState.DORMANT
_OFFERED, _HELD = ContactState.OFFERED, ContactState.HELD


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
    """An agent counts in each of its pools. ``units`` and ``units_used``: of signed-on agents; ``units_free``: of available
    ones, and not in use."""

    agents: dict[str, int] = field(default_factory=lambda: {state.value: 0 for state in AgentState})
    units: int = 0
    units_used: int = 0
    units_free: int = 0
    with_room: int = 0


@dataclass
class StaffGauges:
    """Agents of one tenant (empty: those all tenants share). Units are of signed-on agents."""

    signed_on: int = 0
    available: int = 0
    units: int = 0
    units_used: int = 0


@dataclass
class Gauges:
    """``room``: available agents with room by (tenant, pools), each agent once. ``staff``: by tenant."""

    queues: dict[str, QueueGauges] = field(default_factory=dict)
    pools: dict[str, PoolGauges] = field(default_factory=dict)
    staff: dict[str, StaffGauges] = field(default_factory=dict)
    room: dict[tuple[str, tuple[str, ...]], int] = field(default_factory=dict)
    policy: str = ""


class Readings:
    """One reading for all who ask between two commits: wallboards, figures and scrapes. Only waits grow meanwhile.

    ``last_lsn``: of the state that is read; nothing but a commit changes what is counted.
    """

    def __init__(self, last_lsn: Callable[[], int]) -> None:
        self._last_lsn = last_lsn
        self._lsn = -1
        self._gauges = Gauges()

    def __call__(self, dispatcher: Dispatcher) -> Gauges:
        lsn = self._last_lsn()
        if lsn != self._lsn:
            self._gauges, self._lsn = read_gauges(dispatcher), lsn
        for name, row in self._gauges.queues.items():
            row.longest_wait_ms = dispatcher.longest_wait(name)
        return self._gauges


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
    contacts, queues = dispatcher.contacts, gauges.queues
    for agent in dispatcher.agents.values():
        _count_agent(agent, gauges)
        # The longest walk of all, so without a call for each contact.
        for number in agent.contacts:
            contact = contacts.get(number)
            if contact is None or (row := queues.get(contact.queue)) is None:
                continue
            state = contact.state
            if state is _CONNECTED or state is _DORMANT:
                if contact.stage == "bot":
                    row.bot += 1
                else:
                    row.connected += 1
            elif state is _OFFERED or state is _HELD:
                row.offered += 1
    return gauges


def _count_agent(agent: Agent, gauges: Gauges) -> None:
    profile, state = agent.profile, agent.state
    on = state in SIGNED_ON
    has_room = state is _AVAILABLE and agent.load < agent.capacity
    for pool in profile.pools:
        row = gauges.pools.get(pool)
        if row is None:
            row = gauges.pools[pool] = PoolGauges()
        row.agents[state] += 1
        if on:
            row.units += agent.capacity
            row.units_used += agent.load
            row.with_room += has_room
            if has_room:
                row.units_free += agent.capacity - agent.load
    if on:
        staff = gauges.staff.get(profile.tenant)
        if staff is None:
            staff = gauges.staff[profile.tenant] = StaffGauges()
        staff.signed_on += 1
        staff.available += state is _AVAILABLE
        staff.units += agent.capacity
        staff.units_used += agent.load
    if has_room:
        kind = (profile.tenant, profile.pools)
        gauges.room[kind] = gauges.room.get(kind, 0) + 1
