"""``sluice journal verify``: what it checks, what it says, how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from adapters.storage.sqlite import SqliteStore
from engine.cli.journal import journal
from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.commands import AgentProfile
from engine.dispatch.dispatcher import Dispatcher
from engine.driver.batches import BatchInMaking
from engine.ports import Principal, StoredRecord
from engine.store.memory import MemoryStore
from engine.store.records import GENESIS, encode_command
from engine.store.recovery import take_snapshot
from engine.store.verify import verify
from tests.store.stage import Scribe, Shelf, message


def test_a_good_journal_is_told_in_figures(shelf: Shelf) -> None:
    """An agent, four contacts, a message, a snapshot on the way: every figure is there, and replay agrees."""
    store, scribe = shelf.store(), Scribe()
    store.open()
    store.commit(scribe.begin())
    store.commit(scribe.write([cm.DefineAgent(AgentProfile("ann")), cm.SignOn("ann"), *scribe.submits(4)]))
    take_snapshot(store)
    store.commit(scribe.write([message(1)], payload=b"hello"))
    verdict = verify(store, replay=True)
    assert verdict.problems == []
    assert (verdict.ok, verdict.records, verdict.first_lsn, verdict.last_lsn, verdict.first_bad_lsn) == (
        True,
        8,
        1,
        8,
        0,
    )
    assert (verdict.open_contacts, verdict.open_offers, verdict.agents_signed_on, verdict.messages) == (4, 1, 1, 1)
    assert (verdict.epoch, verdict.commands, verdict.ticks, verdict.snapshots) == (1, 8, 0, [7])
    assert verdict.policy == scribe.dispatcher.policy.version
    assert "inputs with events" in verdict.compared


def test_an_empty_journal_is_whole(shelf: Shelf) -> None:
    store = shelf.store()
    store.open()
    verdict = verify(store, replay=True)
    assert (verdict.ok, verdict.records, verdict.last_lsn) == (True, 0, 0)


def test_ticks_are_replayed_as_time() -> None:
    """An offer expires by itself: the record has no input, and replay lets time pass instead."""
    store, scribe = MemoryStore(), Scribe()
    store.open()
    store.commit(scribe.begin())
    store.commit(scribe.write([cm.DefineAgent(AgentProfile("ann")), cm.SignOn("ann"), *scribe.submits(1)]))
    deadline = scribe.dispatcher.next_deadline()
    assert deadline is not None
    batch = BatchInMaking(scribe.lsn, scribe.hash, 1)
    events = scribe.dispatcher.expire(deadline)
    batch.add(deadline, Principal("", "engine", ""), "engine/", "", None, b"", events, b"")
    store.commit(batch.to_commit(0, 0))
    verdict = verify(store, replay=True)
    assert (verdict.problems, verdict.ticks) == ([], 1)


def test_replay_names_the_first_record_that_decides_otherwise() -> None:
    """The journal says that bob signed on; the input says ann. Applied, it fits; replayed, it does not."""
    store, scribe = MemoryStore(), Scribe()
    store.open()
    store.commit(scribe.begin())
    store.commit(scribe.write([cm.DefineAgent(AgentProfile("ann")), cm.DefineAgent(AgentProfile("bob"))]))
    batch = BatchInMaking(scribe.lsn, scribe.hash, 1)
    events = scribe.dispatcher.handle(cm.SignOn("bob"), scribe.now)
    forged, _ = encode_command(cm.SignOn("ann"))
    batch.add(scribe.now, Principal("", "agent", "ann"), "agent/ann", "", cm.SignOn("ann"), forged, events, b"")
    store.commit(batch.to_commit(0, 0))
    assert verify(store).ok
    verdict = verify(store, replay=True)
    assert (verdict.ok, verdict.first_bad_lsn) == (False, 4)
    assert "replay gives other events" in verdict.problems[0]
    assert "event 1 is" in verdict.problems[0]


def test_time_that_runs_back_is_a_fault() -> None:
    """A record stamped before the one ahead of it, in an epoch before it."""
    store, scribe = MemoryStore(), Scribe(epoch=2)
    store.open()
    store.commit(scribe.begin())
    scribe.epoch = 1
    scribe.now -= 5_000
    batch = BatchInMaking(scribe.lsn, scribe.hash, 1)
    batch.add(scribe.now, Principal("", "engine", ""), "engine/", "", None, b"", [], b"")
    store.commit(batch.to_commit(0, 0))
    verdict = verify(store)
    assert [problem.split(": ")[1][:9] for problem in verdict.problems] == ["its stamp", "its epoch"]
    assert verdict.first_bad_lsn == 2


class Trimmed(MemoryStore):
    """A journal whose first three records were moved to an archive."""

    def last_lsn(self) -> int:
        return len(self.journal.records)

    def read(self, after_lsn: int, limit: int) -> list[StoredRecord]:
        return super().read(max(after_lsn, 3), limit)


def trimmed() -> tuple[Trimmed, Scribe]:
    store, scribe = MemoryStore(), Scribe()
    store.open()
    store.commit(scribe.begin())
    store.commit(scribe.write(scribe.submits(3)))
    take_snapshot(store)
    store.commit(scribe.write(scribe.submits(2)))
    take_snapshot(store)
    return Trimmed(store.journal), scribe


def test_a_trimmed_journal_is_checked_from_its_oldest_snapshot() -> None:
    """Records 1 to 3 are gone, a snapshot stands for record 4: what follows is checked and replayed from there."""
    store, _ = trimmed()
    verdict = verify(store, replay=True)
    assert verdict.problems == []
    assert (verdict.first_lsn, verdict.last_lsn, verdict.records, verdict.open_contacts) == (5, 6, 2, 5)


def test_a_trimmed_journal_without_its_snapshot_cannot_be_checked() -> None:
    """The oldest is bad: said, and the newer one serves. Both bad: nothing can be said about the records."""
    store, _ = trimmed()
    store.journal.snapshots[4] = b"nonsense"
    verdict = verify(store)
    assert (verdict.ok, verdict.first_bad_lsn, verdict.last_lsn) == (False, 4, 0)
    store.journal.snapshots[6] = b"nonsense"
    verdict = verify(store)
    assert (verdict.ok, verdict.records) == (False, 0)
    assert "no snapshot before that can be read" in verdict.problems[-1]


def test_a_journal_behind_its_snapshot_lost_records() -> None:
    store, scribe = MemoryStore(), Scribe()
    store.open()
    store.commit(scribe.begin())
    store.save_snapshot(9, b"")
    verdict = verify(store)
    assert (verdict.ok, verdict.first_bad_lsn) == (False, 2)


def test_a_journal_is_gone_through_with_progress() -> None:
    store, scribe = MemoryStore(), Scribe()
    store.open()
    store.commit(scribe.begin())
    store.commit(scribe.write(scribe.submits(2_100)))
    told: list[tuple[int, int]] = []
    assert verify(store, progress=lambda done, total: told.append((done, total))).ok
    assert told == [(1_000, 2_101), (2_000, 2_101)]


def test_a_bad_snapshot_is_a_fault_though_recovery_passes_it_over() -> None:
    store, scribe = MemoryStore(), Scribe()
    store.open()
    store.commit(scribe.begin())
    store.save_snapshot(1, b"nonsense")
    verdict = verify(store)
    assert verdict.problems == ["snapshot 1: not a snapshot of a format known here"]


def test_events_that_do_not_fit_the_state_name_their_record() -> None:
    """A contact connects that was never submitted; and a policy that no longer compiles begins the journal."""
    store, scribe = MemoryStore(), Scribe()
    store.open()
    store.commit(scribe.begin())
    batch = BatchInMaking(scribe.lsn, scribe.hash, 1)
    batch.add(
        scribe.now, Principal("", "engine", ""), "engine/", "", None, b"", [ev.ContactConnected(1, 99, "ann", 0)], b""
    )
    store.commit(batch.to_commit(0, 0))
    verdict = verify(store)
    assert verdict.first_bad_lsn == 2
    assert "its events cannot be applied" in verdict.problems[0]

    other = MemoryStore()
    other.open()
    batch = BatchInMaking(0, GENESIS, 1)
    batch.add(1, Principal("", "engine", ""), "engine/", "", None, b"", [ev.PolicyApplied(1, "old@1", "[policy]")], b"")
    other.commit(batch.to_commit(0, 0))
    assert "cannot compile its policy" in verify(other).problems[0]


def test_replay_survives_a_dispatcher_that_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own bug while deciding again: the report says at which record, and goes on checking the rest."""
    store, scribe = MemoryStore(), Scribe()
    store.open()
    store.commit(scribe.begin())
    store.commit(scribe.write(scribe.submits(3)))

    def buggy(self: Dispatcher, command: cm.Command, stamp: int) -> list[ev.Event]:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(Dispatcher, "handle", buggy)
    verdict = verify(store, replay=True)
    [problem] = verdict.problems
    assert problem == "journal record 1: replay stops: ZeroDivisionError: a bug: 0 events, the journal has 1"
    assert (verdict.records, verdict.open_contacts) == (4, 3)


def test_a_broken_invariant_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """The dispatcher's own audit has the last word on the state."""
    store, scribe = MemoryStore(), Scribe()
    store.open()
    store.commit(scribe.begin())
    monkeypatch.setattr(Dispatcher, "audit", lambda self: ["ann holds more than she can carry"])
    assert verify(store).problems == ["the state after record 1: ann holds more than she can carry"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    store, scribe = SqliteStore(tmp_path), Scribe()
    store.open()
    store.commit(scribe.begin())
    store.commit(scribe.write(scribe.submits(3)))
    store.close()
    return tmp_path


def test_the_command_ends_with_0_and_one_json_object(folder: Path) -> None:
    result = CliRunner().invoke(journal, ["verify", str(folder), "--json", "--replay"])
    assert result.exit_code == 0
    said = json.loads(result.stdout)
    assert (said["ok"], said["records"], said["last_lsn"], said["first_bad_lsn"]) == (True, 4, 4, 0)
    assert said["open_contacts"] == 3


def test_the_command_ends_with_a_word_for_people(folder: Path) -> None:
    result = CliRunner().invoke(journal, ["verify", str(folder)])
    assert result.exit_code == 0
    assert result.stdout.rstrip().endswith("ok: true")


def test_the_command_ends_with_1_and_the_first_bad_record(folder: Path) -> None:
    """Record 3 is gone: said with its number, for people and for programs."""
    import apsw

    connection = apsw.Connection(str(folder / "journal.sqlite"))
    connection.execute("DELETE FROM journal WHERE lsn = 3")
    connection.close()
    result = CliRunner().invoke(journal, ["verify", str(folder)])
    assert result.exit_code == 1
    assert "journal record 3 is missing" in result.stdout
    assert result.stdout.rstrip().endswith("ok: false, first bad lsn 3")
    said = json.loads(CliRunner().invoke(journal, ["verify", str(folder), "--json"]).stdout)
    assert (said["ok"], said["first_bad_lsn"], said["last_lsn"]) == (False, 3, 2)


def test_the_command_ends_with_2_where_there_is_no_journal(tmp_path: Path) -> None:
    result = CliRunner().invoke(journal, ["verify", str(tmp_path)])
    assert result.exit_code == 2
    assert "there is no journal here" in result.stderr
