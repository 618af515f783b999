"""The whole engine on a real disk with real threads: started, killed, started again."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import trio
from click.testing import CliRunner

from adapters.storage.keys_sqlite import SqliteKeys
from engine.bootstrap import open_driver, open_journal, open_keys, run_blocking, snapshot_child
from engine.cli.journal import journal
from engine.dispatch.commands import AddMessage
from engine.driver import DriverLimits
from engine.ports import LeaseHeld, StoreError
from engine.store.recovery import recover, take_snapshot
from engine.store.sealing import KeyRing
from engine.store.verify import verify
from tests.driver.stage import CHANNEL, POLICY, contact, sign_on

ROOT = Path(__file__).parents[2]
SAID = "我叫王小明，电话 13800138000".encode()

# Submits from several tasks as fast as it can, saying each command id with its contact once it is acked.
SERVE = """
import sys, trio
from engine.bootstrap import open_driver
from engine.driver import DriverLimits
from tests.driver.stage import CHANNEL, POLICY, contact, sign_on
async def customer(driver, first):
    number = first
    while True:
        number += 10
        answer = await driver.submit(contact(number), CHANNEL, f"k{number}")
        print(number, answer.lsn, answer.result["contact"], flush=True)
async def main():
    limits = DriverLimits(snapshot_records=int(sys.argv[2]))
    async with open_driver(POLICY, sys.argv[1], limits=limits) as driver, trio.open_nursery() as nursery:
        for name in ("ann", "ben", "cid"):
            await sign_on(driver, name, capacity=4)
        for first in range(10):
            nursery.start_soon(customer, driver, first)
trio.run(main)
"""


def serve_and_kill(folder: Path, after: int, snapshot_records: int) -> list[tuple[int, ...]]:
    """An engine of its own, killed after so many acks: (customer, lsn, contact) of each."""
    child = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(folder), str(snapshot_records)], stdout=subprocess.PIPE, cwd=ROOT
    )
    assert child.stdout is not None
    said = [child.stdout.readline() for _ in range(after)]
    child.kill()
    said += child.stdout.read().splitlines(keepends=True)
    child.wait()
    child.stdout.close()
    return [tuple(int(figure) for figure in line.split()) for line in said if line.endswith(b"\n")]


def verified(folder: Path) -> dict[str, object]:
    """What ``sluice journal verify --replay --json`` says."""
    result = CliRunner().invoke(journal, ["verify", str(folder), "--replay", "--json"])
    return dict(json.loads(result.stdout))


async def test_what_is_acked_is_on_disk(tmp_path: Path) -> None:
    """Served over threads into SQLite, ended cleanly; the next engine has it all and answers a retry the same."""
    async with open_driver(POLICY, tmp_path) as driver:
        await sign_on(driver)
        first = await driver.submit(contact(1), CHANNEL, "k1")
        state = await driver.ask(lambda dispatcher: dispatcher.snapshot())
        assert list((await driver.rebuild_at(first.lsn)).contacts) == [1]
    with closing(open_journal(tmp_path)) as reader:
        found = recover(reader)
        assert found is not None
        assert found.dispatcher.snapshot() == state
    async with open_driver("", tmp_path) as driver:
        assert driver.figures.epoch == 2
        assert await driver.submit(contact(1), CHANNEL, "k1") == first


async def test_a_second_engine_on_the_folder_raises_lease_held(tmp_path: Path) -> None:
    """Not in a group, so that one except clause is enough."""
    async with open_driver(POLICY, tmp_path):
        with pytest.raises(LeaseHeld):
            async with open_driver(POLICY, tmp_path):
                raise AssertionError("two engines on one folder")


async def test_what_the_block_raises_comes_out_as_it_is() -> None:
    """An embedding program's own error is not wrapped by ours."""
    with pytest.raises(KeyError, match="mine"):
        async with open_driver(POLICY, "memory"):
            raise KeyError("mine")


async def test_an_unwritable_store_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("in the way")
    with pytest.raises(StoreError, match="store"):
        async with open_driver(POLICY, tmp_path / "store"):
            raise AssertionError("started without a store")


async def test_a_snapshot_child_works_beside_the_engine(tmp_path: Path) -> None:
    """The child reads what is committed and writes a snapshot; the engine goes on; the next start begins there."""
    async with open_driver(POLICY, tmp_path) as driver:
        await driver.submit(contact(1), CHANNEL)
        await snapshot_child(tmp_path)()
        await driver.submit(contact(2), CHANNEL)
        assert driver.figures.snapshots_failed == 0
    with closing(open_journal(tmp_path)) as reader:
        assert reader.snapshots() == [3]
        verdict = verify(reader, replay=True)
        found = recover(reader)
    assert verdict.problems == []
    assert found is not None
    assert (found.snapshot_lsn, found.applied) == (3, 1)


async def test_a_snapshot_child_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no journal here"):
        await snapshot_child(tmp_path)()


async def test_blocking_work_gives_back_what_it_did() -> None:
    """Values and exceptions come through the one door."""
    assert await run_blocking(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await run_blocking(divmod, 7, 0)


@pytest.mark.parametrize(("after", "snapshot_records"), [(1, 50_000), (25, 50_000), (120, 40), (400, 150)])
async def test_killed_and_started_again_nothing_acked_is_lost(
    tmp_path: Path, after: int, snapshot_records: int
) -> None:
    """SIGKILL under load with offers open: every acked contact is there under its number, retries get the same answer,

    the offers are rescinded, the agents unblamed, and the journal verifies and replays over the restart.
    """
    acked = serve_and_kill(tmp_path, after, snapshot_records)
    assert len(acked) >= after

    async with open_driver("", tmp_path, limits=DriverLimits(recent_answers=10, batch_commands=10)) as driver:
        contacts = await driver.ask(
            lambda dispatcher: {held.external_id: number for number, held in dispatcher.contacts.items()}
        )
        assert [row for row in acked if contacts.get(f"x{row[0]}") != row[2]] == []
        assert await driver.ask(lambda dispatcher: (dict(dispatcher.offers), dispatcher.audit())) == ({}, [])
        before = driver.last_lsn
        for number, lsn, held in acked[-20:]:
            again = await driver.submit(contact(number), CHANNEL, f"k{number}")
            assert (again.lsn, again.result["contact"]) == (lsn, held)
        assert driver.last_lsn == before
    verdict = verified(tmp_path)
    assert (verdict["ok"], verdict["problems"], verdict["epoch"]) == (True, [], 2)


def test_threads_are_for_trio_only() -> None:
    """The limiter belongs to one trio run; the next run makes its own."""
    for _ in range(2):
        assert trio.run(run_blocking, abs, -3) == 3


async def test_a_backup_carries_neither_the_words_nor_the_keys(tmp_path: Path) -> None:
    """Restored, the journal is whole; its words are read where keys and master key were brought along, and only there."""
    before, after, copy = tmp_path / "before", tmp_path / "after", tmp_path / "journal.backup"
    keys = sealing(before)
    async with open_driver(POLICY, before, sealer=keys) as driver:
        said = (await driver.submit(contact(), CHANNEL, "s1", SAID)).lsn
    (row,) = SqliteKeys(before / "keys.db").find([("acme", "c1")])
    keys.close()
    for arguments in (["backup", before, copy], ["restore", copy, after], ["verify", after, "--replay"]):
        done = CliRunner().invoke(journal, [str(each) for each in arguments])
        assert done.exit_code == 0, done.output
    assert SAID.decode() not in dumped(after)
    assert SAID.decode() not in dumped(after, before / "master.key"), "and no new keys are made to read it with"
    assert not (after / "keys.db").exists()
    carried = b"".join(path.read_bytes() for path in (copy, *after.iterdir()) if path.is_file())
    assert SAID not in carried and row.wrapped not in carried
    async with open_driver(POLICY, after) as driver:
        assert [(one.payload, one.erased) for one in await driver.read_committed(said - 1, 1)] == [(b"", True)]
    for name in ("keys.db", "master.key"):
        shutil.copy(before / name, after / name)
    assert SAID.decode() not in dumped(after)
    assert SAID.decode() in dumped(after, after / "master.key")
    keys = sealing(after)
    async with open_driver(POLICY, after, sealer=keys) as driver:
        assert [one.payload for one in await driver.read_committed(said - 1, 1)] == [SAID]
    keys.close()


async def test_the_archive_is_sealed_too_and_read_as_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has left the journal for the archive: plain for who asks the engine, and in no file; the archive verifies."""
    monkeypatch.setattr("adapters.storage.segments.SEGMENT_RECORDS", 10)
    keys = sealing(tmp_path)
    async with open_driver(POLICY, tmp_path, sealer=keys) as driver:
        await driver.submit(contact(), CHANNEL, payload=SAID)
        for _ in range(3):
            for number in range(12):
                await driver.submit(AddMessage("acme", 1), CHANNEL, payload=SAID + str(number).encode())
            with closing(open_journal(tmp_path)) as journal:
                await run_blocking(take_snapshot, journal)
                segments = journal.segments()
        said = [record.payload for _, record in await driver.read_messages(1, 0, 100)]
    keys.close()
    assert len(segments) == 2
    assert said == [SAID + str(number).encode() for number in range(12)] * 3
    assert holding(tmp_path, SAID) == []
    assert verified(tmp_path)["problems"] == []


def dumped(store: Path, master_key: Path | None = None) -> str:
    """As ``sluice journal dump`` writes it, texts too, for somebody with this master key."""
    given = [] if master_key is None else ["--master-key", str(master_key)]
    done = CliRunner().invoke(journal, ["dump", str(store), "--payload", *given])
    assert done.exit_code == 0 and '"sealed":["acme","c1"]' in done.output, done.output
    return done.output


def holding(folder: Path, text: bytes) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and text in path.read_bytes()]


def sealing(folder: Path) -> KeyRing:
    keys = open_keys(folder)
    assert keys is not None
    return keys
