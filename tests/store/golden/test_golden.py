"""What past releases wrote is read by this one: journal, snapshots, archive and backup, each by itself."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from adapters.storage.sqlite import SqliteJournal, SqliteStore
from engine.dispatch import snapshots
from engine.dispatch.dispatcher import Dispatcher
from engine.store.backup import restore_backup
from engine.store.recovery import recover
from engine.store.snapshots import Snapshot, decode_snapshot, encode_snapshot
from engine.store.verify import verify
from tests.store.golden.write import told

HERE = Path(__file__).parent
STORES = sorted(path for path in HERE.iterdir() if (path / "expected.json").exists())


@pytest.fixture(params=STORES, ids=lambda path: path.name)
def golden(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    """A copy of a past release's store, and what is in it."""
    shutil.copytree(request.param, tmp_path / "copy")
    return tmp_path / "copy", json.loads((request.param / "expected.json").read_text())


def test_an_old_store_is_whole_and_says_what_it_said(golden: tuple[Path, dict[str, Any]]) -> None:
    """Verified with replay from the archive's first record on; recovered from its newest snapshot."""
    folder, expected = golden
    with closing(SqliteJournal(folder / "store")) as journal:
        verdict = verify(journal, replay=True)
        assert (verdict.problems, verdict.last_lsn) == ([], expected["lsn"])
        assert verdict.segments >= 1
        found = recover(journal)
    assert found is not None
    assert (found.hash.hex(), found.passed_over) == (expected["hash"], [])
    assert found.snapshot_lsn > 0
    assert json.loads(json.dumps(told(found.dispatcher))) == expected["state"]


def test_an_old_store_is_written_on(golden: tuple[Path, dict[str, Any]]) -> None:
    """This release takes the lease, writes its own snapshot beside the old one, and recovers from it to the same state."""
    folder, expected = golden
    store = SqliteStore(folder / "store")
    opened = store.open()
    assert (opened.epoch, opened.last_lsn) == (2, expected["lsn"])
    found = recover(store)
    assert found is not None
    state = found.dispatcher.snapshot()
    store.save_snapshot(found.lsn, encode_snapshot(Snapshot(found.lsn, found.hash, state)))
    again = recover(store)
    store.close()
    assert again is not None
    assert again.snapshot_lsn == expected["lsn"]
    assert again.dispatcher.snapshot() == state
    assert json.loads(json.dumps(told(again.dispatcher))) == expected["state"]


def test_an_old_backup_is_restored(golden: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder, expected = golden
    copied = restore_backup(folder / "whole.backup", SqliteStore(tmp_path / "restored"))
    assert copied.last == expected["lsn"]
    with closing(SqliteJournal(tmp_path / "restored")) as journal:
        verdict = verify(journal, replay=True)
        assert (verdict.problems, verdict.last_lsn) == ([], expected["lsn"])


def test_a_release_that_does_not_know_a_snapshot_does_without_it(
    golden: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One step back: a release that reads version 1 only meets a snapshot of today. It says so, passes it over, and comes to

    the same state from the older snapshot or the journal: rolling back costs time, nothing else.
    """
    folder, expected = golden
    with closing(SqliteJournal(folder / "store")) as journal:
        found = recover(journal)
        assert found is not None
        journal.save_snapshot(found.lsn, encode_snapshot(Snapshot(found.lsn, found.hash, found.dispatcher.snapshot())))
        monkeypatch.setattr(snapshots, "VERSION", snapshots.VERSION - 1)
        older = recover(journal)
    assert older is not None
    assert any(f"snapshot version {snapshots.VERSION + 1}" in why for why in older.passed_over)
    assert json.loads(json.dumps(told(older.dispatcher))) == expected["state"]


def test_version_1_snapshots_have_contacts_by_name() -> None:
    """What the golden store of version 1 is there for: its snapshots are of the old kind, and are read as such."""
    with closing(SqliteJournal(HERE / "1" / "store")) as journal:
        lsn = journal.snapshots()[-1]
        state = decode_snapshot(journal.load_snapshot(lsn), lsn).state
    kept = msgspec.msgpack.decode(state)
    assert (kept["version"], "rows" in kept, type(kept["contacts"][0])) == (1, False, dict)
    assert len(Dispatcher.restore(state).contacts) == len(kept["contacts"])
