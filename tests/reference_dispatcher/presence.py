"""Agents come and go: sign on and off, states with an end, lost and back."""

from __future__ import annotations

from collections.abc import Iterator

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.agents import SIGNED_ON, AgentState
from engine.dispatch.contacts import ContactState
from engine.dispatch.refusals import Code
from tests.reference_dispatcher import endings, matching, offers, transfers
from tests.reference_dispatcher.desk import Agent, Contact, Desk
from tests.reference_dispatcher.registry import Deadline, Refused, deadlines, handles


def change(desk: Desk, agent: Agent, after: AgentState, reason: str = "", until: int = 0) -> None:
    before = agent.state
    desk.emit(ev.AgentStateChanged, agent=agent.name, before=before, after=after, reason=reason, until=until)
    agent.reason, agent.until, agent.grace_until = reason, until, 0
    if before != after and before in (AgentState.OFFLINE, AgentState.NOT_READY):
        agent.idle_since = desk.now
    if after == AgentState.OFFLINE:
        agent.back_off_until, agent.rona_back_off = 0, False


@handles(cm.SignOn)
def sign_on(desk: Desk, command: cm.SignOn) -> None:
    agent = desk.agent(command.agent)
    if agent.state == AgentState.LOST:
        was = back(desk, agent)
        if was == AgentState.AVAILABLE == AgentState(command.state):
            matching.feed(desk, agent, "available")
    become(desk, agent, AgentState(command.state), command.reason, 0)


@handles(cm.SetAgentState)
def set_state(desk: Desk, command: cm.SetAgentState) -> None:
    agent = desk.agent(command.agent)
    if agent.state not in SIGNED_ON:
        raise Refused(Code.WRONG_STATE, agent.state, "an agent who is signed on")
    if command.until and command.until <= desk.now:
        raise Refused(Code.BAD_VALUE, command.until, f"until: 0 or an instant after {desk.now}")
    if command.until and command.state == "available":
        raise Refused(Code.BAD_VALUE, command.until, "until: only for paused, not_ready and finishing")
    become(desk, agent, AgentState(command.state), command.reason, command.until)


def become(desk: Desk, agent: Agent, after: AgentState, reason: str, until: int) -> None:
    """Nothing happens when all is so already; a break may get another reason or end."""
    same = (agent.reason, agent.until) == (reason, until) or after != AgentState.NOT_READY
    if agent.state == after and same:
        return
    if after == AgentState.FINISHING and not agent.works_on:
        go(desk, agent, reason or "finished")
        return
    if after == AgentState.FINISHING and not until and desk.policy.finish_ms:
        until = desk.now + desk.policy.finish_ms
    change(desk, agent, after, reason, until)
    if after == AgentState.AVAILABLE:
        matching.feed(desk, agent, "available")
    else:
        matching.takes_nothing_more(desk, agent)


@handles(cm.SignOff)
def sign_off(desk: Desk, command: cm.SignOff) -> None:
    agent = desk.agent(command.agent)
    if agent.state == AgentState.OFFLINE:
        raise Refused(Code.WRONG_STATE, agent.state, "an agent who is signed on")
    if command.to_queue and command.to_queue not in desk.policy.queues:
        raise Refused(Code.UNKNOWN_QUEUE, command.to_queue, "a queue of the policy")
    taker = desk.agents.get(command.to_agent)
    if command.to_agent and (taker is None or taker is agent or taker.state != AgentState.AVAILABLE):
        raise Refused(Code.UNKNOWN_AGENT, command.to_agent, "another agent who is available")
    loose = leave(desk, agent, command.reason or "signed_off", command.to_queue, taker)
    change(desk, agent, AgentState.OFFLINE, command.reason or "signed_off")
    matching.gone(desk, agent, loose, "signed_off")


def leave(desk: Desk, agent: Agent, reason: str, to_queue: str = "", taker: Agent | None = None) -> list[Contact]:
    """Hands are emptied: wrap-up ends, offers are taken back, contacts go back to wait. Returns who waits."""
    loose = offers.rescind_all(desk, agent, "signed_off")
    for number in sorted(agent.holds):
        contact = desk.contacts[number]
        if contact.state == ContactState.WRAP_UP:
            endings.wrapped_up(desk, contact, reason)
        else:
            transfers.hand_over(desk, contact, reason, to_queue, taker)
            loose.append(contact)
    return loose


@handles(cm.LoseAgent)
def lose(desk: Desk, command: cm.LoseAgent) -> None:
    agent = desk.agent(command.agent)
    if agent.state not in SIGNED_ON:
        raise Refused(Code.WRONG_STATE, agent.state, "an agent who is signed on")
    lost(desk, agent)
    loose = offers.rescind_all(desk, agent, "agent_lost")
    matching.place_all(desk, loose, "agent_lost")
    matching.takes_nothing_more(desk, agent)


def lost(desk: Desk, agent: Agent) -> None:
    agent.before_lost, agent.until_before_lost = str(agent.state), agent.until
    agent.grace_until, agent.until = desk.now + desk.policy.grace_ms, 0
    desk.emit(ev.AgentLost, agent=agent.name, before=agent.before_lost, grace_until=agent.grace_until)


@handles(cm.ReturnAgent)
def come_back(desk: Desk, command: cm.ReturnAgent) -> None:
    """As before the loss, and what was to happen by itself still does."""
    agent = desk.agent(command.agent)
    if agent.state != AgentState.LOST:
        raise Refused(Code.WRONG_STATE, agent.state, "a lost agent")
    back(desk, agent)
    matching.freed(desk, agent, "available")


def back(desk: Desk, agent: Agent) -> AgentState | None:
    desk.emit(ev.AgentBack, agent=agent.name, after=AgentState(agent.before_lost), until=agent.until_before_lost)
    agent.grace_until, agent.until = 0, agent.until_before_lost
    return agent.state


@deadlines
def running(desk: Desk) -> Iterator[Deadline]:
    """The end of grace, or of a state that was given an end."""
    for agent in desk.agents.values():
        at = agent.grace_until or agent.until
        if at:

            def act(agent: Agent = agent) -> None:
                due(desk, agent)

            yield Deadline(at, "presence", (agent.seq,), act)


def due(desk: Desk, agent: Agent) -> None:
    if agent.state == AgentState.LOST:
        go(desk, agent, "agent_lost")
    elif agent.state == AgentState.FINISHING:
        go(desk, agent, "finished")
    else:
        change(desk, agent, AgentState.AVAILABLE, "returned")
        matching.feed(desk, agent, "available")


def go(desk: Desk, agent: Agent, reason: str) -> None:
    loose = leave(desk, agent, reason)
    change(desk, agent, AgentState.OFFLINE, reason)
    matching.gone(desk, agent, loose, reason)
