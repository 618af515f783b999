"""How much an agent can carry: a supervisor's word with an end, and load that another system pushes."""

from __future__ import annotations

from collections.abc import Iterator

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.refusals import Code
from tests.reference_dispatcher import matching, slices
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


@handles(cm.SetGroupCapacity)
def set_group_capacity(desk: Desk, command: cm.SetGroupCapacity) -> None:
    """Counted beforehand; each of them, in the order in which they were defined, is given another capacity and fed."""
    policy, until = desk.policy, command.until
    if command.tenant and command.tenant not in policy.tenants:
        raise Refused(Code.BAD_VALUE, command.tenant, f"tenant: one of {', '.join(policy.tenants)}")
    if not 0 <= command.capacity <= MOST:
        raise Refused(Code.BAD_VALUE, command.capacity, f"capacity: 0 to {MOST}")
    if until and until <= desk.now:
        raise Refused(Code.BAD_VALUE, until, f"until: 0 or an instant after {desk.now}")
    if command.pool and command.pool not in policy.pools:
        raise Refused(Code.UNKNOWN_POOL, command.pool, f"one of {', '.join(policy.pools)}")
    if not command.pool and not command.team:
        raise Refused(Code.NOT_CONFIRMED, "neither pool nor team", "a pool, a team, or both")
    found = sorted(group(desk, command), key=lambda agent: agent.seq)
    if command.preview:
        return
    if len(found) != command.expect_count:
        raise Refused(Code.COUNT_CHANGED, len(found), f"expect_count = {len(found)}")
    job = desk.number("job")
    desk.emit(
        ev.BulkStarted, job=job, action="capacity", count=len(found), tenant=command.tenant, reason=command.reason,
        pool=command.pool, team=command.team, capacity=command.capacity, until=until,
    )  # fmt: skip
    by_seq = {agent.seq: agent for agent in found}

    def take_turn(seq: int) -> bool:
        change(desk, by_seq[seq], command.capacity, until, command.reason)
        matching.feed(desk, by_seq[seq], "capacity")
        return True

    slices.in_turns(desk, job, "capacity", [*by_seq], take_turn)


def group(desk: Desk, command: cm.SetGroupCapacity) -> list[Agent]:
    """Of the pool and of the team, as far as they are named, whatever their state; those of every tenant are of this one too."""
    return [
        agent
        for agent in desk.agents.values()
        if (not command.pool or command.pool in agent.profile.pools)
        and command.team in ("", agent.profile.team)
        and (not command.tenant or agent.profile.tenant in ("", command.tenant))
    ]


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
