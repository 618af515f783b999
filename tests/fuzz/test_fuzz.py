"""A moment of every fuzz target, and that the fuzzer finds what it should. For longer: ``make fuzz SECONDS=60``."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.server.commands import Commands
from engine.wire import codec
from engine.wire.framed import FramedCarrier
from tests.fuzz import process
from tests.fuzz.campaign import Campaign, again
from tests.fuzz.chance import Chance
from tests.fuzz.targets import TARGETS, Fault
from tests.fuzz.valid import readable, valid_messages

INPUTS = 400


@pytest.mark.parametrize("name", TARGETS)
def test_a_moment_of_each_target(name: str, tmp_path: Path) -> None:
    """The corpus, then a fixed number of new inputs: parsers all, a whole server in memory a part of them."""
    result = Campaign(tmp_path, seed=1).run(name, inputs=INPUTS)
    assert result.faults == ()
    assert result.inputs >= INPUTS


@pytest.mark.parametrize("name", TARGETS)
def test_the_corpus_is_small_and_used(name: str) -> None:
    """Every kept input is at most 4 KiB, and stands there once."""
    corpus = TARGETS[name].corpus()
    assert corpus
    assert len(set(corpus)) == len(corpus)
    assert max(map(len, corpus)) <= 4096


async def test_a_real_process_bears_it(tmp_path: Path) -> None:
    """The corpus and a hundred new inputs over loopback, then a hundred connections with the worst 64 KiB each at once:
    the process lives, serves a good client, crashed nowhere, and never needed 512 MiB."""
    targets = [TARGETS[name] for name in ("head", "frames", "framed", "commands")]
    chance = Chance(1)
    inputs = [(target.carrier, data) for target in targets for data in target.corpus()]
    inputs += [(target.carrier, target.make(chance, target.corpus())) for target in targets for _ in range(25)]
    engine = process.start(tmp_path)
    try:
        await process._play(engine, inputs)
        assert engine.running
        await process.flood_with_worst_frames(engine, 100)
        assert engine.running
        assert engine.log_lines("connection_crashed") == []
        assert engine.memory_kib("VmHWM") < 512 * 1024
    finally:
        engine.kill()


def test_what_inputs_are_bent_from_is_straight() -> None:
    """Each kind of frame, command and question there is, and the server takes it."""
    messages = valid_messages()
    assert all(map(readable, messages))
    assert len(messages) >= 100


# --- the fuzzer itself ----------------------------------------------------------------------------------------------


def _found(name: str, folder: Path, inputs: int = 2000) -> str:
    return " ".join(Campaign(folder, seed=3).run(name, inputs=inputs).faults)


def test_it_finds_a_limit_that_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Duplicate keys let pass: a second reader reads another frame."""
    monkeypatch.setattr(codec, "_is_plain", lambda *_: True)
    for name in ("json", "msgpack"):
        assert "a second reader" in _found(name, tmp_path)


def test_it_finds_what_depends_on_the_cutting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame lost when its length arrives in two reads."""
    feed = FramedCarrier.feed

    def forgetful(carrier: FramedCarrier, data: bytes) -> None:
        if len(carrier._buffer) == 3:
            carrier._buffer = b""
        feed(carrier, data)

    monkeypatch.setattr(FramedCarrier, "feed", forgetful)
    assert "cut another way" in _found("framed", tmp_path)


def test_it_finds_a_crash_and_repeats_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A handler that cannot bear one command: the file it leaves behind does it again, alone."""
    do = Commands.do

    def fragile(self: Commands, connection: object, frame: object) -> None:
        assert getattr(frame, "command", None).__class__.__name__ != "CloseContact", "a bug of ours"
        do(self, connection, frame)  # type: ignore[arg-type]  # whatever they are

    monkeypatch.setattr(Commands, "do", fragile)
    assert "crashed" in _found("commands", tmp_path)
    kept = next(path for path in (tmp_path / "commands").iterdir())
    with pytest.raises(Fault, match="crashed"):
        again(TARGETS["commands"], kept.read_bytes())
