"""``python -m bench upgrade``: one engine gives way to the next under load, and back again; what clients saw of it.

A second process is started with the same words and ``--handover``; the first goes on serving until the second has read the
journal. The pause is the longest time in which no client, of all of them, got an answer.
"""

from __future__ import annotations

import argparse
import json
import select
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import engine
from bench._machine import commit, machine, yardstick_ns
from bench.crowd.engines import Engine
from bench.crowd.people import quantiles_ms
from bench.crowd.scene import Crowd, Waiting
from bench.dispatch import Help, store_as

_WITHIN_S = 60.0


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(prog="python -m bench upgrade", description=__doc__, formatter_class=Help)
    found.add_argument("--rate", type=float, default=1000, help="contacts a second, all the time")
    found.add_argument("--upgrades", type=int, default=2, help="there, back, there …")
    found.add_argument("--seconds", type=float, default=6, help="of load before, between and after")
    found.add_argument("--agents", type=int, default=600, help="on WebSockets, four contacts at once each")
    found.add_argument("--seed", type=int, default=1, help="of the arrivals")
    found.add_argument(
        "--journal", default="", help="`postgresql`: a server of its own; or a URL; a folder when not given"
    )
    found.add_argument("--json", action="store_true", help="print the result as JSON and nothing else")
    found.add_argument("--store", action="store_true", help="keep the result under bench/results/")
    return found


def hand_over(old: Engine, new: Engine, crowd: Crowd) -> dict[str, float]:
    """Start ``new``, go on with the load until it serves, and see that ``old`` is gone."""
    loop, ledger = crowd.loop, crowd.ledger
    began_s, answered = loop.now_s(), len(ledger.answered_s)
    new.begin()
    assert new.process is not None and new.process.stdout is not None
    said: list[int] = []
    fd = new.process.stdout.fileno()
    loop.watch(fd, select.EPOLLIN, said.append)
    loop.run(lambda: bool(said), _WITHIN_S, "the successor")
    loop.forget(fd)
    new.await_ready()
    ready_s = loop.now_s()
    assert old.process is not None
    loop.run(lambda: old.process.poll() is not None, _WITHIN_S, "the end of the predecessor")  # type: ignore[union-attr]  # just asserted
    gone_s = loop.now_s()
    loop.run_for(3.0)
    instants = np.asarray(ledger.answered_s[max(0, answered - 1) :])
    gaps = np.diff(instants)
    return {
        "pause_s": round(float(gaps.max()), 3),
        "ready_after_s": round(ready_s - began_s, 2),
        "old_gone_after_s": round(gone_s - began_s, 2),
        "old_exit": float(old.process.returncode),
    }


@contextmanager
def journal_at(place: str) -> Iterator[str]:
    """A URL for ``--store``, or nothing for the engine's own folder."""
    if place != "postgresql":
        yield place
        return
    from tests.cluster import programs, running_cluster  # the tests' own server, as they install and start it

    if programs() is None:
        raise SystemExit("there is no PostgreSQL server here: sh tools/postgresql.sh installs Debian's")
    with running_cluster() as cluster:
        yield cluster.new_place()


def measure(rate: float, upgrades: int, seconds: float, agents: int, seed: int, journal: str = "") -> dict[str, Any]:
    yardstick = yardstick_ns()
    with tempfile.TemporaryDirectory(prefix="sluice-upgrade-") as name:
        folder = Path(name)
        options: tuple[str, ...] = ("--handover", str(folder / "handover.sock"))
        if journal:
            options += ("--store", journal)
        engines = [Engine(*options, folder=folder) for _ in range(upgrades + 1)]
        try:
            engines[0].start()
            now = engines[0]
            crowd = Crowd(lambda: (now.ws, now.msgpack), agents=agents, seed=seed)
            loop, ledger = crowd.loop, crowd.ledger
            crowd.assemble()
            crowd.arrivals.set_rate(rate)
            loop.run_for(seconds)
            told = []
            for number in range(upgrades):
                told.append(hand_over(engines[number], engines[number + 1], crowd))
                now = engines[number + 1]
                ledger.begin()
                waiting = Waiting(loop, now)
                loop.run_for(seconds)
                told[-1]["accept_p99_ms_after"] = quantiles_ms(ledger.waits_s["accept"]).get("p99_ms", -1.0)
                told[-1] |= waiting.shares()
            drained_s = crowd.drain(60)
            epoch = now.ready["epoch"]
            crowd.leave()
        finally:
            for process in engines:
                process.kill()
    return {
        "benchmark": "upgrade",
        "rate_per_s": rate,
        "upgrades": told,
        "pause": max(one["pause_s"] for one in told),
        "acked": len(ledger.acked),
        "lost": len(ledger.lost()),
        "double_assigned": len(ledger.doubles),
        "taken_away": ledger.counts["taken away"],
        "resyncs": sum(session.resyncs for session in crowd.sessions),
        "refused": dict(ledger.codes),
        "epoch": epoch,
        "drained_s": round(drained_s, 2),
        "agents": agents,
        "compiled": engine.COMPILED,
        "yardstick_ns": yardstick,
    }


def sentences(result: dict[str, Any]) -> str:
    return (
        "{n} upgrades at {rate_per_s:,.0f} contacts/s: longest pause {pause} s; acked {acked:,}, lost {lost}, assigned "
        "twice {double_assigned}"
    ).format(n=len(result["upgrades"]), **result)


def main(arguments: Sequence[str]) -> int:
    """0: nothing lost, nobody assigned twice; 1: else; 2: wrong use."""
    given = parser().parse_args(arguments)
    if given.rate <= 0 or given.upgrades < 1 or given.seconds <= 0 or given.agents < 1:
        print("rate, upgrades, seconds and agents must be above 0", file=sys.stderr)
        return 2
    with journal_at(given.journal) as journal:
        result = measure(given.rate, given.upgrades, given.seconds, given.agents, given.seed, journal)
    result = {
        **result,
        "journal": "postgresql" if given.journal else "sqlite",
        "machine": machine(),
        "commit": commit(),
    }
    if given.store:
        path = store_as("upgrade", result)
        if not given.json:
            print(f"stored in {path}")
    print(json.dumps(result, ensure_ascii=False) if given.json else sentences(result))
    return 0 if not result["lost"] and not result["double_assigned"] else 1
