"""``python -m bench slow``: clients that read nothing, and what the others notice of them.

The same steady load twice on one engine: alone, then with supervisors who follow everything and have stopped reading. They
are closed as resumable, come back, and stop reading again.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

import msgpack

import engine
from bench._machine import commit, machine, yardstick_ns
from bench.crowd.engines import Engine, cores
from bench.crowd.links import Link
from bench.crowd.people import quantiles_ms
from bench.crowd.scene import Crowd, Waiting
from bench.dispatch import Help, store_as

# A phone's window, not loopback's six megabytes: who does not read is to be noticed.
_RECEIVE_BYTES = 64 * 1024


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(prog="python -m bench slow", description=__doc__, formatter_class=Help)
    found.add_argument("--rate", type=float, default=300, help="lives a second")
    found.add_argument("--sleepers", type=int, default=20, help="supervisors who follow everything and read nothing")
    found.add_argument("--seconds", type=float, default=25, help="of each half")
    found.add_argument("--agents", type=int, default=200, help="on WebSockets, four contacts at once each")
    found.add_argument("--seed", type=int, default=1, help="of the arrivals")
    found.add_argument("--json", action="store_true", help="print the result as JSON and nothing else")
    found.add_argument("--store", action="store_true", help="keep the result under bench/results/")
    return found


class Sleeper:
    """Follows the whole domain, and reads nothing for long stretches. What it finds on waking is thrown away unread, so
    that it takes no time from those who are measured beside it."""

    _SLEEP_S, _AWAKE_S = 10.0, 0.5

    def __init__(self, crowd: Crowd, process: Engine, number: int) -> None:
        self.closed = 0
        self._loop, self._process, self._subject = crowd.loop, process, f"s{number}"
        self._link: Link | None = None
        self._over = False

    def start(self) -> None:
        if not self._over:
            self._link = Link(
                self._loop,
                self._process.ws,
                self._greet,
                lambda _frames: None,
                self._on_down,
                receive_bytes=_RECEIVE_BYTES,
            )
            self._loop.after(self._AWAKE_S, self._fall_asleep)

    def _greet(self) -> None:
        assert self._link is not None
        for frame in (
            {"op": "hello", "role": "supervisor", "subject": self._subject, "tenant": "acme"},
            {"op": "resume", "id": "r", "streams": {"domain": -1}},
        ):
            self._link.send(msgpack.packb(frame))

    def _on_down(self, _why: str) -> None:
        self.closed += 1
        self._loop.after(0.5, self.start)

    def _fall_asleep(self, link: Link | None = None) -> None:
        link = link or self._link
        if link is not None and not link.is_down:
            link.pause(reads=False)
            self._loop.after(self._SLEEP_S, lambda: self._look(link))

    def _look(self, link: Link) -> None:
        if not link.is_down:
            link.pause(reads=True)
            self._loop.after(self._AWAKE_S, lambda: self._fall_asleep(link))

    def leave(self) -> None:
        self._over = True
        if self._link is not None:
            self._link.cut()


def measure(rate: float, sleepers: int, seconds: float, agents: int, seed: int) -> dict[str, Any]:
    yardstick = yardstick_ns()
    with Engine(core=cores()[0]) as process:
        crowd = Crowd(lambda: (process.ws, process.msgpack), agents=agents, seed=seed)
        crowd.assemble()
        crowd.arrivals.set_rate(rate)
        crowd.loop.run_for(4)
        halves: list[dict[str, Any]] = []
        asleep = [Sleeper(crowd, process, number) for number in range(sleepers)]
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
        closed = sum(sleeper.closed for sleeper in asleep)
        for sleeper in asleep:
            sleeper.leave()
        crowd.drain(60)
        crowd.leave()
    alone, beside = (half["accept"].get("p99_ms", 0.0) for half in halves)
    return {
        "benchmark": "slow",
        "rate_per_s": rate,
        "sleepers": sleepers,
        "cost_to_others_p99_ms": round(beside - alone, 2),
        "closed_and_back": closed,
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
        "they were closed and came back {closed_and_back} times".format(**result)
    )
    return 0 if not result["lost"] else 1
