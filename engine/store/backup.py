"""A backup: one file with a journal's records, its stored answers and its snapshots, of either kind of store, for either.

It is made while an engine runs, holds what was durable when it began, and ends with a checksum over all before. Blocks: a
kind of one letter, the length as eight bytes, msgpack. Restored, the store's epoch is raised past any that engines on the
original may have reached meanwhile.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from engine.ports import (
    EPOCHS_APART,
    Batch,
    Corrupt,
    JournalReader,
    MessageRow,
    Store,
    StoredAnswer,
    StoredRecord,
    StoreError,
)
from engine.store.records import GENESIS, check_chain, command_of, events_of, message_rows, open_record

FORMAT = 1
_MAGIC = b"sluice-backup\n"
_AT_ONCE = 2_000
_DIGEST = 32
_LEVEL = 1
_LENGTH = 8

Progress = Callable[[int, int], None]


class Head(msgspec.Struct, frozen=True):
    """``previous``: the hash of the record before ``first``; ``stamp``: of the last record, at about ``made_ms``."""

    format: int
    first: int
    last: int
    previous: bytes
    hash: bytes
    epoch: int
    stamp: int
    made_ms: int


class Chunk(msgspec.Struct, frozen=True, array_like=True):
    """Records in order, and the answers of their commands."""

    records: list[StoredRecord]
    answers: list[StoredAnswer]


class Copied(msgspec.Struct, frozen=True):
    """What a backup or a restore did. ``epoch``: of the last record; after a restore, the store's."""

    records: int
    first: int
    last: int
    answers: int
    snapshots: list[int]
    epoch: int
    size_bytes: int


_encoder = msgspec.msgpack.Encoder()


def write_backup(reader: JournalReader, path: Path, wall_ms: int, progress: Progress | None = None) -> Copied:
    """Write ``path``, whole or not at all. Raises ``StoreError``, :class:`Corrupt` at the first bad record."""
    partial = path.with_name(f"{path.name}.partial-{os.getpid()}")
    try:
        with partial.open("xb") as file:
            copied = _write(reader, _Writer(file), wall_ms, progress)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise StoreError(f"{error.filename or path}: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)
    return copied


def _write(reader: JournalReader, out: _Writer, wall_ms: int, progress: Progress | None) -> Copied:
    last = reader.last_lsn()
    found = reader.read(0, 1)
    if not found:
        raise StoreError("the journal is empty: there is nothing to back up")
    segments = reader.segments()
    first = found[0].lsn
    previous = segments[0].previous if segments and segments[0].first == first else b""
    end = reader.read(last - 1, 1)[0]
    record = open_record(end)
    out.block(b"H", Head(FORMAT, first, last, previous, end.hash, record.epoch, record.stamp, wall_ms))
    answers, ahead = _answers(reader), None
    at, chain, kept = first - 1, previous or GENESIS, 0
    if first > 1 and not previous:  # nobody knows any more what it follows from
        chain = b""
    while at < last:
        records = reader.read(at, min(_AT_ONCE, last - at))
        if chain:
            at, chain = check_chain(records, at, chain)
        else:
            chain = records[0].hash
            at, chain = check_chain(records[1:], records[0].lsn, chain)
        given: list[StoredAnswer] = []
        ahead = ahead or next(answers, None)
        while ahead is not None and ahead.lsn <= at:
            given.append(ahead)
            ahead = next(answers, None)
        kept += len(given)
        out.block(b"C", Chunk(records, given))
        if progress is not None:
            progress(at, last)
    snapshots = [lsn for lsn in reader.snapshots() if lsn <= last]
    for lsn in snapshots:
        out.block(b"S", (lsn, reader.load_snapshot(lsn)))
    size = out.end()
    return Copied(last - first + 1, first, last, kept, snapshots, record.epoch, size)


def _answers(reader: JournalReader) -> Iterator[StoredAnswer]:
    place = 0
    while page := reader.read_answers(place, _AT_ONCE):
        for place, answer in page:  # noqa: B007  # the last one is where the next page begins
            if isinstance(answer, Corrupt):
                raise answer
            yield answer


class _Writer:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.blake2b(digest_size=_DIGEST)
        self._size = 0
        self._put(_MAGIC)

    def block(self, kind: bytes, value: object) -> None:
        data = zlib.compress(_encoder.encode(value), _LEVEL)
        self._put(kind + len(data).to_bytes(_LENGTH))
        self._put(data)

    def end(self) -> int:
        self._put(b"E" + self._digest.digest())
        return self._size

    def _put(self, data: bytes) -> None:
        self._digest.update(data)
        self._file.write(data)
        self._size += len(data)


def check_backup(path: Path) -> None:
    """Every byte of it. Raises ``StoreError`` when it cannot be read, :class:`Corrupt` when it is not whole."""
    digest = hashlib.blake2b(digest_size=_DIGEST)
    tail = len(b"E") + _DIGEST
    try:
        with path.open("rb") as file:
            left = path.stat().st_size - tail
            if file.read(len(_MAGIC)) != _MAGIC:
                raise StoreError(f"{path}: not a backup")
            file.seek(0)
            while left > 0 and (data := file.read(min(left, 1 << 20))):
                digest.update(data)
                left -= len(data)
            if file.read() != b"E" + digest.digest():
                raise Corrupt(f"{path}: its bytes do not fit its checksum, or its end is missing", 0)
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}") from error


def restore_backup(path: Path, store: Store, progress: Progress | None = None) -> Copied:
    """Fill a new store. Raises ``StoreError`` when the store is not new or the backup is not whole."""
    head, blocks = open_backup(path)
    opened = store.open()
    try:
        if not opened.created or opened.last_lsn:
            raise StoreError("the store is not new: nothing was restored; wanted a folder or schema without a journal")
        epoch = (head.epoch // EPOCHS_APART + 1) * EPOCHS_APART
        store.begin_at(head.first - 1, epoch)
        answers, snapshots = 0, []
        for kind, data in blocks:
            if kind == b"S":
                lsn, snapshot = msgspec.msgpack.decode(data, type=tuple[int, bytes])
                store.save_snapshot(lsn, snapshot)
                snapshots.append(lsn)
                continue
            chunk = msgspec.msgpack.decode(data, type=Chunk)
            store.commit(Batch(chunk.records, chunk.answers, _messages(chunk), head.made_ms, head.stamp))
            answers += len(chunk.answers)
            if progress is not None:
                progress(chunk.records[-1].lsn, head.last)
    finally:
        store.close()
    return Copied(head.last - head.first + 1, head.first, head.last, answers, snapshots, epoch, path.stat().st_size)


def _messages(chunk: Chunk) -> list[MessageRow]:
    rows = []
    for stored in chunk.records:
        record = open_record(stored)
        rows += message_rows(command_of(record), events_of(record), record.lsn)
    return rows


def open_backup(path: Path) -> tuple[Head, Iterator[tuple[bytes, bytes]]]:
    """Its head and the (kind, msgpack) of each block behind: ``C`` a :class:`Chunk`, ``S`` a snapshot as (lsn, bytes).

    Raises as :func:`check_backup`, which is done first, and ``StoreError`` for a format of another release.
    """
    check_backup(path)
    blocks = _blocks(path)
    _, data = next(blocks)
    head = msgspec.msgpack.decode(data, type=Head)
    if head.format != FORMAT:
        raise StoreError(f"{path}: backup format {head.format}; this release reads format {FORMAT}")
    return head, blocks


def _blocks(path: Path) -> Iterator[tuple[bytes, bytes]]:
    with path.open("rb") as file:
        file.seek(len(_MAGIC))
        while (kind := file.read(1)) != b"E":
            length = int.from_bytes(file.read(_LENGTH))
            yield kind, zlib.decompress(file.read(length))
