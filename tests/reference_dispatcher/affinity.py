"""A preferred agent has a budget of time; then, or when the agent leaves, everyone eligible may have the contact."""

from __future__ import annotations

from collections.abc import Iterator

from engine.dispatch import events as ev
from engine.dispatch.contacts import ContactState
from tests.reference_dispatcher import matching
from tests.reference_dispatcher.desk import Contact, Desk
from tests.reference_dispatcher.registry import Deadline, deadlines


def end(desk: Desk, contact: Contact, why: str) -> None:
    desk.emit(ev.AffinityEnded, contact=contact.contact, agent=contact.prefer, why=why)
    desk.forget_preference(contact)


@deadlines
def running(desk: Desk) -> Iterator[Deadline]:
    for contact in desk.contacts.values():
        if contact.prefer and contact.state == ContactState.QUEUED:

            def act(contact: Contact = contact) -> None:
                end(desk, contact, "budget")
                matching.place(desk, contact, "affinity_ended")

            yield Deadline(contact.prefer_until, "affinity", (contact.contact,), act)
