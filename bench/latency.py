"""``python -m bench latency``: how long an answer takes at a steady rate of whole lives, durable, over real sockets."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

import engine
from bench._machine import commit, machine, yardstick_ns
from bench.crowd.engines import Engine, cores
from bench.crowd.people import quantiles_ms
from bench.crowd.scene import Crowd, Waiting
from bench.dispatch import Help, store_as


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(prog="python -m bench latency", description=__doc__, formatter_class=Help)
    found.add_argument("--rate", type=float, default=1000, help="lives a second: submit, accept, close, end of wrap-up")
    found.add_argument("--seconds", type=float, default=20, help="how long is measured, after the warm-up")
    found.add_argument("--warm-up", type=float, default=5, help="seconds before that")
    found.add_argument("--agents", type=int, default=600, help="on WebSockets, four contacts at once each")
    found.add_argument("--seed", type=int, default=1, help="of the arrivals")
    found.add_argument("--json", action="store_true", help="print the result as JSON and nothing else")
    found.add_argument("--store", action="store_true", help="keep the result under bench/results/")
    return found


def measure(rate: float, seconds: float, warm_up_s: float, agents: int, seed: int) -> dict[str, Any]:
    yardstick = yardstick_ns()
    with Engine(core=cores()[0]) as engine_process:
        crowd = Crowd(lambda: (engine_process.ws, engine_process.msgpack), agents=agents, seed=seed)
        loop, ledger = crowd.loop, crowd.ledger
        crowd.assemble()
        crowd.arrivals.set_rate(rate)
        loop.run_for(warm_up_s)
        ledger.begin()
        crowd.arrivals.latest_s = 0.0
        lives, cpu_s, began_s = ledger.counts["lives"], engine_process.cpu_s(), loop.now_s()
        waiting = Waiting(loop, engine_process)
        loop.run_for(seconds)
        waited = waiting.shares()
        took_s = loop.now_s() - began_s
        lives, cpu_s = ledger.counts["lives"] - lives, engine_process.cpu_s() - cpu_s
        waits = {name: quantiles_ms(found) for name, found in ledger.waits_s.items()}
        rss = engine_process.rss_bytes()
        drained_s = crowd.drain(60)
        crowd.leave()
    return {
        "benchmark": "latency",
        "rate_per_s": rate,
        "seconds": round(took_s, 2),
        "agents": agents,
        "lives": lives,
        "lives_per_s": round(lives / took_s, 1),
        # Of one core, in all threads of the engine, its commits included.
        "engine_cpu": round(cpu_s / took_s, 3),
        "engine_cpu_us_per_life": round(cpu_s / max(lives, 1) * 1e6, 1),
        "accept_p99_ms": waits["accept"].get("p99_ms"),
        # Submit and life count from when the contact was due, so a late generator does not flatter the engine.
        "waits": waits,
        **waited,
        "generator_latest_ms": round(crowd.arrivals.latest_s * 1000, 2),
        "refused": dict(ledger.codes),
        "acked": len(ledger.acked),
        "lost": len(ledger.lost()),
        "double_assigned": len(ledger.doubles),
        "drained_s": round(drained_s, 2),
        "engine_rss_mb": round(rss / 1e6, 1),
        "compiled": engine.COMPILED,
        "yardstick_ns": yardstick,
    }


def sentences(result: dict[str, Any]) -> str:
    waits = result["waits"]
    lines = [
        "{lives_per_s:,} lives/s of {rate_per_s:,.0f} asked for; {engine_cpu_us_per_life} µs of engine a life "
        "({engine_cpu:.0%} of a core)".format(**result)
    ]
    lines += [
        f"{name:>7}: p50 {wait['p50_ms']} ms, p99 {wait['p99_ms']} ms, max {wait['max_ms']} ms"
        for name, wait in waits.items()
        if wait["count"]
    ]
    lines.append("acked {acked:,}, lost {lost}, assigned twice {double_assigned}, refused {refused}".format(**result))
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    """0: measured, nothing lost; 1: something was; 2: wrong use."""
    given = parser().parse_args(arguments)
    if given.rate <= 0 or given.seconds <= 0 or given.agents < 1 or given.warm_up < 0:
        print("rate, seconds and agents must be above 0, the warm-up not below", file=sys.stderr)
        return 2
    result = measure(given.rate, given.seconds, given.warm_up, given.agents, given.seed)
    result = {**result, "machine": machine(), "commit": commit()}
    if given.store:
        path = store_as(f"latency-{given.rate:g}-per-s", result)
        if not given.json:
            print(f"stored in {path}")
    print(json.dumps(result, ensure_ascii=False) if given.json else sentences(result))
    return 0 if not result["lost"] and not result["double_assigned"] else 1
