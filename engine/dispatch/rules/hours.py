"""The domain's own deadlines: calendars that open and close, notices that end, mass effects that go on."""

from __future__ import annotations

import re
from typing import Final

from engine.dispatch import commands as cmd
from engine.dispatch import events as ev
from engine.dispatch.changes.house import closes_for, waiting_under
from engine.dispatch.contacts import WAITING, Contact, ContactState
from engine.dispatch.house import CLOSING, HOURS, LIVE, NOTICE, PLACE_MASK, RELEASE, SORT_SHIFT
from engine.dispatch.matching import again, freed, place, stop_reply_clock
from engine.dispatch.refusals import Code, wanted_until
from engine.dispatch.rules.contacts import take_back
from engine.dispatch.rules.gate import tell
from engine.dispatch.rules.promises import go_live, leave, release, release_all, released_at_once
from engine.dispatch.rules.rearranging import house
from engine.dispatch.rules.registry import find_contact, handles
from engine.dispatch.state import State

QUEUED: Final = ContactState.QUEUED
OFFERED: Final = ContactState.OFFERED
HELD: Final = ContactState.HELD
CONNECTED: Final = ContactState.CONNECTED
# A code or a reference; what it says is not the dispatcher's to know.
NOTICE_CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/#-]{0,119}")


def house_due(state: State, ident: int) -> None:
    house, sort, at = state.house, ident >> SORT_SHIFT, ident & PLACE_MASK
    if sort == HOURS:
        hours_due(state, house.calendars[at])
    elif sort == NOTICE:
        queue = house.queues[at]
        state.emit(ev.QueueNoticeEnded(state.now, queue, house.notices[queue].notice, "expired"))
    elif sort == CLOSING:
        close_on(state, house.calendars[at])
    elif sort == LIVE:
        go_live(state)
    elif sort == RELEASE:
        release(state, house.queues[at])
    else:
        tell_on(state, house.queues[at])


# --- opening and closing ------------------------------------------------------------------------------------------------


def hours_due(state: State, calendar: str) -> None:
    """The flag turns. Opened: messages are put in line. Closed: those who wait are told, and go where their queue says."""
    before = state.house.hours.get(calendar)
    opened = state.policy.calendars[calendar].is_open(state.now)
    state.emit(ev.HoursChanged(state.now, calendar, opened))
    if opened:
        release_all(state)
    elif before is not None and before.open:
        close_for_all(state, calendar, waiting_under(state, calendar), 0)


def close_on(state: State, calendar: str) -> None:
    """The next slice of a closing."""
    sweep = state.house.closings[calendar]
    numbers = [number for number in sweep.numbers if number > sweep.after]
    if state.house.is_open(calendar, state.now):
        numbers = []
    close_for_all(state, calendar, numbers, sweep.after, running=True)


def close_for_all(state: State, calendar: str, numbers: list[int], after: int, *, running: bool = False) -> None:
    for number in numbers:
        if not state.house.left(state.now):
            state.emit(ev.EffectSliced(state.now, "closing", calendar, after, state.now + 1))
            return
        contact = state.contacts.get(number)
        if contact is not None and closes_for(state, contact, calendar):
            if state.former:
                house(state, contact)  # whether it is served, answered later or sent to a bot is for a queue there is
            close_for(state, contact)
        after = number
    if running:
        state.emit(ev.EffectSliced(state.now, "closing", calendar, after, 0))


def close_for(state: State, contact: Contact) -> None:
    """Told, and then served all the same, answered later, or served by a bot."""
    queue = state.queue_of(contact)
    serve = queue.closed == "serve"
    tell(state, contact, "closing", queue.closed_notice, queue.closed_alternative if serve else "")
    if queue.closed == "message":
        if contact.behind or not contact.promised:  # one whose promise is due stays in line
            leave(state, contact, "message")
    elif queue.closed == "bot" and contact.stage != "bot":
        send_to_bot(state, contact, "closing")
        place(state, contact, "closing")


def send_to_bot(state: State, contact: Contact, reason: str) -> None:
    """QUEUED: from here on it waits for a bot; the caller places it."""
    stop_reply_clock(state, contact)
    state.emit_on(contact, ev.ContactSentToBot(state.now, contact.contact, reason))


# --- a queue's notice ---------------------------------------------------------------------------------------------------


@handles(cmd.SetQueueNotice)
def set_notice(state: State, command: cmd.SetQueueNotice) -> None:
    """Those who wait are told, and whoever arrives, until it ends. An empty notice takes down the one that hangs."""
    queue, notice = command.queue, command.notice
    if queue not in state.policy.queues:
        return state.refuse(command, Code.UNKNOWN_QUEUE, queue, f"one of {', '.join(state.policy.queues)}")
    hanging = state.house.notices.get(queue)
    if not notice:
        if hanging is not None:
            state.emit(ev.QueueNoticeEnded(state.now, queue, hanging.notice, "cleared"))
        return None
    if not NOTICE_CODE.fullmatch(notice):
        wanted = "notice: a code of 1 to 120 letters, digits and . _ : / # -, begun by a letter or digit"
        return state.refuse(command, Code.BAD_VALUE, notice[:120], wanted)
    if wanted := wanted_until(command.until, state.now):
        return state.refuse(command, Code.BAD_VALUE, command.until, f"until: {wanted}")
    if hanging is not None and (hanging.notice, hanging.until) == (notice, command.until):
        return None
    state.emit(ev.QueueNoticeSet(state.now, queue, notice, command.until))
    if hanging is None or hanging.notice != notice:
        tell_all(state, queue, sorted(state.lines[queue].waiting), 0)


def tell_on(state: State, queue: str) -> None:
    """The next slice of those who wait."""
    sweep = state.house.tellings[queue]
    tell_all(state, queue, [number for number in sweep.numbers if number > sweep.after], sweep.after, running=True)


def tell_all(state: State, queue: str, numbers: list[int], after: int, *, running: bool = False) -> None:
    notice = state.house.notices[queue].notice
    for number in numbers:
        if not state.house.left(state.now):
            state.emit(ev.EffectSliced(state.now, "notice", queue, after, state.now + 1))
            return
        contact = state.contacts.get(number)
        if contact is not None and contact.queue == queue and contact.state in WAITING:
            tell(state, contact, "notice", notice)
        after = number
    if running:
        state.emit(ev.EffectSliced(state.now, "notice", queue, after, 0))


# --- what a customer takes instead --------------------------------------------------------------------------------------


@handles(cmd.AskBot)
def ask_bot(state: State, command: cmd.AskBot) -> None:
    """Who waits for a bot, or has one, stays as it is."""
    contact = find_contact(state, command)
    if contact is None:
        return None
    if contact.state not in (QUEUED, OFFERED, HELD):
        return state.refuse(command, Code.WRONG_STATE, contact.state, "a waiting contact")
    if contact.stage == "bot":
        return None
    if not state.queue_of(contact).bot_pools:
        return state.refuse(command, Code.NO_BOTS, contact.queue, f"queues.{contact.queue}.bot_pools in the policy")
    return to_bot(state, contact, command.reason)


def to_bot(state: State, contact: Contact, reason: str) -> None:
    """A contact that waits for a person waits for a bot of its queue; an offer is taken back without blame."""
    seat = contact.seat
    take_back(state, contact, "sent_to_bot")
    send_to_bot(state, contact, reason)
    again(state, contact, seat, "sent_to_bot")


# --- a message left -----------------------------------------------------------------------------------------------------


@handles(cmd.LeaveMessage)
def leave_message(state: State, command: cmd.LeaveMessage) -> None:
    """A customer who waits, or talks to a bot, chooses to be answered later."""
    contact = find_contact(state, command)
    if contact is None:
        return None
    seat = contact.seat
    with_bot = contact.state is CONNECTED and seat is not None and seat.bot
    if contact.state not in (QUEUED, OFFERED, HELD) and not with_bot:
        return state.refuse(command, Code.WRONG_STATE, contact.state, "a waiting contact, or one that talks to a bot")
    if not state.queue_of(contact).promise_ms:
        return state.refuse(command, Code.NO_PROMISE, contact.queue, f"queues.{contact.queue}.promise_ms in the policy")
    take_back(state, contact, "message_left")
    leave(state, contact, command.kind)
    if seat is not None:
        freed(state, seat)
    released_at_once(state, contact)
