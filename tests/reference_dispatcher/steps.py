"""Steps: one ordered list per queue. The next one opens when its condition holds, and stays open."""

from __future__ import annotations

from collections.abc import Iterator

from engine.dispatch import events as ev
from engine.dispatch.contacts import ContactState
from engine.dispatch.policy.compiled import Step
from tests.reference_dispatcher import matching, needs, supervisors
from tests.reference_dispatcher.desk import Contact, Desk
from tests.reference_dispatcher.registry import Deadline, deadlines


def next_step(desk: Desk, contact: Contact) -> Step | None:
    """None when all are open, or while it waits for a bot."""
    steps = desk.queue_of(contact).steps
    return steps[contact.step] if contact.stage == "person" and contact.step < len(steps) else None


def due_at(contact: Contact, step: Step) -> int:
    zero = {"waited": contact.start, "step": contact.step_at, "age": contact.arrived_at}[step.clock]
    return zero + step.after_ms


def open_due(desk: Desk, contact: Contact) -> None:
    """Open one after the other as long as the next one's condition holds; not while it is kept for one agent."""
    while not contact.prefer_only and (step := next_step(desk, contact)) is not None:
        if runs_by_the_clock(step) and due_at(contact, step) <= desk.now:
            open_next(desk, contact, step, "clock")
        elif step.when_nobody and not needs.present(desk, contact):
            open_next(desk, contact, step, "nobody")
        else:
            return


def open_by_the_clock(desk: Desk, contact: Contact) -> None:
    """Only those whose time has come."""
    while (step := next_step(desk, contact)) is not None and runs_by_the_clock(step):
        if contact.state != ContactState.QUEUED or due_at(contact, step) > desk.now:
            return
        open_next(desk, contact, step, "clock")


def runs_by_the_clock(step: Step) -> bool:
    """A step that says only "when nobody" has no clock."""
    return step.after_ms > 0 or not step.when_nobody


def open_next(desk: Desk, contact: Contact, step: Step, why: str) -> None:
    desk.emit(ev.StepOpened, contact=contact.contact, step=contact.step + 1, why=why)
    contact.step += 1
    contact.step_at = desk.now
    contact.raised += step.raise_priority
    if step.offer:
        desk.emit(ev.AlternativesOffered, contact=contact.contact, step=contact.step, alternatives=step.offer)
    if step.move_to:
        there = desk.policy.queues[step.move_to]
        supervisors.put_into(desk, contact, there, "step", step.name, let_go=False)


@deadlines
def running(desk: Desk) -> Iterator[Deadline]:
    """Only while it waits in its queue: what comes due during an offer opens when it is back."""
    for contact in desk.contacts.values():
        if contact.state == ContactState.QUEUED:
            step = next_step(desk, contact)
            if step is not None and runs_by_the_clock(step):

                def act(contact: Contact = contact, step: Step = step) -> None:
                    open_next(desk, contact, step, "clock")
                    matching.place(desk, contact, "step")

                yield Deadline(due_at(contact, step), "step", (contact.contact,), act)
