"""Steps open one after the other, when what they ask for holds, or when nobody eligible is there; what they do counts from
then on. See `conditions` for what a step may ask for beside its clock."""

from __future__ import annotations

from collections.abc import Iterator

from engine.dispatch import events as ev
from engine.dispatch.contacts import ContactState
from engine.dispatch.policy.compiled import Step
from tests.reference_dispatcher import conditions, eligible, matching, needs, supervisors
from tests.reference_dispatcher.desk import Contact, Desk
from tests.reference_dispatcher.registry import Deadline, deadlines

LOOK_MS = 5_000


def next_step(desk: Desk, contact: Contact) -> Step | None:
    """None when all are open, or while it waits for a bot."""
    steps = desk.queue_of(contact).steps
    return steps[contact.step] if contact.stage == "person" and contact.step < len(steps) else None


def due_at(contact: Contact, step: Step) -> int:
    zero = {"waited": contact.start, "step": contact.step_at, "age": contact.arrived_at}[step.clock]
    return zero + step.after_ms


def open_due(desk: Desk, contact: Contact) -> None:
    """Open one after the other as long as the next one's condition holds. While the contact is kept for one agent only
    what asks for more than a clock is judged, and what follows it."""
    step = next_step(desk, contact)
    if step is not None and step.watched:
        open_by_itself(desk, contact)
    while contact.state == ContactState.QUEUED and not contact.prefer_only:
        step = next_step(desk, contact)
        if step is None:
            return
        if opens_by_itself(desk, contact, step):
            open_by_itself(desk, contact)
        elif step.when_nobody and not needs.present(desk, contact):
            open_next(desk, contact, step, "nobody")
            open_by_itself(desk, contact)
        else:
            return


def open_by_itself(desk: Desk, contact: Contact) -> None:
    """Whatever opens because its time has come, or all that it asks for holds; others who stand to gain come first."""
    while contact.state == ContactState.QUEUED:
        if conditions.reached(desk):
            judge_reached(desk)
            continue
        step = next_step(desk, contact)
        if step is None or not opens_by_itself(desk, contact, step):
            return
        open_next(desk, contact, step, "conditions" if step.watched else "clock")


def opens_by_itself(desk: Desk, contact: Contact, step: Step) -> bool:
    """What asks for more than a clock, and whose clock is due at this very instant, is judged when its turn comes."""
    if step.watched:
        at = timer(contact, step)
        return (at is None or at > desk.now) and holds(desk, contact, step)
    return runs_by_the_clock(step) and due_at(contact, step) <= desk.now


def holds(desk: Desk, contact: Contact, step: Step) -> bool:
    """All that it asks for, together. Who has a free agent does not wait, whatever the estimate."""
    if due_at(contact, step) > desk.now or not conditions.hold(desk, contact, step):
        return False
    return not step.estimated_wait_ms or not any(eligible.may(desk, contact, one) for one in desk.agents.values())


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


def judge_reached(desk: Desk) -> None:
    """A length was reached, or a lender's level holds again: before anything else those who gain open their step."""
    queues = conditions.reached(desk)
    desk.reached = {}
    for queue in queues:
        ready = []
        for contact in conditions.line(desk, queue):
            step = next_step(desk, contact)
            if step is not None and step.watched and holds(desk, contact, step):
                ready.append(contact)
        matching.place_all(desk, ready, "step")


def timer(contact: Contact, step: Step) -> int | None:
    """Its clock; a step that asks for more is judged then, and every five seconds if it asks for an estimate."""
    at = due_at(contact, step)
    if not step.watched or at > contact.judged_at:
        return at
    if not step.estimated_wait_ms:
        return None
    return at + ((contact.judged_at - at) // LOOK_MS + 1) * LOOK_MS


@deadlines
def running(desk: Desk) -> Iterator[Deadline]:
    """Only while it waits in its queue: what comes due during an offer opens when it is back."""
    for contact in desk.contacts.values():
        if contact.state == ContactState.QUEUED:
            step = next_step(desk, contact)
            at = timer(contact, step) if step is not None and (step.watched or runs_by_the_clock(step)) else None
            if step is not None and at is not None:

                def act(contact: Contact = contact, step: Step = step) -> None:
                    if not step.watched:
                        open_next(desk, contact, step, "clock")
                    else:
                        contact.judged_at = desk.now
                        if not holds(desk, contact, step):
                            return
                        open_next(desk, contact, step, "conditions")
                    matching.place(desk, contact, "step")

                yield Deadline(at, "step", (contact.contact,), act)
