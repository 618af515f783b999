"""What the events of a bulk command do to state."""

from __future__ import annotations

from bisect import bisect_right

from engine.dispatch import events as ev
from engine.dispatch.changes.registry import applies
from engine.dispatch.selecting import selected
from engine.dispatch.slices import Job
from engine.dispatch.state import State


@applies(ev.BulkStarted)
def bulk_started(state: State, event: ev.BulkStarted) -> None:
    """Which contacts it is about is decided here and now: whoever comes later is not."""
    contacts = selected(state, event.tenant, event.queue, event.shop, event.channel)
    state.jobs[event.job] = Job(
        event.job,
        event.at,
        event.action,
        event.queue,
        event.to_queue,
        event.priority,
        event.reason,
        contacts,
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
