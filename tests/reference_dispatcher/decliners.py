"""Who declined a contact is not asked again until the memory ends, or nobody else is eligible."""

from __future__ import annotations

from collections.abc import Iterator

from engine.dispatch import events as ev
from tests.reference_dispatcher import matching, needs
from tests.reference_dispatcher.desk import Agent, Contact, Desk
from tests.reference_dispatcher.registry import Deadline, deadlines


def maybe_yield(desk: Desk, contact: Contact) -> None:
    """Nobody else is eligible: the decliners may be asked again."""
    if not contact.decliners or contact.prefer_only:
        return
    if alone(desk, contact):
        for name in by_sequence(desk, contact):
            forget(desk, contact, name, "yielded")


def alone(desk: Desk, contact: Contact) -> bool:
    """There is nobody else for it; not to be said while places are given out."""
    return not desk.settling and not others(desk, contact)


def others(desk: Desk, contact: Contact, but: str = "") -> list[Agent]:
    """Who is logged in, could have it (of the team, while it is kept for one) and has not declined it."""
    here = needs.present(desk, contact)
    if contact.team:
        here = [agent for agent in here if agent.profile.team == contact.team]
    return [agent for agent in here if agent.name not in contact.decliners and agent.name != but]


def by_sequence(desk: Desk, contact: Contact) -> list[str]:
    return sorted(contact.decliners, key=lambda name: desk.agents[name].seq)


def forget(desk: Desk, contact: Contact, name: str, why: str) -> None:
    desk.emit(ev.DeclinerForgotten, contact=contact.contact, agent=name, why=why)
    del contact.decliners[name]


@deadlines
def running(desk: Desk) -> Iterator[Deadline]:
    """One per contact: what is due at the same time is forgotten before anybody is asked."""
    for contact in desk.contacts.values():
        if contact.decliners:

            def act(contact: Contact = contact) -> None:
                for name in by_sequence(desk, contact):
                    if contact.decliners[name] <= desk.now:
                        forget(desk, contact, name, "expired")
                matching.place(desk, contact, "decliner_forgotten")

            yield Deadline(min(contact.decliners.values()), "decliner", (contact.contact,), act)
