"""Agents are defined, redefined and removed."""

from __future__ import annotations

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.agents import PRESENT, AgentState
from engine.dispatch.refusals import Code
from tests.reference_dispatcher import affinity, capacity, decliners, matching, needs
from tests.reference_dispatcher.desk import Agent, Desk
from tests.reference_dispatcher.registry import Refused, handles


@handles(cm.DefineAgent)
def define(desk: Desk, command: cm.DefineAgent) -> None:
    profile = command.profile
    check(desk, profile)
    agent = desk.agents.get(profile.agent)
    if agent is None:
        agent = Agent(profile, desk.number("agent"), capacity=profile.capacity, lasting_capacity=profile.capacity)
        desk.agents[profile.agent] = agent
        desk.emit(ev.AgentDefined, profile=profile)
        return
    pools = agent.profile.pools
    before = matching.concerned(desk, agent) if agent.state in PRESENT else []
    before = [contact for contact in before if needs.qualifies(desk, contact, agent)]
    desk.emit(ev.AgentDefined, profile=profile)
    agent.profile = profile
    agent.lasting_capacity = profile.capacity
    if not agent.capacity_until:
        agent.capacity = profile.capacity
    matching.redefined(desk, agent, pools, before)


def check(desk: Desk, profile: cm.AgentProfile) -> None:
    policy = desk.policy
    if not profile.agent:
        raise Refused(Code.BAD_VALUE, "''", "agent: an id")
    if not 0 <= profile.capacity <= capacity.MOST:
        raise Refused(Code.BAD_VALUE, profile.capacity, f"capacity: 0 to {capacity.MOST}")
    for skill, level in profile.skills.items():
        if not 1 <= level <= 10:
            raise Refused(Code.BAD_VALUE, f"{skill} = {level}", "skills: a proficiency of 1 to 10")
    if profile.tenant and profile.tenant not in policy.tenants:
        raise Refused(Code.BAD_VALUE, profile.tenant, "tenant: one of the policy's")
    for pool in profile.pools:
        if pool not in policy.pools:
            raise Refused(Code.UNKNOWN_POOL, pool, f"one of {', '.join(policy.pools)}")
    for channel in profile.channel_limits:
        if channel not in policy.channels:
            raise Refused(Code.UNKNOWN_CHANNEL, channel, f"one of {', '.join(policy.channels)}")
        if not policy.channels[channel].limit:
            raise Refused(Code.LIMIT_NOT_DECLARED, channel, f"channels.{channel}.limit in the policy")


@handles(cm.RemoveAgent)
def remove(desk: Desk, command: cm.RemoveAgent) -> None:
    agent = desk.agent(command.agent)
    if agent.state != AgentState.OFFLINE or agent.works_on:
        raise Refused(Code.AGENT_BUSY, agent.state, "an offline agent without work")
    for contact in desk.contacts.values():
        if contact.prefer == agent.name:
            affinity.end(desk, contact, "agent_removed")
        if agent.name in contact.decliners:
            decliners.forget(desk, contact, agent.name, "agent_removed")
    desk.emit(ev.AgentRemoved, agent=agent.name)
    del desk.agents[agent.name]
