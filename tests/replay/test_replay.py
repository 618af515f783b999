"""``sluice replay --check``: a recorded day decides itself again, and whatever does not is shown in full."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from click.testing import CliRunner, Result

from adapters.storage.sqlite import SqliteStore
from engine.cli.replay import replay
from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.commands import AgentProfile
from engine.driver.batches import BatchInMaking
from engine.ports import Principal, Record
from engine.store.backup import write_backup
from engine.store.memory import MemoryStore
from engine.store.recordings import Recording, recording_of, recording_of_backup
from engine.store.records import encode_command, encode_events, events_of
from engine.store.recovery import take_snapshot
from engine.store.replaying import check_replay
from tests.store.stage import Scribe

DAY = Path(__file__).parent / "shop_day.backup"


def _check(place: Path | str, *more: str) -> Result:
    return CliRunner().invoke(replay, [str(place), "--check", *more])


def test_the_recorded_shop_decides_itself_again_to_the_last_event() -> None:
    """Hundreds of contacts over real sockets, two engines, a swap of policies, ticks, refusals: not one event differs.

    How it was recorded: tools/record_day.py (`make record`)."""
    found = check_replay(recording_of_backup(DAY))
    assert (found.ok, found.differing, found.first) == (True, 0, None)
    assert found.records == found.last_lsn > 2_000
    assert found.epochs == 2 and found.policies == 2 and found.ticks > 50 and found.refused > 0
    kinds = {type(event) for record in recording_of_backup(DAY).records for event in events_of(record)}
    assert {ev.OfferDeclined, ev.OfferExpired, ev.ContactTransferred, ev.AgentLost, ev.ContactAnswered} <= kinds


def _forged(after: int) -> Recording:
    """The day, but for one offer behind that lsn that went to somebody else."""
    day = recording_of_backup(DAY)

    def records() -> Iterator[Record]:
        done = False
        for record in day.records:
            events = events_of(record)
            place = next((place for place, event in enumerate(events) if type(event) is ev.OfferMade), -1)
            if not done and record.lsn > after and place >= 0:
                done = True
                made = events[place]
                assert isinstance(made, ev.OfferMade)
                events[place] = ev.OfferMade(**{name: getattr(made, name) for name in made.__struct_fields__} | {"agent": "mallory"})  # type: ignore[arg-type]  # fmt: skip
                record = Record(**{name: getattr(record, name) for name in record.__struct_fields__} | {"events": encode_events(events)})  # fmt: skip
            yield record

    return Recording(day.after, day.last, day.state, records())


def test_an_offer_to_somebody_else_is_found_and_shown_in_full() -> None:
    """The first different event is named by lsn and place, with its input and what was recorded and decided."""
    found = check_replay(_forged(1_000))
    assert not found.ok and found.differing == 1 and found.first is not None
    assert found.first.lsn == found.last_lsn > 1_000
    place = found.first.place - 1
    assert found.first.expected[place]["agent"] == "mallory" != found.first.got[place]["agent"]


def test_what_differs_is_told_in_either_language_and_as_json(tmp_path: Path) -> None:
    """The journal says that bob signed on; the input says ann. Exit code 1, and every line that one needs."""
    with_lie = tmp_path / "store"
    _lie(with_lie)
    english = _check(with_lie, "--lang", "en")
    assert english.exit_code == 1
    assert "lsn 4 differs: 1 of its events" in english.stdout
    assert 'input: {"type":"agent.sign_on","agent":"ann"}' in english.stdout
    assert next(line for line in english.stdout.splitlines() if line.startswith("  > ")).count('"bob"') == 1
    assert "lsn 4 出现差异" in _check(with_lie, "--lang", "zh").stdout
    found = json.loads(_check(with_lie, "--json").stdout)
    assert (found["ok"], found["first"]["lsn"], found["first"]["principal"]) == (False, 4, "engine/")


def _lie(folder: Path) -> None:
    store, scribe = SqliteStore(folder), Scribe()
    store.open()
    store.commit(scribe.begin())
    store.commit(scribe.write([cm.DefineAgent(AgentProfile("ann")), cm.DefineAgent(AgentProfile("bob"))]))
    batch = BatchInMaking(scribe.lsn, scribe.hash, 1)
    events = scribe.dispatcher.handle(cm.SignOn("bob"), scribe.now)
    forged, _ = encode_command(cm.SignOn("ann"))
    batch.add(scribe.now, Principal("", "engine", ""), "engine/", "", cm.SignOn("ann"), forged, events, b"")
    store.commit(batch.to_commit(0, 0))
    store.close()


def test_where_the_beginning_is_gone_replay_goes_on_from_the_oldest_snapshot(tmp_path: Path) -> None:
    """A store that holds a snapshot and the records behind it alone, and its backup: both begin with that state."""
    whole, trimmed, scribe = MemoryStore(), SqliteStore(tmp_path / "trimmed"), Scribe()
    whole.open()
    whole.commit(scribe.begin())
    whole.commit(scribe.write([cm.DefineAgent(AgentProfile("ann")), cm.SignOn("ann"), *scribe.submits(4)]))
    kept = take_snapshot(whole)
    trimmed.open()
    trimmed.begin_at(kept, 1)
    trimmed.save_snapshot(kept, whole.load_snapshot(kept))
    trimmed.commit(scribe.write(scribe.submits(3)))
    write_backup(trimmed, tmp_path / "copy", 0)
    for recording in (recording_of(trimmed), recording_of_backup(tmp_path / "copy")):
        found = check_replay(recording)
        assert (found.ok, found.records, found.after, found.first) == (True, 3, kept, None)


def test_no_journal_an_empty_and_a_damaged_one_end_with_a_sentence_and_code_2(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    data = bytearray(DAY.read_bytes())
    data[len(data) // 2] ^= 1
    damaged.write_bytes(data)
    empty = tmp_path / "empty"
    store = SqliteStore(empty)
    store.open()
    store.close()
    for place, why in ((damaged, "checksum"), (empty, "empty"), (tmp_path / "nowhere", "no journal here")):
        ended = _check(place, "--lang", "en")
        assert (ended.exit_code, why in ended.stderr) == (2, True), ended.stderr
    assert CliRunner().invoke(replay, [str(DAY)]).exit_code == 2
