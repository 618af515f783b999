"""The benchmark of a policy swap: what it measures is a swap, and nothing else."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import dispatch, swap
from bench._lives import Play, Size
from engine.dispatch import commands as cm
from engine.dispatch.policy.compile import compile_policy


@pytest.fixture(autouse=True)
def _leave_the_collector_as_it_was() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


def test_a_small_swap(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Some wait, a queue goes, its contacts are moved with their clocks; what is told is what others read."""
    monkeypatch.setattr(dispatch, "RESULTS", tmp_path)
    size = "--agents 60 --queues 10 --waiting 200 --lives 100 --rounds 2 --json --store"
    assert swap.main(size.split()) == 0

    result = json.loads(capsys.readouterr().out)
    assert result["invariants"] == "hold"
    assert result["waiting"] >= 200
    assert result["queues_gone"] == 1
    assert result["contacts_moved"] > 0
    for part in (result["alone"], result["loaded"]):
        assert part["calls"] >= 1
        assert part["longest_ms"] <= part["total_ms"]
    assert result["loaded"]["calls"] > 100
    assert result["loaded"]["lives"] > 50
    (path,) = tmp_path.iterdir()
    assert path.name == "swap-60-agents-10-queues-200-waiting.json"
    assert json.loads(path.read_text()) == result


def test_the_new_policy_changes_every_queue() -> None:
    """Every requirement or step is another one, one queue in ten is gone, the first stays."""
    play = Play(Size(20, 10, 5, 0))
    before, after = play.dispatcher.policy.queues, compile_policy(swap.new_policy(10)).queues
    assert before.keys() - after.keys() == {"q5"}
    assert all(before[name] != after[name] for name in after)


def test_nothing_is_due_before_the_swap() -> None:
    """Arrivals stop and offers are accepted: after a while the dispatcher waits for nothing."""
    play = Play(Size(30, 5, 5, 40))
    play.set_scene()
    waiting = play.waiting()
    now = swap.rest(play.dispatcher)
    assert play.dispatcher.next_deadline() is None
    assert now > play.dispatcher.now
    assert play.waiting() > waiting / 2, "those who wait still do"


def test_time_passes_between_commands_as_with_a_driver() -> None:
    """What is due expires in calls of its own, never two in one millisecond, and commands come between them."""
    play = Play(Size(40, 6, 5, 50))
    play.set_scene()
    play.ticking = True
    play.run(300)
    ticks = [stamp for command, stamp in play.inputs if command is None]
    stamps = [stamp for _, stamp in play.inputs]
    assert ticks
    assert len(set(ticks)) == len(ticks)
    assert stamps == sorted(stamps)
    assert any(isinstance(command, cm.SubmitContact) for command, _ in play.inputs)
    assert play.counts.refused == 0


def test_wrong_use_of_the_swap_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody can wait less than not at all: exit code 2 and a sentence."""
    assert swap.main(["--waiting", "-1"]) == 2
    assert "waiting ≥ 0" in capsys.readouterr().err
