"""How much an agent can carry: a supervisor's word with an end, and load that another system pushes."""

from __future__ import annotations

from collections.abc import Iterator

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.refusals import Code
from tests.reference_dispatcher import matching
from tests.reference_dispatcher.desk import Agent, Desk
from tests.reference_dispatcher.registry import Deadline, Refused, deadlines, handles

MOST = 1_000_000


@handles(cm.SetCapacity)
def set_capacity(desk: Desk, command: cm.SetCapacity) -> None:
    agent = desk.agent(command.agent)
    if not 0 <= command.capacity <= MOST:
        raise Refused(Code.BAD_VALUE, command.capacity, f"capacity: 0 to {MOST}")
    if command.until and command.until <= desk.now:
        raise Refused(Code.BAD_VALUE, command.until, f"until: 0 or an instant after {desk.now}")
    change(desk, agent, command.capacity, command.until, command.reason)
    matching.feed(desk, agent, "capacity")


def change(desk: Desk, agent: Agent, units: int, until: int, reason: str) -> None:
    """``until`` 0: for good, and what a temporary one returns to."""
    desk.emit(ev.CapacityChanged, agent=agent.name, capacity=units, until=until, reason=reason)
    agent.capacity, agent.capacity_until, agent.capacity_reason = units, until, reason
    if not until:
        agent.lasting_capacity = units


@handles(cm.SetExternalLoad)
def set_external_load(desk: Desk, command: cm.SetExternalLoad) -> None:
    agent = desk.agent(command.agent)
    if not command.source or not 0 <= command.units <= MOST:
        raise Refused(Code.BAD_VALUE, f"{command.source!r}: {command.units}", "a source and units ≥ 0")
    if agent.external.get(command.source, 0) == command.units:
        return
    desk.emit(ev.ExternalLoadChanged, agent=agent.name, source=command.source, units=command.units)
    agent.external[command.source] = command.units
    matching.feed(desk, agent, "external_load")


@deadlines
def days(desk: Desk) -> Iterator[Deadline]:
    """At midnight the pools' quotas count from nothing."""
    for agent in desk.agents.values():
        if agent.day_ends:

            def act(agent: Agent = agent) -> None:
                desk.emit(ev.QuotaEnded, agent=agent.name)
                agent.connected_today = agent.day_ends = 0
                matching.feed(desk, agent, "quota")

            yield Deadline(agent.day_ends, "quota", (agent.seq,), act)


@deadlines
def running(desk: Desk) -> Iterator[Deadline]:
    for agent in desk.agents.values():
        if agent.capacity_until:

            def act(agent: Agent = agent) -> None:
                change(desk, agent, agent.lasting_capacity, 0, "ended")
                matching.feed(desk, agent, "capacity")

            yield Deadline(agent.capacity_until, "capacity", (agent.seq,), act)
