"""Who declined a contact is not asked again until the memory ends, or nobody else is eligible."""

from __future__ import annotations

from collections.abc import Iterator

from engine.dispatch import events as ev
from tests.reference_dispatcher import matching, needs
from tests.reference_dispatcher.desk import Contact, Desk
from tests.reference_dispatcher.registry import Deadline, deadlines


def maybe_yield(desk: Desk, contact: Contact) -> None:
    """Nobody else is eligible: the decliners may be asked again."""
    if not contact.decliners or contact.prefer_only:
        return
    here = needs.present(desk, contact)
    if here and all(agent.name in contact.decliners for agent in here):
        for agent in here:
            forget(desk, contact, agent.name, "yielded")


def forget(desk: Desk, contact: Contact, name: str, why: str) -> None:
    desk.emit(ev.DeclinerForgotten, contact=contact.contact, agent=name, why=why)
    del contact.decliners[name]


@deadlines
def running(desk: Desk) -> Iterator[Deadline]:
    for contact in desk.contacts.values():
        for name, until in contact.decliners.items():

            def act(contact: Contact = contact, name: str = name) -> None:
                forget(desk, contact, name, "expired")
                matching.place(desk, contact, "decliner_forgotten")

            yield Deadline(until, "decliner", (contact.contact, seq_of(desk, name)), act)


def seq_of(desk: Desk, name: str) -> int:
    return desk.agents[name].seq if name in desk.agents else 0
