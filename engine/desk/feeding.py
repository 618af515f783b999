"""The feeder: brings what the journal holds into the desk's tables, in lsn order, a transaction for each batch.

The tables' progress is written in the same transaction, so that each record comes in once, whatever dies in between. A
feeder that lags or cannot write hurts nobody: what does not fit its buffer it reads from the journal again, and what it
could not write it tries again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from itertools import takewhile
from typing import Protocol

import structlog
import trio
from sqlalchemy import update

from engine.desk import limits
from engine.desk.database import Database
from engine.desk.folding import Folds
from engine.desk.schema import PROGRESS
from engine.ports import Committed, Listener, RunBlocking, StoreError

# Records that concern nobody here are stepped over in memory; their progress is written now and then.
_STEPS = 5_000


class Journal(Protocol):
    """The driver, as the feeder sees it."""

    @property
    def last_lsn(self) -> int: ...

    async def read_committed(self, after_lsn: int, limit: int) -> list[Committed]: ...

    def add_listener(self, listener: Listener) -> None: ...

    def remove_listener(self, listener: Listener) -> None: ...


class Feeder:
    """``run`` it; ``reached`` waits for a record. ``problem``: why the tables cannot be written just now; empty: they can."""

    def __init__(
        self,
        journal: Journal,
        database: Database,
        run_blocking: RunBlocking,
        folds: Folds,
        on_touched: Callable[[AbstractSet[tuple[str, str]]], None] = lambda _: None,
    ) -> None:
        """``on_touched`` hears of the customers (tenant, key) about whom a batch changed something, once it is written."""
        self.problem = ""
        self.lsn = 0  # the tables show the journal up to here
        self._journal = journal
        self._database = database
        self._run_blocking = run_blocking
        self._folds = folds
        self._on_touched = on_touched
        self._written = 0  # … and say so themselves up to here
        self._heard: deque[Committed] = deque()
        self._news = trio.Event()
        self._moved = trio.Event()
        self._is_starting = True
        self._log = structlog.get_logger("sluice.desk")

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Started once the tables show all that was durable before. Raises ``StoreError``: what cannot be got over."""
        self._journal.add_listener(self._hear)
        try:
            self.lsn, stamp = await self._run_blocking(self._database.progress)
            self._written = self.lsn
            await self._check_history(stamp)
            target = self._journal.last_lsn
            while self.lsn < target:
                await self._step()
            self._is_starting = False
            task_status.started()
            while True:
                await self._step()
        finally:
            self._journal.remove_listener(self._hear)

    async def _check_history(self, stamp: int) -> None:
        """Raises ``StoreError``: the journal was restored from a backup, and the tables show what is no longer so."""
        last = self._journal.last_lsn
        got = f"record {self.lsn}, and the journal ends at {last}" if self.lsn > last else ""
        if self.lsn and not got:
            there = await self._journal.read_committed(self.lsn - 1, 1)
            if there and there[0].lsn == self.lsn and there[0].stamp != stamp:
                got = f"a record {self.lsn} of another instant"
        if got:
            raise StoreError(f"the desk's tables are of another history: they show {got} (sluice desk rebuild)")

    async def reached(self, lsn: int) -> None:
        """Return when the tables show record ``lsn``."""
        while self.lsn < lsn:
            await self._moved.wait()

    def _hear(self, records: Sequence[Committed]) -> None:
        if len(self._heard) < limits.FEED_BUFFER:
            self._heard.extend(records)
        self._news.set()

    async def _step(self) -> None:
        """The next batch, or the wait for news."""
        batch = self._at_hand()
        if not batch and self.lsn < self._journal.last_lsn:
            batch = await self._fetch()
        if not batch:
            self._news = trio.Event()
            if self.lsn >= self._journal.last_lsn:
                await self._news.wait()
            return
        await self._take(batch)

    def _at_hand(self) -> list[Committed]:
        """Heard, and next: cut off where memory has a gap."""
        heard = self._heard
        while heard and heard[0].lsn <= self.lsn:
            heard.popleft()
        batch: list[Committed] = []
        while heard and heard[0].lsn == self.lsn + len(batch) + 1 and len(batch) < limits.FEED_RECORDS:
            batch.append(heard.popleft())
        return batch

    async def _fetch(self) -> list[Committed]:
        batch = await self._journal.read_committed(self.lsn, limits.FEED_RECORDS)
        if batch and batch[0].lsn != self.lsn + 1 and self.lsn:
            got = f"they end at record {self.lsn}, and the journal now begins at {batch[0].lsn}"
            raise StoreError(f"the desk's tables are too old: {got} (sluice desk rebuild)")
        return batch

    async def _take(self, batch: list[Committed]) -> None:
        concerned = [record for record in batch if self._folds.hears(record)]
        last = batch[-1]
        if concerned or last.lsn - self._written >= _STEPS:
            while not await self._write(concerned, last):  # noqa: ASYNC110  # no event tells that a disk has room again
                await trio.sleep(limits.RETRY_S)
            self._written = last.lsn
        self.lsn = last.lsn
        moved, self._moved = self._moved, trio.Event()
        moved.set()

    async def _write(self, records: list[Committed], last: Committed) -> bool:
        """False: not this time. While the engine starts, and for a record of a newer release: raises ``StoreError``."""
        try:
            touched = await self._run_blocking(write_batch, self._database, self._folds, records, last)
        except StoreError:
            raise
        except Exception as error:  # a full disk, or a fault of ours: the desk stands still, the routing goes on
            if self._is_starting:
                where = f"between records {self.lsn + 1} and {last.lsn}"
                raise StoreError(f"the desk's tables cannot be written ({type(error).__name__}) {where}") from error
            if not self.problem:
                self._log.error("desk_tables_not_written", why=type(error).__name__, lsn=last.lsn)
            self.problem = type(error).__name__
            return False
        if self.problem:
            self._log.info("desk_tables_written_again", lsn=last.lsn)
        self.problem = ""
        if touched:
            self._on_touched(touched)
        return True


def write_batch(
    database: Database, folds: Folds, records: Sequence[Committed], last: Committed
) -> AbstractSet[tuple[str, str]]:
    """The records' rows, and that the tables now show the journal up to ``last``: one transaction.

    Returns the customers about whom something changed.
    """
    with database.writing() as pen:
        for record in records:
            folds.apply(pen, record)
        pen.flush()
        pen.execute(update(PROGRESS).values(lsn=last.lsn, stamp=last.stamp))
    return pen.touched


def feed_from(
    read: Callable[[int, int], list[Committed]], database: Database, folds: Folds, until: int, after: int = 0
) -> int:
    """Write all records up to ``until`` into fresh tables; the last one written. Blocks."""
    while after < until:
        batch = list(takewhile(lambda record: record.lsn <= until, read(after, limits.FEED_RECORDS)))
        if not batch:
            break
        after = batch[-1].lsn
        write_batch(database, folds, [record for record in batch if folds.hears(record)], batch[-1])
    return after
