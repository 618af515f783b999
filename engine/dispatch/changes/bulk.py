"""What the events of bulk commands, drained pools and forced assignments do to state."""

from __future__ import annotations

from bisect import bisect_right

from engine.dispatch import events as ev
from engine.dispatch.changes.registry import applies, applies_to_contact
from engine.dispatch.contacts import Contact
from engine.dispatch.selecting import selected, selected_agents
from engine.dispatch.slices import Job
from engine.dispatch.state import State


@applies(ev.BulkStarted)
def bulk_started(state: State, event: ev.BulkStarted) -> None:
    """Which contacts it is about is decided here and now: whoever comes later is not."""
    contacts = state.selection
    if event.agent:
        contacts = sorted(state.agents[event.agent].contacts)
    elif contacts is None and event.action == "capacity":
        contacts = selected_agents(state, event.tenant, event.pool, event.team)
    elif contacts is None:
        contacts = selected(state, event.tenant, event.queue, event.shop, event.channel)
    state.selection = None
    state.jobs[event.job] = Job(
        event.job,
        event.at,
        event.action,
        event.queue,
        event.to_queue,
        event.priority,
        event.reason,
        contacts,
        capacity=event.capacity,
        until=event.until,
        agent=event.agent,
        to_agent=event.to_agent,
        team=event.team,
    )
    state.next_job = event.job + 1


@applies(ev.BulkContinued)
def bulk_continued(state: State, event: ev.BulkContinued) -> None:
    job = state.jobs[event.job]
    job.place = bisect_right(job.contacts, event.cursor)
    job.done += event.done
    job.passed += event.passed


@applies(ev.BulkEnded)
def bulk_ended(state: State, event: ev.BulkEnded) -> None:
    del state.jobs[event.job]


@applies(ev.PoolDrained)
def pool_drained(state: State, event: ev.PoolDrained) -> None:
    state.drained = {**state.drained, event.pool: event.reason}
    for lane in state.lanes.values():
        if lane.pool.name == event.pool:
            lane.drain(True)


@applies(ev.PoolOpened)
def pool_opened(state: State, event: ev.PoolOpened) -> None:
    """Its agents may have become freer meanwhile: the lanes hear of them before the next look."""
    state.drained = {pool: why for pool, why in state.drained.items() if pool != event.pool}
    for lane in state.lanes.values():
        if lane.pool.name == event.pool:
            lane.drain(False)
    for seat in state.seats_by_skill.get((event.pool, None), {}).values():
        state.freed[seat.agent.seq] = seat


@applies_to_contact(ev.ContactAssigned)
def assigned(state: State, event: ev.ContactAssigned, contact: Contact) -> None:
    """The forced offer that follows does the rest."""
    contact.pinned = True
