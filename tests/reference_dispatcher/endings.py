"""A contact ends: abandoned and perhaps back, closed, wrapped up."""

from __future__ import annotations

from collections.abc import Iterator

from engine.dispatch import commands as cm
from engine.dispatch import contacts as contact_table
from engine.dispatch import events as ev
from engine.dispatch.contacts import ContactState
from engine.dispatch.refusals import Code
from tests.reference_dispatcher import matching, offers, replies
from tests.reference_dispatcher.desk import Agent, Contact, Desk
from tests.reference_dispatcher.registry import Deadline, Refused, deadlines, handles

ENDS = (*contact_table.WAITING, ContactState.CONNECTED, ContactState.DORMANT, ContactState.PROMISED)


@handles(cm.AbandonContact)
def abandon(desk: Desk, command: cm.AbandonContact) -> None:
    contact = desk.contact(command.contact, command.tenant)
    if not contact.waits:
        raise Refused(Code.WRONG_STATE, contact.state, "a waiting contact (a connected one is closed)")
    freed = offers.rescind(desk, contact, "abandoned") if contact.offer else None
    replies.stop(desk, contact, answered=False)
    contact.resume_until = desk.now + desk.queue_of(contact).abandon_window_ms
    desk.emit(
        ev.ContactAbandoned, contact=contact.contact, waited_ms=desk.now - contact.start, silent=command.silent,
        resume_until=contact.resume_until,
    )  # fmt: skip
    desk.stop_waiting(contact)
    desk.forget_all_preference(contact)
    if contact.resume_until == desk.now:
        forget(desk, contact)
    if freed is not None:
        matching.freed(desk, freed)


@handles(cm.CloseContact)
def close(desk: Desk, command: cm.CloseContact) -> None:
    contact = desk.contact(command.contact, command.tenant, command.expect_version)
    if command.agent and command.agent != contact.agent:
        raise Refused(Code.NOT_YOURS, contact.agent or "nobody", "the agent that serves the contact")
    if contact.state not in ENDS:
        raise Refused(Code.WRONG_STATE, contact.state, "an open contact")
    if command.agent and contact.state not in (ContactState.CONNECTED, ContactState.DORMANT):
        raise Refused(Code.WRONG_STATE, contact.state, "connected")
    freed = offers.rescind(desk, contact, "closed") if contact.offer else None
    replies.stop(desk, contact, answered=False)
    serving = desk.agents.get(contact.agent)
    wrap_up_ms = desk.queue_of(contact).wrap_up_ms
    wraps_up = serving is not None and not serving.is_bot and wrap_up_ms > 0
    contact.wrap_up_until = desk.now + wrap_up_ms if wraps_up else 0
    desk.emit(
        ev.ContactClosed, contact=contact.contact, reason=command.reason, agent=contact.agent,
        by=command.agent or "customer", wrap_up_until=contact.wrap_up_until,
    )  # fmt: skip
    if wraps_up and serving is not None:
        start_wrap_up(desk, contact, serving)
        return
    if serving is not None:
        freed = desk.let_go(contact)
    del desk.contacts[contact.contact]
    if freed is not None:
        matching.freed(desk, freed)


def start_wrap_up(desk: Desk, contact: Contact, agent: Agent) -> None:
    """It may take less of the agent than the contact did."""
    least = desk.policy.channels[contact.channel].wrap_up_cost
    less = least is not None and least < agent.holds[contact.contact]
    desk.emit(
        ev.WrapUpStarted, contact=contact.contact, agent=agent.name, until=contact.wrap_up_until,
        cost=least if less else None,
    )  # fmt: skip
    contact.silent_at, contact.reminded = 0, False
    if less and least is not None:
        agent.holds[contact.contact] = least
        matching.feed(desk, agent, "freed")


@handles(cm.EndWrapUp)
def end_wrap_up(desk: Desk, command: cm.EndWrapUp) -> None:
    agent = desk.agent(command.agent)
    contact = desk.contacts.get(command.contact)
    if contact is None or contact.state != ContactState.WRAP_UP or contact.agent != agent.name:
        raise Refused(Code.WRONG_STATE, command.contact, "a contact in wrap-up with this agent")
    matching.freed(desk, wrapped_up(desk, contact, "agent"))


def wrapped_up(desk: Desk, contact: Contact, by: str) -> Agent:
    desk.emit(ev.WrapUpEnded, contact=contact.contact, agent=contact.agent, by=by)
    agent = desk.let_go(contact)
    del desk.contacts[contact.contact]
    return agent


@deadlines
def wrap_ups(desk: Desk) -> Iterator[Deadline]:
    for contact in desk.contacts.values():
        if contact.state == ContactState.WRAP_UP:

            def act(contact: Contact = contact) -> None:
                matching.freed(desk, wrapped_up(desk, contact, "clock"))

            yield Deadline(contact.wrap_up_until, "wrap_up", (contact.contact,), act)


def forget(desk: Desk, contact: Contact) -> None:
    desk.emit(ev.ContactForgotten, contact=contact.contact)
    del desk.contacts[contact.contact]


@deadlines
def windows(desk: Desk) -> Iterator[Deadline]:
    """Who left may come back to the old place until the window closes."""
    for contact in desk.contacts.values():
        if contact.state in (ContactState.ABANDONED, ContactState.CLOSED):

            def act(contact: Contact = contact) -> None:
                forget(desk, contact)

            yield Deadline(contact.resume_until, "window", (contact.contact,), act)
