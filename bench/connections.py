"""``python -m bench connections``: agents on idle WebSockets, what each costs, and how long until all are back at once.

All sockets are cut in the same moment, as a load balancer does that restarts; then the engine is killed and started
again, which takes memory and streams with it. Each time everybody comes back with jitter, is paced, and resumes.
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
from bench.crowd.engines import Engine, cores, raise_fd_limit
from bench.crowd.loop import Loop
from bench.crowd.sessions import Session
from bench.dispatch import Help, store_as

# So many are let in before the next ones say hello; and how many share a source address, below the range of ports.
_WAVE = 200
_PER_ADDRESS = 5_000
_SPARE_FDS = 600


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(prog="python -m bench connections", description=__doc__, formatter_class=Help)
    found.add_argument("--count", type=int, default=15_000, help="connections, one agent each")
    found.add_argument("--idle", type=float, default=5, help="seconds of quiet before memory is read")
    found.add_argument("--seed", type=int, default=1, help="of the clients' back-off")
    found.add_argument("--json", action="store_true", help="print the result as JSON and nothing else")
    found.add_argument("--store", action="store_true", help="keep the result under bench/results/")
    return found


class Idlers:
    """Agents who are connected and follow their own stream, and do nothing."""

    def __init__(self, process: Engine, count: int, seed: int) -> None:
        self.loop = Loop()
        streams = np.random.default_rng(seed).spawn(count)
        self.sessions = [
            Session(
                self.loop,
                lambda: process.ws,
                {"role": "agent", "subject": f"i{number}"},
                streams[number],
                on_push=lambda _events, _offset: None,
                source=f"127.0.0.{2 + number // _PER_ADDRESS}",
            )
            for number in range(count)
        ]

    def connect(self) -> float:
        began_s = self.loop.now_s()
        for begin in range(0, len(self.sessions), _WAVE):
            wave = self.sessions[begin : begin + _WAVE]
            for session in wave:
                session.open()
            self.loop.run(lambda wave=wave: all(s.link_s is not None for s in wave), 60, "connecting")  # type: ignore[misc]  # bound now
        self.loop.run(self._are_settled, 60, "the first answers")
        return self.loop.now_s() - began_s

    def _are_settled(self) -> bool:
        return all(session.link_s is not None and not session.unanswered for session in self.sessions)

    def welcomes(self) -> int:
        return sum(session.reconnects for session in self.sessions)

    def all_back(self, began_s: float, welcomes: int, within_s: float) -> dict[str, float]:
        """Until everybody is welcomed and resumed once more than ``welcomes``; seconds since ``began_s``."""
        wanted = welcomes + len(self.sessions)
        self.loop.run(lambda: self.welcomes() >= wanted and self._are_settled(), within_s, "coming back")
        back = np.asarray([session.link_s or 0.0 for session in self.sessions]) - began_s
        return {
            "all_back_s": round(self.loop.now_s() - began_s, 2),
            "half_back_s": round(float(np.median(back)), 2),
            "last_welcome_s": round(float(back.max()), 2),
        }

    def leave(self) -> None:
        for session in self.sessions:
            session.close()
        self.loop.close()


def measure(count: int, idle_s: float, seed: int) -> dict[str, Any]:
    yardstick = yardstick_ns()
    raise_fd_limit(count + _SPARE_FDS)
    with Engine(core=cores()[0]) as process:
        idlers = Idlers(process, count, seed)
        empty = process.rss_bytes()
        connected_s = idlers.connect()
        cpu_s = process.cpu_s()
        idlers.loop.run_for(idle_s)
        idle_cpu = (process.cpu_s() - cpu_s) / idle_s
        full = process.rss_bytes()
        began_s, welcomes = idlers.loop.now_s(), idlers.welcomes()
        for session in idlers.sessions:
            session.cut()
        cpu_s = process.cpu_s()
        cut = idlers.all_back(began_s, welcomes, 120)
        cut["engine_cpu_us_each"] = round((process.cpu_s() - cpu_s) / count * 1e6, 1)
        after = process.rss_bytes()
        began_s, welcomes = idlers.loop.now_s(), idlers.welcomes()
        process.kill()
        process.restart()
        killed = idlers.all_back(began_s, welcomes, 180)
        resyncs = sum(session.resyncs for session in idlers.sessions)
        turned_away = sum(session.turned_away for session in idlers.sessions)
        idlers.leave()
    return {
        "benchmark": "connections",
        "count": count,
        "kib_per_connection": round((full - empty) / count / 1024, 2),
        "kib_per_connection_after_storm": round((after - empty) / count / 1024, 2),
        "engine_rss_mb": round(full / 1e6, 1),
        "idle_cpu": round(idle_cpu, 3),
        "connected_s": round(connected_s, 2),
        "cut_all": cut,
        "killed": killed,
        "resyncs": resyncs,
        "turned_away": turned_away,
        "compiled": engine.COMPILED,
        "yardstick_ns": yardstick,
    }


def sentences(result: dict[str, Any]) -> str:
    return (
        "{count:,} idle WebSockets at {kib_per_connection} KiB each ({engine_rss_mb} MB in all, {idle_cpu:.0%} of a core)\n"
        "cut at once, all back after {cut} s; the engine killed, after {killed_s} s"
    ).format(cut=result["cut_all"]["all_back_s"], killed_s=result["killed"]["all_back_s"], **result)


def main(arguments: Sequence[str]) -> int:
    """0: measured; 2: wrong use."""
    given = parser().parse_args(arguments)
    if given.count < 1 or given.idle <= 0:
        print("count and idle must be above 0", file=sys.stderr)
        return 2
    result = {**measure(given.count, given.idle, given.seed), "machine": machine(), "commit": commit()}
    if given.store:
        path = store_as(f"connections-{given.count}", result)
        if not given.json:
            print(f"stored in {path}")
    print(json.dumps(result, ensure_ascii=False) if given.json else sentences(result))
    return 0
