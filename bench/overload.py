"""``python -m bench overload``: ten times what the engine can do, for a minute; what gets done meanwhile, and after.

Three acts on one engine over real sockets, each with an open-loop schedule: *peak* finds how many lives a second it
completes when pushed (after a while: with an empty journal, all of it in the processor's cache, it is quicker by a third);
*flood* sends ten times that many new contacts (nobody retries) and counts the lives completed; *spike* sends three times as
many for ten seconds from channels that retry three times. After each, the load falls to 80 % of the peak, and the time
is taken until answers are as quick as before and nobody is refused. Those whom the spike turned away come again for many
seconds more, so after it also the time until nine tenths of what is due gets done, whoever is refused.
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
from bench.dispatch import Help, store_as

# What is asked of the engine to find its peak, as a multiple of the estimate; and afterwards, as a share of the peak.
NORMAL_SHARE = 0.8
AT_WORK_SHARE = 0.9
PUSHED, WARM_UP_S, PEAK_S = 2_600, 20, 8
# Back to normal: a window of this length with no refusal, and its p99 no worse than twice the one before the flood
# (or within the budget of 25 ms, whichever is more).
WINDOW_S = 1.0
BUDGET_MS = 25.0


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(prog="python -m bench overload", description=__doc__, formatter_class=Help)
    found.add_argument("--seconds", type=float, default=60, help="length of the flood")
    found.add_argument("--times", type=float, default=10, help="the flood's rate over the peak")
    found.add_argument("--agents", type=int, default=900, help="on WebSockets, four contacts at once each")
    found.add_argument("--seed", type=int, default=1, help="of the arrivals")
    found.add_argument("--json", action="store_true", help="print the result as JSON and nothing else")
    found.add_argument("--store", action="store_true", help="keep the result under bench/results/")
    return found


class Acts:
    """One engine, one crowd, and what each act measured."""

    def __init__(self, process: Engine, crowd: Crowd) -> None:
        self.process, self.crowd = process, crowd
        self.loop, self.ledger = crowd.loop, crowd.ledger
        self.waiting = Waiting(crowd.loop, process)

    def at_rate(self, rate: float, seconds: float) -> dict[str, Any]:
        ledger = self.ledger
        self.crowd.arrivals.set_rate(rate)
        ledger.begin()
        before, cpu_s, began_s = ledger.counts.copy(), self.process.cpu_s(), self.loop.now_s()
        self.waiting.begin()
        self.loop.run_for(seconds)
        took_s = self.loop.now_s() - began_s
        counts = ledger.counts - before
        return {
            "rate_per_s": round(rate, 1),
            "seconds": round(took_s, 2),
            "due": counts["due"],
            "lives_per_s": round(counts["lives"] / took_s, 1),
            "submit_refused": counts["submit refused"],
            "agents_held_up": counts["agents held up"],
            "engine_cpu": round((self.process.cpu_s() - cpu_s) / took_s, 3),
            "accept": quantiles_ms(ledger.waits_s["accept"]),
            "close": quantiles_ms(ledger.waits_s["close"]),
            **self.waiting.shares(),
        }

    def normal_after(self, rate: float, p99_ms: float, within_s: float) -> tuple[float, float]:
        """Seconds from now, at ``rate``, until the first window in which all is as it was; -1: not within.

        The second: until as much as is due gets done, as quickly, whoever is refused.
        """
        ledger, at_work_s = self.ledger, -1.0
        self.crowd.arrivals.set_rate(rate)
        began_s = self.loop.now_s()
        while (at_s := self.loop.now_s() - began_s) < within_s:
            ledger.begin()
            refused, lives = ledger.counts["submit refused"], ledger.counts["lives"]
            self.loop.run_for(WINDOW_S)
            waits = ledger.waits_s["accept"]
            well = bool(waits) and float(np.quantile(np.asarray(waits), 0.99)) * 1000 <= max(BUDGET_MS, 2 * p99_ms)
            if well and at_work_s < 0 and ledger.counts["lives"] - lives >= AT_WORK_SHARE * rate * WINDOW_S:
                at_work_s = round(at_s, 2)
            if well and ledger.counts["submit refused"] == refused:
                return round(at_s, 2), at_work_s
        return -1.0, at_work_s


def measure(seconds: float, times: float, agents: int, seed: int) -> dict[str, Any]:
    yardstick = yardstick_ns()
    with Engine(core=cores()[0]) as process:
        crowd = Crowd(lambda: (process.ws, process.msgpack), agents=agents, seed=seed)
        acts = Acts(process, crowd)
        crowd.assemble()
        acts.at_rate(300, 2)
        # Pushed a little beyond what it can do, it does what it can.
        acts.at_rate(PUSHED, WARM_UP_S)
        pushed = acts.at_rate(PUSHED, PEAK_S)
        peak = pushed["lives_per_s"]
        calm_rate = NORMAL_SHARE * peak
        acts.normal_after(calm_rate, 0, 10)
        normal = acts.at_rate(calm_rate, 6)
        p99_ms = normal["accept"].get("p99_ms", 0.0)
        flood = acts.at_rate(times * peak, seconds)
        flood_over_s, _ = acts.normal_after(calm_rate, p99_ms, 20)
        for channel in crowd.channels:
            channel.retries = 3
        spike = acts.at_rate(3 * peak, 10)
        spike_over_s, spike_at_work_s = acts.normal_after(calm_rate, p99_ms, 20)
        drained_s = crowd.drain(120)
        crowd.leave()
    ledger = crowd.ledger
    return {
        "benchmark": "overload",
        "agents": agents,
        "peak_lives_per_s": peak,
        "goodput_ratio": round(flood["lives_per_s"] / max(peak, 1e-9), 3),
        "normal_after_flood_s": flood_over_s,
        "normal_after_spike_s": spike_over_s,
        "at_work_after_spike_s": spike_at_work_s,
        "peak": pushed,
        "normal": normal,
        "flood": flood,
        "spike": spike,
        "codes": dict(ledger.codes),
        "acked": len(ledger.acked),
        "lost": len(ledger.lost()),
        "double_assigned": len(ledger.doubles),
        "drained_s": round(drained_s, 2),
        "compiled": engine.COMPILED,
        "yardstick_ns": yardstick,
    }


def sentences(result: dict[str, Any]) -> str:
    flood = result["flood"]
    return (
        f"peak {result['peak_lives_per_s']:,} lives/s; in a flood of {flood['rate_per_s']:,.0f}/s for "
        f"{flood['seconds']:.0f} s {flood['lives_per_s']:,} ({result['goodput_ratio']:.0%}), accept p99 "
        f"{flood['accept'].get('p99_ms')} ms, agents held up {flood['agents_held_up']}\n"
        f"back to normal {result['normal_after_flood_s']} s after the flood, {result['normal_after_spike_s']} s after a "
        f"spike with retries (all that is due gets done after {result['at_work_after_spike_s']} s)\nacked {result['acked']:,}, lost {result['lost']}, assigned twice {result['double_assigned']}"
    )


def main(arguments: Sequence[str]) -> int:
    """0: measured, nothing lost; 1: something was; 2: wrong use."""
    given = parser().parse_args(arguments)
    if given.seconds <= 0 or given.times <= 0 or given.agents < 1:
        print("seconds, times and agents must be above 0", file=sys.stderr)
        return 2
    result = measure(given.seconds, given.times, given.agents, given.seed)
    result = {**result, "machine": machine(), "commit": commit()}
    if given.store:
        path = store_as("overload", result)
        if not given.json:
            print(f"stored in {path}")
    print(json.dumps(result, ensure_ascii=False) if given.json else sentences(result))
    return 0 if not result["lost"] and not result["double_assigned"] else 1
