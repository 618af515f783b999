"""A preferred agent has a budget of time; then, or when the agent leaves, everyone eligible may have the contact."""

from __future__ import annotations

from collections.abc import Iterator

from engine.dispatch import events as ev
from engine.dispatch.agents import PRESENT
from engine.dispatch.contacts import ContactState
from tests.reference_dispatcher import eligible, matching, needs
from tests.reference_dispatcher.desk import Contact, Desk
from tests.reference_dispatcher.registry import Deadline, deadlines


def end(desk: Desk, contact: Contact, why: str) -> None:
    desk.emit(ev.AffinityEnded, contact=contact.contact, agent=contact.prefer, why=why)
    desk.forget_all_preference(contact)


def no_team_left(desk: Desk, contact: Contact) -> None:
    """Handed over to a team of which nobody who could have it is there."""
    if contact.team and not any(agent.profile.team == contact.team for agent in needs.present(desk, contact)):
        end(desk, contact, "team_left")


def begin(desk: Desk, contact: Contact, name: str, budget_ms: int, why: str) -> bool:
    """Kept for this agent, if it can take the contact at once or has the budget and is there."""
    agent = desk.agents.get(name)
    if agent is None or agent.profile.tenant not in ("", contact.tenant) or name in contact.decliners:
        return False
    desk.prefer(contact, name, desk.now + budget_ms, only=True)
    if not eligible.may(desk, contact, agent) and not (budget_ms and agent.state in PRESENT):
        desk.forget_preference(contact)
        return False
    desk.emit(ev.AffinityBegan, contact=contact.contact, agent=name, until=contact.prefer_until, why=why)
    return True


def begin_named(desk: Desk, contact: Contact) -> None:
    """It comes with the name of an agent, or of who served the customer last."""
    queue = desk.queue_of(contact)
    for attribute, budget_ms, why in (
        ("named_agent", queue.named_agent_ms, "named"), ("last_agent", queue.last_agent_ms, "last"),
    ):  # fmt: skip
        name = contact.attributes.get(attribute)
        agent = desk.agents.get(name) if isinstance(name, str) else None
        fits = budget_ms and agent is not None and needs.qualifies(desk, contact, agent)
        if fits and agent is not None and begin(desk, contact, agent.name, budget_ms, why):
            return


@deadlines
def running(desk: Desk) -> Iterator[Deadline]:
    for contact in desk.contacts.values():
        kept = contact.prefer and contact.state == ContactState.QUEUED
        if kept or (contact.team and contact.waits):

            def act(contact: Contact = contact) -> None:
                end(desk, contact, "budget")
                matching.place(desk, contact, "affinity_ended")

            yield Deadline(contact.prefer_until, "affinity", (contact.contact,), act)
