"""``python -m bench slow``: clients that read nothing, and what the others notice of them.

The same steady load twice on one engine: alone, then with supervisors who follow everything and have stopped reading. They
are closed as resumable, come back, resume, and stop reading again.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

import engine
from bench._machine import commit, machine, yardstick_ns
from bench.crowd.engines import Engine, cores
from bench.crowd.people import quantiles_ms
from bench.crowd.scene import Crowd, Waiting
from bench.crowd.sessions import Session
from bench.dispatch import Help, store_as


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(prog="python -m bench slow", description=__doc__, formatter_class=Help)
    found.add_argument("--rate", type=float, default=300, help="lives a second")
    found.add_argument("--sleepers", type=int, default=20, help="supervisors who follow everything and read nothing")
    found.add_argument("--seconds", type=float, default=20, help="of each half")
    found.add_argument("--agents", type=int, default=200, help="on WebSockets, four contacts at once each")
    found.add_argument("--seed", type=int, default=1, help="of the arrivals")
    found.add_argument("--json", action="store_true", help="print the result as JSON and nothing else")
    found.add_argument("--store", action="store_true", help="keep the result under bench/results/")
    return found


class Sleeper:
    """Follows the whole domain, and falls asleep as soon as it has said so."""

    def __init__(self, crowd: Crowd, process: Engine, number: int, rng: np.random.Generator) -> None:
        self.session = Session(
            crowd.loop,
            lambda: process.ws,
            {"role": "supervisor", "subject": f"s{number}"},
            rng,
            on_push=lambda _events, _offset: None,
        )
        self._loop = crowd.loop
        self._awake = True

    def start(self) -> None:
        self.session.stream = "domain"
        self.session.offset = 0
        self.session.open()
        self._loop.after(0.5, self._sleep)

    def _sleep(self) -> None:
        link = self.session.link
        if link is not None and not link.is_down and self.session.link_s is not None:
            link.pause(reads=False)
            self._loop.after(3.0, self._look)
        else:
            self._loop.after(0.2, self._sleep)

    def _look(self) -> None:
        """Awake for a moment: what has come, and whether it was closed meanwhile."""
        link = self.session.link
        if link is not None and not link.is_down:
            link.pause(reads=True)
        self._loop.after(0.5, self._sleep)


def measure(rate: float, sleepers: int, seconds: float, agents: int, seed: int) -> dict[str, Any]:
    yardstick = yardstick_ns()
    with Engine(core=cores()[0]) as process:
        crowd = Crowd(lambda: (process.ws, process.msgpack), agents=agents, seed=seed)
        crowd.assemble()
        crowd.arrivals.set_rate(rate)
        crowd.loop.run_for(4)
        halves: list[dict[str, Any]] = []
        asleep = [
            Sleeper(crowd, process, n, rng) for n, rng in enumerate(np.random.default_rng(seed + 1).spawn(sleepers))
        ]
        for half in (0, 1):
            if half:
                for sleeper in asleep:
                    sleeper.start()
                crowd.loop.run_for(2)
            crowd.ledger.begin()
            waiting, cpu_s = Waiting(crowd.loop, process), process.cpu_s()
            crowd.loop.run_for(seconds)
            halves.append(
                {
                    **{name: quantiles_ms(waits) for name, waits in crowd.ledger.waits_s.items()},
                    "engine_cpu": round((process.cpu_s() - cpu_s) / seconds, 3),
                    "engine_rss_mb": round(process.rss_bytes() / 1e6, 1),
                    **waiting.shares(),
                }
            )
        closed = sum(sleeper.session.reconnects for sleeper in asleep)
        for sleeper in asleep:
            sleeper.session.close()
        crowd.drain(60)
        crowd.leave()
    alone, beside = (half["accept"].get("p99_ms", 0.0) for half in halves)
    return {
        "benchmark": "slow",
        "rate_per_s": rate,
        "sleepers": sleepers,
        "cost_to_others_p99_ms": round(beside - alone, 2),
        "closed_and_resumed": closed,
        "alone": halves[0],
        "beside_sleepers": halves[1],
        "lost": len(crowd.ledger.lost()),
        "compiled": engine.COMPILED,
        "yardstick_ns": yardstick,
    }


def main(arguments: Sequence[str]) -> int:
    """0: measured, nothing lost; 1: something was; 2: wrong use."""
    given = parser().parse_args(arguments)
    if given.rate <= 0 or given.seconds <= 0 or given.agents < 1 or given.sleepers < 1:
        print("rate, seconds, agents and sleepers must be above 0", file=sys.stderr)
        return 2
    result = measure(given.rate, given.sleepers, given.seconds, given.agents, given.seed)
    result = {**result, "machine": machine(), "commit": commit()}
    if given.store:
        path = store_as("slow", result)
        if not given.json:
            print(f"stored in {path}")
    print(
        json.dumps(result, ensure_ascii=False)
        if given.json
        else "{sleepers} who do not read cost the others {cost_to_others_p99_ms} ms at p99 of an accept at {rate_per_s:g} lives/s; "
        "they were closed and came back {closed_and_resumed} times".format(**result)
    )
    return 0 if not result["lost"] else 1
