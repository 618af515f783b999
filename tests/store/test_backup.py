"""``sluice journal backup | restore | dump | stats``: out of one kind of store, into another, nothing missing."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from engine.bootstrap import open_journal, open_store
from engine.cli.journal import journal
from engine.cli.journal_texts import TEXTS
from engine.dispatch import commands as cm
from engine.dispatch.commands import AgentProfile
from engine.ports import Corrupt, StoreError
from engine.store.answers import open_answer
from engine.store.backup import EPOCHS_APART, check_backup, restore_backup, write_backup
from engine.store.memory import MemoryStore
from engine.store.recovery import recover, take_snapshot
from engine.store.verify import verify
from tests.cluster import Cluster
from tests.store.stage import Scribe, Shelf, key_of, message

NOON = 1_700_000_000_000


@pytest.fixture(params=["sqlite", "postgresql"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new place."""
    if request.param == "sqlite":
        return str(tmp_path / "target")
    cluster: Cluster = request.getfixturevalue("cluster")
    return cluster.new_place()


@pytest.fixture
def filled(durable: Shelf) -> tuple[Shelf, Scribe]:
    """An agent, four contacts with ids, a message, a snapshot between; still open."""
    store, scribe = durable.store(), Scribe()
    store.open()
    store.commit(scribe.begin())
    store.commit(scribe.write([cm.DefineAgent(AgentProfile("ann")), cm.SignOn("ann")]))
    store.commit(scribe.write(scribe.submits(4), ids=["a", "b", "c", "d"]))
    take_snapshot(store)
    store.commit(scribe.write([message(1)], ids=["m"], payload="héllo".encode()))
    return durable, scribe


def run(*words: object) -> Result:
    return CliRunner().invoke(journal, [*map(str, words)])


def test_a_backup_of_either_store_is_restored_into_either(
    filled: tuple[Shelf, Scribe], target: str, tmp_path: Path
) -> None:
    """Made while the owner runs. Restored: the same records, state, answers, texts and snapshots, under a raised epoch;

    and an engine goes on from there.
    """
    shelf, scribe = filled
    file = tmp_path / "today.backup"
    done = run("backup", shelf.place, file, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["records"] == 8
    done = run("restore", file, target, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["next"] == EPOCHS_APART + 1

    with closing(open_journal(target)) as reader, closing(open_journal(shelf.place)) as original:
        assert reader.read(0, 100) == original.read(0, 100)
        verdict = verify(reader, replay=True)
        assert (verdict.problems, verdict.answers, verdict.messages) == ([], 5, 1)
        assert reader.snapshots() == original.snapshots() == [7]
        found = recover(reader)
        assert found is not None
        assert found.dispatcher.snapshot() == scribe.dispatcher.snapshot()
    store = open_store(target)
    opened = store.open()
    assert (opened.epoch, opened.last_lsn, opened.last_hash) == (EPOCHS_APART + 1, 8, scribe.hash)
    assert opened.last_wall_ms > 0
    assert opened.last_now_ms == scribe.now
    answer = store.find_answers([key_of("b")])[key_of("b")]
    assert open_answer(answer).lsn == 5
    scribe.epoch = opened.epoch
    store.commit(scribe.write(scribe.submits(1)))
    store.close()


def test_a_backup_with_an_archive_holds_it_all(
    durable: Shelf, target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sealed records are in the backup; when the oldest were dropped, it begins where the archive does."""
    monkeypatch.setattr("adapters.storage.segments.SEGMENT_RECORDS", 10)
    store, scribe = durable.store(), Scribe()
    store.open()
    store.commit(scribe.begin())
    for at in (1, 3):
        store.commit(scribe.write(scribe.submits(21)))
        take_snapshot(store, wall_ms=at)
    store.commit(scribe.write(scribe.submits(21)))
    store.renew_lease(1, 1)
    store.commit(scribe.write(scribe.submits(21)))
    write_backup(store, tmp_path / "whole", NOON)
    take_snapshot(store, wall_ms=6, keep_ms=2)
    assert [segment.first for segment in store.segments()] == [21, 31]
    copied = write_backup(store, tmp_path / "rest", NOON)
    assert (copied.first, copied.last) == (21, 85)

    restored = open_store(target)
    copied = restore_backup(tmp_path / "rest", restored)
    assert (copied.first, copied.records, copied.epoch) == (21, 65, EPOCHS_APART)
    with closing(open_journal(target)) as reader:
        verdict = verify(reader, replay=True)
        assert (verdict.problems, verdict.last_lsn) == ([], 85)
        found = recover(reader)
        assert found is not None
        assert found.dispatcher.snapshot() == scribe.dispatcher.snapshot()
    with closing(open_store(target)) as again:
        assert again.open().epoch == EPOCHS_APART + 1
    whole = MemoryStore()
    assert restore_backup(tmp_path / "whole", whole).records == 85


def test_nothing_is_written_over(filled: tuple[Shelf, Scribe], tmp_path: Path) -> None:
    """A store that holds a journal is left alone, by the command and underneath it."""
    shelf, _ = filled
    file = tmp_path / "b"
    assert run("backup", shelf.place, file).exit_code == 0
    done = run("restore", file, shelf.place)
    assert (done.exit_code, "there is a journal here already" in done.stderr) == (1, True)
    shelf._stores[0].close()
    with pytest.raises(StoreError, match="the store is not new"):
        restore_backup(file, open_store(shelf.place))
    with closing(open_journal(shelf.place)) as reader:
        assert verify(reader).problems == []


def test_a_backup_that_is_not_whole_is_refused_before_anything_is_done(disk: Shelf, tmp_path: Path) -> None:
    """Any byte changed, the end cut off, something else: the target is not even made."""
    store, scribe = disk.store(), Scribe()
    store.open()
    store.commit(scribe.begin())
    file = tmp_path / "b"
    write_backup(store, file, NOON)
    data = file.read_bytes()
    check_backup(file)
    for place in range(0, len(data), 41):
        file.write_bytes(data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :])
        with pytest.raises(StoreError, match="not a backup" if place < 14 else "its bytes do not fit"):
            check_backup(file)
    file.write_bytes(data[:-1])
    done = run("restore", file, tmp_path / "target")
    assert (done.exit_code, (tmp_path / "target").exists()) == (1, False)
    with pytest.raises(StoreError, match="No such file"):
        check_backup(tmp_path / "nothing")


def test_a_backup_of_a_later_release_is_refused(disk: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, scribe = disk.store(), Scribe()
    store.open()
    store.commit(scribe.begin())
    monkeypatch.setattr("engine.store.backup.FORMAT", 9)
    write_backup(store, tmp_path / "b", NOON)
    monkeypatch.undo()
    with pytest.raises(StoreError, match="backup format 9; this release reads format 1"):
        restore_backup(tmp_path / "b", MemoryStore())


def test_a_bad_record_or_answer_is_not_backed_up(disk: Shelf, tmp_path: Path) -> None:
    """A backup is checked as it is made: the fault is named, and no file is left behind."""
    store, scribe = disk.store(), Scribe()
    store.open()
    with pytest.raises(StoreError, match="nothing to back up"):
        write_backup(store, tmp_path / "b", NOON)
    store.commit(scribe.begin())
    store.commit(scribe.write(scribe.submits(3), ids=["a", "b", "c"]))
    disk.change("UPDATE answers SET row = x'c1' WHERE place = 2", "")
    with pytest.raises(Corrupt, match="stored answer 2"):
        write_backup(store, tmp_path / "b", NOON)
    disk.change("UPDATE journal SET row = (SELECT row FROM journal WHERE lsn = 2) WHERE lsn = 3", "")
    done = run("backup", disk.place, tmp_path / "b")
    assert (done.exit_code, "journal record 3" in done.stderr) == (1, True)
    assert [path.name for path in tmp_path.iterdir()] == ["store"]
    done = run("backup", disk.place, tmp_path / "no" / "such" / "folder")
    assert (done.exit_code, "No such file" in done.stderr) == (1, True)


def test_dump_tells_each_record_and_keeps_texts_to_itself(filled: tuple[Shelf, Scribe]) -> None:
    """A JSON line each; what the customer wrote only when asked for."""
    shelf, _ = filled
    lines = [json.loads(line) for line in run("dump", shelf.place).stdout.splitlines()]
    assert [line["lsn"] for line in lines] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert lines[4]["input"]["type"] == "contact.submit"
    assert "contact.submitted" in [event["type"] for event in lines[4]["events"]]
    assert (lines[7]["payload_bytes"], "payload" in lines[7]) == (6, False)
    [line] = run("dump", shelf.place, "--after", 7, "--limit", 5, "--payload").stdout.splitlines()
    assert json.loads(line)["payload"] == "héllo"
    assert len(run("dump", shelf.place, "--after", 2, "--limit", 3).stdout.splitlines()) == 3


def test_a_payload_that_is_no_text_is_dumped_as_base64(disk: Shelf) -> None:
    store, scribe = disk.store(), Scribe()
    store.open()
    store.commit(scribe.begin())
    store.commit(scribe.write(scribe.submits(1)))
    store.commit(scribe.write([message(1)], payload=b"\xff\x00"))
    [line] = run("dump", disk.place, "--after", 2, "--payload").stdout.splitlines()
    assert json.loads(line)["payload_base64"] == "/wA="


def test_stats_count_what_is_there(filled: tuple[Shelf, Scribe]) -> None:
    shelf, _ = filled
    found = json.loads(run("stats", shelf.place, "--json").stdout)
    assert (found["records"], found["first_lsn"], found["last_lsn"], found["answers"]) == (8, 1, 8, 5)
    assert found["commands"]["contact.submit"] == 4
    assert found["events"]["contact.submitted"] == 4
    assert (found["payload_bytes"], list(found["snapshots"])) == (6, ["7"])


@pytest.mark.parametrize(("lang", "words"), [("en", ("command", "sealed")), ("zh-CN", ("命令", "已封存"))])
def test_people_are_told_in_their_language(
    durable: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lang: str, words: tuple[str, str]
) -> None:
    """Stats, verify, backup and restore in English and Chinese, with an archive and time that passed."""
    monkeypatch.setattr("adapters.storage.segments.SEGMENT_RECORDS", 3)
    store, scribe = durable.store(), Scribe()
    store.open()
    store.commit(scribe.begin())
    for _ in range(2):
        store.commit(scribe.write(scribe.submits(4)))
        take_snapshot(store)
    done = run("stats", durable.place, "--lang", lang)
    assert all(word in done.stdout for word in words), done.stdout
    file = tmp_path / "b"
    chosen = lang.startswith("zh")
    for words_given in (
        ("verify", durable.place),
        ("backup", durable.place, file),
        ("restore", file, tmp_path / "target"),
    ):
        done = run(*words_given, "--lang", lang)
        assert done.exit_code == 0, done.output
        assert ("记录" in done.stdout) == chosen, done.stdout
    done = run("restore", file, tmp_path / "target", "--lang", lang)
    assert done.stderr.startswith("错误" if chosen else "Error")


def test_both_languages_say_the_same() -> None:
    """Each text has both, with the same fields."""
    import string

    for key, texts in TEXTS.items():
        fields = [{name for _, name, _, _ in string.Formatter().parse(text) if name} for text in texts]
        assert fields[0] == fields[1], key
        assert all(texts), key
