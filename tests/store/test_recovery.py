"""From bytes back to state: whole, in part, from a snapshot or from the beginning, and always the same state."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.dispatch import commands as cm
from engine.dispatch.commands import AgentProfile
from engine.ports import Corrupt, HistoryTrimmed, StoredRecord
from engine.store.memory import MemoryStore
from engine.store.recovery import recover, take_snapshot
from engine.store.snapshots import Snapshot, decode_snapshot, encode_snapshot
from tests.store.stage import POLICY, Scribe, Shelf, message


def test_an_empty_journal_recovers_to_nothing(shelf: Shelf) -> None:
    store = shelf.store()
    store.open()
    assert recover(store) is None
    assert take_snapshot(store) == 0


def test_the_state_comes_back_from_the_beginning(shelf: Shelf) -> None:
    """No snapshot: record 1 brings the policy, the rest brings the contacts."""
    store, scribe = shelf.store(), Scribe()
    store.open()
    store.commit(scribe.begin())
    store.commit(scribe.write(scribe.submits(3)))
    found = recover(store)
    assert found is not None
    assert (found.lsn, found.hash, found.stamp, found.snapshot_lsn, found.applied) == (4, scribe.hash, scribe.now, 0, 4)
    assert found.dispatcher.snapshot() == scribe.dispatcher.snapshot()
    assert found.dispatcher.policy.text == POLICY


def test_the_newest_snapshot_saves_the_way(shelf: Shelf) -> None:
    """Two snapshots, then a tail: only the tail is applied, and the state is the same."""
    store, scribe = shelf.store(), Scribe()
    store.open()
    store.commit(scribe.begin())
    store.commit(scribe.write(scribe.submits(5)))
    assert take_snapshot(store) == 6
    store.commit(scribe.write(scribe.submits(5)))
    assert take_snapshot(store) == 11
    assert take_snapshot(store) == 11, "nothing new: nothing written"
    store.commit(scribe.write(scribe.submits(2)))
    found = recover(store)
    assert found is not None
    assert (found.snapshot_lsn, found.applied, found.lsn) == (11, 2, 13)
    assert found.dispatcher.snapshot() == scribe.dispatcher.snapshot()


def test_a_bad_snapshot_is_passed_over(shelf: Shelf) -> None:
    """The newest has a flipped bit: the older one and a longer tail give the same state, and the report says why."""
    store, scribe = shelf.store(), Scribe()
    store.open()
    store.commit(scribe.begin())
    take_snapshot(store)
    store.commit(scribe.write(scribe.submits(5)))
    take_snapshot(store)
    whole = store.load_snapshot(6)
    store.save_snapshot(6, whole[:-1] + bytes([whole[-1] ^ 1]))
    found = recover(store)
    assert found is not None
    assert (found.snapshot_lsn, found.lsn) == (1, 6)
    assert found.passed_over == ["snapshot 6: its bytes do not fit their checksum"]
    assert found.dispatcher.snapshot() == scribe.dispatcher.snapshot()


def test_both_snapshots_bad_the_journal_remains(shelf: Shelf) -> None:
    """Cut short, and of a format nobody knows: from the beginning, then."""
    store, scribe = shelf.store(), Scribe()
    store.open()
    store.commit(scribe.begin())
    store.commit(scribe.write(scribe.submits(2)))
    take_snapshot(store)
    store.save_snapshot(2, store.load_snapshot(3)[:100])
    store.save_snapshot(3, b"something else")
    found = recover(store)
    assert found is not None
    assert (found.snapshot_lsn, found.lsn, len(found.passed_over)) == (0, 3, 2)


def test_a_snapshot_of_another_journal_is_not_believed(shelf: Shelf) -> None:
    """Whole, for the right lsn, but made elsewhere: its chain hash gives it away."""
    store, scribe = shelf.store(), Scribe()
    store.open()
    store.commit(scribe.begin())
    store.commit(scribe.write(scribe.submits(2)))
    stranger = encode_snapshot(Snapshot(3, bytes(32), scribe.dispatcher.snapshot()))
    store.save_snapshot(3, stranger)
    found = recover(store)
    assert found is not None
    assert found.snapshot_lsn == 0
    assert "another journal" in found.passed_over[0]


def test_a_snapshot_of_a_later_release_is_passed_over(shelf: Shelf) -> None:
    """Its checksum is right, its state cannot be read: the journal can."""
    store, scribe = shelf.store(), Scribe()
    store.open()
    store.commit(scribe.begin())
    store.save_snapshot(1, encode_snapshot(Snapshot(1, scribe.hash, b"\xc0")))
    found = recover(store)
    assert found is not None
    assert "cannot read its state" in found.passed_over[0]


def test_a_journal_that_ends_before_its_snapshot_lost_acked_records(shelf: Shelf) -> None:
    """The snapshot was made from records that are gone: refused with the first missing lsn, never started short."""
    store, scribe = shelf.store(), Scribe()
    store.open()
    store.commit(scribe.begin())
    store.save_snapshot(5, encode_snapshot(Snapshot(5, bytes(32), b"")))
    with pytest.raises(Corrupt, match="record 2 is missing: a snapshot stands for record 5") as caught:
        recover(store)
    assert caught.value.lsn == 2


def test_the_state_of_any_moment_can_be_rebuilt(shelf: Shelf) -> None:
    """After each record, live and rebuilt agree, whichever snapshots lie about."""
    store, scribe = shelf.store(), Scribe()
    store.open()
    states = {}
    for batch_of in ([], [cm.DefineAgent(AgentProfile("ann"))], [cm.SignOn("ann")], scribe.submits(1), [message(1)]):
        store.commit(scribe.write(batch_of) if batch_of else scribe.begin())
        states[scribe.lsn] = scribe.dispatcher.snapshot()
        if scribe.lsn in (2, 4):
            take_snapshot(store)
    for lsn, state in states.items():
        found = recover(store, until=lsn)
        assert found is not None
        assert (found.lsn, found.dispatcher.snapshot()) == (lsn, state)
        assert found.snapshot_lsn == {1: 0, 2: 2, 3: 2, 4: 4, 5: 4}[lsn]


def test_before_the_trimmed_part_nothing_can_be_rebuilt() -> None:
    """A journal that begins at record 4 with a snapshot at 5: record 5 can be had, record 4 cannot."""
    store, scribe = MemoryStore(), Scribe()
    store.open()
    store.commit(scribe.begin())
    store.commit(scribe.write(scribe.submits(4)))
    take_snapshot(store)

    class Trimmed(MemoryStore):
        def read(self, after_lsn: int, limit: int) -> list[StoredRecord]:
            return super().read(max(after_lsn, 3), limit)

    trimmed = Trimmed(store.journal)
    found = recover(trimmed)
    assert found is not None
    assert found.lsn == 5
    with pytest.raises(HistoryTrimmed, match="begins at record 4"):
        recover(trimmed, until=4)


def test_a_journal_must_begin_with_a_policy(shelf: Shelf) -> None:
    store, scribe = shelf.store(), Scribe()
    store.open()
    store.commit(scribe.write(scribe.submits(1)))
    with pytest.raises(Corrupt, match="must apply a policy"):
        recover(store)


def test_snapshot_bytes_are_read_back() -> None:
    """And only for the lsn they stand for."""
    snapshot = Snapshot(7, b"h" * 32, b"state")
    assert decode_snapshot(encode_snapshot(snapshot), 7) == snapshot
    with pytest.raises(Corrupt, match="stands for record 7"):
        decode_snapshot(encode_snapshot(snapshot), 8)


AGENTS = ["ann", "bob", "eve"]
STEPS = st.lists(
    st.one_of(
        st.just("submit"),
        st.tuples(st.sampled_from(["on", "off", "lost", "back", "accept", "decline"]), st.sampled_from(AGENTS)),
        st.tuples(st.sampled_from(["close", "abandon", "message"]), st.integers(1, 12)),
        st.tuples(st.just("wait"), st.sampled_from([1, 5_000, 25_000, 300_000])),
        st.just("snapshot"),
        st.just("restart"),
    ),
    max_size=60,
)


@settings(max_examples=60)
@given(STEPS)
def test_recovered_and_lived_through_are_the_same_state(steps: list[object]) -> None:
    """Whatever happened: snapshot plus tail equals full apply equals the dispatcher that lived through it."""
    store, scribe = MemoryStore(boot_ms=lambda: 0), Scribe()
    store.open()
    store.commit(scribe.begin())
    store.commit(scribe.write([cm.DefineAgent(AgentProfile(name, capacity=2)) for name in AGENTS]))
    for step in steps:
        if step == "snapshot":
            take_snapshot(store)
        elif isinstance(step, tuple) and step[0] == "wait":
            scribe.now += step[1]
        else:
            store.commit(scribe.write([_command(scribe, step)]))
    # Idle inputs leave no event, so not even time in the journal; the next event brings it.
    store.commit(scribe.write(scribe.submits(1)))
    found = recover(store)
    store.journal.snapshots.clear()
    full = recover(store)
    assert found is not None
    assert full is not None
    assert found.dispatcher.snapshot() == full.dispatcher.snapshot() == scribe.dispatcher.snapshot()
    assert found.dispatcher.audit() == []


def _command(scribe: Scribe, step: object) -> cm.Command:
    if step == "submit":
        return scribe.submits(1)[0]
    if step == "restart":
        return cm.StartEngine(2, 1_000)
    assert isinstance(step, tuple)
    what, who = step
    offer = next((offer.offer for offer in scribe.dispatcher.offers.values() if offer.agent == who), 999)
    commands: dict[str, cm.Command] = {
        "on": cm.SignOn(str(who)),
        "off": cm.SignOff(str(who)),
        "lost": cm.LoseAgent(str(who)),
        "back": cm.ReturnAgent(str(who)),
        "accept": cm.AcceptOffer(str(who), offer),
        "decline": cm.DeclineOffer(str(who), offer, "busy"),
    }
    if what in commands:
        return commands[what]
    return {
        "close": cm.CloseContact("acme", who),
        "abandon": cm.AbandonContact("acme", who),
        "message": message(who),
    }[what]
