"""The benchmark measures what it says: whole lives, in the promised mix, on a sound dispatcher."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bench import _machine, dispatch
from bench._lives import Play, Size, profiles
from engine.cli import collector


@pytest.fixture(autouse=True)
def _leave_the_collector_as_it_was() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    code = dispatch.main([*arguments, "--rounds", "1", "--json"])
    printed = capsys.readouterr().out
    assert code == 0, printed
    assert len(printed.splitlines()) == 1, "JSON and nothing else"
    return json.loads(printed)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "size",
    [
        "--agents 200 --queues 20 --skills 5 --waiting 100",
        "--agents 200 --queues 20 --skills 5 --waiting 0 --replies",
        "--agents 50 --queues 1 --skills 5 --waiting 0",
    ],
)
def test_a_small_run(capsys: pytest.CaptureFixture[str], size: str) -> None:
    """The keys that others read are there, the mix is as promised, the invariants hold."""
    result = run(capsys, *size.split(), "--lives", "3000")

    assert result["invariants"] == "hold"
    assert {"lives_per_s", "us_per_life", "peak_rss_mb", "setup_s", "shares", "machine", "commit"} <= set(result)
    shares = result["shares"]
    assert isinstance(shares, dict)
    assert shares["direct"] == pytest.approx(0.3, abs=0.08)
    assert shares["declined"] == pytest.approx(0.05, abs=0.02)
    assert shares["expired"] == pytest.approx(0.02, abs=0.012)


@pytest.mark.parametrize(
    "size",
    [
        Size(100, 200, 5, 0), Size(100, 200, 5, 300), Size(300, 3, 5, 0), Size(300, 3, 5, 200), Size(500, 1, 5, 0),
        Size(40, 100, 3, 0),
    ],
)  # fmt: skip
def test_the_mix_holds_in_small_worlds(size: Size) -> None:
    """Two agents to a queue, or three queues, or one: still three in ten are offered at once, and as many wait as should."""
    play = Play(size)
    play.set_scene()
    play.run(4_000)
    assert play.counts.direct / play.counts.submitted == pytest.approx(0.3, abs=0.03)
    assert play.counts.lives / play.counts.submitted == pytest.approx(1, abs=0.1)
    assert play.waiting() > size.waiting * 0.9
    assert play.counts.refused == 0


def test_with_one_queue_all_wait_behind_those_who_wait() -> None:
    """Somebody waits in the only queue: whoever comes later waits behind them, and the line keeps its length."""
    play = Play(Size(100, 1, 5, 200))
    play.set_scene()
    play.run(2_000)
    assert play.counts.direct == 0
    assert play.waiting() == pytest.approx(200, rel=0.1)


def test_nobody_waits_for_a_skill_that_nobody_has() -> None:
    """Two topics to each agent: every queue has somebody all the same."""
    size = Size(30, 100, 3, 0)
    known = {skill for profile in profiles(size, np.random.default_rng(1), 70) for skill in profile.skills}
    assert {f"topic{number}" for number in range(100)} <= known


def test_every_agent_has_another_set_of_skills() -> None:
    """As many sets as agents, of the promised size, also where the queues name few skills."""
    for size in (Size(2_000, 200, 5, 0), Size(100, 1, 5, 0), Size(300, 4, 3, 0)):
        sets = [frozenset(p.skills) for p in profiles(size, np.random.default_rng(1), max(1, size.queues // 2))]
        assert len(set(sets)) == size.agents
        assert min(map(len, sets)) >= size.skills


def test_a_result_is_stored_under_its_size(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One file per size, with machine and commit in it."""
    monkeypatch.setattr(dispatch, "RESULTS", tmp_path)

    run(capsys, *["--agents", "60", "--queues", "6", "--waiting", "20", "--lives", "600", "--store"])

    (path,) = tmp_path.iterdir()
    assert path.name == "dispatch-60-agents-6-queues-5-skills-20-waiting.json"
    stored = json.loads(path.read_text())
    assert stored["machine"]["cores"] >= 1
    assert stored["commit"]


def test_wrong_use_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """No agents, no benchmark: exit code 2 and a sentence."""
    assert dispatch.main(["--agents", "0"]) == 2
    assert "agents" in capsys.readouterr().err


def test_the_garbage_collector_is_set_as_in_the_engine() -> None:
    """The figures are those of the engine's own settings."""
    assert collector.THRESHOLDS == _machine.ENGINE_GC


def test_help_says_each_default(capsys: pytest.CaptureFixture[str]) -> None:
    """What runs when nothing is given is written where one looks for it; flags are off without saying so."""
    with pytest.raises(SystemExit):
        dispatch.main(["--help"])
    told = " ".join(capsys.readouterr().out.split())
    for default in ("10000", "200", "5", "0", "50000", "3", "1"):
        assert f"(default: {default})" in told
    assert "default: False" not in told
