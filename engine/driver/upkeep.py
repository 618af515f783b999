"""Housekeeping between batches: the lease, old answers, room on the disk, snapshots."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog
import trio

from engine.driver.limits import DriverLimits, Figures
from engine.ports import RunBlocking, Store
from engine.store.answers import RETENTION_MS

# Real seconds between two pulses: a lease is valid for five.
PULSE_S = 1.0
# Answers forgotten a pulse: more than 3,000 an engine makes in a second, and a few ms of work.
_FORGET_AT_ONCE = 5_000
_log = structlog.get_logger("sluice.store")


class Upkeep:
    """Called by the loop, never beside it: the store's writing side has one user."""

    def __init__(
        self,
        store: Store,
        run_blocking: RunBlocking,
        limits: DriverLimits,
        figures: Figures,
        take_snapshot: Callable[[], Awaitable[None]] | None,
    ) -> None:
        self.next_pulse = 0.0  # trio time
        self.snapshot_lsn = 0
        self._store = store
        self._run_blocking = run_blocking
        self._limits = limits
        self._figures = figures
        self._take_snapshot = take_snapshot
        self._snapshotting = False
        self._rest_until_s = 0.0

    async def pulse(self, wall_ms: int, now_ms: int) -> None:
        """Renew the lease, forget answers past their day, look how much room is left."""
        self.next_pulse = trio.current_time() + PULSE_S
        with trio.CancelScope(shield=True):
            free = await self._run_blocking(self._tend_store, wall_ms, now_ms)
        self._figures.free_bytes = free
        refuses = free < self._limits.free_bytes
        if refuses and not self._figures.refuses_new_contacts:
            _log.error(
                "store_nearly_full", free_bytes=free, wanted_bytes=self._limits.free_bytes, new_contacts="refused"
            )
        elif self._figures.refuses_new_contacts and not refuses:
            _log.info("store_has_room_again", free_bytes=free, new_contacts="taken")
        self._figures.refuses_new_contacts = refuses

    def snapshot_if_due(self, nursery: trio.Nursery, lsn: int) -> None:
        """Every so many records, unless the last one is still being written, or was only just."""
        if self._take_snapshot is None or self._snapshotting:
            return
        if lsn - self.snapshot_lsn >= self._limits.snapshot_records and trio.current_time() >= self._rest_until_s:
            self.snapshot_lsn = lsn
            self._snapshotting = True
            nursery.start_soon(self._snapshot, self._take_snapshot)

    async def _snapshot(self, take: Callable[[], Awaitable[None]]) -> None:
        """A snapshot that fails costs recovery time, never the engine."""
        began_s = trio.current_time()
        try:
            await take()
        except Exception as error:  # noqa: BLE001  # whatever kept the child from its work, we go on and show it
            self._figures.snapshots_failed += 1
            self._figures.snapshot_problem = f"{type(error).__name__}: {error}"
            _log.error("snapshot_failed", why=self._figures.snapshot_problem)
        finally:
            self._snapshotting = False
            self._rest_until_s = trio.current_time() + self._limits.snapshot_rest * (trio.current_time() - began_s)

    def _tend_store(self, wall_ms: int, now_ms: int) -> int:
        self._store.renew_lease(wall_ms, now_ms)
        self._store.forget_answers(now_ms - RETENTION_MS, _FORGET_AT_ONCE)
        return self._store.free_bytes()
