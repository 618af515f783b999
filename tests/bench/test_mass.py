"""The benchmark of mass effects: each is played to its end, and what is told is what others read."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import dispatch, mass
from bench._calls import write
from bench._lives import Play, Size
from engine.dispatch import commands as cm


@pytest.fixture(autouse=True)
def _leave_the_collector_as_it_was() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


def test_small_effects(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A bulk move, a gateway lost until its grace is over, a restart: all three are told and stored."""
    monkeypatch.setattr(dispatch, "RESULTS", tmp_path)
    size = "--agents 60 --queues 10 --waiting 100 --gateway 10 --rounds 2 --json --store"
    assert mass.main(size.split()) == 0

    result = json.loads(capsys.readouterr().out)
    assert result["waiting"] >= 100
    assert result["gateway"]["calls"] > 10
    for effect in ("bulk", "gateway", "start"):
        assert 0 < result[effect]["longest_ms"] <= result[effect]["total_ms"]
    assert [path.name for path in tmp_path.iterdir()] == ["mass-60-agents-10-queues-100-waiting.json"]


def test_calls_are_written_until_a_pause_or_for_so_long() -> None:
    """One is offered and nobody answers: with a long pause its deadline is among the calls, with a short one or a horizon not."""
    size = Size(agents=20, queues=1, skills=2, waiting=0)
    given = cm.SubmitContact(tenant="shop", channel="web", external_id="x", customer="c")

    def expired(pause_ms: int, at_most_ms: int) -> bool:
        play = Play(size)
        play.dispatcher.handle(cm.DefineAgent(profile=mass_agent()), play.now)
        play.dispatcher.handle(cm.SignOn(agent="ann"), play.now)
        calls, events = write(play.dispatcher, [given], play.now + 1, pause_ms, at_most_ms)
        assert calls[0] == (given, play.now + 1)
        return any(type(event).__name__ == "OfferExpired" for event in events)

    assert expired(25_000, 25_000)
    assert not expired(15_000, 25_000)
    assert not expired(25_000, 15_000)


def mass_agent() -> cm.AgentProfile:
    return cm.AgentProfile(agent="ann", tenant="shop", pools=("onsite",), skills={"topic0": 9}, capacity=1)


def test_wrong_use_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """No round at all: exit code 2 and one sentence."""
    assert mass.main(["--rounds", "0"]) == 2
    assert "must be ≥ 1" in capsys.readouterr().err
