"""What stands behind the older snapshot leaves the journal for sealed segments, and is still read, checked and replayed."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.storage.archive_files import MANIFEST, ArchiveFolder
from adapters.storage.segments import seal, unseal
from adapters.storage.sqlite import ARCHIVE
from engine.ports import Corrupt, HistoryTrimmed, Segment, Store, StoreError
from engine.store.records import GENESIS, check_chain, open_record
from engine.store.recovery import recover, take_snapshot
from engine.store.verify import verify
from tests.store.stage import Scribe, Shelf, message

DAY_MS = 24 * 60 * 60 * 1_000


@pytest.fixture(autouse=True)
def _small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.storage.segments.SEGMENT_RECORDS", 10)


def archived(shelf: Shelf) -> tuple[Store, Scribe]:
    """46 records with a message in the seventh; snapshots at 32 and 42; segments to 10, 20 and 30; all sealed ones gone."""
    store, scribe = shelf.store(), Scribe()
    store.open()
    store.commit(scribe.begin())
    store.commit(scribe.write(scribe.submits(5)))
    store.commit(scribe.write([message(1)], payload=b"hello"))
    store.commit(scribe.write(scribe.submits(25)))
    assert take_snapshot(store, DAY_MS) == 32
    assert store.segments() == [], "one snapshot is not enough to let go of what is behind it"
    store.commit(scribe.write(scribe.submits(10)))
    assert take_snapshot(store, DAY_MS) == 42
    store.renew_lease(1, 1)
    store.commit(scribe.write(scribe.submits(4)))
    assert min(in_journal(shelf)) == 9, "two old records leave with each new one"
    for _ in range(3):
        store.commit(scribe.write(scribe.submits(4)))
    return store, scribe


def in_journal(shelf: Shelf) -> list[int]:
    store = shelf.store()
    table = "sluice_journal" if shelf.cluster is not None else "journal"
    if shelf.cluster is not None:
        return [int(str(lsn)) for (lsn,) in shelf.execute(f"SELECT lsn FROM {table} ORDER BY lsn")]
    with store._reading() as connection:  # type: ignore[attr-defined]  # past what the store would say
        return [lsn for (lsn,) in connection.execute(f"SELECT lsn FROM {table} ORDER BY lsn")]


def test_what_is_behind_the_older_snapshot_is_sealed_and_leaves_the_journal(durable: Shelf) -> None:
    """Three segments hold records 1 to 30, the journal the rest; read together they are one unbroken chain."""
    store, scribe = archived(durable)
    assert [(segment.first, segment.last) for segment in store.segments()] == [(1, 10), (11, 20), (21, 30)]
    assert in_journal(durable) == list(range(31, 59))
    found = store.read(0, 100)
    assert [record.lsn for record in found] == list(range(1, 59))
    assert check_chain(found, 0, GENESIS) == (58, scribe.hash)
    assert [record.lsn for record in store.read(8, 4)] == [9, 10, 11, 12]
    assert [record.lsn for record in store.read(28, 4)] == [29, 30, 31, 32]
    assert [record.lsn for record in store.read(44, 2)] == [45, 46]


def test_verify_and_replay_read_the_archive_too(durable: Shelf) -> None:
    """From record 1, as if nothing had been moved; and a state of long ago is still to be had."""
    store, scribe = archived(durable)
    verdict = verify(store, replay=True)
    assert verdict.problems == []
    assert (verdict.records, verdict.first_lsn, verdict.segments, verdict.unapplied) == (58, 1, 3, 0)
    long_ago = recover(store, until=6)
    assert long_ago is not None
    assert len(long_ago.dispatcher.contacts) == 5
    now = recover(store)
    assert now is not None
    assert now.dispatcher.snapshot() == scribe.dispatcher.snapshot()


def test_a_message_in_the_archive_is_still_read(durable: Shelf) -> None:
    store, _ = archived(durable)
    [(seq, found)] = store.read_messages(1, 0, 10)
    assert (seq, found.lsn, open_record(found).payload) == (1, 7, b"hello")


def test_both_snapshots_bad_the_archive_remains(durable: Shelf) -> None:
    """Recovery from record 1, through the segments into the journal."""
    store, scribe = archived(durable)
    for lsn in (32, 42):
        store.save_snapshot(lsn, b"nonsense")
    found = recover(store)
    assert found is not None
    assert (found.snapshot_lsn, found.applied, len(found.passed_over)) == (0, 58, 2)
    assert found.dispatcher.snapshot() == scribe.dispatcher.snapshot()


def test_the_archive_goes_on_where_it_stopped(durable: Shelf) -> None:
    """The next engine's snapshot seals the next full segment, chained to the last; what is sealed again is nothing."""
    store, _ = archived(durable)
    store.close()
    again = durable.store()
    again.open()
    assert take_snapshot(again, 2 * DAY_MS) == 58
    segments = again.segments()
    assert [(segment.first, segment.last) for segment in segments] == [(1, 10), (11, 20), (21, 30), (31, 40)]
    assert segments[3].previous == segments[2].hash
    assert again.archive(42, 0, 0) == 0
    assert verify(again).problems == []


def test_an_archive_past_its_age_is_dropped(durable: Shelf) -> None:
    """Kept for a day: on the third day the segments of the first are gone. Verify begins at the oldest snapshot, history

    before it is no more, and a message from then is not an error but past.
    """
    store, scribe = archived(durable)
    assert take_snapshot(store, 3 * DAY_MS, keep_ms=DAY_MS) == 58
    assert [(segment.first, segment.last) for segment in store.segments()] == [(31, 40)]
    assert store.read_messages(1, 0, 10) == []
    with pytest.raises(HistoryTrimmed):
        recover(store, until=40)
    verdict = verify(store, replay=True)
    assert verdict.problems == []
    assert (verdict.unapplied, verdict.records, verdict.last_lsn) == (12, 16, 58)
    found = recover(store)
    assert found is not None
    assert found.dispatcher.snapshot() == scribe.dispatcher.snapshot()


def test_a_changed_segment_is_noticed(durable: Shelf) -> None:
    """One byte differs: verify names the segment, and history through it is refused, not read past."""
    store, _ = archived(durable)
    segment = store.segments()[1]
    if durable.cluster is not None:
        durable.execute("UPDATE sluice_segments SET data = set_byte(data, 90, get_byte(data, 90) # 1) WHERE first = 11")
    else:
        path = durable.folder / ARCHIVE / f"{segment.first:020d}.segment"
        data = path.read_bytes()
        path.write_bytes(data[:90] + bytes([data[90] ^ 1]) + data[91:])
    verdict = verify(store)
    assert (verdict.ok, verdict.first_bad_lsn) == (False, 11)
    assert "archive segment 11 to 20: its bytes do not fit their checksum" in verdict.problems
    with pytest.raises(Corrupt, match="segment 11 to 20"):
        recover(store, until=25)
    newest = recover(store)
    assert newest is not None, "the engine itself starts: what it needs is whole"


def test_a_missing_segment_is_noticed(durable: Shelf) -> None:
    store, _ = archived(durable)
    if durable.cluster is not None:
        durable.execute("DELETE FROM sluice_segments WHERE first = 11")
        said = "archive segment 21 does not follow from the one that ends at 10"
    else:
        (durable.folder / ARCHIVE / f"{11:020d}.segment").unlink()
        said = "cannot be read"
    verdict = verify(store)
    assert not verdict.ok
    assert any(said in problem for problem in verdict.problems), verdict.problems


def test_a_crash_before_the_manifest_leaves_a_file_that_does_not_count(disk: Shelf) -> None:
    """The segment was written, the manifest was not: the records are still in the journal, and are sealed anew."""
    store, scribe = disk.store(), Scribe()
    store.open()
    store.commit(scribe.begin())
    store.commit(scribe.write(scribe.submits(29)))
    left_over = disk.folder / ARCHIVE / f"{1:020d}.segment"
    left_over.parent.mkdir()
    left_over.write_bytes(b"half of it")
    assert store.archive(30, 0, 0) == 3
    assert verify(store).problems == []


def test_records_that_are_missing_are_not_sealed_over(disk: Shelf) -> None:
    store, scribe = disk.store(), Scribe()
    store.open()
    store.commit(scribe.begin())
    store.commit(scribe.write(scribe.submits(29)))
    disk.change("DELETE FROM journal WHERE lsn = 15", "")
    with pytest.raises(Corrupt, match="some are missing"):
        store.archive(30, 0, 0)
    assert [segment.last for segment in store.segments()] == [10]


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        ('{"format": 9, "segments": []}', "archive format 9; this release reads format 1"),
        ("nonsense", "cannot be read"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_said(tmp_path: Path, manifest: str, said: str) -> None:
    """A later release's, and none at all."""
    (tmp_path / MANIFEST).write_text(manifest)
    with pytest.raises(StoreError, match=said):
        ArchiveFolder(tmp_path).segments()


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "archive").write_text("in the way")
    segment, data = sealed_one()
    with pytest.raises(StoreError, match="cannot be"):
        ArchiveFolder(tmp_path / "archive").add(segment, data)


def test_bytes_that_are_no_segment_are_refused() -> None:
    """The right checksum over something else."""
    import hashlib

    import msgspec

    segment, _ = sealed_one()
    digest = hashlib.blake2b(b"a shopping list", digest_size=32).digest()
    with pytest.raises(Corrupt, match="not a segment of a format known here"):
        unseal(msgspec.structs.replace(segment, digest=digest), b"a shopping list")


def sealed_one() -> tuple[Segment, bytes]:
    batch = Scribe().begin()
    return seal(batch.records, GENESIS, 1)
