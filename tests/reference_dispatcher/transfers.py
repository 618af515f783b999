"""A contact is passed on: by a person, by a bot, or because the customer asks for a person."""

from __future__ import annotations

from engine.dispatch import commands as cm
from engine.dispatch import contacts as contact_table
from engine.dispatch import events as ev
from engine.dispatch.agents import AgentState
from engine.dispatch.contacts import ContactState
from engine.dispatch.policy.compiled import Queue
from engine.dispatch.refusals import Code
from tests.reference_dispatcher import affinity, decliners, hours, matching, needs, offers, replies, silence
from tests.reference_dispatcher.desk import Agent, Contact, Desk
from tests.reference_dispatcher.registry import Refused, handles


@handles(cm.TransferContact)
def transfer(desk: Desk, command: cm.TransferContact) -> None:
    contact = desk.contact(command.contact, command.tenant, command.expect_version)
    if contact.state not in (ContactState.CONNECTED, ContactState.DORMANT):
        raise Refused(Code.WRONG_STATE, contact.state, "connected")
    if contact.agent != command.agent:
        raise Refused(Code.NOT_YOURS, contact.agent, "the agent that serves the contact")
    giver = desk.agents[contact.agent]
    if not (command.to_queue or command.to_agent or giver.is_bot):
        raise Refused(Code.BAD_VALUE, "neither", "to_queue or to_agent")
    queue = queue_for(desk, contact, command.to_queue)
    taker = named(desk, contact, giver, command.to_agent) if command.to_agent else None
    pass_on(desk, contact, queue, taker, command)


def pass_on(desk: Desk, contact: Contact, queue: Queue, taker: Agent | None, command: cm.TransferContact) -> None:
    """Its agent gives it away, and is free for the next one."""
    giver = desk.agents[contact.agent]
    from_the_bot = contact.stage == "bot"
    memory_ms = 0 if giver.is_bot else queue.decliner_memory_ms
    give(desk, contact, queue, taker, command, memory_ms, by_bot=giver.is_bot)
    if giver.is_bot and from_the_bot and taker is None:
        affinity.begin_named(desk, contact)
    if giver.name in contact.decliners and not contact.prefer_only and decliners.alone(desk, contact):
        decliners.forget(desk, contact, giver.name, "yielded")
    matching.place_beside(desk, contact, giver, "hand_off" if giver.is_bot else "transfer")


def queue_for(desk: Desk, contact: Contact, name: str) -> Queue:
    """A queue of the contact's tenant; none named: its own."""
    queue = desk.policy.queues.get(name or contact.queue)
    if queue is None or queue.tenant != contact.tenant:
        raise Refused(Code.UNKNOWN_QUEUE, name, "a queue of the contact's tenant")
    return queue


def named(desk: Desk, contact: Contact, giver: Agent, name: str) -> Agent:
    taker = desk.agents.get(name)
    if taker is None or taker.profile.tenant not in ("", contact.tenant):
        raise Refused(Code.UNKNOWN_AGENT, name, "a defined agent")
    if taker is giver or taker.state != AgentState.AVAILABLE:
        raise Refused(Code.WRONG_STATE, taker.state, "another agent who is available")
    return taker


def give(
    desk: Desk, contact: Contact, queue: Queue, taker: Agent | None, command: cm.TransferContact, memory_ms: int = 0,
    *, by_bot: bool = True, team: str = "",
) -> None:  # fmt: skip
    """The contact waits again, there."""
    giver = desk.agents[contact.agent]
    to_bot = taker is not None and taker.is_bot and bool(queue.bot_pools)
    hand_off = contact.stage == "bot" and not to_bot and by_bot
    elsewhere = queue.name != contact.queue
    prefer_until = desk.now + queue.transfer_prefer_ms if taker else 0
    if team:
        prefer_until = desk.now + desk.queue_of(contact).hand_over_ms
    forget_at = desk.now + memory_ms if memory_ms else 0
    if elsewhere:
        contact.priority, contact.requires = priority_in(desk, contact, queue), contact.asks
        contact.pinned = True
    stage = "bot" if to_bot else "person"
    desk.emit(
        ev.ContactTransferred, contact=contact.contact, agent=giver.name, queue=queue.name, stage=stage,
        priority=contact.priority, requires=contact.requires, reason=command.reason, intent=command.intent,
        transcript=command.transcript, attributes=command.attributes, prefer=taker.name if taker else "",
        prefer_until=prefer_until, hand_off=hand_off, forget_at=forget_at, team=team,
    )  # fmt: skip
    contact.transcript = command.transcript or contact.transcript
    contact.attributes = {**contact.attributes, **command.attributes}
    desk.let_go(contact)
    desk.wait_again(contact)
    if elsewhere:
        contact.fruitless = 0
        begin_steps_again(desk, contact)
        contact.decliners = {}
    contact.queue, contact.stage = queue.name, stage
    if hand_off:
        wait_from_here(desk, contact)
    if forget_at:
        contact.decliners[giver.name] = forget_at
    if taker:
        desk.prefer(contact, taker.name, prefer_until, only=True)
    contact.team, contact.prefer_until = team, prefer_until
    replies.start_if_owed(desk, contact)


def priority_in(desk: Desk, contact: Contact, queue: Queue) -> int:
    """The queue's own, or what the contact brings: a priority that is not its old queue's goes along."""
    return queue.priority if contact.priority == desk.queue_of(contact).priority else contact.priority


def begin_steps_again(desk: Desk, contact: Contact) -> None:
    contact.step, contact.raised, contact.step_at = 0, 0, desk.now


def wait_from_here(desk: Desk, contact: Contact) -> None:
    """For a person: waited and the steps start from zero, age goes on."""
    contact.start = desk.now
    contact.waited = 0
    begin_steps_again(desk, contact)


@handles(cm.AskPerson)
def ask_person(desk: Desk, command: cm.AskPerson) -> None:
    """At once, before any bot logic; who waits for a person already keeps the place."""
    contact = desk.contact(command.contact, command.tenant)
    if contact.state not in contact_table.OPEN:
        raise Refused(Code.WRONG_STATE, contact.state, "an open contact")
    if contact.state in (ContactState.CONNECTED, ContactState.DORMANT):
        giver = desk.agents[contact.agent]
        in_vain = giver.is_bot and contact.stage == "bot" and hours.asks_in_vain(desk, contact)
        if giver.is_bot and not in_vain:
            handed = cm.TransferContact(
                agent=giver.name, intent=command.intent, reason=command.reason, transcript=contact.transcript
            )
            pass_on(desk, contact, desk.queue_of(contact), None, handed)
        else:
            silence.awake(desk, contact, silence.wake(desk, contact))
        return
    if contact.stage == "bot" and not hours.asks_in_vain(desk, contact):
        freed = offers.rescind(desk, contact, "person_asked") if contact.offer else None
        wait_for_a_person(desk, contact, command.intent, command.reason)
        affinity.begin_named(desk, contact)
        if freed is not None:
            matching.place_beside(desk, contact, freed, "person_asked")
        else:
            matching.place(desk, contact, "person_asked")


def no_bot_left(desk: Desk, contact: Contact) -> None:
    """Nobody waits for a bot that is not there."""
    waits = contact.state == ContactState.QUEUED and contact.stage == "bot" and not contact.prefer_only
    if waits and not a_bot_is_there(desk, contact):
        wait_for_a_person(desk, contact, "", "no_bot")


def a_bot_is_there(desk: Desk, contact: Contact) -> bool:
    """Somebody of the bot pools is logged in."""
    return bool(needs.present(desk, contact))


def wait_for_a_person(desk: Desk, contact: Contact, intent: str, reason: str) -> None:
    desk.emit(ev.PersonAsked, contact=contact.contact, intent=intent, reason=reason)
    contact.stage = "person"
    wait_from_here(desk, contact)
    replies.start_if_owed(desk, contact)


def hand_over(desk: Desk, contact: Contact, reason: str, to_queue: str, taker: Agent | None) -> None:
    """Its agent is gone: back to its queue with its clocks and sticky for a while, or to a named queue or person."""
    giver = desk.agents[contact.agent]
    if to_queue or taker is not None:
        target = desk.policy.queues.get(to_queue)
        if target is None or target.tenant != contact.tenant:
            target = desk.queue_of(contact)
        if taker is not None and taker.profile.tenant not in ("", contact.tenant):
            taker = None
        give(desk, contact, target, taker, cm.TransferContact(agent=giver.name, reason=reason))
        return
    own = desk.queue_of(contact)
    handed = reason != "agent_lost" and contact.stage == "person"
    team = giver.profile.team if handed and own.hand_over == "team" and own.hand_over_ms else ""
    if handed and own.hand_over_queue not in ("", own.name):
        there = desk.policy.queues[own.hand_over_queue]
        give(desk, contact, there, None, cm.TransferContact(agent=giver.name, reason=reason), team=team)
        return
    sticky_ms = desk.queue_of(contact).sticky_ms
    prefer = giver.name if sticky_ms and reason == "agent_lost" else ""
    until = desk.now + sticky_ms if prefer else desk.now + own.hand_over_ms if team else 0
    desk.emit(
        ev.ContactRequeued, contact=contact.contact, agent=giver.name, reason=reason, prefer=prefer, prefer_until=until,
        team=team,
    )  # fmt: skip
    desk.let_go(contact)
    desk.wait_again(contact)
    desk.prefer(contact, prefer, until, only=False)
    contact.team = team
