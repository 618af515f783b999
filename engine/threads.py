"""The one door to threads: where what blocks is done, beside the loop."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from threading import Thread  # noqa: TID251  # this is the door to them
from typing import TypeAlias, TypeVar, TypeVarTuple

import outcome
import trio

T = TypeVar("T")
Args = TypeVarTuple("Args")

# The driver's commits, its readers, and what the server blocks on (password hashes, templates), at the same time.
_THREADS = 12
# The job, who waits for it, and the way back.
Job: TypeAlias = tuple[Callable[[], object], trio.lowlevel.Task, trio.lowlevel.TrioToken]
# Threads with nothing to do, the one that was busy last at the end: it is used next.
_idle: deque[SimpleQueue[Job]] = deque()
_limiter: trio.lowlevel.RunVar[trio.CapacityLimiter] = trio.lowlevel.RunVar("sluice blocking work")


async def run_blocking(function: Callable[[*Args], T], *args: *Args) -> T:
    """The one door to threads (``engine.ports.RunBlocking``). Cancellation waits for the function to return.

    Half the price of ``trio.to_thread``, which an engine would pay hundreds of times a second: threads of our own, that
    wait for the next thing to do, and know nothing of the caller's context.
    """
    await trio.lowlevel.checkpoint_if_cancelled()
    try:
        limiter = _limiter.get()
    except LookupError:
        limiter = trio.CapacityLimiter(_THREADS)
        _limiter.set(limiter)
    try:
        limiter.acquire_nowait()
    except trio.WouldBlock:
        await limiter.acquire()
    try:
        try:
            jobs = _idle.pop()
        except IndexError:
            jobs = SimpleQueue()
            Thread(target=_do_jobs, args=(jobs,), name="sluice blocking work", daemon=True).start()
        jobs.put((partial(function, *args), trio.lowlevel.current_task(), trio.lowlevel.current_trio_token()))
        result: T = await trio.lowlevel.wait_task_rescheduled(_not_to_be_cancelled)
        return result
    finally:
        limiter.release()


def _do_jobs(jobs: SimpleQueue[Job]) -> None:
    """A thread's life: as long as the process lives, it waits for the next job."""
    while True:
        work, task, token = jobs.get()
        done = outcome.capture(work)
        _idle.append(jobs)
        with suppress(trio.RunFinishedError):
            token.run_sync_soon(trio.lowlevel.reschedule, task, done)
        del work, task, token, done  # nothing of it is kept alive while there is nothing to do


def _not_to_be_cancelled(_: object) -> trio.lowlevel.Abort:
    return trio.lowlevel.Abort.FAILED
