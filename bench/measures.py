"""What the folds of engine/measures cost: µs per contact, on events that were written down before.

Two histories. *Calls*: one queue, agents with one contact at a time, patience; six to eight events a contact. *Chats*: the
shop's day by its actors, with messages, rounds, bots, offers declined and missed; about forty events a contact.
"""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from bench._machine import machine
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.events import Event
from engine.dispatch.policy.compile import compile_policy
from engine.measures.contacts import DIMENSIONS
from engine.measures.sheet import Measures
from sim.scenario import load_scenario
from sim.theory.lifetimes import Exponential
from sim.twin.model import Crew, Kind, Model
from sim.twin.play import Play
from sim.twin.scenes import play

SHOP = Path(__file__).parents[1] / "examples" / "shop" / "scenario.toml"
CALLS_POLICY = """
[policy]
name = "calls"
[tenants.house]
[channels.line]
messages = false
[pools.onsite]
[queues.main]
tenant = "house"
pools = ["onsite"]
[[entry]]
name = "all"
queue = "main"
"""
HANDLE_MS = 300_000
AGENTS = 100
# The best of so many rounds over the same events: what the machine does besides is no part of it.
ROUNDS = 5

Calls = list[Sequence[Event]]


@dataclass(frozen=True)
class Cost:
    """``us``: per contact; ``events``: per contact."""

    history: str
    folds: str
    contacts: int
    events: float
    us: float


class _Heard:
    """A dispatcher that writes down what it says."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._of = dispatcher
        self.calls: Calls = []
        self.next_deadline = dispatcher.next_deadline

    def handle(self, command: Any, stamp: int) -> list[Event]:
        return self._keep(self._of.handle(command, stamp))

    def expire(self, now: int) -> list[Event]:
        return self._keep(self._of.expire(now))

    def _keep(self, events: list[Event]) -> list[Event]:
        self.calls.append(events)
        return events


def calls(contacts: int) -> tuple[int, Calls]:
    """M/M/n+M at full load."""
    policy = compile_policy(CALLS_POLICY)
    rate = AGENTS / HANDLE_MS
    kind = Kind("main", rate, Exponential(1.0), HANDLE_MS, Exponential(1.0))
    heard = _Heard(Dispatcher(policy))
    model = Model(policy, (kind,), (Crew("onsite", AGENTS),), accepts=False)
    Play(model, 1, dispatcher=heard).run(round(contacts / rate))  # type: ignore[arg-type]  # the three methods that it uses
    return contacts, heard.calls


def chats(contacts: int) -> tuple[int, Calls]:
    """The shop's whole day."""
    kept: Calls = []
    scenario = load_scenario(SHOP, at="00:00", volume=contacts)
    played = play(scenario, 1, [lambda stamp, command, events: kept.append(events)])
    return played.counts["arrived"], kept


def cost_of(made: Callable[[], Measures], history: Calls) -> float:
    """Processor seconds, of the fastest round."""
    best = float("inf")
    for _ in range(ROUNDS):
        measures = made()
        hear = measures.hear
        gc.collect()
        begun = time.process_time()
        for events in history:
            hear(events)
        best = min(best, time.process_time() - begun)
    return best


def main(arguments: list[str]) -> int:
    """Default and detailed folds over both histories."""
    parser = argparse.ArgumentParser(prog="python -m bench measures", description=__doc__)
    parser.add_argument("--contacts", type=int, default=20_000)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    args = parser.parse_args(arguments)
    sets: dict[str, Callable[[], Measures]] = {"default": Measures, "detailed": lambda: Measures(dimensions=DIMENSIONS)}
    rows = []
    for name, history in (("calls", calls), ("chats", chats)):
        number, kept = history(args.contacts)
        events = sum(map(len, kept)) / number
        rows += [Cost(name, which, number, events, cost_of(made, kept) / number * 1e6) for which, made in sets.items()]
    if args.json:
        print(orjson.dumps({"measures": [asdict(row) for row in rows], "machine": machine()}).decode())
        return 0
    for row in rows:
        print(f"{row.history:8} {row.folds:10} {row.events:6.1f} events a contact  {row.us:7.2f} µs a contact")
    return 0
