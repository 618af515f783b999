"""Flipped bits and cut files: noticed, or without effect on the state; never a state that nobody lived through."""

from __future__ import annotations

import zlib
from contextlib import suppress
from pathlib import Path

import apsw
import numpy as np
import pytest

from adapters.storage.sqlite import JOURNAL, SqliteJournal, SqliteStore
from engine.ports import Corrupt, StoredRecord, StoreError
from engine.store.answers import open_answer
from engine.store.records import open_record
from engine.store.recovery import recover, take_snapshot
from engine.store.snapshots import Snapshot, decode_snapshot, encode_snapshot
from engine.store.verify import verify
from tests.store.stage import Scribe, key_of, message


@pytest.fixture
def kept(tmp_path: Path) -> tuple[Path, Scribe]:
    """A store of 130 records, cleanly closed."""
    store, scribe = SqliteStore(tmp_path), Scribe()
    store.open()
    store.commit(scribe.begin())
    for place in range(12):
        store.commit(scribe.write(scribe.submits(10), ids=[f"{place}.{number}" for number in range(10)]))
    for text in (b"one", b"two", b"three"):
        store.commit(scribe.write([message(1)] * 3, payload=text))
    store.close()
    return tmp_path, scribe


def state_of(folder: Path) -> tuple[int, bytes]:
    """As an engine would find it on starting."""
    store = SqliteStore(folder)
    try:
        store.open()
        found = recover(store)
        assert found is not None
        return found.lsn, found.dispatcher.snapshot()
    finally:
        with suppress(StoreError):  # a journal this damaged may not even be released
            store.close()


def test_a_flipped_bit_is_noticed_or_harmless(kept: tuple[Path, Scribe]) -> None:
    """200 single bits, one at a time: the engine refuses to start, or starts with the very same state."""
    folder, scribe = kept
    file = folder / JOURNAL
    whole = file.read_bytes()
    good = (scribe.lsn, scribe.dispatcher.snapshot())
    draw = np.random.default_rng(20_111_111)
    noticed = 0
    for bit in draw.integers(0, len(whole) * 8, 200):
        place = int(bit) // 8
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << int(bit) % 8]) + whole[place + 1 :])
        try:
            assert state_of(folder) == good, f"bit {bit} flipped: another state, and nobody noticed"
        except StoreError:
            noticed += 1
        for side in ("-wal", "-shm"):
            Path(f"{file}{side}").unlink(missing_ok=True)
    assert noticed > 40, "the flips reach the records"


def test_verify_looks_at_every_stored_answer(kept: tuple[Path, Scribe]) -> None:
    """120 answers, all good; then one with a changed byte, one cut short, one under another's key: three problems."""
    folder, _ = kept
    journal = SqliteJournal(folder)
    verdict = verify(journal)
    assert (verdict.ok, verdict.answers) == (True, 120)
    assert "stored answers with their checksums" in verdict.compared
    connection = apsw.Connection(str(folder / JOURNAL))
    row = connection.execute("SELECT row FROM answers WHERE place = 7").get
    connection.execute("UPDATE answers SET row = ? WHERE place = 7", (row.replace(b"0.6", b"0.x"),))
    connection.execute("UPDATE answers SET row = substr(row, 1, 20) WHERE place = 8")
    connection.execute("UPDATE answers SET key = (SELECT key FROM answers WHERE place = 10) WHERE place = 9")
    body = connection.execute("SELECT row FROM answers WHERE place = 11").get
    connection.execute("UPDATE answers SET row = ? WHERE place = 11", (body[:-3] + bytes([body[-3] ^ 1]) + body[-2:],))
    verdict = verify(journal)
    assert not verdict.ok and verdict.first_bad_lsn == 0, "no record is at fault"
    assert [problem.split(":")[0] for problem in verdict.problems[:3]] == [f"stored answer {n}" for n in (7, 8, 9)]
    assert verdict.problems[3].endswith("does not fit its checksum") and len(verdict.problems) == 4


def test_every_bit_of_one_record_counts(kept: tuple[Path, Scribe]) -> None:
    """Each byte of record 7 changed in its row: refused with lsn 7, every time."""
    folder, _ = kept
    connection = apsw.Connection(str(folder / JOURNAL))
    row = connection.execute("SELECT row FROM journal WHERE lsn = 7").get
    journal = SqliteJournal(folder)
    for place in range(len(row)):
        changed = row[:place] + bytes([row[place] ^ 0x40]) + row[place + 1 :]
        connection.execute("UPDATE journal SET row = ? WHERE lsn = 7", (changed,))
        with pytest.raises(Corrupt) as caught:
            recover(journal)
        assert caught.value.lsn == 7
    connection.close()
    journal.close()


@pytest.mark.parametrize(
    ("sql", "lsn", "said"),
    [
        ("DELETE FROM journal WHERE lsn = 50", 50, "record 50 is missing"),
        ("DELETE FROM journal WHERE lsn > 120", 121, "record 121 is missing: the journal once went to 130"),
        ("UPDATE journal SET row = 'text' WHERE lsn = 9", 9, "another kind"),
        ("UPDATE journal SET row = (SELECT row FROM journal WHERE lsn = 8) WHERE lsn = 9", 9, "says it is record 8"),
    ],
)
def test_tampering_is_named_by_its_record(kept: tuple[Path, Scribe], sql: str, lsn: int, said: str) -> None:
    """A record taken out, the end cut off, a row of another kind, one record put in another's place."""
    folder, _ = kept
    connection = apsw.Connection(str(folder / JOURNAL))
    connection.execute(sql)
    connection.close()
    with pytest.raises(Corrupt, match=said) as caught:
        state_of(folder)
    assert caught.value.lsn == lsn
    journal = SqliteJournal(folder)
    verdict = verify(journal)
    journal.close()
    assert not verdict.ok
    assert any(said in problem for problem in verdict.problems), verdict.problems


def test_a_changed_answer_is_not_given_out(kept: tuple[Path, Scribe]) -> None:
    """The stored answer of a command differs in one byte: the retry learns of it, and gets no wrong answer."""
    folder, _ = kept
    connection = apsw.Connection(str(folder / JOURNAL))
    row = connection.execute("SELECT row FROM answers WHERE place = 1").get
    at = row.index(b"\xa3lsn") + 4
    connection.execute("UPDATE answers SET row = ? WHERE place = 1", (row[:at] + b"\x63" + row[at + 1 :],))
    connection.close()
    store = SqliteStore(folder)
    store.open()
    with pytest.raises(Corrupt):
        open_answer(store.find_answers([key_of("0.0")])[key_of("0.0")])
    store.close()


def test_a_lost_index_row_is_found_by_verify(kept: tuple[Path, Scribe]) -> None:
    """A message that no longer stands in the index: the journal has it, readers would not."""
    folder, _ = kept
    connection = apsw.Connection(str(folder / JOURNAL))
    connection.execute("DELETE FROM messages WHERE lsn = (SELECT max(lsn) FROM messages)")
    connection.close()
    journal = SqliteJournal(folder)
    verdict = verify(journal)
    journal.close()
    assert (verdict.ok, verdict.first_bad_lsn) == (False, 130)
    assert verdict.problems == ["message 9 of contact 1 is not found in record 130"]


def test_a_snapshot_that_says_something_else_is_found_by_verify(kept: tuple[Path, Scribe]) -> None:
    """Right checksum, right chain, other state: only applying the journal shows it."""
    folder, _ = kept
    journal = SqliteJournal(folder)
    take_snapshot(journal)
    other = decode_snapshot(journal.load_snapshot(130), 130)
    journal.save_snapshot(130, encode_snapshot(Snapshot(130, other.hash, Scribe().dispatcher.snapshot())))
    verdict = verify(journal)
    journal.close()
    assert verdict.problems == ["snapshot 130: differs from the state that the journal gives"]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("UPDATE lease SET holder = 'nobody'", "the lease cannot be read"),
        ("UPDATE answers SET row = x'c1'", "a stored answer cannot be read"),
        ("UPDATE answers SET row = 'text'", "a stored row holds str"),
        ("UPDATE messages SET lsn = x'00000000000003e8'", "points to a missing record"),
    ],
)
def test_other_rows_are_not_trusted_either(kept: tuple[Path, Scribe], sql: str, said: str) -> None:
    """The lease, an answer, the message index: a row that is none of ours is said to be so, and not acted upon."""
    folder, _ = kept
    connection = apsw.Connection(str(folder / JOURNAL))
    connection.execute(sql)
    connection.close()
    store = SqliteStore(folder)
    with pytest.raises(Corrupt, match=said):
        _ = (store.open(), store.read_messages(1, 0, 5), store.find_answers([key_of("0.0")]))
    with suppress(StoreError):
        store.close()


def test_a_body_that_is_no_record_is_refused() -> None:
    """Right checksum, wrong content."""
    body = b"\x01"
    with pytest.raises(Corrupt, match="record 4: cannot be read"):
        open_record(StoredRecord(4, body, zlib.crc32(body), b""))
