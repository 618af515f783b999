"""Disks that fail: nothing is acked after the first failure, and nothing is synced again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from adapters.storage.lease import boot_ms
from adapters.storage.sqlite import JOURNAL, SqliteJournal, SqliteStore, check_sqlite
from engine.ports import Corrupt, StoreError
from tests.store.stage import Scribe, Shelf


class Disk(apsw.VFS):
    """The system's file layer, with a switch for each way to fail."""

    def __init__(self) -> None:
        self.syncs = 0
        self.fail_sync_at = 0
        self.full = False
        super().__init__("bad-disk", "")

    def xOpen(self, name: object, flags: list[int]) -> apsw.VFSFile:
        return File(self, name, flags)


class File(apsw.VFSFile):
    def __init__(self, disk: Disk, name: object, flags: list[int]) -> None:
        self.disk = disk
        super().__init__("", name, flags)  # type: ignore[arg-type]  # a URIFilename passes through

    def xSync(self, flags: int) -> None:
        self.disk.syncs += 1
        if self.disk.syncs == self.disk.fail_sync_at:
            raise apsw.IOError("the disk did not take it")
        super().xSync(flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        if self.disk.full:
            raise apsw.FullError("no room")
        super().xWrite(data, offset)


def later() -> int:
    """The failed engine kept its lease; by now it has run out."""
    return boot_ms() + 10_000


@pytest.fixture
def bad() -> Iterator[Disk]:
    disk = Disk()
    yield disk
    disk.unregister()


@pytest.mark.parametrize("commits_before", [0, 1, 5])
def test_a_failed_sync_is_never_tried_again(bad: Disk, tmp_path: Path, commits_before: int) -> None:
    """The n-th fsync returns EIO: that commit raises, no later one syncs, and what was acked before is all there."""
    store, scribe = SqliteStore(tmp_path, vfs="bad-disk"), Scribe()
    store.open()
    batches = [scribe.begin(), *(scribe.write(scribe.submits(2)) for _ in range(8))]
    for batch in batches[:commits_before]:
        store.commit(batch)
    acked = store.last_lsn()
    bad.fail_sync_at = bad.syncs + 1
    with pytest.raises(StoreError, match="IO"):
        store.commit(batches[commits_before])
    synced = bad.syncs
    for batch in batches[commits_before:]:
        with pytest.raises(StoreError, match="closed to commits after"):
            store.commit(batch)
    store.close()
    assert bad.syncs == synced, "not by a retry, not by closing"

    again = SqliteStore(tmp_path, boot_ms=later)
    assert again.open().last_lsn >= acked
    again.close()


def test_a_full_disk_ends_in_one_clear_line(bad: Disk, tmp_path: Path) -> None:
    """No room for the commit: StoreError says so; the records acked before are there afterwards."""
    store, scribe = SqliteStore(tmp_path, vfs="bad-disk"), Scribe()
    store.open()
    store.commit(scribe.begin())
    bad.full = True
    with pytest.raises(StoreError, match=r"journal\.sqlite: Full"):
        store.commit(scribe.write(scribe.submits(3)))
    bad.full = False
    store.close()
    again = SqliteStore(tmp_path, boot_ms=later)
    assert again.open().last_lsn == 1
    again.close()


def test_a_full_disk_at_the_end_is_said_in_our_words(bad: Disk, tmp_path: Path) -> None:
    """A clean stop cannot give the lease back: StoreError, every handle closed, and the next engine waits the lease out."""
    store, scribe = SqliteStore(tmp_path, vfs="bad-disk"), Scribe()
    store.open()
    store.commit(scribe.begin())
    bad.full = True
    with pytest.raises(StoreError, match=r"journal\.sqlite: Full"):
        store.close()
    bad.full = False
    store.close()
    again = SqliteStore(tmp_path, boot_ms=later)
    assert again.open().last_lsn == 1
    again.close()


def test_an_unwritable_folder_is_said_in_one_line(tmp_path: Path) -> None:
    """A file stands where the folder should be."""
    place = tmp_path / "store"
    place.write_text("in the way")
    with pytest.raises(StoreError, match="store"):
        SqliteStore(place).open()


def test_a_file_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    """Another program's database, and no database at all: refused, not written to."""
    other = apsw.Connection(str(tmp_path / JOURNAL))
    other.execute("CREATE TABLE recipes (name)")
    other.close()
    with pytest.raises(StoreError, match="not a Sluice journal"):
        SqliteStore(tmp_path).open()
    (tmp_path / JOURNAL).write_bytes(b"a shopping list" * 1_000)
    with pytest.raises(Corrupt):
        SqliteStore(tmp_path).open()
    assert (tmp_path / JOURNAL).read_bytes() == b"a shopping list" * 1_000


def test_a_journal_of_a_later_release_is_refused(disk: Shelf) -> None:
    """Format 99: this release does not guess."""
    store = disk.store()
    store.open()
    store.close()
    connection = apsw.Connection(str(disk.folder / JOURNAL))
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match="format 99"):
        disk.store().open()
    with pytest.raises(StoreError, match="format 99"):
        SqliteJournal(disk.folder).last_lsn()


def test_a_sqlite_with_the_wal_reset_fault_is_refused() -> None:
    """One release before the floor is refused, the floor is taken, and so is what comes after."""
    with pytest.raises(StoreError, match=r"SQLite 3\.51\.2 .* wanted at least 3\.51\.3"):
        check_sqlite("3.51.2")
    check_sqlite("3.51.3")
    check_sqlite("3.60.0")


def test_looking_needs_a_journal(tmp_path: Path) -> None:
    """A reader of an empty folder is told so, and creates nothing."""
    with pytest.raises(StoreError, match="there is no journal here"):
        SqliteJournal(tmp_path).last_lsn()
    assert list(tmp_path.iterdir()) == []


def test_a_snapshot_that_cannot_be_written_leaves_the_old_ones(disk: Shelf) -> None:
    """A folder stands where the new file should go: refused, no half file left, the older snapshot still there."""
    store = disk.store()
    store.open()
    store.save_snapshot(5, b"five")
    (disk.folder / "snapshots" / f"{9:020d}.snap" / "in the way").mkdir(parents=True)
    with pytest.raises(StoreError, match="cannot be written"):
        store.save_snapshot(9, b"nine")
    assert not list((disk.folder / "snapshots").glob("*partial*"))
    assert store.load_snapshot(5) == b"five"


def test_a_pragma_that_does_not_hold_is_noticed(disk: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite answers an impossible setting with silence; what durability rests on is read back."""
    monkeypatch.setattr("adapters.storage.pragmas._CHECKPOINT_PAGES", 1 << 40)
    with pytest.raises(StoreError, match="would not take wal_autocheckpoint"):
        disk.store().open()


def test_nothing_asked_nothing_looked_up(disk: Shelf) -> None:
    store = disk.store()
    store.open()
    assert store.find_answers([]) == {}
