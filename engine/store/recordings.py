"""A recorded history, to be gone through once from its beginning: a journal with its archive, or the backup of one.

Memory holds one chunk of records, however long the history.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from engine.dispatch.dispatcher import Dispatcher
from engine.ports import HistoryTrimmed, JournalReader, Record, StoredRecord, StoreError
from engine.store.backup import Chunk, open_backup
from engine.store.records import GENESIS, check_chain, events_of, open_record
from engine.store.recovery import fresh_dispatcher, load_snapshot, read_checked
from engine.store.snapshots import decode_snapshot


@dataclass
class Recording:
    """``records`` begin behind ``after`` and end with ``last``, each checked by itself and against the chain.

    ``state``: as it was after record ``after``; empty when the history is whole, and ``after`` is 0.
    """

    after: int
    last: int
    state: bytes | memoryview
    records: Iterator[Record]

    def dispatcher(self, first: Record) -> Dispatcher:
        """One that stands where ``first``, the first of the records, finds it."""
        return Dispatcher.restore(self.state) if self.state else fresh_dispatcher(events_of(first), first.lsn)


def recording_of(reader: JournalReader) -> Recording:
    """Of a journal, as far as it goes now. Where its beginning is gone: from the oldest snapshot that can be read.

    Raises ``StoreError``: it is empty or there is none, :class:`HistoryTrimmed`: there is nothing to begin with.
    """
    last = reader.last_lsn()
    first = reader.read(0, 1)
    if not first:
        raise StoreError("the journal is empty: there is nothing to replay")
    if first[0].lsn == 1:
        return Recording(0, last, b"", _records(reader, 0, GENESIS, last))
    why = ""
    for lsn in reader.snapshots():
        try:
            _, snapshot = load_snapshot(reader, lsn)
        except StoreError as error:
            why += f"; {error}"
            continue
        return Recording(lsn, last, snapshot.state, _records(reader, lsn, snapshot.hash, last))
    raise HistoryTrimmed(f"the journal begins at record {first[0].lsn}, and no snapshot can be read{why}")


def recording_of_backup(path: Path) -> Recording:
    """As :func:`recording_of`, of a backup file, whose own checksum is looked at first."""
    head, blocks = open_backup(path)
    if head.first == 1:
        return Recording(0, head.last, b"", _chunks(blocks, 0, GENESIS))
    for kind, data in blocks:
        if kind == b"S":
            lsn, kept = msgspec.msgpack.decode(data, type=tuple[int, bytes])
            snapshot = decode_snapshot(kept, lsn)
            return Recording(lsn, head.last, snapshot.state, _chunks(open_backup(path)[1], lsn, snapshot.hash))
    raise HistoryTrimmed(f"{path}: begins at record {head.first}, and holds no snapshot to begin with")


def _records(reader: JournalReader, after: int, chain: bytes, last: int) -> Iterator[Record]:
    for record, _ in read_checked(reader, after, chain, last):
        yield record


def _chunks(blocks: Iterator[tuple[bytes, bytes]], after: int, chain: bytes) -> Iterator[Record]:
    for kind, data in blocks:
        if kind != b"C":
            continue
        for stored in _behind(msgspec.msgpack.decode(data, type=Chunk).records, after):
            after, chain = check_chain((stored,), after, chain)
            yield open_record(stored)


def _behind(records: list[StoredRecord], after: int) -> list[StoredRecord]:
    return records if not records or records[0].lsn > after else [one for one in records if one.lsn > after]
