"""Ends that were torn off: recovered to the last whole record and said; what lies behind the tear is never stepped over."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from trio.testing import wait_all_tasks_blocked

from adapters.storage.sqlite import DAMAGED, JOURNAL, SqliteStore
from engine.driver.starting import Start, start_on
from engine.ports import Corrupt, Opened, StoredRecord, StoreError
from engine.store.records import GENESIS, check_chain
from engine.store.verify import verify
from tests.store.stage import POLICY, Scribe, Shelf, key_of, message

PAGE, FRAME, HEAD = 4_096, 4_096 + 24, 32


@pytest.fixture
def crashed(tmp_path: Path) -> tuple[Path, Scribe]:
    """A store as its process left it in dying: 12 commits, all of them in the write-ahead log."""
    store, scribe = SqliteStore(tmp_path / "alive"), Scribe()
    store.open()
    store.commit(scribe.begin())
    for number in range(11):
        store.commit(scribe.write(scribe.submits(10), ids=[f"{number}.{place}" for place in range(10)]))
    dead = tmp_path / "dead"
    shutil.copytree(tmp_path / "alive", dead)
    store.close()
    return dead, scribe


def log_of(folder: Path) -> Path:
    return folder / f"{JOURNAL}-wal"


def ends(log: bytes) -> list[int]:
    """The numbers of the frames that end a commit, from 0."""
    frames = range((len(log) - HEAD) // FRAME)
    return [number for number in frames if log[HEAD + number * FRAME + 4 : HEAD + number * FRAME + 8] != bytes(4)]


def flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 0x10
    path.write_bytes(data)


def later() -> int:
    """The dead engine's lease has run out."""
    return 1 << 50


def opened(folder: Path) -> tuple[Opened, list[StoredRecord]]:
    store = SqliteStore(folder, boot_ms=later)
    try:
        return store.open(), store.read(0, 1_000)
    finally:
        store.close()


def test_a_whole_log_is_nothing_to_speak_of(crashed: tuple[Path, Scribe]) -> None:
    """Killed between two commits: everything is there, and nothing is remarked."""
    folder, scribe = crashed
    found, records = opened(folder)
    assert (found.last_lsn, found.remarks) == (scribe.lsn, ())
    assert check_chain(records, 0, GENESIS) == (scribe.lsn, scribe.hash)
    assert 0 < found.sync_ms < 60_000


def test_a_torn_end_is_left_out_and_said(crashed: tuple[Path, Scribe]) -> None:
    """A byte of the last commit is not what was written: the ten records before it are the end, the remark says so, once."""
    folder, scribe = crashed
    log = log_of(folder).read_bytes()
    flip(log_of(folder), HEAD + ends(log)[-1] * FRAME + 1_000)
    found, records = opened(folder)
    assert (found.last_lsn, len(records)) == (scribe.lsn - 10, scribe.lsn - 10)
    [remark] = found.remarks
    assert "its end is torn" in remark
    assert opened(folder)[0].remarks == ()


def test_a_commit_that_was_being_written_is_left_out_and_said(crashed: tuple[Path, Scribe]) -> None:
    """The last commit's closing frame never came: what it had written of others is no commit."""
    folder, scribe = crashed
    log = log_of(folder).read_bytes()
    *_, last, closing = ends(log)
    assert closing - last > 1, "the last commit has several frames"
    log_of(folder).write_bytes(log[: HEAD + closing * FRAME + 100])
    found, _ = opened(folder)
    assert found.last_lsn == scribe.lsn - 10
    assert f"{closing - last - 1} frames" in found.remarks[0] or f"{closing - last} frames" in found.remarks[0]


def test_damage_with_commits_behind_it_is_refused(crashed: tuple[Path, Scribe]) -> None:
    """SQLite would start without the last five commits and say nothing. They were acknowledged: refused, with the place."""
    folder, _ = crashed
    log = log_of(folder).read_bytes()
    flip(log_of(folder), HEAD + ends(log)[-5] * FRAME + 1_000)
    with pytest.raises(Corrupt, match=r"journal\.sqlite-wal: frame \d+ cannot be read, and 5 commits stand behind it"):
        opened(folder)


def test_cut_anywhere_what_remains_is_whole(crashed: tuple[Path, Scribe]) -> None:
    """The log ends at 40 places one after the other: what opens is always a beginning of the journal, in one chain."""
    folder, scribe = crashed
    log = log_of(folder).read_bytes()
    whole = folder.with_name("whole")
    shutil.copytree(folder, whole)
    seen = set()
    for size in np.linspace(0, len(log), 40, dtype=int):
        shutil.rmtree(folder)
        shutil.copytree(whole, folder)
        log_of(folder).write_bytes(log[:size])
        try:
            found, records = opened(folder)
        except StoreError as error:
            assert "not a Sluice journal" in str(error) or "no such table" in str(error), error
            continue
        last, _ = check_chain(records, 0, GENESIS)
        assert last == found.last_lsn
        seen.add(last)
    assert scribe.lsn in seen
    assert len(seen) > 5


def test_a_flipped_bit_of_the_log_is_noticed_or_harmless(crashed: tuple[Path, Scribe]) -> None:
    """150 single bits: refused, or everything is there, or the last commit was left out and that was said."""
    folder, scribe = crashed
    log = log_of(folder).read_bytes()
    whole = folder.with_name("whole")
    shutil.copytree(folder, whole)
    draw = np.random.default_rng(20_261_122)
    outcomes: dict[str, int] = {}
    for bit in [*range(0, HEAD * 8, 7), *draw.integers(HEAD * 8, len(log) * 8, 110)]:
        shutil.rmtree(folder)
        shutil.copytree(whole, folder)
        place = int(bit) // 8
        log_of(folder).write_bytes(log[:place] + bytes([log[place] ^ 1 << int(bit) % 8]) + log[place + 1 :])
        try:
            found, _ = opened(folder)
        except Corrupt:
            outcome = "refused"
        else:
            outcome = {scribe.lsn: "harmless", scribe.lsn - 10: "torn"}[found.last_lsn]
            assert (outcome == "torn") == bool(found.remarks), f"bit {bit}: {found}"
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    assert outcomes["refused"] > 80, outcomes


def test_a_torn_head_of_a_log_begun_anew_is_harmless(crashed: tuple[Path, Scribe]) -> None:
    """All it held is in the database already: nothing is lost, and the engine starts."""
    import apsw

    folder, scribe = crashed
    log = log_of(folder).read_bytes()
    connection = apsw.Connection(str(folder / JOURNAL))
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    connection.close()
    log_of(folder).write_bytes(log)
    flip(log_of(folder), 20)
    assert opened(folder)[0].last_lsn == scribe.lsn


def test_a_living_owners_log_is_not_judged(tmp_path: Path) -> None:
    """Whoever comes while it is written is told of the owner, not of a tear."""
    store, scribe = SqliteStore(tmp_path), Scribe()
    store.open()
    store.commit(scribe.begin())
    with (tmp_path / f"{JOURNAL}-wal").open("rb") as log:
        held = log.read()
    assert held
    with pytest.raises(StoreError, match="owns this store"):
        SqliteStore(tmp_path).open()
    store.close()


@pytest.mark.parametrize(("limit_ms", "refused"), [(0.0, True), (60_000.0, False)])
def test_a_disk_that_cannot_sync_in_time_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit_ms: float, refused: bool
) -> None:
    monkeypatch.setattr("adapters.storage.sqlite._SYNC_LIMIT_MS", limit_ms)
    store = SqliteStore(tmp_path)
    if refused:
        with pytest.raises(StoreError, match="ms to be durable, wanted at most"):
            store.open()
    else:
        store.open()
    store.close()


def test_a_slow_disk_is_remarked_upon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slower than a tenth of the limit, and no slower than it."""
    ticks = iter(range(1_000))
    monkeypatch.setattr("adapters.storage.sqlite.time.perf_counter", lambda: next(ticks) * 0.5)
    store = SqliteStore(tmp_path)
    [remark] = store.open().remarks
    assert "takes 500 ms to be durable" in remark
    store.close()


async def started(shelf: Shelf) -> Start:
    async def inline(function: Callable[..., object], *args: object) -> object:
        await wait_all_tasks_blocked()
        return function(*args)

    return await start_on(shelf.store(), inline, POLICY, lambda: 1, 1.0)  # type: ignore[arg-type]  # runs inline


def journal_with_a_last_message(shelf: Shelf) -> Scribe:
    store, scribe = shelf.store(), Scribe()
    store.open()
    store.commit(scribe.begin())
    store.commit(scribe.write(scribe.submits(3), ids=["a", "b", "c"]))
    store.commit(scribe.write([message(1)], ids=["d"], payload=b"hello"))
    store.close()
    return scribe


DAMAGE_LAST = (
    "UPDATE journal SET row = CAST(substr(row, 1, 60) || x'00' || substr(row, 62) AS BLOB) WHERE lsn = 5",
    "UPDATE sluice_journal SET row = set_byte(row, 60, get_byte(row, 60) # 1) WHERE lsn = 5",
)


async def test_a_last_record_that_cannot_be_read_is_cut_off_and_said(durable: Shelf) -> None:
    """The newest record has a wrong byte: the engine starts behind the one before it, loudly; its answer and its place in

    the conversation are gone too, its bytes are put aside, and the journal verifies.
    """
    scribe = journal_with_a_last_message(durable)
    durable.change(*DAMAGE_LAST)
    start = await started(durable)
    assert (start.lsn, start.epoch) == (4, 2)
    [remark] = start.remarks
    assert "journal record 5: its bytes do not fit their checksum: it was the last one, and was CUT OFF" in remark
    store = durable._stores[-1]
    assert store.find_answers([key_of("d"), key_of("c")]).keys() == {key_of("c")}
    assert store.read_messages(1, 0, 10) == []
    verdict = verify(store)
    assert (verdict.problems, verdict.last_lsn) == ([], 4)
    if durable.cluster is not None:
        assert durable.execute("SELECT lsn FROM sluice_damaged") == [(5,)]
    else:
        assert (durable.folder / DAMAGED / f"{5:020d}.row").exists()
    scribe.lsn, scribe.hash = start.lsn, start.hash
    store.commit(scribe.write(scribe.submits(1)))
    assert store.last_lsn() == 5


async def test_a_record_before_the_last_is_never_stepped_over(durable: Shelf) -> None:
    """The last but one is bad: refused with its number, and nothing is changed."""
    journal_with_a_last_message(durable)
    durable.change(*(statement.replace("lsn = 5", "lsn = 4") for statement in DAMAGE_LAST))
    with pytest.raises(Corrupt, match="journal record 4") as caught:
        await started(durable)
    assert caught.value.lsn == 4
    assert durable._stores[-1].last_lsn() == 5
