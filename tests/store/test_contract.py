"""What every store promises, told once and kept by each."""

from __future__ import annotations

import pytest

from engine.dispatch import commands as cm
from engine.ports import Batch, Corrupt, LeaseHeld, LeaseLost, StoreError
from engine.store.answers import open_answer
from engine.store.records import GENESIS, check_chain, committed, open_record
from tests.store.stage import CHANNEL, Scribe, Shelf, key_of, message


def test_a_new_store_is_empty_and_says_so(shelf: Shelf) -> None:
    """Nobody was here before: epoch 1, no record, nothing to measure an absence from."""
    opened = shelf.store().open()
    assert (opened.epoch, opened.last_lsn, opened.last_hash, opened.created) == (1, 0, b"", True)
    assert (opened.last_wall_ms, opened.last_now_ms) == (0, 0)


def test_what_was_committed_is_there_for_the_next_engine(shelf: Shelf) -> None:
    """Three commits, a clean end; the next engine finds every record, in order, chained, and the clocks as they stood."""
    store, scribe = shelf.store(), Scribe()
    store.open()
    for batch in (scribe.begin(), scribe.write(scribe.submits(5)), scribe.write(scribe.submits(1))):
        store.commit(batch)
    store.close()

    later = shelf.store()
    opened = later.open()
    assert (opened.epoch, opened.last_lsn, opened.last_hash) == (2, 7, scribe.hash)
    assert opened.last_wall_ms - opened.last_now_ms == 7, "the pair of clocks was read at one moment"
    found = later.read(0, 100)
    assert [record.lsn for record in found] == [1, 2, 3, 4, 5, 6, 7]
    assert check_chain(found, 0, GENESIS) == (7, scribe.hash)
    last = committed(open_record(found[-1]))
    assert isinstance(last.command, cm.SubmitContact)
    assert (last.lsn, last.principal, last.command.customer) == (7, CHANNEL, "c6")


def test_reading_goes_on_where_it_stopped(shelf: Shelf) -> None:
    """A reader asks for records after the last one it saw, a few at a time."""
    store, scribe = shelf.store(), Scribe()
    store.open()
    store.commit(scribe.begin())
    store.commit(scribe.write(scribe.submits(9)))
    assert store.last_lsn() == 10
    assert [record.lsn for record in store.read(0, 4)] == [1, 2, 3, 4]
    assert [record.lsn for record in store.read(4, 4)] == [5, 6, 7, 8]
    assert [record.lsn for record in store.read(8, 4)] == [9, 10]
    assert store.read(10, 4) == []


def test_a_gap_in_the_numbers_is_our_bug(shelf: Shelf) -> None:
    """Record 2 before record 1: refused at once, and nothing of it is kept."""
    store, scribe = shelf.store(), Scribe()
    store.open()
    scribe.begin()
    with pytest.raises(AssertionError, match="dense"):
        store.commit(scribe.write(scribe.submits(1)))
    assert store.last_lsn() == 0


def test_a_retry_finds_its_answer(shelf: Shelf) -> None:
    """A command with an id is answered and stored; the key finds the answer, other keys find nothing."""
    store, scribe = shelf.store(), Scribe()
    store.open()
    store.commit(scribe.begin())
    store.commit(scribe.write(scribe.submits(2), ids=["a", "b"]))
    found = store.find_answers([key_of("b"), key_of("never")])
    assert list(found) == [key_of("b")]
    assert open_answer(found[key_of("b")]).lsn == 3


def test_an_id_used_again_after_its_day_gets_the_newer_answer(shelf: Shelf) -> None:
    """The first answer was due to be forgotten and was not yet; the id came again: the newer one counts."""
    store, scribe = shelf.store(), Scribe()
    store.open()
    store.commit(scribe.begin())
    store.commit(scribe.write(scribe.submits(1), ids=["a"]))
    store.commit(scribe.write(scribe.submits(1), ids=["a"]))
    assert open_answer(store.find_answers([key_of("a")])[key_of("a")]).lsn == 3


def test_old_answers_are_forgotten_a_few_at_a_time(shelf: Shelf) -> None:
    """Five answers, three of them old: two go in the first call, one in the second, none in the third."""
    store, scribe = shelf.store(), Scribe()
    store.open()
    store.commit(scribe.begin())
    store.commit(scribe.write(scribe.submits(3), ids=["a", "b", "c"]))
    midnight = scribe.now + 1
    store.commit(scribe.write(scribe.submits(2), ids=["d", "e"]))
    assert [store.forget_answers(midnight, 2) for _ in range(3)] == [2, 1, 0]
    assert set(store.find_answers([key_of(name) for name in "abcde"])) == {key_of("d"), key_of("e")}


def test_a_conversation_is_read_in_order_and_from_where_one_left(shelf: Shelf) -> None:
    """Two contacts talk across each other: each conversation comes back by itself, numbered, with its text."""
    store, scribe = shelf.store(), Scribe()
    store.open()
    store.commit(scribe.begin())
    store.commit(scribe.write(scribe.submits(2)))
    for text, contact in ((b"one", 1), (b"uno", 2), (b"two", 1), (b"three", 1)):
        store.commit(scribe.write([message(contact)], payload=text))
    read = [(seq, open_record(stored).payload) for seq, stored in store.read_messages(1, 0, 10)]
    assert read == [(1, b"one"), (2, b"two"), (3, b"three")]
    assert [seq for seq, _ in store.read_messages(1, 1, 1)] == [2]
    assert [seq for seq, _ in store.read_messages(2, 0, 10)] == [1]
    assert store.read_messages(3, 0, 10) == []


def test_two_snapshots_are_kept(shelf: Shelf) -> None:
    """Three are saved: the oldest goes, the others come back byte for byte."""
    store = shelf.store()
    store.open()
    for lsn in (10, 20, 30):
        store.save_snapshot(lsn, b"state %d" % lsn)
    assert store.snapshots() == [20, 30]
    assert store.load_snapshot(30) == b"state 30"
    with pytest.raises(StoreError):
        store.load_snapshot(10)


def test_a_second_engine_is_refused_while_the_first_lives(shelf: Shelf) -> None:
    """The lease is renewed each second: whoever comes is told who has it, and changes nothing."""
    first, second = shelf.store(), shelf.store()
    first.open()
    shelf.wait(4_000)
    with pytest.raises(LeaseHeld, match=r"it renewed its lease 4\d\d\d ms ago"):
        second.open()
    first.renew_lease(1, 1)
    shelf.wait(4_000)
    with pytest.raises(LeaseHeld):
        second.open()
    first.commit(Scribe().begin())


def test_a_lease_not_renewed_passes_to_whoever_comes(shelf: Shelf) -> None:
    """The first engine stalls for five seconds; the second takes the next epoch; the first may write nothing any more."""
    first, second, scribe = shelf.store(), shelf.store(), Scribe()
    first.open()
    first.commit(scribe.begin())
    shelf.wait(5_000)
    assert second.open().epoch == 2
    stale = scribe.write(scribe.submits(1))
    with pytest.raises(LeaseLost, match="our epoch 1, now 2"):
        first.commit(stale)
    with pytest.raises(StoreError):
        first.renew_lease(1, 1)
    first.close()
    assert second.last_lsn() == 1, "nothing of the stale commit arrived"
    second.commit(stale)
    assert second.last_lsn() == 2


def test_a_renewal_finds_out_too(shelf: Shelf) -> None:
    """An idle engine that lost its lease learns it at the next renewal."""
    first, second = shelf.store(), shelf.store()
    first.open()
    shelf.wait(5_000)
    second.open()
    with pytest.raises(LeaseLost):
        first.renew_lease(1, 1)


def test_a_commit_renews_the_lease(shelf: Shelf) -> None:
    """A busy engine needs no renewals of its own."""
    first, second, scribe = shelf.store(), shelf.store(), Scribe()
    first.open()
    shelf.wait(4_000)
    first.commit(scribe.begin())
    shelf.wait(4_000)
    with pytest.raises(LeaseHeld):
        second.open()


def test_a_clean_end_frees_the_store_at_once(shelf: Shelf) -> None:
    """Closed, and opened again in the same millisecond; closing twice harms nobody."""
    first, second = shelf.store(), shelf.store()
    first.open()
    first.close()
    assert second.open().epoch == 2
    first.close()
    assert isinstance(second.free_bytes(), int)
    second.commit(Scribe().begin())


def test_a_refused_engine_can_come_back(shelf: Shelf) -> None:
    """Refused once; when the first has gone, the same store object opens."""
    first, second = shelf.store(), shelf.store()
    first.open()
    with pytest.raises(LeaseHeld):
        second.open()
    first.close()
    assert second.open().epoch == 2


def test_a_failed_commit_is_the_last(shelf: Shelf) -> None:
    """A batch fails half-way; nobody knows what the disk holds, so the next one is refused whatever it says."""
    store, scribe = shelf.store(), Scribe()
    store.open()
    store.commit(scribe.begin())
    shelf_lost = shelf.store()
    shelf.wait(6_000)
    shelf_lost.open()
    good = scribe.write(scribe.submits(1))
    for _ in range(2):
        with pytest.raises(StoreError):
            store.commit(good)
    assert shelf_lost.damage() == []


def test_an_empty_commit_is_our_bug(shelf: Shelf) -> None:
    store = shelf.store()
    store.open()
    with pytest.raises(AssertionError):
        store.commit(Batch([], [], [], 0, 0))


def test_a_bad_record_names_itself(shelf: Shelf) -> None:
    """A byte of a body differs: the record is refused by its own checksum, and by the chain."""
    store, scribe = shelf.store(), Scribe()
    store.open()
    batch = scribe.begin()
    store.commit(batch)
    good = store.read(0, 1)[0]
    bad = type(good)(good.lsn, good.body[:-1] + bytes([good.body[-1] ^ 1]), good.crc, good.hash)
    with pytest.raises(Corrupt) as caught:
        open_record(bad)
    assert caught.value.lsn == 1
    with pytest.raises(Corrupt):
        check_chain([bad], 0, GENESIS)
    with pytest.raises(Corrupt, match="missing"):
        check_chain([good], 1, GENESIS)
