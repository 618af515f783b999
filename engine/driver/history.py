"""Reading what was committed, beside the loop that commits: messages, records, and states of the past."""

from __future__ import annotations

import trio

from engine.dispatch.dispatcher import Dispatcher
from engine.ports import Committed, JournalReader, RunBlocking, Sealer
from engine.store.records import committed, open_record
from engine.store.recovery import recover

# Contacts and sequence numbers are positive and fit eight bytes; nothing is stored under any other.
_NUMBERS = range(1, 1 << 62)


class History:
    """Reads through ``run_blocking``; a few at once, and one rebuild at a time, so that commits keep their threads."""

    def __init__(
        self, reader: JournalReader, run_blocking: RunBlocking, readers: int, sealer: Sealer | None = None
    ) -> None:
        self._reader = reader
        self._sealer = sealer
        self._run_blocking = run_blocking
        self._reading = trio.CapacityLimiter(readers)
        self._rebuilding = trio.CapacityLimiter(1)

    async def read_committed(self, after_lsn: int, limit: int) -> list[Committed]:
        """Records with lsn > ``after_lsn`` in order, at most ``limit``. Raises ``StoreError``."""
        async with self._reading:
            return await self._run_blocking(_read_committed, self._reader, self._sealer, max(0, after_lsn), limit)

    async def read_messages(self, contact: int, after_seq: int, limit: int) -> list[tuple[int, Committed]]:
        """(seq, record) of the contact's messages after ``after_seq``; the text is the record's payload."""
        if contact not in _NUMBERS or after_seq >= _NUMBERS.stop:
            return []
        async with self._reading:
            return await self._run_blocking(
                _read_messages, self._reader, self._sealer, contact, max(0, after_seq), limit
            )

    async def rebuild_at(self, lsn: int, last_lsn: int) -> Dispatcher:
        """The state after record ``lsn`` (1 … ``last_lsn``, else ValueError). Raises ``HistoryTrimmed``."""
        if not 1 <= lsn <= last_lsn:
            raise ValueError(f"lsn: got {lsn}, wanted 1 to {last_lsn}")
        async with self._rebuilding:
            return await self._run_blocking(_rebuild, self._reader, lsn)


def _read_committed(reader: JournalReader, sealer: Sealer | None, after_lsn: int, limit: int) -> list[Committed]:
    return [committed(open_record(stored), sealer) for stored in reader.read(after_lsn, limit)]


def _read_messages(
    reader: JournalReader, sealer: Sealer | None, contact: int, after_seq: int, limit: int
) -> list[tuple[int, Committed]]:
    found = reader.read_messages(contact, after_seq, limit)
    return [(seq, committed(open_record(stored), sealer)) for seq, stored in found]


def _rebuild(reader: JournalReader, lsn: int) -> Dispatcher:
    found = recover(reader, lsn)
    assert found is not None, "the journal holds this lsn"
    return found.dispatcher
