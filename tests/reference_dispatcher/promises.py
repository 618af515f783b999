"""Messages and call-backs: left, promised, put in line by the queue's pace, live when due."""

from __future__ import annotations

from collections.abc import Iterator

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.contacts import ContactState
from engine.dispatch.policy.compiled import Queue
from engine.dispatch.refusals import Code
from tests.reference_dispatcher import hours, matching, offers, replies, transfers
from tests.reference_dispatcher.desk import Contact, Desk
from tests.reference_dispatcher.registry import Deadline, Refused, deadlines, handles


@handles(cm.LeaveMessage)
def leave_message(desk: Desk, command: cm.LeaveMessage) -> None:
    contact = desk.contact(command.contact, command.tenant)
    with_a_bot = contact.state == ContactState.CONNECTED and desk.agents[contact.agent].is_bot
    if not (contact.waits or with_a_bot):
        raise Refused(Code.WRONG_STATE, contact.state, "a waiting contact, or one that talks to a bot")
    if not desk.queue_of(contact).promise_ms:
        raise Refused(Code.NO_PROMISE, contact.queue, f"queues.{contact.queue}.promise_ms in the policy")
    freed = offers.rescind(desk, contact, "message_left") if contact.offer else None
    serving = desk.agents[contact.agent] if with_a_bot else None
    leave(desk, contact, command.kind)
    freed = freed or serving
    if freed is not None:
        matching.freed(desk, freed)
    live_now(desk)
    release(desk, desk.queue_of(contact))


def leave(desk: Desk, contact: Contact, kind: str) -> None:
    replies.stop(desk, contact, answered=False)
    queue = desk.queue_of(contact)
    if not contact.promised:
        calendar = desk.policy.calendar_of(contact.queue, contact.shop)
        shut = calendar is not None and not desk.hours[calendar.name]
        opens = calendar.next_open(desk.now) if shut and calendar is not None else desk.now
        contact.promised_by = (desk.now if opens is None else opens) + queue.promise_ms
        contact.live_at = contact.promised_by - queue.release_lead_ms
        contact.left_first = desk.now
    desk.emit(
        ev.MessageLeft, contact=contact.contact, kind=kind, promised_by=contact.promised_by, live_at=contact.live_at
    )  # fmt: skip
    if contact.agent:
        desk.let_go(contact)
    else:
        desk.stop_waiting(contact)
    contact.promised, contact.behind = True, True
    contact.from_bot = contact.from_bot or contact.stage == "bot"
    contact.stage = "person"
    desk.forget_all_preference(contact)


def over(contact: Contact) -> None:
    """Connected: the promise is gone. Who leaves and comes back in time comes back under it."""
    contact.promised = contact.behind = contact.from_bot = False
    contact.promised_by = contact.live_at = contact.left_first = 0


def back_in_line(desk: Desk, contact: Contact, why: str) -> None:
    desk.emit(ev.MessageReleased, contact=contact.contact, why=why)
    desk.wait_again(contact)
    if contact.from_bot:
        transfers.wait_from_here(desk, contact)
        contact.from_bot = False
    contact.behind = why == "pace"
    if why == "due":
        contact.start = contact.left_first
    matching.place(desk, contact, "released")


def waiting_for_release(desk: Desk, queue: Queue) -> list[Contact]:
    """Of those that are open, the earliest promise first."""
    found = [
        contact
        for contact in desk.contacts.values()
        if contact.queue == queue.name
        and contact.state == ContactState.PROMISED
        and hours.is_open(desk, contact.queue, contact.shop)
    ]
    return sorted(found, key=lambda contact: (contact.promised_by, contact.contact))


def release(desk: Desk, queue: Queue) -> None:
    """What the pace allows now; the last one's gap stands, whatever another policy says."""
    if desk.next_release.get(queue.name, 0) > desk.now:
        return
    if not queue.release_per_minute:
        for contact in waiting_for_release(desk, queue):
            if contact.state == ContactState.PROMISED:
                desk.next_release[queue.name] = desk.now
                back_in_line(desk, contact, "pace")
        return
    found = waiting_for_release(desk, queue)
    if found:
        desk.next_release[queue.name] = desk.now + 60_000 // queue.release_per_minute
        back_in_line(desk, found[0], "pace")


def live_now(desk: Desk) -> None:
    """Whatever the pace: it stands among live contacts, as having waited since it was left."""
    due = [contact for contact in kept(desk) if contact.live_at <= desk.now]
    for contact in sorted(due, key=lambda contact: (contact.live_at, contact.contact)):
        if contact.state == ContactState.PROMISED:
            back_in_line(desk, contact, "due")
        elif contact.waits and contact.behind:
            desk.emit(ev.MessageDue, contact=contact.contact)
            contact.behind, contact.start = False, contact.left_first


def kept(desk: Desk) -> list[Contact]:
    return [
        contact
        for contact in desk.contacts.values()
        if contact.state == ContactState.PROMISED or (contact.waits and contact.behind)
    ]


@deadlines
def running(desk: Desk) -> Iterator[Deadline]:
    alive = [contact.live_at for contact in kept(desk)]
    if alive:
        yield Deadline(min(alive), "house", (4, 0), lambda: live_now(desk))
    for place, queue in enumerate(desk.policy.queues.values()):
        if waiting_for_release(desk, queue):

            def act(queue: Queue = queue) -> None:
                release(desk, queue)

            yield Deadline(desk.next_release.get(queue.name, 0), "house", (5, place), act)
