"""Somebody is silent: the customer (reminded, asleep, closed as idle, back again), or the agent who never answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.contacts import ContactState
from tests.reference_dispatcher import affinity, decliners, matching, replies
from tests.reference_dispatcher.desk import Agent, Contact, Desk
from tests.reference_dispatcher.registry import Deadline, deadlines

SERVED = (ContactState.CONNECTED, ContactState.DORMANT)


def begins(desk: Desk, contact: Contact) -> None:
    """The last word is the agent's or the bot's; from here on the customer is silent."""
    if contact.state in SERVED:
        contact.silent_at, contact.reminded = desk.now, False


def ended(contact: Contact) -> None:
    contact.silent_at, contact.reminded = 0, False


@deadlines
def running(desk: Desk) -> Iterator[Deadline]:
    for contact in desk.contacts.values():
        found = next_stage(desk, contact) or never_answered(desk, contact)
        if found is not None:
            at, act = found

            def do(contact: Contact = contact, act: Callable[[Desk, Contact], None] = act) -> None:
                act(desk, contact)

            yield Deadline(at, "talk", (contact.contact,), do)


def next_stage(desk: Desk, contact: Contact) -> tuple[int, Callable[[Desk, Contact], None]] | None:
    """Each counts from the one before; a length of 0 is passed over."""
    if not contact.silent_at or contact.state not in SERVED:
        return None
    queue = desk.queue_of(contact)
    awake = contact.state == ContactState.CONNECTED
    if awake and not contact.reminded and queue.remind_ms:
        return contact.silent_at + queue.remind_ms, remind
    if awake and queue.dormant_ms:
        return contact.silent_at + queue.dormant_ms, sleep
    if queue.idle_close_ms:
        return contact.silent_at + queue.idle_close_ms, close_idle
    return None


def remind(desk: Desk, contact: Contact) -> None:
    desk.emit(ev.ContactReminded, contact=contact.contact, agent=contact.agent)
    contact.silent_at, contact.reminded = desk.now, True


def sleep(desk: Desk, contact: Contact) -> None:
    agent = desk.agents[contact.agent]
    held = agent.holds[contact.contact]
    least = desk.policy.channels[contact.channel].dormant_cost
    cost = held if least is None else min(held, least)
    desk.emit(ev.ContactSlept, contact=contact.contact, agent=agent.name, cost=cost)
    agent.holds[contact.contact] = cost
    contact.silent_at = desk.now
    matching.feed(desk, agent, "freed")


def close_idle(desk: Desk, contact: Contact) -> None:
    replies.stop(desk, contact, answered=False)
    reopen_ms = desk.queue_of(contact).reopen_ms
    contact.resume_until = desk.now + reopen_ms if reopen_ms else 0
    desk.emit(
        ev.ContactClosed, contact=contact.contact, reason="idle", agent=contact.agent, by="clock",
        reopen_until=contact.resume_until,
    )  # fmt: skip
    contact.served_by = contact.agent
    agent = desk.let_go(contact)
    if not reopen_ms:
        del desk.contacts[contact.contact]
    matching.freed(desk, agent)


# --- the customer is back ---------------------------------------------------------------------------------------------


def wake(desk: Desk, contact: Contact) -> Agent | None:
    """In its place if its agent has room, else it waits; then returns who had it."""
    if contact.state != ContactState.DORMANT:
        return None
    agent = desk.agents[contact.agent]
    more = contact.cost - agent.holds[contact.contact]
    if more <= 0 or desk.free_units(agent, contact) >= more:
        desk.emit(ev.ContactWoke, contact=contact.contact, agent=agent.name, cost=contact.cost)
        agent.holds[contact.contact] = contact.cost
        ended(contact)
        return None
    desk.emit(ev.ContactRequeued, contact=contact.contact, agent=agent.name, reason="woke")
    desk.let_go(contact)
    desk.wait_again(contact)
    return agent


def awake(desk: Desk, contact: Contact, agent: Agent | None) -> None:
    """It found no room: it waits, for that agent alone if it may."""
    if agent is None:
        return
    replies.start_if_owed(desk, contact)
    affinity.begin(desk, contact, agent.name, desk.queue_of(contact).last_agent_ms, "woke")
    matching.place_beside(desk, contact, agent, "woke")


def may_reopen(desk: Desk, command: cm.AddMessage) -> bool:
    found = desk.contacts.get(command.contact)
    closed = found is not None and found.state == ContactState.CLOSED and command.tenant in ("", found.tenant)
    return closed and command.sender == cm.Sender.CUSTOMER


def of_others(desk: Desk, command: cm.AddMessage) -> bool:
    """Another tenant's, and closed as idle: its customer is nobody's here."""
    found = desk.contacts.get(command.contact)
    closed = found is not None and found.state == ContactState.CLOSED
    return closed and command.sender == cm.Sender.CUSTOMER and not may_reopen(desk, command)


def reopen_by_message(desk: Desk, contact: Contact, command: cm.AddMessage) -> None:
    reopen(desk, contact, external_id="", channel="", opening=True, source="")
    replies.added(desk, contact, "customer", "", automatic=command.automatic)
    contact.owed = True
    place_again(desk, contact)


def reopen_by_submit(desk: Desk, contact: Contact, command: cm.SubmitContact) -> None:
    reopen(
        desk, contact, external_id=command.external_id, channel=command.channel, opening=command.opening,
        source=command.source,
    )  # fmt: skip
    contact.names.append((command.channel, command.external_id))
    contact.owed = contact.owed or command.opening
    place_again(desk, contact)


def reopen(desk: Desk, contact: Contact, *, external_id: str, channel: str, opening: bool, source: str) -> None:
    """It waits from zero, where it was."""
    desk.emit(
        ev.ContactReopened, contact=contact.contact, external_id=external_id, channel=channel, opening=opening,
        source=source,
    )  # fmt: skip
    contact.start = contact.step_at = desk.now
    contact.waited = contact.step = contact.raised = contact.fruitless = contact.resume_until = 0
    contact.decliners, contact.answered = {}, False


def place_again(desk: Desk, contact: Contact) -> None:
    replies.start_if_owed(desk, contact)
    affinity.begin(desk, contact, contact.served_by, desk.queue_of(contact).last_agent_ms, "reopened")
    matching.place(desk, contact, "reopened")


# --- the agent is silent ----------------------------------------------------------------------------------------------


def never_answered(desk: Desk, contact: Contact) -> tuple[int, Callable[[Desk, Contact], None]] | None:
    """The customer is owed a reply by a person who has not written since they were connected."""
    if contact.state != ContactState.CONNECTED or contact.wrote or not contact.replying:
        return None
    unanswered_ms = desk.queue_of(contact).unanswered_ms
    if not unanswered_ms or desk.agents[contact.agent].is_bot:
        return None
    return max(contact.connected_at, contact.reply_since) + unanswered_ms, requeue


def requeue(desk: Desk, contact: Contact) -> None:
    memory_ms = desk.queue_of(contact).decliner_memory_ms
    forget_at = desk.now + memory_ms if memory_ms else 0
    desk.emit(
        ev.ContactRequeued, contact=contact.contact, agent=contact.agent, reason="unanswered", forget_at=forget_at
    )  # fmt: skip
    agent = desk.let_go(contact)
    desk.wait_again(contact)
    if forget_at:
        contact.decliners[agent.name] = forget_at
    if agent.name in contact.decliners and decliners.alone(desk, contact):
        decliners.forget(desk, contact, agent.name, "yielded")
    matching.place_beside(desk, contact, agent, "unanswered")
