"""The sweep: every point in a process of its own, kept one by one, with ratios and a plot from what is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench import sweep

MIDDLE = dict(zip(sweep.AXES, (10_000, 0, 200), strict=True))


def point(cost: float, **size: int) -> dict[str, Any]:
    return {**MIDDLE, **size, "skills": 5, "us_per_life": cost, "cpu_us_per_life": cost / 2, "invariants": "hold"}


def test_each_axis_is_walked_with_the_others_at_their_middle() -> None:
    """Nothing is said: the issue's ranges, and the point where all three axes cross is measured once."""
    sizes = sweep.sizes(sweep.parser().parse_args([]))

    assert sizes.count(MIDDLE) == 1
    for axis, ends in {"agents": (100, 100_000), "waiting": (0, 1_000_000), "queues": (1, 1_000)}.items():
        walked = [size[axis] for size in sizes if {**size, axis: MIDDLE[axis]} == MIDDLE]
        assert (min(walked), max(walked)) == ends
    assert all(sum(size[axis] != MIDDLE[axis] for axis in sweep.AXES) <= 1 for size in sizes)


def test_one_axis_alone() -> None:
    """Only the queues, in the middle of a smaller world."""
    given = sweep.parser().parse_args(["--axis", "queues", "--queues", "2,4", "--middle", "30", "7", "3"])
    assert sweep.sizes(given) == [{"agents": 30, "waiting": 7, "queues": number} for number in (2, 4)]


def test_the_ratios_are_those_of_the_targets() -> None:
    """Far over near; a point off the middle counts for nothing; what was not measured is None."""
    points = [
        point(20, agents=1_000), point(31, agents=100_000), point(24), point(30, waiting=100_000),
        point(900, waiting=1_000_000, queues=1),
    ]  # fmt: skip
    agents, far, farthest = sweep.ratios(points, MIDDLE)

    assert (agents["axis"], agents["ratio"], agents["wanted"], agents["reached"]) == ("agents", 1.55, 1.5, False)
    assert (far["axis"], far["ratio"], far["wanted"], far["reached"]) == ("waiting", 1.25, 1.5, True)
    assert (farthest["to"], farthest["ratio"], farthest["wanted"]) == (1_000_000, None, 2.0)


def test_a_point_measured_again_takes_the_place_of_the_older_one() -> None:
    """Two sweeps, one after the other: no size twice, all in order."""
    points: list[dict[str, Any]] = []
    for new in (point(2, agents=300), point(3, agents=100), point(4, agents=300)):
        points = sweep.add(points, new)
    assert [(one["agents"], one["us_per_life"]) for one in points] == [(100, 3), (300, 4)]


def test_a_small_sweep(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two points are measured, kept with all that is promised, and told; the second sweep adds to the first."""
    options = [*["--middle", "40", "0", "4", "--lives", "600", "--rounds", "1", "--json", "--into"], str(tmp_path)]
    assert sweep.main(["--axis", "agents", "--agents", "40", *options]) == 0
    assert sweep.main(["--axis", "waiting", "--waiting", "30", *options]) == 0

    stored = json.loads((tmp_path / "sweep.json").read_text())
    assert [(one["agents"], one["waiting"], one["queues"]) for one in stored["points"]] == [(40, 0, 4), (40, 30, 4)]
    for one in stored["points"]:
        assert {*sweep.KEPT, *sweep.AXES} <= one.keys()
        assert one["invariants"] == "hold"
    assert {"machine", "commit", "ratios", "middle"} <= stored.keys()
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [len(one["ratios"]) for one in printed] == [3, 3]


def test_a_point_that_fails_is_told_and_the_sweep_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process of a point says nothing that can be read: exit code 1, and why stands where the invariants would."""
    monkeypatch.setattr(sweep.sys, "executable", "false")
    arguments = ["--axis", "queues", "--queues", "1,2", "--middle", "10", "0", "2", "--into", str(tmp_path)]
    assert sweep.main(arguments) == 1
    assert capsys.readouterr().out.count("exit code 1") == 2
    assert len(sweep.read(tmp_path / "sweep.json")) == 2


def test_wrong_use_of_the_sweep_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """No agents, or an axis in words: exit code 2 and a sentence."""
    assert sweep.main(["--agents", "0"]) == 2
    assert "≥ 1" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        sweep.main(["--agents", "many"])
    assert ended.value.code == 2
    assert "many" in capsys.readouterr().err


def test_the_plot_is_drawn_from_what_is_stored(tmp_path: Path) -> None:
    """The same points: the same bytes; the targets stand in it."""
    pytest.importorskip("matplotlib", reason="the extra `plots` is not installed")
    points = [point(20, agents=1_000), point(31, agents=100_000), point(24), point(30, waiting=100_000)]
    drawings = []
    for name in ("once", "again"):
        series = {axis: sweep.along(points, axis, MIDDLE) for axis in sweep.AXES}
        paths = sweep.draw(series, tmp_path / name)
        assert [path.name for path in paths] == ["sweep.svg", "sweep.png"]
        drawings.append([path.read_bytes() for path in paths])
    assert drawings[0][0] == drawings[1][0]
    assert "≤ 2 × from 0 to 1,000,000" in drawings[0][0].decode()


def test_an_empty_sweep_is_drawn_all_the_same(tmp_path: Path) -> None:
    """Nothing is stored yet: three empty panels, no error."""
    pytest.importorskip("matplotlib", reason="the extra `plots` is not installed")
    assert sweep.draw({axis: [] for axis in sweep.AXES}, tmp_path)
