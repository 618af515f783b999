"""What an unanswered offer does to the agent, by the queue's word, and how that ends by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from engine.dispatch import events as ev
from engine.dispatch.agents import PRESENT, AgentState
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
    """One of no length takes nobody out, whatever a decline of before still asks."""
    if return_at:
        agent.back_off_until = max(agent.back_off_until, return_at)
        agent.rona_back_off = True


def lower_capacity(desk: Desk, contact: Contact, agent: Agent, return_at: int) -> None:
    """One unit less, and not this contact again while that lasts."""
    capacity.change(desk, agent, max(agent.capacity - 1, 0), return_at, "rona")
    if return_at:
        contact.decliners[agent.name] = return_at


def none(desk: Desk, contact: Contact, agent: Agent, return_at: int) -> None:
    """Too many are out already; only not this contact again for a while."""
    if return_at:
        contact.decliners[agent.name] = return_at


def is_out(agent: Agent) -> bool:
    rung_out = agent.state == AgentState.NOT_READY and agent.reason == "rona"
    return rung_out or agent.rona_back_off or agent.capacity_reason == "rona"


def too_many(desk: Desk, agent: Agent) -> ev.AlertRaised | None:
    """Of one of the agent's pools a larger share would be out than it allows."""
    for name in agent.profile.pools:
        here = [one for one in desk.agents.values() if one.state in PRESENT and name in one.profile.pools]
        out = sum(is_out(one) for one in here if one is not agent) + 1
        share = desk.policy.pools[name].rona_share
        if share < 1.0 and out > share * len(here):
            return ev.AlertRaised(
                at=desk.now, alert="rona_share", pool=name, agent=agent.name, got=out, limit=int(share * len(here)),
                present=len(here),
            )  # fmt: skip
    return None


EFFECTS: dict[str, Callable[[Desk, Contact, Agent, int], None]] = {
    "not_ready": not_ready,
    "back_off": back_off,
    "lower_capacity": lower_capacity,
    "none": none,
}


@deadlines
def back_offs(desk: Desk) -> Iterator[Deadline]:
    """After a decline or a RONA the agent gets nothing before."""
    for agent in desk.agents.values():
        if agent.back_off_until:

            def act(agent: Agent = agent) -> None:
                desk.emit(ev.BackOffEnded, agent=agent.name)
                agent.back_off_until, agent.rona_back_off = 0, False
                matching.feed(desk, agent, "back_off_ended")

            yield Deadline(agent.back_off_until, "back_off", (agent.seq,), act)
