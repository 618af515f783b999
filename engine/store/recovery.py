"""From stored bytes back to a dispatcher: the newest good snapshot, then the journal's tail. No rule is run."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import dataclass, field

from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.events import Event, PolicyApplied
from engine.dispatch.policy.compile import compile_policy
from engine.dispatch.policy.problems import PolicyErrors
from engine.ports import Corrupt, HistoryTrimmed, JournalReader, Record, StoreError
from engine.store.records import GENESIS, check_chain, events_of, open_record
from engine.store.snapshots import Snapshot, decode_snapshot, encode_snapshot

# Records a read: about 1 MiB, so that a tail of any length takes little memory.
CHUNK = 2_000
# Nothing is archived before there are two to begin with: should one be bad, the other and the journal behind it do.
SNAPSHOTS_KEPT = 2


@dataclass
class Recovered:
    """A dispatcher as it stood after record ``lsn``, whose chain hash and stamp these are.

    ``applied``: records after the snapshot at ``snapshot_lsn`` (0: from the beginning). ``passed_over``: why newer
    snapshots were not used.
    """

    dispatcher: Dispatcher
    lsn: int
    hash: bytes
    stamp: int
    snapshot_lsn: int
    applied: int = 0
    passed_over: list[str] = field(default_factory=list)


def recover(reader: JournalReader, until: int | None = None) -> Recovered | None:
    """The state after the last record, or after record ``until``. None: the journal is empty.

    Raises :class:`Corrupt` at the first bad record, :class:`HistoryTrimmed` when the records before it are gone.
    """
    collecting = gc.isenabled()
    gc.disable()  # everything made here stays: looking it over again and again would take longer than making it
    try:
        found = _start(reader, until)
        if found is not None:
            _apply_tail(reader, found, until)
        return found
    finally:
        if collecting:
            gc.enable()


def catch_up(reader: JournalReader, found: Recovered) -> int:
    """Apply what was written since ``found``; how many records that were. Raises as :func:`recover`."""
    before = found.applied
    _apply_tail(reader, found, None)
    return found.applied - before


def _apply_tail(reader: JournalReader, found: Recovered, until: int | None) -> None:
    for record, chain in read_checked(reader, found.lsn, found.hash, until):
        apply_record(found.dispatcher, record)
        found.lsn, found.hash, found.stamp = record.lsn, chain, record.stamp
        found.applied += 1


def take_snapshot(reader: JournalReader, wall_ms: int = 0, keep_ms: int = 0) -> int:
    """Apply the tail to the newest snapshot, save the result, and archive the journal behind the older one that is kept.

    Returns the snapshot's lsn (0: the journal is empty). ``wall_ms``, ``keep_ms``: see ``JournalReader.archive``.
    """
    found = recover(reader)
    if found is None:
        return 0
    if found.lsn > found.snapshot_lsn:
        snapshot = Snapshot(found.lsn, found.hash, found.dispatcher.snapshot())
        reader.save_snapshot(found.lsn, encode_snapshot(snapshot))
    kept = reader.snapshots()
    if len(kept) >= SNAPSHOTS_KEPT:
        reader.archive(kept[0], wall_ms, keep_ms)
    return found.lsn


def read_checked(
    reader: JournalReader, after_lsn: int, previous: bytes, until: int | None = None
) -> Iterator[tuple[Record, bytes]]:
    """(record, its hash) after ``after_lsn`` (through ``until``), each checked by itself and against the chain."""
    while until is None or after_lsn < until:
        limit = CHUNK if until is None else min(CHUNK, until - after_lsn)
        chunk = reader.read(after_lsn, limit)
        for stored in chunk:
            record = open_record(stored)
            after_lsn, previous = check_chain((stored,), after_lsn, previous)
            yield record, previous
        if len(chunk) < limit:
            return


def apply_record(dispatcher: Dispatcher, record: Record) -> None:
    """Raises :class:`Corrupt` when the record's events do not fit the state before it."""
    events = events_of(record)
    try:
        dispatcher.apply_events(events)
    except Exception as error:  # a journal that cannot be applied must name the record, whatever the dispatcher met
        kind = type(error).__name__
        raise Corrupt(
            f"journal record {record.lsn}: its events cannot be applied: {kind}: {error}", record.lsn
        ) from error


def fresh_dispatcher(events: list[Event], lsn: int) -> Dispatcher:
    """A dispatcher before record 1, under the policy that this record applies."""
    text = next((event.text for event in events if isinstance(event, PolicyApplied)), None)
    if text is None:
        raise Corrupt(f"journal record {lsn}: it must apply a policy, and does not", lsn)
    try:
        return Dispatcher(compile_policy(text))
    except PolicyErrors as error:
        raise StoreError(f"journal record {lsn}: this release cannot compile its policy: {error}") from error


def load_snapshot(reader: JournalReader, lsn: int) -> tuple[Dispatcher, Snapshot]:
    """Raises :class:`Corrupt` when its bytes are bad, it was made from another journal, or this release cannot read it."""
    snapshot = decode_snapshot(reader.load_snapshot(lsn), lsn)
    there = reader.read(lsn - 1, 1)
    if there and there[0].lsn == lsn and there[0].hash != snapshot.hash:
        raise Corrupt(f"snapshot {lsn}: made from another journal than this one", lsn)
    try:
        return Dispatcher.restore(snapshot.state), snapshot
    except ValueError as error:  # msgspec's errors, and a state of another version
        raise Corrupt(f"snapshot {lsn}: this release cannot read its state: {error}", lsn) from error


def _start(reader: JournalReader, until: int | None) -> Recovered | None:
    passed_over: list[str] = []
    kept, last = reader.snapshots(), reader.last_lsn()  # in this order: both may grow meanwhile
    if kept and kept[-1] > last:  # it was made from the journal: acknowledged records are gone
        raise Corrupt(f"journal record {last + 1} is missing: a snapshot stands for record {kept[-1]}", last + 1)
    for lsn in reversed(kept):
        if until is not None and lsn > until:
            continue
        try:
            dispatcher, snapshot = load_snapshot(reader, lsn)
        except StoreError as error:  # bad, or removed since it was listed: an older one or the beginning will do
            passed_over.append(str(error))
            continue
        return Recovered(dispatcher, lsn, snapshot.hash, dispatcher.now, lsn, passed_over=passed_over)
    if not last:
        return None
    first = reader.read(0, 1)[0]
    if first.lsn != 1:
        why = "".join(f"; {problem}" for problem in passed_over)
        raise HistoryTrimmed(f"the journal begins at record {first.lsn}, and no snapshot before that can be read{why}")
    dispatcher = fresh_dispatcher(events_of(open_record(first)), first.lsn)
    return Recovered(dispatcher, 0, GENESIS, 0, 0, passed_over=passed_over)
