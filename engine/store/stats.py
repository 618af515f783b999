"""What a journal holds, counted and written out, without making a state of it."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator

import msgspec

from engine.ports import JournalReader, Record, Sealer, Segment, StoredRecord
from engine.store.records import command_of, events_of, open_record, payload_of

_AT_ONCE = 1_000


class Stats(msgspec.Struct):
    """``commands`` and ``events`` by type; the command "" is time that passed."""

    records: int = 0
    first_lsn: int = 0
    last_lsn: int = 0
    first_stamp: int = 0
    last_stamp: int = 0
    epoch: int = 0
    record_bytes: int = 0
    payload_bytes: int = 0
    answers: int = 0
    commands: dict[str, int] = {}
    events: dict[str, int] = {}
    snapshots: dict[int, int] = {}  # lsn → bytes
    segments: list[Segment] = []


def stats_of(reader: JournalReader, progress: Callable[[int, int], None] | None = None) -> Stats:
    """Reads every record. Raises ``StoreError``, ``Corrupt`` at the first bad one."""
    found = Stats(segments=reader.segments())
    last = reader.last_lsn()
    for stored in _records(reader, 0, last):
        record = open_record(stored)
        found.first_lsn = found.first_lsn or record.lsn
        found.first_stamp = found.first_stamp or record.stamp
        found.last_lsn, found.last_stamp, found.epoch = record.lsn, record.stamp, record.epoch
        found.records += 1
        found.record_bytes += len(stored.body)
        found.payload_bytes += len(record.payload)
        command = command_of(record)
        _count(found.commands, "" if command is None else _tag(command))
        for event in events_of(record):
            _count(found.events, _tag(event))
        if progress is not None and not record.lsn % _AT_ONCE:
            progress(record.lsn, last)
    place = 0
    while page := reader.read_answers(place, _AT_ONCE):
        place = page[-1][0]
        found.answers += len(page)
    found.snapshots = {lsn: len(reader.load_snapshot(lsn)) for lsn in reader.snapshots()}
    return found


def dump_lines(
    reader: JournalReader, after_lsn: int, limit: int | None, payload: bool, sealer: Sealer | None = None
) -> Iterator[str]:
    """A JSON object per record. ``payload``: as text, or as base64 under another name where it is none; what is sealed, with
    ``sealer`` only, and ``erased`` where its key is gone.
    """
    last = reader.last_lsn()
    if limit is not None:
        last = min(last, after_lsn + limit)
    for stored in _records(reader, after_lsn, last):
        yield msgspec.json.encode(_told(open_record(stored), payload, sealer)).decode()


def _told(record: Record, payload: bool, sealer: Sealer | None) -> dict[str, object]:
    told: dict[str, object] = {
        "lsn": record.lsn,
        "epoch": record.epoch,
        "stamp": record.stamp,
        "tenant": record.tenant,
        "principal": record.principal,
        "command_id": record.command_id,
        "input": command_of(record),
        "events": events_of(record),
        "payload_bytes": len(record.payload),
    }
    if record.sealed:
        told["sealed"] = record.sealed
    if payload and record.payload and (sealer is not None or not record.sealed):
        plain = payload_of(record, sealer)
        try:
            told |= {"erased": True} if plain is None else {"payload": plain.decode()}
        except UnicodeDecodeError:
            told["payload_base64"] = base64.b64encode(plain or b"").decode()
    return told


def _records(reader: JournalReader, after_lsn: int, last: int) -> Iterator[StoredRecord]:
    while after_lsn < last and (chunk := reader.read(after_lsn, min(_AT_ONCE, last - after_lsn))):
        for stored in chunk:
            if stored.lsn > last:
                return
            yield stored
        after_lsn = chunk[-1].lsn


def _count(counts: dict[str, int], name: str) -> None:
    counts[name] = counts.get(name, 0) + 1


def _tag(value: msgspec.Struct) -> str:
    return str(value.__struct_config__.tag)
