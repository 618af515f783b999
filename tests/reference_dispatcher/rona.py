"""What an unanswered offer does to the agent, by the queue's word, and how that ends by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from engine.dispatch import events as ev
from engine.dispatch.agents import AgentState
from tests.reference_dispatcher import capacity, matching
from tests.reference_dispatcher.desk import Agent, Contact, Desk
from tests.reference_dispatcher.registry import Deadline, deadlines


def not_ready(desk: Desk, contact: Contact, agent: Agent, return_at: int) -> None:
    """Only who takes offers is set not ready; who is paused or finishing stays so."""
    if agent.state == AgentState.AVAILABLE:
        desk.emit(
            ev.AgentStateChanged, agent=agent.name, before=AgentState.AVAILABLE, after=AgentState.NOT_READY,
            reason="rona", until=return_at,
        )  # fmt: skip
        agent.reason, agent.until = "rona", return_at


def back_off(desk: Desk, contact: Contact, agent: Agent, return_at: int) -> None:
    agent.back_off_until = max(agent.back_off_until, return_at)


def lower_capacity(desk: Desk, contact: Contact, agent: Agent, return_at: int) -> None:
    """One unit less, and not this contact again while that lasts."""
    capacity.change(desk, agent, max(agent.capacity - 1, 0), return_at, "rona")
    if return_at:
        contact.decliners[agent.name] = return_at


EFFECTS: dict[str, Callable[[Desk, Contact, Agent, int], None]] = {
    "not_ready": not_ready,
    "back_off": back_off,
    "lower_capacity": lower_capacity,
}


@deadlines
def back_offs(desk: Desk) -> Iterator[Deadline]:
    """After a decline or a RONA the agent gets nothing before."""
    for agent in desk.agents.values():
        if agent.back_off_until:

            def act(agent: Agent = agent) -> None:
                desk.emit(ev.BackOffEnded, agent=agent.name)
                agent.back_off_until = 0
                matching.feed(desk, agent, "back_off_ended")

            yield Deadline(agent.back_off_until, "back_off", (agent.seq,), act)
