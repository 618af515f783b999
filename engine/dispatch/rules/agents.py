"""Agents come, change state, get lost, come back and go."""

from __future__ import annotations

from engine.dispatch import commands as cmd
from engine.dispatch import events as ev
from engine.dispatch.agents import PRESENT, SIGNED_ON, Agent, AgentState
from engine.dispatch.commands import AgentKind, AgentProfile
from engine.dispatch.contacts import Contact, ContactState
from engine.dispatch.matching import (
    feed,
    freed,
    place_all,
    reconsider_stranded,
    reconsider_without,
    start_reply_clock,
)
from engine.dispatch.refusals import Code, wanted_until
from engine.dispatch.rules.registry import find_agent, find_seat, handles
from engine.dispatch.state import State
from engine.dispatch.stepping import priority_in

A = AgentState
S = ContactState
# 100 is what hosted routers use as a whole agent; bots go far beyond. The bound only keeps sums exact.
CAPACITY_LIMIT = 1_000_000
PROFICIENCIES = range(1, 11)


@handles(cmd.DefineAgent)
def define(state: State, command: cmd.DefineAgent) -> None:
    profile = command.profile
    if not profile.agent:
        return state.refuse(command, Code.BAD_VALUE, "''", "agent: an id")
    if not 0 <= profile.capacity <= CAPACITY_LIMIT:
        return state.refuse(command, Code.BAD_VALUE, profile.capacity, f"capacity: 0 to {CAPACITY_LIMIT}")
    if profile.tenant and profile.tenant not in state.policy.tenants:
        return state.refuse(command, Code.BAD_VALUE, profile.tenant, "tenant: one of the policy's")
    for skill, level in profile.skills.items():
        if level not in PROFICIENCIES:
            return state.refuse(command, Code.BAD_VALUE, f"{skill} = {level}", "skills: a proficiency of 1 to 10")
    for pool in profile.pools:
        if pool not in state.policy.pools:
            return state.refuse(command, Code.UNKNOWN_POOL, pool, f"one of {', '.join(state.policy.pools)}")
    for name in profile.channel_limits:
        channel = state.policy.channels.get(name)
        if channel is None:
            return state.refuse(command, Code.UNKNOWN_CHANNEL, name, f"one of {', '.join(state.policy.channels)}")
        if not channel.limit:
            return state.refuse(command, Code.LIMIT_NOT_DECLARED, name, f"channels.{name}.limit in the policy")
    redefine(state, profile)
    return None


def redefine(state: State, profile: AgentProfile) -> None:
    """Room or skills may have come, so it is fed; skills may have gone, so its old lanes look elsewhere."""
    old = state.seats.get(profile.agent)
    state.emit(ev.AgentDefined(state.now, profile))
    seat = state.seats[profile.agent]
    feed(state, seat, "redefined")
    if old is not None and seat.agent.state in PRESENT:
        lost = [lane for lane in old.lanes if lane not in seat.lanes and not lane.drained]
        reconsider_stranded(state, lost, seat)


@handles(cmd.RemoveAgent)
def remove(state: State, command: cmd.RemoveAgent) -> None:
    agent = find_agent(state, command)
    if agent is None:
        return None
    if agent.state is not A.OFFLINE or agent.contacts:
        return state.refuse(command, Code.AGENT_BUSY, agent.state, "an offline agent without work")
    state.settle()
    seat = state.seats[command.agent]
    for number in sorted(seat.preferred):
        state.emit(ev.AffinityEnded(state.now, number, command.agent, "agent_removed"))
    for number in sorted(seat.declined):
        state.emit(ev.DeclinerForgotten(state.now, number, command.agent, "agent_removed"))
    state.emit(ev.AgentRemoved(state.now, command.agent))


@handles(cmd.SignOn)
def sign_on(state: State, command: cmd.SignOn) -> None:
    """A lost agent comes back, into the state that it asks for; one who is signed on just changes state."""
    agent = find_agent(state, command)
    if agent is None:
        return
    if agent.state is A.LOST:
        was = back(state, agent)
        if was is A.AVAILABLE and command.state == "available":
            feed(state, state.seats[command.agent], "available")
            return
    change_state(state, agent, command.state, command.reason, 0)


@handles(cmd.SetAgentState)
def set_state(state: State, command: cmd.SetAgentState) -> None:
    agent = find_agent(state, command)
    if agent is None:
        return None
    if agent.state not in SIGNED_ON:
        return state.refuse(command, Code.WRONG_STATE, agent.state, "an agent who is signed on")
    if command.until and (wanted := wanted_until(command.until, state.now)):
        return state.refuse(command, Code.BAD_VALUE, command.until, f"until: 0 or {wanted}")
    if command.until and command.state == "available":
        return state.refuse(command, Code.BAD_VALUE, command.until, "until: only for paused, not_ready and finishing")
    until, finish_ms = command.until, state.policy.finish_ms
    if command.state == "finishing" and not until and finish_ms:
        until = state.now + finish_ms
    change_state(state, agent, command.state, command.reason, until)


def change_state(state: State, agent: Agent, after: str, reason: str, until: int) -> None:
    """Into another signed-on state. Leaving ``available`` lets those go who waited for this agent alone."""
    name = agent.profile.agent
    if after == "finishing" and not agent.contacts and not agent.helping:
        after, until, reason = "offline", 0, reason or "finished"
    if agent.state == after and (after != "not_ready" or (agent.reason, agent.until) == (reason, until)):
        return
    state.emit(ev.AgentStateChanged(state.now, name, agent.state, after, reason, until))
    seat = state.seats[name]
    if agent.state is A.AVAILABLE:
        feed(state, seat, "available")
    else:
        reconsider_without(state, seat)


@handles(cmd.SignOff)
def sign_off(state: State, command: cmd.SignOff) -> None:
    """Nothing is kept: open offers are taken back, contacts handed over with their clocks, wrap-ups end.

    Where they go says the sign-off, or else each contact's queue.
    """
    agent = find_agent(state, command)
    if agent is None:
        return None
    if agent.state is A.OFFLINE:
        return state.refuse(command, Code.WRONG_STATE, agent.state, "an agent who is signed on")
    if command.to_queue and command.to_queue not in state.policy.queues:
        return state.refuse(command, Code.UNKNOWN_QUEUE, command.to_queue, "a queue of the policy")
    if command.to_agent:
        target = state.agents.get(command.to_agent)
        if target is None or command.to_agent == command.agent or target.state is not A.AVAILABLE:
            return state.refuse(command, Code.UNKNOWN_AGENT, command.to_agent, "another agent who is available")
    leave(state, agent, command.reason or "signed_off", "signed_off", command.to_queue, command.to_agent)


def leave(
    state: State,
    agent: Agent,
    reason: str,
    trigger: str,
    to_queue: str = "",
    to_agent: str = "",
    sticky: bool = False,
) -> None:
    """Go offline; each contact goes back to its queue with its clocks (``sticky``), or is handed over.

    ``reason`` may be anybody's words; ``trigger`` is one of those that offers name.
    """
    name = agent.profile.agent
    loose = rescind_all(state, agent, "agent_lost" if sticky else "signed_off")
    team, held = agent.profile.team, sorted(agent.contacts)
    if len(held) > state.slice_units // 2:
        start_leaving(state, agent, reason, trigger, to_queue, to_agent)
    else:
        for number in held:
            contact = state.contacts[number]
            if let_go(state, contact, reason, team, to_queue, to_agent, sticky):
                loose.append(contact)
    state.emit(ev.AgentStateChanged(state.now, name, agent.state, "offline", reason))
    place_all(state, loose, trigger)
    reconsider_without(state, state.seats[name])


def start_leaving(state: State, agent: Agent, reason: str, trigger: str, to_queue: str, to_agent: str) -> None:
    """A bot with thousands: what it had is handed over in slices, though it is gone already."""
    state.emit(
        ev.BulkStarted(
            at=state.now,
            job=state.next_job,
            action=trigger,
            count=len(agent.contacts),
            tenant=agent.profile.tenant,
            to_queue=to_queue,
            reason=reason,
            team=agent.profile.team,
            agent=agent.profile.agent,
            to_agent=to_agent,
        )
    )


def let_go(state: State, contact: Contact, reason: str, team: str, to_queue: str, to_agent: str, sticky: bool) -> bool:
    """One contact of an agent who goes; False: it was over but for the wrap-up, and nobody has to be found for it."""
    number, name = contact.contact, contact.agent
    if contact.state is S.WRAP_UP:
        state.emit(ev.WrapUpEnded(state.now, number, name, reason))
        return False
    if to_queue or to_agent:
        hand_over(state, contact, to_queue or contact.queue, to_agent, reason)
    elif sticky:
        until = state.now + state.queue_of(contact).sticky_ms
        prefer = name if until > state.now else ""
        state.emit(ev.ContactRequeued(state.now, number, name, reason, prefer, until if prefer else 0))
    else:
        hand_over_as_said(state, contact, team, reason)
    return True


def hand_over_as_said(state: State, contact: Contact, team: str, reason: str) -> None:
    """Nobody was named: the contact's queue says to which queue, and whether the agent's team has it first.

    What a bot serves stays with the bots of its queue.
    """
    queue = state.queue_of(contact)
    people = contact.stage == "person"
    if not people or queue.hand_over != "team" or not queue.hand_over_ms:
        team = ""
    until = state.now + queue.hand_over_ms if team else 0
    if people and queue.hand_over_queue and queue.hand_over_queue != queue.name:
        hand_over(state, contact, queue.hand_over_queue, "", reason, team, until)
    else:
        state.emit(ev.ContactRequeued(state.now, contact.contact, contact.agent, reason, "", until, team))


def hand_over(
    state: State, contact: Contact, to_queue: str, to_agent: str, reason: str, team: str = "", until: int = 0
) -> None:
    queue = state.policy.queues[to_queue]
    if queue.tenant != contact.tenant:
        queue = state.queue_of(contact)
    stage = "person"
    if to_agent:
        profile = state.agents[to_agent].profile
        if profile.tenant not in ("", contact.tenant):
            to_agent = ""
        elif profile.kind == AgentKind.BOT and queue.bot_pools:
            stage = "bot"
    state.emit(
        ev.ContactTransferred(
            at=state.now,
            contact=contact.contact,
            agent=contact.agent,
            queue=queue.name,
            stage=stage,
            priority=priority_in(state, contact, queue),
            requires=contact.asks if queue.name != contact.queue else contact.requires,
            reason=reason,
            prefer=to_agent,
            prefer_until=state.now + queue.transfer_prefer_ms if to_agent else until,
            team=team,
            hand_off=contact.stage == "bot" and stage == "person",
        )
    )
    start_reply_clock(state, contact)


def rescind_all(state: State, agent: Agent, reason: str) -> list[Contact]:
    """Take back the agent's open offers; returns their contacts, oldest offer first, still to be placed."""
    contacts = [state.contacts[number] for number in agent.contacts]
    offered = sorted((contact.offer, contact.contact) for contact in contacts if contact.offer)
    for offer, number in offered:
        state.emit(ev.OfferRescinded(state.now, offer, number, agent.profile.agent, reason))
    return [state.contacts[number] for _, number in offered]


@handles(cmd.LoseAgent)
def lose(state: State, command: cmd.LoseAgent) -> None:
    """Grace starts: contacts stay, open offers go on to the next at once."""
    agent = find_agent(state, command)
    if agent is None:
        return None
    if agent.state not in SIGNED_ON:
        return state.refuse(command, Code.WRONG_STATE, agent.state, "an agent who is signed on")
    lose_connection(state, agent, "agent_lost")


def lose_connection(state: State, agent: Agent, reason: str) -> None:
    grace(state, agent)
    place_all(state, rescind_all(state, agent, reason), reason)
    reconsider_without(state, state.seats[agent.profile.agent])


def grace(state: State, agent: Agent) -> None:
    """Lost; what it leaves behind is the caller's to place."""
    state.emit(ev.AgentLost(state.now, agent.profile.agent, agent.state, state.now + state.policy.grace_ms))


@handles(cmd.ReturnAgent)
def come_back_command(state: State, command: cmd.ReturnAgent) -> None:
    agent = find_agent(state, command)
    if agent is None:
        return None
    if agent.state is not A.LOST:
        return state.refuse(command, Code.WRONG_STATE, agent.state, "a lost agent")
    come_back(state, agent)


def come_back(state: State, agent: Agent) -> None:
    """As before the loss; what it served is still its own."""
    back(state, agent)
    freed(state, state.seats[agent.profile.agent], "available")


def back(state: State, agent: Agent) -> AgentState:
    """As before the loss, which is returned; what it may take now is the caller's to decide."""
    before = agent.before_lost or "available"
    state.emit(ev.AgentBack(state.now, agent.profile.agent, before, agent.until_before_lost))
    return agent.state


@handles(cmd.SetCapacity)
def set_capacity(state: State, command: cmd.SetCapacity) -> None:
    seat = find_seat(state, command)
    if seat is None:
        return None
    if not 0 <= command.capacity <= CAPACITY_LIMIT:
        return state.refuse(command, Code.BAD_VALUE, command.capacity, f"capacity: 0 to {CAPACITY_LIMIT}")
    if command.until and (wanted := wanted_until(command.until, state.now)):
        return state.refuse(command, Code.BAD_VALUE, command.until, f"until: 0 or {wanted}")
    state.emit(ev.CapacityChanged(state.now, command.agent, command.capacity, command.until, command.reason))
    feed(state, seat, "capacity")


@handles(cmd.SetExternalLoad)
def set_external_load(state: State, command: cmd.SetExternalLoad) -> None:
    """Work that another system pushed: counted against capacity, never against our own over-capacity."""
    seat = find_seat(state, command)
    if seat is None:
        return None
    if not command.source or not 0 <= command.units <= CAPACITY_LIMIT:
        return state.refuse(command, Code.BAD_VALUE, f"{command.source!r}: {command.units}", "a source and units ≥ 0")
    if seat.agent.external.get(command.source, 0) == command.units:
        return None
    state.emit(ev.ExternalLoadChanged(state.now, command.agent, command.source, command.units))
    feed(state, seat, "external_load")
