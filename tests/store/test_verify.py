"""``sluice journal verify``: what it checks, what it says, how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from adapters.storage.sqlite import SqliteStore
from engine.cli.journal import journal
from engine.dispatch import commands as cm
from engine.dispatch.commands import AgentProfile
from engine.driver.batches import BatchInMaking
from engine.ports import Principal
from engine.store.memory import MemoryStore
from engine.store.records import encode_command
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
