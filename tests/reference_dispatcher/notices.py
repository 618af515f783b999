"""A supervisor's notice in a queue: who waits and who comes is told, until it ends."""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.refusals import Code
from tests.reference_dispatcher import hours
from tests.reference_dispatcher.desk import Contact, Desk
from tests.reference_dispatcher.registry import Deadline, Refused, deadlines, handles

MEANT = "notice: a code of 1 to 120 letters, digits and . _ : / # -, begun by a letter or digit"
NOTICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/#-]{0,119}")


@handles(cm.SetQueueNotice)
def set_notice(desk: Desk, command: cm.SetQueueNotice) -> None:
    queue = desk.queue(command.queue)
    if not command.notice:
        if queue.name in desk.notices:
            end(desk, queue.name, "cleared")
        return
    if not NOTICE.fullmatch(command.notice):
        raise Refused(Code.BAD_VALUE, command.notice, MEANT)
    if command.until <= desk.now:
        raise Refused(Code.BAD_VALUE, command.until, f"until: an instant after {desk.now}")
    before = desk.notices.get(queue.name)
    if before == (command.notice, command.until):
        return
    desk.emit(ev.QueueNoticeSet, queue=queue.name, notice=command.notice, until=command.until)
    desk.notices[queue.name] = (command.notice, command.until)
    if before is not None and before[0] == command.notice:
        return
    for number in sorted(desk.contacts):
        contact = desk.contacts[number]
        if contact.waits and contact.queue == queue.name:
            hours.tell(desk, contact, "notice", command.notice)


def arrived(desk: Desk, contact: Contact) -> None:
    if contact.queue in desk.notices:
        hours.tell(desk, contact, "notice", desk.notices[contact.queue][0])


def end(desk: Desk, queue: str, why: str) -> None:
    desk.emit(ev.QueueNoticeEnded, queue=queue, notice=desk.notices[queue][0], why=why)
    del desk.notices[queue]


@deadlines
def running(desk: Desk) -> Iterator[Deadline]:
    places = [*desk.policy.queues]
    for queue in [name for name in places if name in desk.notices]:  # a queue that is not there keeps its notice
        place, until = places.index(queue), desk.notices[queue][1]

        def act(queue: str = queue) -> None:
            end(desk, queue, "expired")

        yield Deadline(until, "house", (1, place), act)
