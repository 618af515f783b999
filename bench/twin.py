"""``python -m bench twin``: contacts per second through the twin, with the whole dispatcher in the loop, beside peers.

The model is M/M/n+M: contacts come, wait, lose patience, are served. The twin does it with commands to the dispatcher of
production (submit, accept, close, abandon); its peers are the same model written by hand (bench/_peers.py). All take turns in
one process, so that a slow minute of the machine is everybody's.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from math import sqrt
from typing import Any, cast

import numpy as np

import engine
from bench._machine import commit, forget_gc, machine, peak_rss_mb, settle_gc, yardstick_ns
from bench._peers import PEERS, Counts, Load
from bench.dispatch import Help, store_as
from engine.dispatch.commands import Command
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.events import Event
from sim.processes import workers
from sim.theory.abandonment import erlang_a
from sim.theory.lifetimes import Exponential
from sim.twin.clock import Call, Clock
from sim.twin.draws import BLOCK, Lengths
from sim.twin.model import Crew, Kind, Model
from sim.twin.play import Play
from sim.twin.replications import seeds_of
from sim.validation.policies import Line, Team, policy_of

MINUTE_MS = 60_000
# Standard errors that a share may be off; neighbours in a queue are alike, so few contacts count for one.
OFF, ALIKE = 5.0, 40.0


def parser() -> argparse.ArgumentParser:
    load = Load()
    found = argparse.ArgumentParser(prog="python -m bench twin", description=__doc__, formatter_class=Help)
    found.add_argument("--contacts", type=int, default=load.contacts, help="arrivals of a round")
    found.add_argument(
        "--agents", type=int, default=load.servers, help="the load goes with them: 96 %% of what they can do"
    )
    found.add_argument("--rounds", type=int, default=5, help="turns of each; the best counts")
    found.add_argument(
        "--peers", action="store_true", help="the same model by hand in SimPy, and in Ciw where it is installed"
    )
    found.add_argument("--chats", action="store_true", help="and a large pool with five chats at once")
    found.add_argument("--scaling", action="store_true", help="and eight replications on two processes against one")
    found.add_argument("--seed", type=int, default=1, help="one seed, one run")
    found.add_argument("--json", action="store_true", help="print the result as JSON and nothing else")
    found.add_argument("--store", action="store_true", help="keep the result under bench/results/")
    return found


def model(load: Load, *, accepts: bool = True) -> Model:
    kind = Kind("q1", load.arrivals / MINUTE_MS, Exponential(load.service), MINUTE_MS, Exponential(load.abandon))
    return Model(policy_of([Line("q1", ("p1",))], [Team("p1")]), (kind,), (Crew("p1", load.servers),), accepts=accepts)


def twin(load: Load, *, accepts: bool = True) -> Counts:
    play = Play(model(load, accepts=accepts), load.seed)
    play.run(_length_ms(load))
    sums = play.kinds[0]
    return sums.arrived, sums.waited, sums.abandoned


def _length_ms(load: Load) -> int:
    """Until as many have come as come on average."""
    return round(load.contacts / load.arrivals * MINUTE_MS)


def measure(load: Load, rounds: int, *, peers: bool) -> dict[str, Any]:
    """Everybody takes turns; µs a contact are processor time, best of the rounds."""
    players: dict[str, Callable[[Load], Counts]] = {
        "twin": twin,
        "twin_auto_accept": lambda of: twin(of, accepts=False),
    }
    if peers:
        players |= {name: peer for name, peer in PEERS.items() if name != "ciw" or importlib.util.find_spec("ciw")}
    best, counts = dict.fromkeys(players, float("inf")), {}
    for _ in range(rounds):
        for name, player in players.items():
            settle_gc()
            began = time.process_time()
            counts[name] = player(load)
            best[name] = min(best[name], (time.process_time() - began) / counts[name][0])
            forget_gc()
    us = {name: round(seconds * 1e6, 2) for name, seconds in best.items()}
    result: dict[str, Any] = {
        "benchmark": "twin",
        "agents": load.servers,
        "contacts": load.contacts,
        "contacts_per_s": {name: round(1 / seconds) for name, seconds in best.items()},
        "us_per_contact": us,
        "stages_us": stages(load, best["twin"]),
    }
    if peers:
        result["ratios"] = {name: round(best[name] / best["twin"], 2) for name in players if name in PEERS}
    result |= {
        "yardstick_ns": yardstick_ns(),
        "compiled": engine.COMPILED,
        "peak_rss_mb": round(peak_rss_mb(), 1),
        "same_model": [line for name in players for line in wrong(name, counts[name], load)] or "yes",
    }
    return result


def wrong(name: str, counts: Counts, load: Load) -> list[str]:
    """Shares of those who wait and leave against Erlang A: whoever is fast at another model proves nothing."""
    exact = erlang_a(load.arrivals, load.service, load.servers, load.abandon)
    arrived, waited, left = counts
    found = []
    for what, share, wanted in (
        ("wait", waited / arrived, exact.delay_probability),
        ("leave", left / arrived, exact.abandonment),
    ):
        if abs(share - wanted) > OFF * sqrt(wanted * (1 - wanted) * ALIKE / arrived):
            found.append(f"{name}: {share:.4f} {what}, exact {wanted:.4f}")
    return found


def chats(seed: int, contacts: int) -> dict[str, Any]:
    """2,000 agents with up to five chats each at 95 % of what they can do, from the load they have on average."""
    speeds = (0.0, 1.0, 1.7, 2.2, 2.4, 2.5)
    agents = 2_000
    rate = 0.95 * agents * speeds[-1]
    there = int(agents * 4.2)
    kind = Kind("q1", rate / MINUTE_MS, Exponential(1.0), MINUTE_MS, Exponential(0.5), present=there)
    policy = policy_of([Line("q1", ("p1",))], [Team("p1", choice="least_loaded")])
    play = Play(Model(policy, (kind,), (Crew("p1", agents, speeds),)), seed)
    settle_gc()
    began = time.process_time()
    play.run(round(contacts / rate * MINUTE_MS))
    took = time.process_time() - began
    forget_gc()
    arrived = play.kinds[0].arrived - there
    return {
        "agents": agents,
        "chats_each": len(speeds) - 1,
        "contacts": arrived,
        "contacts_per_s": round(arrived / took),
    }


def scaling(load: Load, replications: int = 8) -> dict[str, float]:
    """Seconds of the same replications on one process and on two; what it takes to start them is told apart."""
    found = {}
    for processes in (1, 2):
        began = time.perf_counter()
        with workers(processes) as pool:
            tiny = partial(replication, replace(load, contacts=100))
            list(pool.map(tiny, seeds_of(load.seed, 4 * processes)))
            ready = time.perf_counter()
            list(pool.map(partial(replication, load), seeds_of(load.seed, replications)))
            found[f"processes_{processes}_s"] = round(time.perf_counter() - ready, 2)
        found[f"start_{processes}_s"] = round(ready - began, 2)
    return {**found, "times_as_fast": round(found["processes_1_s"] / found["processes_2_s"], 2)}


def replication(load: Load, seed: int) -> dict[str, float]:
    """A run as a task for a process."""
    arrived, waited, left = twin(replace(load, seed=seed))
    return {"arrived": arrived, "waited": waited, "left": left}


def stages(load: Load, total_s: float) -> dict[str, float]:
    """µs a contact: the same commands given to another dispatcher, the same calls on an empty clock, the same draws."""
    given = _recorded(load)
    dispatcher = Dispatcher(model(load).policy)
    arrived = sum(type(command).__name__ == "SubmitContact" for command, _ in given)
    settle_gc()
    began = time.process_time()
    for command, stamp in given:
        dispatcher.handle(command, stamp)
    dispatch = time.process_time() - began
    forget_gc()
    clock, calls = _clock(load, arrived), _draws(load, arrived)
    parts = {"dispatcher": dispatch, "clock": clock, "draws": calls}
    found = {name: round(seconds / arrived * 1e6, 2) for name, seconds in parts.items()}
    return {**found, "actors_and_sums": round(total_s * 1e6 - sum(found.values()), 2)}


class _Recorder:
    """A dispatcher that notes everything it is given."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self.given: list[tuple[Command, int]] = []
        self.next_deadline, self.expire = dispatcher.next_deadline, dispatcher.expire
        self._handle = dispatcher.handle

    def handle(self, command: Command, stamp: int) -> list[Event]:
        self.given.append((command, stamp))
        return self._handle(command, stamp)


def _recorded(load: Load) -> list[tuple[Command, int]]:
    """Everything that a run gives its dispatcher."""
    recorder = _Recorder(Dispatcher(model(load).policy))
    Play(model(load), load.seed, dispatcher=cast("Dispatcher", recorder)).run(_length_ms(load))
    return recorder.given


def _clock(load: Load, contacts: int) -> float:
    """Two calls a contact on the clock, three for those who wait, with as many ahead as agents are busy."""
    waiting = erlang_a(load.arrivals, load.service, load.servers, load.abandon).delay_probability
    clock = Clock(Dispatcher(model(load).policy))
    left = round(contacts * (2 + waiting))
    again: list[Any] = []

    def call(event: Call) -> None:
        nonlocal left
        if left > 0:
            left -= 1
            Call(clock.env, MINUTE_MS, again, None)

    again.append(call)
    for place in range(load.servers):
        Call(clock.env, place, again, None)
    began = time.process_time()
    clock.env.run()
    return time.process_time() - began


def _draws(load: Load, contacts: int) -> float:
    lengths = Lengths(Exponential(load.service), MINUTE_MS, np.random.default_rng(load.seed))
    began = time.process_time()
    for _ in range(3 * contacts // BLOCK):
        lengths.block()
    return time.process_time() - began


def sentences(result: dict[str, Any]) -> str:
    lines = [f"{result['contacts']:,} contacts, {result['agents']} agents, compiled: {result['compiled']}"]
    lines += [
        f"{name:17} {result['contacts_per_s'][name]:>9,} contacts/s  {us:>7.2f} µs a contact"
        + (f"  the twin is {result['ratios'][name]} × as fast" if name in result.get("ratios", {}) else "")
        for name, us in result["us_per_contact"].items()
    ]
    lines.append("of the twin: " + ", ".join(f"{name} {us} µs" for name, us in result["stages_us"].items()))
    if "chats" in result:
        lines.append(
            "{contacts_per_s:,} contacts/s with {agents:,} agents × {chats_each} chats".format(**result["chats"])
        )
    if "scaling" in result:
        lines.append("two processes are {times_as_fast} × as fast as one".format(**result["scaling"]))
    lines.append(f"same model: {result['same_model']}")
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    """0: measured, and all played the same model; 1: somebody did not; 2: wrong use."""
    given = parser().parse_args(arguments)
    if min(given.contacts, given.agents, given.rounds) < 1:
        print("contacts, agents and rounds must be ≥ 1", file=sys.stderr)
        return 2
    load = Load(0.96 * given.agents, 1.0, given.agents, 0.5, given.contacts, given.seed)
    result = measure(load, given.rounds, peers=given.peers)
    result |= {"chats": chats(given.seed, given.contacts)} if given.chats else {}
    result |= {"scaling": scaling(load)} if given.scaling else {}
    result |= {"machine": machine(), "commit": commit()}
    if given.store:
        path = store_as(f"twin-{given.agents}-agents", result)
        if not given.json:
            print(f"stored in {path}")
    print(json.dumps(result, ensure_ascii=False) if given.json else sentences(result))
    return 0 if result["same_model"] == "yes" else 1
