"""Messages, the reply clock, and passing a contact on."""

from __future__ import annotations

from typing import Final

from engine.dispatch import commands as cmd
from engine.dispatch import events as ev
from engine.dispatch.agents import AgentState
from engine.dispatch.choosing import only_decliners_left
from engine.dispatch.commands import AgentKind, Sender
from engine.dispatch.contacts import Contact, ContactState
from engine.dispatch.matching import again, start_reply_clock, stop_reply_clock
from engine.dispatch.refusals import Code
from engine.dispatch.rules.affinity import prefer_known
from engine.dispatch.rules.registry import find_contact, handles
from engine.dispatch.rules.silence import reopen, settle_reopened, settle_woken, wake
from engine.dispatch.state import State
from engine.dispatch.stepping import priority_in

CONNECTED: Final = ContactState.CONNECTED
WRAP_UP: Final = ContactState.WRAP_UP
ABANDONED: Final = ContactState.ABANDONED
CLOSED: Final = ContactState.CLOSED
DORMANT: Final = ContactState.DORMANT


@handles(cmd.AddMessage)
def add_message(state: State, command: cmd.AddMessage) -> None:
    """Messages count without gaps per contact. A person's reply stops the round; an automatic one never does."""
    sender = command.sender
    contact = find_contact(state, command, closed=sender == Sender.CUSTOMER)
    if contact is None:
        return None
    if contact.state in (WRAP_UP, ABANDONED):
        return state.refuse(command, Code.WRONG_STATE, contact.state, "a waiting or connected contact")
    if sender in (Sender.AGENT, Sender.BOT):
        if contact.state not in (CONNECTED, DORMANT) or command.agent != contact.agent:
            return state.refuse(command, Code.NOT_YOURS, contact.agent or "nobody", "the agent that serves the contact")
        # What the profile says counts, not what the message claims.
        bot = contact.seat is not None and contact.seat.bot
        sender = Sender.BOT if bot else Sender.AGENT
    automatic = command.automatic or sender in (Sender.BOT, Sender.SYSTEM)
    if sender == Sender.CUSTOMER and contact.state in (DORMANT, CLOSED):
        return come_back_with(state, contact, automatic)
    number, agent = contact.contact, command.agent
    state.emit_on(contact, ev.MessageAdded(state.now, number, contact.messages + 1, str(sender), agent, automatic))
    if sender == Sender.CUSTOMER:
        start_reply_clock(state, contact)
    elif not automatic:
        if not contact.answered:
            waited = contact.waited_ms(state.now)
            since = contact.reply_since if contact.replying else contact.connected_at
            state.emit_on(contact, ev.ContactAnswered(state.now, number, agent, waited, state.now - since))
        stop_reply_clock(state, contact, agent, answered=True)


def come_back_with(state: State, contact: Contact, automatic: bool) -> None:
    """The customer writes again after a long silence: awake, or open again, and then the message counts."""
    message = ev.MessageAdded(state.now, contact.contact, contact.messages + 1, str(Sender.CUSTOMER), "", automatic)
    if contact.state is CLOSED:
        served_by = reopen(state, contact)
        state.emit_on(contact, message)
        return settle_reopened(state, contact, served_by)
    woken = wake(state, contact)
    state.emit_on(contact, message)
    start_reply_clock(state, contact)
    return None if woken is None else settle_woken(state, contact, woken)


@handles(cmd.TransferContact)
def transfer(state: State, command: cmd.TransferContact) -> None:
    contact = find_contact(state, command)
    if contact is None:
        return None
    if contact.state not in (CONNECTED, DORMANT):
        return state.refuse(command, Code.WRONG_STATE, contact.state, "connected")
    if command.agent != contact.agent:
        return state.refuse(command, Code.NOT_YOURS, contact.agent, "the agent that serves the contact")
    queue = state.policy.queues.get(command.to_queue or contact.queue)
    if queue is None or queue.tenant != contact.tenant:
        return state.refuse(command, Code.UNKNOWN_QUEUE, command.to_queue, "a queue of the contact's tenant")
    bot = contact.seat is not None and contact.seat.bot
    if not bot and not command.to_queue and not command.to_agent:
        return state.refuse(command, Code.BAD_VALUE, "neither", "to_queue or to_agent")
    stage = "person"
    if command.to_agent:
        target = state.agents.get(command.to_agent)
        if target is None or target.profile.tenant not in ("", contact.tenant):
            return state.refuse(command, Code.UNKNOWN_AGENT, command.to_agent, "a defined agent")
        if target.state is not AgentState.AVAILABLE or command.to_agent == contact.agent:
            return state.refuse(command, Code.WRONG_STATE, target.state, "another agent who is available")
        if target.profile.kind == AgentKind.BOT and queue.bot_pools:
            stage = "bot"
    pass_on(state, contact, command, queue.name, stage)


def pass_on(state: State, contact: Contact, command: cmd.TransferContact, to_queue: str, stage: str) -> None:
    """One record, its clocks kept; on a bot's hand-off ``waited`` starts here. The passing agent gets it back last."""
    queue = state.policy.queues[to_queue]
    agent, seat = contact.agent, contact.seat
    bot = seat is not None and seat.bot
    other = to_queue != contact.queue
    handed_off = bot and contact.stage == "bot" and stage == "person"
    state.emit(
        ev.ContactTransferred(
            at=state.now,
            contact=contact.contact,
            agent=agent,
            queue=to_queue,
            stage=stage,
            priority=priority_in(state, contact, queue),
            requires=contact.asks if other else contact.requires,
            reason=command.reason,
            intent=command.intent,
            transcript=command.transcript,
            attributes=command.attributes,
            prefer=command.to_agent,
            prefer_until=state.now + queue.transfer_prefer_ms if command.to_agent else 0,
            hand_off=handed_off,
            forget_at=state.now + queue.decliner_memory_ms if not bot and queue.decliner_memory_ms else 0,
        )
    )
    start_reply_clock(state, contact)
    if handed_off and state.prefers_known and not command.to_agent:
        prefer_known(state, contact)
    if agent in contact.decliners and not command.to_agent and only_decliners_left(state, contact):
        # Who passed it on is the only one there who could have it: back at once is better than nobody.
        state.emit(ev.DeclinerForgotten(state.now, contact.contact, agent, "yielded"))
    again(state, contact, seat, "hand_off" if bot else "transfer")
