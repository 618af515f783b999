"""A task that waits for one outcome. Cancelling the waiter does not cancel the work."""

from __future__ import annotations

from typing import Generic, TypeVar

import outcome
import trio

T = TypeVar("T")


class Waiter(Generic[T]):
    """Delivered at most once, waited for by at most one task; cheaper than an event and a slot beside it."""

    __slots__ = ("_outcome", "_task")

    def __init__(self) -> None:
        self._task: trio.lowlevel.Task | None = None
        self._outcome: outcome.Outcome[T] | None = None

    def deliver(self, value: T | Exception) -> None:
        got: outcome.Outcome[T] = outcome.Error(value) if isinstance(value, Exception) else outcome.Value(value)
        if self._task is not None:
            trio.lowlevel.reschedule(self._task, got)
            self._task = None
        else:
            self._outcome = got

    async def wait(self) -> T:
        """The value, or raises the exception that was delivered."""
        if self._outcome is not None:
            await trio.lowlevel.checkpoint()
            return self._outcome.unwrap()
        self._task = trio.lowlevel.current_task()
        result: T = await trio.lowlevel.wait_task_rescheduled(self._forget)
        return result

    def _forget(self, _: object) -> trio.lowlevel.Abort:
        self._task = None
        return trio.lowlevel.Abort.SUCCEEDED
