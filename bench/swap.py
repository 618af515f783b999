"""``python -m bench swap``: another policy while contacts wait. The longest single call, and all that the swap takes.

Twice, from one scene. *Alone*: nothing else is due, so every call from the command to the next pause belongs to the swap.
*Under load*: arrivals, answers and closes go on, as fast as those who are there are served.

The calls are those that a driver makes: ``handle`` for a command, ``expire`` for what is due, as often as something is due;
each is taken to last a millisecond at least, so that commands come between two slices. They are written down once and then
given to restored dispatchers; of each call the shortest of all rounds counts, since another process may have had the core.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

import engine
from bench._calls import WANTED_MS, as_ms, take, write
from bench._lives import Counts, Input, Play, Size, policy_text
from bench._machine import commit, machine, peak_rss_mb, yardstick_ns
from bench._soundness import broken_invariants
from bench.dispatch import Help, store_as
from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.policy.compile import analyse, compile_policy

# A pause this long in what is due: the swap is over.
PAUSE_MS = 1_000
# How long, at most, until nothing is due any more before the swap.
REST_MS = 600_000
# One queue in so many is gone under the new policy: its contacts go through the entry rules.
GONE = 10
WANTED = {"longest_ms": WANTED_MS, "total_ms": 2_000}


def new_policy(queues: int) -> str:
    """The benchmark's policy with every requirement and step changed, and one queue in ten gone (never the first)."""
    text = policy_text(queues, messages=False, without=range(GONE // 2, queues, GONE))
    return text.replace(">= 2", ">= 3").replace("after_ms = 20000", "after_ms = 25000")


def measure(size: Size, lives: int, rounds: int) -> dict[str, Any]:
    play = Play(size)
    play.set_scene()
    text = new_policy(size.queues)
    swap = cm.ApplyPolicy(text=text)
    busy = play.dispatcher.snapshot()
    waiting = play.waiting()
    loaded, counts = write_loaded(play, swap, lives)

    resting = Dispatcher.restore(busy)
    now = rest(resting)
    quiet = resting.snapshot()
    clocks = _clocks(resting)
    alone, events = write(resting, [swap], now, PAUSE_MS)
    moved = sum(isinstance(event, ev.ContactMoved) for event in events)
    wrong = [f"alone: {told}" for told in [*broken_invariants(resting, np.random.default_rng(1)), *resting.audit()]]
    after = _clocks(resting)
    if any(after.get(number, start) != start for number, start in clocks.items()):
        wrong.append("alone: somebody who waited has another clock than before")
    wrong += [f"loaded: {told}" for told in play.dispatcher.audit()]
    due = play.dispatcher.next_deadline()
    if due is not None and due <= play.dispatcher.now:
        wrong.append("loaded: the swap had not ended with the load, wanted more --lives")
    if counts.refused:
        wrong.append(f"loaded: {counts.refused} commands were refused")
    del resting, play.dispatcher
    times = {
        name: take(given, calls, rounds) for name, given, calls in (("alone", quiet, alone), ("loaded", busy, loaded))
    }
    return {
        "benchmark": "swap",
        "agents": size.agents,
        "queues": size.queues,
        "skills": size.skills,
        "waiting": waiting,
        "queues_gone": len(range(GONE // 2, size.queues, GONE)),
        "contacts_moved": moved,
        "policy_bytes": len(text),
        # Not part of any call: a text that was read before is not read again, and a driver reads it in its own time.
        "read_ms": min(_read_ms(text) for _ in range(rounds)),
        "alone": times["alone"].told(),
        "loaded": {**times["loaded"].told(), "lives": counts.lives},
        "wanted": WANTED,
        "rounds": rounds,
        "yardstick_ns": yardstick_ns(),
        "peak_rss_mb": round(peak_rss_mb(), 1),
        "compiled": engine.COMPILED,
        "invariants": "hold" if not wrong else wrong[:20],
    }


def write_loaded(play: Play, swap: cm.ApplyPolicy, lives: int) -> tuple[list[Input], Counts]:
    """The swap in the midst of the scene, then ``lives`` arrivals: what the driver called."""
    play.inputs, play.counts, play.ticking = [], Counts(), True
    play.do(swap)
    play.run(lives)
    return play.inputs, play.counts


def rest(dispatcher: Dispatcher) -> int:
    """Nobody arrives, offers are accepted: until nothing is due any more. The instant that it is then."""
    until = dispatcher.now + REST_MS
    while (due := dispatcher.next_deadline()) is not None and due < until:
        events = dispatcher.expire(max(due, dispatcher.now))
        while offers := [event for event in events if isinstance(event, ev.OfferMade)]:
            events = []
            for offer in offers:
                accept = cm.AcceptOffer(agent=offer.agent, offer=offer.offer)
                events += dispatcher.handle(accept, dispatcher.now)
    return dispatcher.now + 1


def _clocks(dispatcher: Dispatcher) -> dict[int, int]:
    return {number: contact.start for number, contact in dispatcher.contacts.items() if contact.state == "queued"}


def _read_ms(text: str) -> float:
    analyse.cache_clear()
    started = time.perf_counter_ns()
    compile_policy(text)
    return as_ms(time.perf_counter_ns() - started)


def sentences(result: dict[str, Any]) -> str:
    lines = [
        "{waiting:,} waiting, {agents:,} agents, {queues} queues, {queues_gone} of them gone: {contacts_moved:,} moved"
    ]
    for name in ("alone", "loaded"):
        lines.append(
            name
            + ": {calls:,} calls, longest {longest_ms} ms: {longest_call}; all {total_ms} ms".format(**result[name])
        )
    lines.append("reading the policy, before: {read_ms} ms; invariants: {invariants}")
    return "\n".join(lines).format(**result)


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(prog="python -m bench swap", description=__doc__, formatter_class=Help)
    found.add_argument("--agents", type=int, default=10_000, help="every agent has a different set of skills")
    found.add_argument("--queues", type=int, default=200, help="one in ten is gone afterwards")
    found.add_argument("--skills", type=int, default=5, help="skills of each agent")
    found.add_argument("--waiting", type=int, default=100_000, help="contacts that wait at the swap, at least")
    found.add_argument("--lives", type=int, default=500, help="arrivals after the swap, under load")
    found.add_argument("--rounds", type=int, default=3, help="the same calls again on a restored dispatcher")
    found.add_argument("--seed", type=int, default=1, help="one seed, one day")
    found.add_argument("--json", action="store_true", help="print the result as JSON and nothing else")
    found.add_argument("--store", action="store_true", help="keep the result under bench/results/")
    return found


def main(arguments: Sequence[str]) -> int:
    """0: measured and sound; 1: an invariant does not hold; 2: wrong use."""
    given = parser().parse_args(arguments)
    if min(given.agents, given.queues, given.skills, given.lives, given.rounds) < 1 or given.waiting < 0:
        print("agents, queues, skills, lives and rounds must be ≥ 1, waiting ≥ 0", file=sys.stderr)
        return 2
    size = Size(given.agents, given.queues, given.skills, given.waiting, False, given.seed)
    result = {**measure(size, given.lives, given.rounds), "machine": machine(), "commit": commit()}
    if given.store:
        path = store_as(f"swap-{size.agents}-agents-{size.queues}-queues-{size.waiting}-waiting", result)
        if not given.json:
            print(f"stored in {path}")
    print(json.dumps(result, ensure_ascii=False) if given.json else sentences(result))
    return 0 if result["invariants"] == "hold" else 1
