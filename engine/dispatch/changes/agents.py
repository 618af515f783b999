"""What agent events do to state."""

from __future__ import annotations

from engine.dispatch import events as ev
from engine.dispatch.agents import PRESENT, Agent, AgentState
from engine.dispatch.changes.registry import applies
from engine.dispatch.lanes import Seat, recount
from engine.dispatch.state import State
from engine.dispatch.timers import Kind

A = AgentState


@applies(ev.AgentDefined)
def defined(state: State, event: ev.AgentDefined) -> None:
    profile = event.profile
    agent = state.agents.get(profile.agent)
    if agent is None:
        agent = Agent(profile, state.next_seq)
        state.agents[profile.agent] = agent
        state.next_seq += 1
        state.seat_agent(agent)
        return
    old = state.unseat_agent(agent)
    agent.profile, agent.lasting_capacity = profile, profile.capacity
    if not agent.capacity_until:
        agent.capacity = profile.capacity
    state.seat_agent(agent)
    seat = state.seats[profile.agent]
    seat.preferred, seat.declined = old.preferred, old.declined
    if seat.gates:
        state.wanting.update(dict.fromkeys(seat.preferred))


@applies(ev.AgentRemoved)
def removed(state: State, event: ev.AgentRemoved) -> None:
    agent = state.agents.pop(event.agent)
    state.unseat_agent(agent)


@applies(ev.AgentStateChanged)
def state_changed(state: State, event: ev.AgentStateChanged) -> None:
    agent = state.agents[event.agent]
    if agent.state in (A.OFFLINE, A.NOT_READY) and event.after != agent.state:
        agent.idle_since = event.at
    agent.reason, agent.until = event.reason, event.until
    if event.after == A.OFFLINE:
        agent.back_off_until = 0
        agent.rona_back_off = False
        if state.consults:
            state.shake_of(agent, "agent_left")
    state.timers.arm(event.until, Kind.AGENT_UNTIL, agent.seq)
    enter_state(state, agent, A(event.after))


@applies(ev.AgentLost)
def lost(state: State, event: ev.AgentLost) -> None:
    agent = state.agents[event.agent]
    agent.before_lost, agent.until_before_lost, agent.until = event.before, agent.until, event.grace_until
    if state.consults:
        state.shake_of(agent, "agent_lost")
    state.timers.arm(event.grace_until, Kind.AGENT_UNTIL, agent.seq)
    enter_state(state, agent, A.LOST)


@applies(ev.AgentBack)
def back(state: State, event: ev.AgentBack) -> None:
    agent = state.agents[event.agent]
    agent.before_lost, agent.until, agent.until_before_lost = "", event.until, 0
    state.timers.arm(event.until, Kind.AGENT_UNTIL, agent.seq)
    enter_state(state, agent, A(event.after))


@applies(ev.BackOffEnded)
def back_off_ended(state: State, event: ev.BackOffEnded) -> None:
    agent = state.agents[event.agent]
    agent.back_off_until = 0
    agent.rona_back_off = False
    state.freer(state.seats[event.agent])


@applies(ev.CapacityChanged)
def capacity_changed(state: State, event: ev.CapacityChanged) -> None:
    agent = state.agents[event.agent]
    agent.capacity, agent.capacity_until = event.capacity, event.until
    agent.rona_capacity = event.reason == "rona"
    if not event.until:
        agent.lasting_capacity = event.capacity
    state.timers.arm(event.until, Kind.CAPACITY, agent.seq)
    recount(state.seats[event.agent])
    state.freer(state.seats[event.agent])


@applies(ev.QuotaEnded)
def quota_ended(state: State, event: ev.QuotaEnded) -> None:
    agent = state.agents[event.agent]
    agent.quota_used = agent.quota_until = 0
    state.freer(state.seats[event.agent])


@applies(ev.ExternalLoadChanged)
def external_load_changed(state: State, event: ev.ExternalLoadChanged) -> None:
    agent = state.agents[event.agent]
    agent.external = {**agent.external, event.source: event.units}
    if not event.units:
        del agent.external[event.source]
    seat: Seat = state.seats[event.agent]
    seat.external = sum(agent.external.values())
    seat.beside = seat.external - seat.yielding
    recount(seat)
    state.freer(seat)


def enter_state(state: State, agent: Agent, after: AgentState) -> None:
    """Change the state and keep the lanes' counts of signed-on agents."""
    seat = state.seats[agent.profile.agent]
    change = (after in PRESENT) - (agent.state in PRESENT)
    agent.state = after
    if change:
        for lane in seat.lanes:
            lane.signed_on += change
    recount(seat)
    state.freer(seat)
