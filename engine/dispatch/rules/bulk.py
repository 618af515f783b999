"""Bulk commands: one action on all that match, previewed with a count, each contact whole or not at all."""

from __future__ import annotations

from typing import Final

from engine.dispatch import commands as cmd
from engine.dispatch import events as ev
from engine.dispatch.contacts import Contact, ContactState
from engine.dispatch.matching import again, freed
from engine.dispatch.policy.compiled import Queue
from engine.dispatch.refusals import Code
from engine.dispatch.rules.contacts import PRIORITY_LIMIT, move_to, prioritise_as, take_back
from engine.dispatch.rules.hours import send_to_bot
from engine.dispatch.rules.promises import leave, released_at_once
from engine.dispatch.rules.registry import handles
from engine.dispatch.selecting import selected
from engine.dispatch.slices import Job
from engine.dispatch.state import State

QUEUED: Final = ContactState.QUEUED
OFFERED: Final = ContactState.OFFERED


@handles(cmd.BulkCommand)
def bulk(state: State, command: cmd.BulkCommand) -> None:
    """Checked as a whole before anything happens; then each contact has its turn, in slices."""
    if not bounded(state, command) or not possible(state, command):
        return None
    found = selected(state, command.tenant, command.queue, command.shop, command.channel)
    if command.preview:
        return None
    if len(found) != command.expect_count:
        return state.refuse(command, Code.COUNT_CHANGED, len(found), f"expect_count = {len(found)}")
    state.selection = found
    state.emit(
        ev.BulkStarted(
            at=state.now,
            job=state.next_job,
            action=command.action,
            count=len(found),
            tenant=command.tenant,
            queue=command.queue,
            shop=command.shop,
            channel=command.channel,
            to_queue=command.to_queue,
            priority=command.priority,
            reason=command.reason,
        )
    )
    if len(found) <= state.slice_units // 4 and len(state.jobs) == 1 and not state.frozen:
        do_job(state)
    return None


def bounded(state: State, command: cmd.BulkCommand) -> bool:
    """A filter that names what there is, or the word that everything is meant."""
    policy = state.policy
    if command.tenant and command.tenant not in policy.tenants:
        state.refuse(command, Code.BAD_VALUE, command.tenant, f"tenant: one of {', '.join(policy.tenants)}")
    elif command.queue and not is_queue_of(state, command.queue, command.tenant):
        state.refuse(command, Code.UNKNOWN_QUEUE, command.queue, "queue: one of the policy's")
    elif command.shop and (
        command.shop not in policy.shops or command.tenant not in ("", policy.shops[command.shop].tenant)
    ):
        state.refuse(command, Code.UNKNOWN_SHOP, command.shop, "shop: one of the tenant's")
    elif command.channel and command.channel not in policy.channels:
        state.refuse(command, Code.UNKNOWN_CHANNEL, command.channel, f"one of {', '.join(policy.channels)}")
    elif not (command.queue or command.shop or command.channel or command.everything):
        state.refuse(command, Code.NOT_CONFIRMED, "no queue, shop or channel", "a filter, or everything = true")
    else:
        return True
    return False


def possible(state: State, command: cmd.BulkCommand) -> bool:
    """What the action needs."""
    if command.action == "move" and not is_queue_of(state, command.to_queue, command.tenant):
        state.refuse(command, Code.UNKNOWN_QUEUE, command.to_queue, "to_queue: a queue of the contacts' tenant")
    elif abs(command.priority) > PRIORITY_LIMIT:
        state.refuse(command, Code.BAD_VALUE, command.priority, f"priority: −{PRIORITY_LIMIT} to {PRIORITY_LIMIT}")
    else:
        return True
    return False


def is_queue_of(state: State, name: str, tenant: str) -> bool:
    """A queue of the policy; of this tenant, unless it is empty (every tenant's)."""
    queue = state.policy.queues.get(name)
    return queue is not None and tenant in ("", queue.tenant)


def do_job(state: State) -> None:
    """A slice of the oldest bulk command."""
    job = state.jobs[min(state.jobs)]
    done = passed = cursor = 0
    place, contacts = job.place, job.contacts
    turns, events = state.slice_units // 4 or 1, len(state.out) + state.slice_units
    while place < len(contacts) and turns and len(state.out) < events and not state.frozen:
        cursor = contacts[place]
        contact = state.contacts.get(cursor)
        turns -= 1
        place += 1
        if contact is not None and act(state, job, contact):
            done += 1
        else:
            passed += 1
    if done or passed:
        state.emit(ev.BulkContinued(state.now, job.job, cursor, done, passed))
    if job.place == len(contacts):
        took = state.now - job.began_at
        state.emit(ev.BulkEnded(state.now, job.job, job.action, job.done, job.passed, took))


def act(state: State, job: Job, contact: Contact) -> bool:
    """Whether the contact still matched, and was changed."""
    if contact.state is not QUEUED and contact.state is not OFFERED:
        return False
    if job.of_queue and contact.queue != job.of_queue:
        return False
    if job.action == "prioritise":
        prioritise_as(state, contact, job.priority, job.reason)
        return True
    if job.action == "bot":
        return to_bot(state, contact, job.reason)
    if job.action == "message":
        return to_message(state, contact)
    queue: Queue | None = state.policy.queues.get(job.to_queue)
    if queue is None or queue.tenant != contact.tenant:
        return False
    move_to(state, contact, queue, job.reason)
    return True


def to_bot(state: State, contact: Contact, reason: str) -> bool:
    """Only from a queue that has bots, and not if it waits for one already."""
    if contact.stage == "bot" or not state.queue_of(contact).bot_pools:
        return False
    seat = contact.seat
    take_back(state, contact, "sent_to_bot")
    send_to_bot(state, contact, reason)
    again(state, contact, seat, "sent_to_bot")
    return True


def to_message(state: State, contact: Contact) -> bool:
    """Only in a queue that takes messages under a promise."""
    if not state.queue_of(contact).promise_ms:
        return False
    seat = contact.seat
    take_back(state, contact, "message_left")
    leave(state, contact, "message")
    if seat is not None:
        freed(state, seat)
    released_at_once(state, contact)
    return True
