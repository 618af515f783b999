"""Bulk commands: one action on all that match, previewed with a count, each contact whole or not at all."""

from __future__ import annotations

from typing import Final

from engine.dispatch import commands as cmd
from engine.dispatch import events as ev
from engine.dispatch.agents import AgentState
from engine.dispatch.contacts import Contact, ContactState
from engine.dispatch.matching import feed, freed, place_all
from engine.dispatch.policy.compiled import Queue
from engine.dispatch.refusals import Code, wanted_until
from engine.dispatch.rules.agents import CAPACITY_LIMIT, let_go
from engine.dispatch.rules.contacts import PRIORITY_LIMIT, move_to, prioritise_as, take_back
from engine.dispatch.rules.hours import to_bot
from engine.dispatch.rules.promises import leave, released_at_once
from engine.dispatch.rules.registry import handles
from engine.dispatch.selecting import selected, selected_agents
from engine.dispatch.slices import Job
from engine.dispatch.state import State

QUEUED: Final = ContactState.QUEUED
OFFERED: Final = ContactState.OFFERED
AVAILABLE: Final = AgentState.AVAILABLE


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
    return begin(state, len(found))


def begin(state: State, count: int) -> None:
    """What is little, with nothing before it, is done at once."""
    if count <= state.slice_units // 4 and len(state.jobs) == 1 and not state.frozen:
        do_job(state)


@handles(cmd.SetGroupCapacity)
def set_group_capacity(state: State, command: cmd.SetGroupCapacity) -> None:
    """As for one agent, for each of a group; those who come to it later keep their own."""
    policy, until = state.policy, command.until
    if command.tenant and command.tenant not in policy.tenants:
        return state.refuse(command, Code.BAD_VALUE, command.tenant, f"tenant: one of {', '.join(policy.tenants)}")
    if not 0 <= command.capacity <= CAPACITY_LIMIT:
        return state.refuse(command, Code.BAD_VALUE, command.capacity, f"capacity: 0 to {CAPACITY_LIMIT}")
    if until and (wanted := wanted_until(until, state.now)):
        return state.refuse(command, Code.BAD_VALUE, until, f"until: 0 or {wanted}")
    if command.pool and command.pool not in policy.pools:
        return state.refuse(command, Code.UNKNOWN_POOL, command.pool, f"one of {', '.join(policy.pools)}")
    if not command.pool and not command.team:
        return state.refuse(command, Code.NOT_CONFIRMED, "neither pool nor team", "a pool, a team, or both")
    found = selected_agents(state, command.tenant, command.pool, command.team)
    if command.preview:
        return None
    if len(found) != command.expect_count:
        return state.refuse(command, Code.COUNT_CHANGED, len(found), f"expect_count = {len(found)}")
    state.selection = found
    state.emit(
        ev.BulkStarted(
            at=state.now,
            job=state.next_job,
            action="capacity",
            count=len(found),
            tenant=command.tenant,
            reason=command.reason,
            pool=command.pool,
            team=command.team,
            capacity=command.capacity,
            until=until,
        )
    )
    return begin(state, len(found))


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
    """A slice of the oldest bulk command; before those, of an agent's going."""
    job = min(state.jobs.values(), key=lambda job: (not job.agent, job.job))
    done = passed = cursor = 0
    place, contacts = job.place, job.contacts
    turns, events = state.slice_units // 4 or 1, len(state.out) + state.slice_units
    while place < len(contacts) and turns and len(state.out) < events and not state.frozen:
        cursor = contacts[place]
        turns -= 1
        place += 1
        if act_on(state, job, cursor):
            done += 1
        else:
            passed += 1
    if done or passed:
        state.emit(ev.BulkContinued(state.now, job.job, cursor, done, passed))
    if job.place == len(contacts):
        took = state.now - job.began_at
        state.emit(ev.BulkEnded(state.now, job.job, job.action, job.done, job.passed, took))


def act_on(state: State, job: Job, number: int) -> bool:
    """Whether what the number names is still there, and was changed."""
    if job.action == "capacity":
        seat = state.seats_by_seq.get(number)
        if seat is not None:
            state.emit(ev.CapacityChanged(state.now, seat.name, job.capacity, job.until, job.reason))
            feed(state, seat, "capacity")
        return seat is not None
    contact = state.contacts.get(number)
    if contact is None:
        return False
    return part(state, job, contact) if job.agent else act(state, job, contact)


def part(state: State, job: Job, contact: Contact) -> bool:
    """From an agent who has gone, unless the contact went elsewhere by itself; it may even have come back to the agent since."""
    if contact.agent != job.agent or contact.offer or contact.connected_at > job.began_at:
        return False
    to_queue = job.to_queue if job.to_queue in state.policy.queues else ""
    to = state.agents.get(job.to_agent)
    to_agent = job.to_agent if to is not None and to.state is AVAILABLE else ""
    if let_go(state, contact, job.reason, job.team, to_queue, to_agent, job.action == "agent_lost"):
        place_all(state, [contact], job.action)
    return True


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
        if contact.stage == "bot" or not state.queue_of(contact).bot_pools:
            return False
        to_bot(state, contact, job.reason)
        return True
    if job.action == "message":
        return to_message(state, contact)
    queue: Queue | None = state.policy.queues.get(job.to_queue)
    if queue is None or queue.tenant != contact.tenant:
        return False
    move_to(state, contact, queue, job.reason)
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
