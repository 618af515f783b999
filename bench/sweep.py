"""``python -m bench sweep``: what a life costs along each axis: agents, contacts that wait, queues.

Each point is ``bench dispatch`` in a fresh process, one axis at a time with the others where they are in that benchmark.
Points are stored one by one in ``sweep.json``, where a point measured again takes the place of the older one, so a sweep can
be done in parts (``--axis``); the plot and the ratios are drawn from all that is stored.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench._machine import ROOT, commit, machine
from bench.dispatch import RESULTS, Help

AXES = ("agents", "waiting", "queues")
# Where the other axes are while one is walked: the size of ``bench dispatch`` when nothing else is said.
MIDDLE = {"agents": 10_000, "waiting": 0, "queues": 200}
# (axis, from, to, at most so many times the cost per life)
TARGETS = (("agents", 1_000, 100_000, 1.5), ("waiting", 0, 100_000, 1.5), ("waiting", 0, 1_000_000, 2.0))
KEPT = (
    "lives_per_s", "lives_per_s_median", "us_per_life", "cpu_us_per_life", "commands_per_life", "events_per_life", "shares",
    "waiting_at_end", "rss_mb", "peak_rss_mb", "setup_s", "yardstick_ns", "lives", "rounds", "compiled", "invariants",
    "machine", "commit",
)  # fmt: skip
NO_PLOTS = "no plot: matplotlib is not installed, wanted the extra `plots`: .venv/bin/pip install -c requirements.lock -e '.[plots]'"


def sizes(given: argparse.Namespace) -> list[dict[str, int]]:
    """Each point once, also where axes cross."""
    found: list[dict[str, int]] = []
    for axis in given.axis or AXES:
        for value in getattr(given, axis):
            size = {**MIDDLE, **dict(zip(AXES, given.middle, strict=True)), axis: value}
            if size not in found:
                found.append(size)
    return found


def measure(size: dict[str, int], given: argparse.Namespace) -> dict[str, Any]:
    """``bench dispatch`` in a process of its own; what went wrong there stands in ``invariants``."""
    options = {**size, "skills": given.skills, "lives": given.lives, "rounds": given.rounds, "seed": given.seed}
    command = [sys.executable, "-m", "bench", "dispatch", "--json"]
    command += [word for name, value in options.items() for word in (f"--{name}", str(value))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    try:
        result = json.loads(done.stdout)
    except ValueError:
        said = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        return {**size, "skills": given.skills, "invariants": [f"exit code {done.returncode}: {said[0]}"]}
    return {**size, "skills": given.skills, **{name: result[name] for name in KEPT}}


# --- what is stored ---------------------------------------------------------------------------------------------------


def read(path: Path) -> list[dict[str, Any]]:
    """Points stored so far."""
    if not path.exists():
        return []
    return list(json.loads(path.read_text())["points"])


def add(points: list[dict[str, Any]], point: dict[str, Any]) -> list[dict[str, Any]]:
    """``point`` in the place of the one of its size; in order of size."""
    kept = [other for other in points if _size(other) != _size(point)]
    return sorted([*kept, point], key=_size)


def _size(point: dict[str, Any]) -> tuple[int, ...]:
    return tuple(int(point[name]) for name in (*AXES, "skills"))


def write(path: Path, points: list[dict[str, Any]], middle: dict[str, int]) -> dict[str, Any]:
    result = {
        "benchmark": "sweep",
        "machine": machine(),
        "commit": commit(),
        "middle": middle,
        "ratios": ratios(points, middle),
        "points": points,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    return result


def along(points: Sequence[dict[str, Any]], axis: str, middle: dict[str, int]) -> list[dict[str, Any]]:
    """The measured points of one axis, in its order: all that stand at the middle of the others."""
    others = [name for name in AXES if name != axis]
    found = [
        point for point in points if "us_per_life" in point and all(point[name] == middle[name] for name in others)
    ]
    return sorted(found, key=lambda point: int(point[axis]))


def ratios(points: Sequence[dict[str, Any]], middle: dict[str, int]) -> list[dict[str, Any]]:
    """Cost per life at the far point over cost at the near one, for each target; None where a point is missing.

    ``ratio`` is of wall time. ``cpu_ratio``, of processor time, is the one to believe where the machine had other work.
    """
    found = []
    for axis, near, far, wanted in TARGETS:
        at = {point[axis]: point for point in along(points, axis, middle)}
        row: dict[str, Any] = {
            "axis": axis,
            "from": near,
            "to": far,
            "wanted": wanted,
            "ratio": None,
            "cpu_ratio": None,
        }
        if near in at and far in at:
            row["ratio"] = round(at[far]["us_per_life"] / at[near]["us_per_life"], 2)
            row["cpu_ratio"] = round(at[far]["cpu_us_per_life"] / at[near]["cpu_us_per_life"], 2)
            row["reached"] = row["ratio"] <= wanted
        found.append(row)
    return found


# --- the command line -------------------------------------------------------------------------------------------------


def numbers(text: str) -> list[int]:
    """``100,1_000,10000``; raises ValueError."""
    found = [int(word) for word in text.split(",")]
    if min(found) < 0:
        raise ValueError(text)
    return found


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(prog="python -m bench sweep", description=__doc__, formatter_class=Help)
    found.add_argument("--agents", type=numbers, default="100,1000,10000,100000", help="points of this axis")
    found.add_argument("--waiting", type=numbers, default="0,1000,10000,100000,1000000", help="points of this axis")
    found.add_argument("--queues", type=numbers, default="1,10,100,200,1000", help="points of this axis")
    found.add_argument("--axis", action="append", choices=AXES, help="only this one (may be given twice)")
    middle = list(MIDDLE.values())
    found.add_argument(
        "--middle", type=int, nargs=3, metavar=("AGENTS", "WAITING", "QUEUES"), default=middle, help="the others' place"
    )
    found.add_argument("--skills", type=int, default=5, help="skills of each agent")
    found.add_argument("--lives", type=int, default=50_000, help="lives of a round, warm-up included")
    found.add_argument("--rounds", type=int, default=3, help="the same inputs again on a restored dispatcher")
    found.add_argument("--seed", type=int, default=1, help="one seed, one day")
    found.add_argument("--into", type=Path, default=RESULTS, help="folder of sweep.json, sweep.svg and sweep.png")
    found.add_argument("--draw", action="store_true", help="measure nothing: plot and ratios of what is stored")
    found.add_argument("--json", action="store_true", help="print the ratios as JSON and nothing else")
    return found


def walk(given: argparse.Namespace, path: Path) -> Iterator[dict[str, Any]]:
    """Measure point after point; each is stored before it is told."""
    middle = dict(zip(AXES, given.middle, strict=True))
    for size in sizes(given):
        point = measure(size, given)
        write(path, add(read(path), point), middle)
        yield point


def sentence(point: dict[str, Any]) -> str:
    if "us_per_life" not in point:
        return "{agents:>7,} agents {waiting:>9,} waiting {queues:>5,} queues: {invariants}".format(**point)
    return (
        "{agents:>7,} agents {waiting:>9,} waiting {queues:>5,} queues: {us_per_life:>7.2f} µs a life "
        "({cpu_us_per_life:.2f} on the processor), {lives_per_s:>7,} lives/s, {rss_mb:>7,.0f} MB, invariants: {invariants}"
    ).format(**point)


def verdict(row: dict[str, Any]) -> str:
    if row["ratio"] is None:
        return "{axis} {from:,} → {to:,}: not measured, wanted ≤ {wanted} ×".format(**row)
    return "{axis} {from:,} → {to:,}: {ratio} × ({cpu_ratio} × on the processor), wanted ≤ {wanted} ×".format(**row)


def main(arguments: Sequence[str]) -> int:
    """0: measured and sound; 1: a point failed or an invariant does not hold; 2: wrong use."""
    given = parser().parse_args(arguments)
    if min(*given.agents, *given.queues, given.skills, given.lives, given.rounds, given.middle[0], given.middle[2]) < 1:
        print("agents, queues, skills, lives and rounds must be ≥ 1, waiting ≥ 0", file=sys.stderr)
        return 2
    path = given.into / "sweep.json"
    sound = True
    for point in () if given.draw else walk(given, path):
        sound = sound and point["invariants"] == "hold"
        print(sentence(point), file=sys.stderr if given.json else sys.stdout, flush=True)
    points = read(path)
    middle = dict(zip(AXES, given.middle, strict=True))
    found = ratios(points, middle)
    drawn = draw({axis: along(points, axis, middle) for axis in AXES}, given.into)
    if not drawn:
        print(NO_PLOTS, file=sys.stderr)
    if given.json:
        print(json.dumps({"ratios": found, "plots": [str(one) for one in drawn]}, ensure_ascii=False))
    else:
        print("\n".join(verdict(row) for row in found))
    return 0 if sound else 1


def draw(series: dict[str, list[dict[str, Any]]], folder: Path) -> list[Path]:
    """sweep.svg and sweep.png; nothing without the extra ``plots``, or with nothing to draw."""
    try:
        from bench import _plot
    except ModuleNotFoundError:
        return []
    return _plot.draw(series, TARGETS, folder)
