"""A journal in memory, under the same contract as a durable one: for embedding without a disk, and for tests.

It outlives the engine that used it: open it again, and the next engine recovers from it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import islice

from engine.ports import (
    Batch,
    CommandKey,
    Corrupt,
    LeaseHeld,
    LeaseLost,
    MessageRow,
    Opened,
    Segment,
    StoredAnswer,
    StoredRecord,
    StoreError,
)

LEASE_MS = 5_000
_SNAPSHOTS_KEPT = 2
# Nothing fills up in memory short of the process itself.
_AMPLE_BYTES = 1 << 40


def monotonic_ms() -> int:
    return time.perf_counter_ns() // 1_000_000


class JournalInMemory:
    """What several stores may be opened on, one lease at a time, as processes open one folder."""

    def __init__(self) -> None:
        self.records: list[StoredRecord] = []
        self.answers: list[StoredAnswer] = []
        self.newest: dict[CommandKey, StoredAnswer] = {}
        self.messages: dict[int, list[MessageRow]] = {}
        self.snapshots: dict[int, bytes] = {}
        self.epoch = 0
        self.held = False
        self.renewed_ms = 0
        self.wall_ms = 0
        self.now_ms = 0


class MemoryStore:
    """``engine.ports.Store`` over a :class:`JournalInMemory`; ``boot_ms`` is the lease's clock."""

    def __init__(self, journal: JournalInMemory | None = None, *, boot_ms: Callable[[], int] = monotonic_ms) -> None:
        self.journal = journal if journal is not None else JournalInMemory()
        self._boot_ms = boot_ms
        self._epoch = 0
        self._broken = ""

    def open(self) -> Opened:
        kept = self.journal
        ago = self._boot_ms() - kept.renewed_ms
        if kept.held and ago < LEASE_MS:
            raise LeaseHeld(f"another engine owns this journal; it renewed its lease {ago} ms ago")
        created = kept.epoch == 0
        kept.epoch += 1
        kept.held, kept.renewed_ms = True, self._boot_ms()
        self._epoch, self._broken = kept.epoch, ""
        last_hash = kept.records[-1].hash if kept.records else b""
        return Opened(self._epoch, len(kept.records), last_hash, kept.wall_ms, kept.now_ms, created)

    def commit(self, batch: Batch) -> None:
        assert batch.records, "a commit without records"
        assert [record.lsn for record in batch.records] == [
            self.last_lsn() + place for place in range(1, len(batch.records) + 1)
        ], "lsns are dense"
        self.renew_lease(batch.wall_ms, batch.now_ms)
        self.journal.records.extend(batch.records)
        self.journal.answers.extend(batch.answers)
        self.journal.newest.update((answer.key, answer) for answer in batch.answers)
        for row in batch.messages:
            self.journal.messages.setdefault(row.contact, []).append(row)

    def begin_at(self, after_lsn: int, epoch: int) -> None:
        assert not self.journal.records and after_lsn == 0, "a journal in memory holds its history from record 1"
        self.journal.epoch = self._epoch = epoch

    def cut_tail(self, lsn: int) -> None:
        assert lsn == self.last_lsn(), "only the last record"
        self.journal.records.pop()
        self.journal.answers = [answer for answer in self.journal.answers if answer.lsn != lsn]
        self.journal.newest = {answer.key: answer for answer in self.journal.answers}
        for rows in self.journal.messages.values():
            rows[:] = [row for row in rows if row.lsn != lsn]

    def find_answers(self, keys: Sequence[CommandKey]) -> dict[CommandKey, StoredAnswer]:
        return {key: self.journal.newest[key] for key in keys if key in self.journal.newest}

    def renew_lease(self, wall_ms: int, now_ms: int) -> None:
        if self._broken:
            raise StoreError(f"closed to commits after: {self._broken}")
        if self._epoch != self.journal.epoch:
            self._broken = f"another engine took this journal: our epoch {self._epoch}, now {self.journal.epoch}"
            raise LeaseLost(self._broken)
        self.journal.renewed_ms = self._boot_ms()
        self.journal.wall_ms, self.journal.now_ms = wall_ms, now_ms

    def forget_answers(self, before_stamp: int, limit: int) -> int:
        answers, old = self.journal.answers, 0
        while old < min(limit, len(answers)) and answers[old].stamp < before_stamp:
            if self.journal.newest.get(answers[old].key) is answers[old]:
                del self.journal.newest[answers[old].key]
            old += 1
        del answers[:old]
        return old

    def free_bytes(self) -> int:
        return _AMPLE_BYTES

    def last_lsn(self) -> int:
        return len(self.journal.records)

    def read(self, after_lsn: int, limit: int) -> list[StoredRecord]:
        return self.journal.records[max(0, after_lsn) : max(0, after_lsn) + limit]

    def read_messages(self, contact: int, after_seq: int, limit: int) -> list[tuple[int, StoredRecord]]:
        rows = (row for row in self.journal.messages.get(contact, []) if row.seq > after_seq)
        return [(row.seq, self.journal.records[row.lsn - 1]) for row in islice(rows, limit)]

    def read_answers(self, after_place: int, limit: int) -> list[tuple[int, StoredAnswer | Corrupt]]:
        return list(islice(enumerate(self.journal.answers, 1), after_place, after_place + limit))

    def snapshots(self) -> list[int]:
        return sorted(self.journal.snapshots)

    def load_snapshot(self, lsn: int) -> bytes:
        if lsn not in self.journal.snapshots:
            raise StoreError(f"there is no snapshot {lsn}")
        return self.journal.snapshots[lsn]

    def save_snapshot(self, lsn: int, data: bytes) -> None:
        self.journal.snapshots[lsn] = data
        for old in self.snapshots()[:-_SNAPSHOTS_KEPT]:
            del self.journal.snapshots[old]

    def segments(self) -> list[Segment]:
        return []

    def archive(self, through_lsn: int, wall_ms: int, keep_ms: int) -> int:
        """Nothing is sealed: there is no disk that it would spare."""
        return 0

    def damage(self) -> list[str]:
        return []

    def close(self) -> None:
        if self._epoch == self.journal.epoch and not self._broken:
            self.journal.held = False
        self._epoch = 0
