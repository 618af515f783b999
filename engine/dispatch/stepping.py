"""Steps: when the next one may open, and what it does."""

from __future__ import annotations

from itertools import islice
from typing import Final

from engine.dispatch import events as ev
from engine.dispatch.contacts import Contact, ContactState
from engine.dispatch.estimates import Estimate
from engine.dispatch.policy.compiled import Queue, Step
from engine.dispatch.state import State

QUEUED: Final = ContactState.QUEUED
# Behind so many who are on offer or wait for a bot nobody looks for the last of a line.
LAST_LOOKED_AT: Final = 256


def next_step(state: State, contact: Contact) -> Step | None:
    """The step that opens next for a contact that waits for a person; None: there is none."""
    if contact.stage == "bot":
        return None
    steps = state.queue_of(contact).steps
    return steps[contact.step] if contact.step < len(steps) else None


def holds(state: State, contact: Contact, step: Step) -> bool:
    """Whether all conditions hold together, ``when_nobody`` apart."""
    if state.clock_due(contact, step) > state.now:
        return False
    if step.queue_length and len(state.lines[contact.queue].waiting) < step.queue_length:
        return False
    if step.lender_kpi and not lender_holds(state, step.lender_kpi):
        return False
    if step.estimated_wait_ms:
        estimate = estimate_of(state, contact)
        return estimate is not None and estimate.p50_ms >= step.estimated_wait_ms
    return True


def lender_holds(state: State, pool: str) -> bool:
    """Whether the lender's service level holds; of a pool that a swap has just taken away it does not."""
    gate = state.gates.get(pool)
    return gate is not None and gate.holds()


def open_step(state: State, contact: Contact, step: Step, why: str) -> None:
    """Open it and do what it says; the caller looks for an agent."""
    state.emit_on(contact, ev.StepOpened(state.now, contact.contact, contact.step + 1, why))
    if step.offer:
        state.emit_on(contact, ev.AlternativesOffered(state.now, contact.contact, contact.step, step.offer))
    if step.move_to:
        queue = state.policy.queues[step.move_to]
        priority = priority_in(state, contact, queue)
        moved = ev.ContactMoved(
            state.now, contact.contact, queue.name, contact.rule, priority, contact.asks, "step", step.name
        )
        state.emit_on(contact, moved)


def priority_in(state: State, contact: Contact, queue: Queue) -> int:
    """A priority that a rule or a person gave goes along to another queue; a queue's own default does not."""
    return contact.priority if contact.priority != state.queue_of(contact).priority else queue.priority


def estimate_of_queue(state: State, queue: str) -> Estimate | None:
    """As :func:`estimate_of`, for whoever came last and still stands in line, as if it also stood last; no ranks are made."""
    measure, line = state.measures.get(queue), state.lines[queue]
    if measure is None or not line.standing:
        return None
    for number in islice(reversed(line.waiting), LAST_LOOKED_AT):
        contact = state.contacts[number]
        if contact.state is QUEUED and contact.stage != "bot":
            return measure.estimate(line.standing, state.slots_of(contact))
    return None


def estimate_of(state: State, contact: Contact) -> Estimate | None:
    """How long the waiting contact still waits for a person; None: nobody can say."""
    measure = state.measures.get(contact.queue)
    if measure is None or contact.state is not QUEUED or contact.stage == "bot":
        return None
    position = 1 + state.ranks(contact.queue).rank(state.line_key(contact))
    return measure.estimate(position, state.slots_of(contact))
