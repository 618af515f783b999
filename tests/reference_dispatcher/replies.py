"""Messages and the reply clock: from the customer's first unanswered message to a person's reply, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

from engine.dispatch import commands as cm
from engine.dispatch import contacts as contact_table
from engine.dispatch import events as ev
from engine.dispatch.contacts import ContactState
from engine.dispatch.refusals import Code
from tests.reference_dispatcher import silence
from tests.reference_dispatcher.desk import Contact, Desk
from tests.reference_dispatcher.registry import Deadline, Refused, deadlines, handles

WRITES_IN = (*contact_table.WAITING, ContactState.CONNECTED, ContactState.DORMANT, ContactState.PROMISED)


@handles(cm.AddMessage)
def message(desk: Desk, command: cm.AddMessage) -> None:
    if silence.may_reopen(desk, command):
        silence.reopen_by_message(desk, desk.contacts[command.contact], command)
        return
    if silence.of_others(desk, command):
        raise Refused(Code.UNKNOWN_CONTACT, command.contact, "an open contact")
    contact = desk.contact(command.contact, command.tenant)
    if contact.state not in WRITES_IN:
        raise Refused(Code.WRONG_STATE, contact.state, "a waiting or connected contact")
    sender, automatic = str(cm.Sender(command.sender)), command.automatic
    if sender in ("agent", "bot"):
        if contact.state not in (ContactState.CONNECTED, ContactState.DORMANT) or contact.agent != command.agent:
            raise Refused(Code.NOT_YOURS, contact.agent or "nobody", "the agent that serves the contact")
        sender = "bot" if desk.agents[contact.agent].is_bot else "agent"
    automatic = automatic or sender in ("bot", "system")
    slept = contact.state == ContactState.DORMANT and sender == "customer"
    woken = silence.wake(desk, contact) if sender == "customer" else None
    added(desk, contact, sender, "" if slept else command.agent, automatic=automatic)
    if sender == "customer":
        silence.ended(contact)
        customer_wrote(desk, contact)
        silence.awake(desk, contact, woken)
    elif sender == "agent" and not automatic:
        contact.wrote = True
        person_replied(desk, contact)
    if sender == "bot" or (sender == "agent" and not automatic):
        silence.begins(desk, contact)


def added(desk: Desk, contact: Contact, sender: str, agent: str, *, automatic: bool) -> None:
    contact.messages += 1
    desk.emit(
        ev.MessageAdded, contact=contact.contact, seq=contact.messages, sender=sender, agent=agent, automatic=automatic
    )  # fmt: skip


def customer_wrote(desk: Desk, contact: Contact) -> None:
    contact.owed = True
    start_if_owed(desk, contact)


def person_replied(desk: Desk, contact: Contact) -> None:
    if not contact.answered:
        desk.emit(
            ev.ContactAnswered, contact=contact.contact, agent=contact.agent, waited_ms=contact.waited,
            first_reply_ms=desk.now - (contact.reply_since if contact.replying else contact.left_at),
        )  # fmt: skip
        contact.answered = True
    stop(desk, contact, answered=True, agent=contact.agent)
    contact.owed = False


def start_if_owed(desk: Desk, contact: Contact) -> None:
    """The clock runs for people only: not on a channel without messages, not while a bot begins."""
    if not contact.owed or contact.replying or contact.promised or contact.stage == "bot":
        return
    if not desk.policy.channels[contact.channel].messages:
        return
    contact.replying, contact.reply_since = True, desk.now
    contact.warned = contact.breached = False
    contact.reply_round += 1
    desk.emit(ev.ReplyStarted, contact=contact.contact, round=contact.reply_round)


def stop(desk: Desk, contact: Contact, *, answered: bool, agent: str = "") -> None:
    if contact.replying:
        contact.replying = False
        desk.emit(
            ev.ReplyStopped, contact=contact.contact, round=contact.reply_round,
            took_ms=desk.now - contact.reply_since, answered=answered, agent=agent,
        )  # fmt: skip


@deadlines
def running(desk: Desk) -> Iterator[Deadline]:
    """Warned once, then breached once, in each round."""
    for contact in desk.contacts.values():
        if contact.replying and not contact.breached:
            queue = desk.queue_of(contact)
            at = contact.reply_since + (queue.reply_breach_ms if contact.warned else queue.reply_warn_ms)

            def act(contact: Contact = contact) -> None:
                alarm(desk, contact)

            yield Deadline(at, "reply", (contact.contact,), act)


def alarm(desk: Desk, contact: Contact) -> None:
    kind = ev.ReplyBreached if contact.warned else ev.ReplyWarned
    desk.emit(kind, contact=contact.contact, round=contact.reply_round, agent=contact.agent)
    contact.breached = contact.warned
    contact.warned = True
