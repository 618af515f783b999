"""Command keys: retries, conflicts, and how long they are remembered."""

from __future__ import annotations

import pytest

from engine.dispatch import commands as cm
from engine.ports import Answer, Corrupt, Record, StoredAnswer
from engine.store.answers import RETENTION_MS, RecentAnswers, answer_again, body_hash, is_kept, open_answer
from engine.store.records import command_of, encode_command, events_of
from tests.store.stage import key_of, sealed


def kept(command_id: str = "a", stamp: int = 1_000) -> StoredAnswer:
    return sealed(command_id, b"command", b"text", Answer(lsn=7, result={"contact": 3}), stamp)


def test_the_same_body_gets_the_same_answer() -> None:
    again = answer_again(kept(), body_hash(b"command", b"text"), "contact.submit")
    assert again == Answer(lsn=7, result={"contact": 3})


@pytest.mark.parametrize("body", [body_hash(b"command", b"other text"), body_hash(b"another", b"text")])
def test_another_body_is_a_conflict(body: bytes) -> None:
    """Other words, or another command: the answer names the id and the record that has it."""
    answer = answer_again(kept("k9"), body, "contact.submit")
    assert answer.code == "conflict"
    assert "'k9'" in answer.what
    assert "record 7" in answer.wanted


def test_an_answer_is_kept_for_a_day() -> None:
    assert is_kept(kept(stamp=1_000), 1_000 + RETENTION_MS - 1)
    assert not is_kept(kept(stamp=1_000), 1_000 + RETENTION_MS)


def test_a_changed_answer_is_refused() -> None:
    good = kept()
    bad = StoredAnswer(good.key, good.body_hash, good.answer, good.stamp + 1, good.lsn, good.crc)
    with pytest.raises(Corrupt):
        open_answer(bad)


def test_memory_holds_the_newest() -> None:
    """Three come, two fit: the oldest goes; one that came again counts as new."""
    recent = RecentAnswers(2)
    for name in ("a", "b", "a", "c"):
        recent.add(kept(name))
    assert recent.find(key_of("b"), 1_000) is None
    assert recent.find(key_of("a"), 1_000) == kept("a")
    assert len(recent) == 2
    assert recent.find(key_of("a"), 1_000 + RETENTION_MS) is None, "past its day"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (cm.SubmitContact(tenant="acme", customer="\ud800"), "surrogates"),
        (cm.SubmitContact(tenant="acme", attributes={"order": 2**70}), "ints"),
        (cm.SubmitContact(tenant=5), "Expected `str`"),  # type: ignore[arg-type]  # what mypy would not let pass
        (cm.SubmitContact(tenant="acme", attributes={"order": object()}), "object"),  # type: ignore[dict-item]  # what mypy would not let pass
    ],
)
def test_what_could_not_be_read_back_is_not_written(command: cm.Command, said: str) -> None:
    """Half a surrogate pair, a number past 64 bits, a field of another type: named before the inbox."""
    with pytest.raises(ValueError, match=said):
        encode_command(command)


def test_a_record_of_an_unknown_type_stops_the_reading() -> None:
    """An event or a command that this release does not know is no reason to skip a record."""
    record = Record(4, 1, 0, "", "", "", b"\x81\xa4type\xa7unheard", b"\x91\x81\xa4type\xa7unheard")
    for read in (events_of, command_of):
        with pytest.raises(Corrupt, match="record 4"):
            read(record)
