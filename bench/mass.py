"""``python -m bench mass``: a bulk command, a lost gateway, the start of an epoch while contacts wait. The longest call of each.

``python -m bench swap`` measures another policy. Calls are those that a driver makes: ``handle`` for a command, and ``expire``
as long as something is due or unfinished. Of each call the shortest of all rounds counts: another process may have had the
core.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

import msgspec

import engine
from bench._calls import WANTED_MS, take, write
from bench._lives import Input, Play, Size
from bench._machine import commit, machine
from bench.dispatch import Help, store_as
from engine.dispatch import commands as cm
from engine.dispatch.commands import Command
from engine.dispatch.contacts import ContactState
from engine.dispatch.dispatcher import Dispatcher

WAITING = (ContactState.QUEUED, ContactState.OFFERED)


def commands(dispatcher: Dispatcher, gateway: int) -> dict[str, list[Command]]:
    """What sets each mass effect off. The fullest queue moves into the emptiest."""
    names = sorted(dispatcher.policy.queues, key=dispatcher.queue_length)
    tenant = dispatcher.policy.queues[names[-1]].tenant
    everybody = sum(contact.state in WAITING for contact in dispatcher.contacts.values())
    bulk = cm.BulkCommand(tenant=tenant, to_queue=names[0], expect_count=everybody, everything=True)
    lost = [name for name, agent in dispatcher.agents.items() if agent.state == "available"][:gateway]
    return {
        "bulk": [bulk],
        "gateway": [cm.LoseAgent(agent=name) for name in lost],
        "start": [cm.StartEngine(epoch=2, down_ms=1_000)],
    }


def played_out(snapshot: bytes, effect: Sequence[Command]) -> list[Input]:
    """The calls until nothing more is due for a while; the grace of lost agents runs out inside it."""
    dispatcher = Dispatcher.restore(snapshot)
    for_ms = dispatcher.policy.grace_ms + 1_000
    calls, _ = write(dispatcher, effect, dispatcher.now + 1, for_ms, for_ms)
    assert dispatcher.audit() == []
    return calls


def measure(size: Size, gateway: int, rounds: int) -> dict[str, Any]:
    play = Play(size)
    play.set_scene()
    snapshot = play.dispatcher.snapshot()
    given = msgspec.msgpack.encode(commands(play.dispatcher, gateway))
    waiting = play.waiting()
    del play.dispatcher
    effects = msgspec.msgpack.decode(given, type=dict[str, list[Command]])
    return {
        "benchmark": "mass",
        "agents": size.agents,
        "queues": size.queues,
        "waiting": waiting,
        "lost_at_once": gateway,
        **{name: take(snapshot, played_out(snapshot, effect), rounds).told() for name, effect in effects.items()},
        "wanted": {"longest_ms": WANTED_MS},
        "rounds": rounds,
        "compiled": engine.COMPILED,
    }


def sentences(result: dict[str, Any]) -> str:
    lines = ["{waiting:,} waiting, {agents:,} agents, {lost_at_once} of one gateway".format(**result)]
    for name in ("bulk", "gateway", "start"):
        line = "{calls:,} calls, longest {longest_ms} ms ({longest_call}), all {total_ms} ms"
        lines.append(f"{name}: {line.format(**result[name])}")
    return "\n".join(lines)


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(prog="python -m bench mass", description=__doc__, formatter_class=Help)
    found.add_argument("--agents", type=int, default=10_000, help="every agent has a different set of skills")
    found.add_argument("--queues", type=int, default=200, help="each with a requirement of one of three shapes")
    found.add_argument("--waiting", type=int, default=20_000, help="contacts that wait, at least")
    found.add_argument("--gateway", type=int, default=500, help="agents that are lost in one instant")
    found.add_argument("--rounds", type=int, default=3, help="the same again on a restored dispatcher")
    found.add_argument("--seed", type=int, default=1, help="one seed, one day")
    found.add_argument("--json", action="store_true", help="print the result as JSON and nothing else")
    found.add_argument("--store", action="store_true", help="keep the result under bench/results/")
    return found


def main(arguments: Sequence[str]) -> int:
    """0: measured; 2: wrong use."""
    given = parser().parse_args(arguments)
    if min(given.agents, given.queues, given.gateway, given.rounds) < 1 or given.waiting < 0:
        print("agents, queues, gateway and rounds must be ≥ 1, waiting ≥ 0", file=sys.stderr)
        return 2
    size = Size(given.agents, given.queues, 5, given.waiting, False, given.seed)
    result = {**measure(size, given.gateway, given.rounds), "machine": machine(), "commit": commit()}
    if given.store:
        path = store_as(f"mass-{size.agents}-agents-{size.queues}-queues-{size.waiting}-waiting", result)
        if not given.json:
            print(f"stored in {path}")
    print(json.dumps(result, ensure_ascii=False) if given.json else sentences(result))
    return 0
