"""``python -m bench dispatch``: full lives per second through the bare dispatcher."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

import engine
from bench._lives import BUSY_SHARE, Counts, Size
from bench._machine import commit, forget_gc, machine, peak_rss_mb, rss_mb, settle_gc, yardstick_ns
from bench._scene import Given, digest, read_batches, set_apart
from bench._soundness import broken_invariants
from engine.dispatch.dispatcher import Dispatcher

RESULTS = Path(__file__).parent / "results"


class Help(argparse.ArgumentDefaultsHelpFormatter):
    """Says each option's default; a flag's goes without saying."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.nargs == 0 else super()._get_help_string(action)


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(prog="python -m bench dispatch", description=__doc__, formatter_class=Help)
    found.add_argument("--agents", type=int, default=10_000, help="every agent has a different set of skills")
    found.add_argument("--queues", type=int, default=200, help="each with a requirement of one of three shapes")
    found.add_argument("--skills", type=int, default=5, help="skills of each agent")
    found.add_argument("--waiting", type=int, default=0, help="contacts that wait all the time, at least")
    found.add_argument("--lives", type=int, default=50_000, help="lives of a round, warm-up included")
    found.add_argument("--rounds", type=int, default=3, help="the same inputs again on a restored dispatcher")
    found.add_argument("--replies", action="store_true", help="customers write and agents reply: the reply clock runs")
    found.add_argument("--seed", type=int, default=1, help="one seed, one day")
    found.add_argument("--json", action="store_true", help="print the result as JSON and nothing else")
    found.add_argument("--store", action="store_true", help="keep the result under bench/results/")
    return found


def measure(size: Size, lives: int, rounds: int) -> dict[str, Any]:
    """Set the scene, write one day's inputs down, then give them to restored dispatchers and take the time."""
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as name:
        scene = set_apart(size, lives, Path(name))
        snapshot = (scene.folder / "snapshot").read_bytes()
        warm, measured = read_batches(scene.folder / "warm"), read_batches(scene.folder / "day")
    counts = scene.counts
    timings, busy_s, yardsticks = [], [], []
    dispatcher = None
    for _ in range(rounds):
        dispatcher = None  # let the last round's go before the next one comes
        forget_gc()
        dispatcher = Dispatcher.restore(snapshot)
        settle_gc()
        replay(dispatcher, warm)
        yardsticks.append(yardstick_ns())
        wall, cpu = replay(dispatcher, measured)
        timings.append(wall)
        busy_s.append(cpu)
    held_mb, peak_mb = rss_mb(), peak_rss_mb()
    del snapshot, warm, measured
    assert dispatcher is not None
    wrong = [*broken_invariants(dispatcher, np.random.default_rng(size.seed)), *dispatcher.audit()]
    if digest(dispatcher.snapshot()) != scene.ended:
        wrong.append("the restored dispatcher did not end where the first one did")
    if refused := scene.refused_before + counts.refused:
        wrong.append(f"{refused} commands were refused")
    best = min(timings)
    return {
        "benchmark": "dispatch",
        "agents": size.agents,
        "queues": size.queues,
        "skills": size.skills,
        "waiting": size.waiting,
        "replies": size.replies,
        "lives": counts.lives,
        "lives_per_s": round(counts.lives / best),
        "us_per_life": round(best / counts.lives * 1e6, 2),
        "lives_per_s_median": round(counts.lives / statistics.median(timings)),
        # Less than the above when the machine had other work to do meanwhile.
        "cpu_us_per_life": round(min(busy_s) / counts.lives * 1e6, 2),
        "rounds": [round(counts.lives / timing) for timing in timings],
        "yardstick_ns": min(yardsticks),
        "compiled": engine.COMPILED,
        "commands_per_life": round(scene.commands / counts.lives, 2),
        "events_per_life": round(counts.events / counts.lives, 2),
        "setup_s": round(scene.setup_s, 2),
        # Of the process that measures: the dispatcher, its snapshot and the day's inputs.
        "rss_mb": round(held_mb, 1),
        "peak_rss_mb": round(peak_mb, 1),
        "shares": _shares(counts),
        "waiting_at_end": sum(dispatcher.queue_length(queue) for queue in dispatcher.policy.queues),
        "invariants": "hold" if not wrong else wrong[:20],
    }


def replay(dispatcher: Dispatcher, given: Iterable[bytes]) -> tuple[float, float]:
    """Wall and processor seconds inside ``handle`` for these batches; decoding them is not counted."""
    handle, decode = dispatcher.handle, msgspec.msgpack.Decoder(list[Given]).decode
    wall = busy = 0.0
    for batch in given:
        inputs = decode(batch)
        started, ran = time.perf_counter(), time.process_time()
        for command, stamp in inputs:
            handle(command, stamp)
        wall += time.perf_counter() - started
        busy += time.process_time() - ran
    return wall, busy


def _shares(counts: Counts) -> dict[str, float]:
    """What was really achieved; direct: offered in the step of arrival, of all who arrived."""
    direct = counts.direct / max(counts.submitted, 1)
    return {
        "direct": round(direct, 3),
        "queued": round(1 - direct, 3),
        "declined": round(counts.declined / max(counts.offers, 1), 3),
        "expired": round(counts.expired / max(counts.offers, 1), 3),
        "steps_opened_per_life": round(counts.steps / max(counts.lives, 1), 2),
    }


def store(result: dict[str, Any]) -> Path:
    """One file per size; git keeps the older ones."""
    name = "dispatch-{agents}-agents-{queues}-queues-{skills}-skills-{waiting}-waiting".format(**result)
    return store_as(f"{name}{'-replies' if result['replies'] else ''}", result)


def store_as(name: str, result: dict[str, Any]) -> Path:
    path = RESULTS / f"{name}.json"
    RESULTS.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    return path


def sentences(result: dict[str, Any]) -> str:
    shares = result["shares"]
    return (
        "{lives_per_s:,} lives/s, {us_per_life} µs a life, {cpu_us_per_life} of them on the processor (best of {n} rounds, median {lives_per_s_median:,})\n"
        "{agents:,} agents × {queues} queues × {skills} skills, {waiting:,} waiting; "
        "{commands_per_life} commands and {events_per_life} events a life\n"
    ).format(n=len(result["rounds"]), **result) + (
        f"{shares['direct']:.0%} direct, {shares['queued']:.0%} from queues, {shares['declined']:.1%} of offers declined, "
        f"{shares['expired']:.1%} expired, {shares['steps_opened_per_life']} steps opened a life\n"
        f"set-up {result['setup_s']} s, peak memory {result['peak_rss_mb']} MB, invariants: {result['invariants']}"
    )


def main(arguments: Sequence[str]) -> int:
    """0: measured and sound; 1: an invariant does not hold; 2: wrong use."""
    given = parser().parse_args(arguments)
    if min(given.agents, given.queues, given.skills, given.lives, given.rounds) < 1 or given.waiting < 0:
        print("agents, queues, skills, lives and rounds must be ≥ 1, waiting ≥ 0", file=sys.stderr)
        return 2
    size = Size(given.agents, given.queues, given.skills, given.waiting, given.replies, given.seed)
    result = {**measure(size, given.lives, given.rounds), "machine": machine(), "commit": commit()}
    if given.store:
        path = store(result)
        if not given.json:
            print(f"stored in {path}")
    print(json.dumps(result, ensure_ascii=False) if given.json else sentences(result))
    return 0 if result["invariants"] == "hold" else 1


__all__ = ["BUSY_SHARE", "main", "measure"]
