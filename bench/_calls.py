"""Single calls of a dispatcher, as a driver makes them: written down once, then given to restored dispatchers and timed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from bench._lives import Input
from bench._machine import forget_gc, settle_gc
from engine.dispatch import events as ev
from engine.dispatch.commands import Command
from engine.dispatch.dispatcher import Dispatcher

WANTED_MS = 20
TICK = "tick"
FOREVER_MS = 1 << 40


@dataclass
class Calls:
    """What was called, and what each call took, in ns: the shortest of the rounds."""

    names: list[str]
    wall: list[int]
    cpu: list[int]

    def told(self) -> dict[str, Any]:
        longest = int(np.argmax(self.wall))
        return {
            "calls": len(self.wall),
            "longest_ms": as_ms(self.wall[longest]),
            "longest_cpu_ms": as_ms(max(self.cpu)),
            "longest_call": f"{self.names[longest]} (number {longest + 1})",
            "first_ms": as_ms(self.wall[0]),
            "over_20_ms": sum(took > WANTED_MS * 1_000_000 for took in self.wall),
            "total_ms": as_ms(sum(self.wall)),
            "total_cpu_ms": as_ms(sum(self.cpu)),
        }


def as_ms(ns: float) -> float:
    return round(ns / 1e6, 3)


def write(
    dispatcher: Dispatcher, commands: Iterable[Command], now: int, pause_ms: int, at_most_ms: int = FOREVER_MS
) -> tuple[list[Input], list[ev.Event]]:
    """The commands at once, and every call until nothing is due for ``pause_ms``, or so long at most; and what happened."""
    until = now + at_most_ms
    calls: list[Input] = []
    events: list[ev.Event] = []
    for command in commands:
        calls.append((command, now))
        events += dispatcher.handle(command, now)
    while (due := dispatcher.next_deadline()) is not None and due <= min(now + pause_ms, until):
        now = max(due, now + 1)
        calls.append((None, now))
        events += dispatcher.expire(now)
    return calls, events


def take(snapshot: bytes, calls: Sequence[Input], rounds: int) -> Calls:
    """Each call's time, the shortest of ``rounds`` restored dispatchers: another process may have had the core."""
    encoded = msgspec.msgpack.encode(calls)
    best: Calls | None = None
    for _ in range(rounds):
        given = msgspec.msgpack.decode(encoded, type=list[Input])
        forget_gc()
        dispatcher = Dispatcher.restore(snapshot)
        settle_gc()
        wall, cpu = _timed(dispatcher, given)
        if best is None:
            best = Calls([TICK if command is None else _tag(command) for command, _ in given], wall, cpu)
        else:
            best.wall = [min(pair) for pair in zip(best.wall, wall, strict=True)]
            best.cpu = [min(pair) for pair in zip(best.cpu, cpu, strict=True)]
    forget_gc()
    assert best is not None
    return best


def _timed(dispatcher: Dispatcher, given: Sequence[Input]) -> tuple[list[int], list[int]]:
    wall, cpu = [], []
    for command, stamp in given:
        started, ran = time.perf_counter_ns(), time.process_time_ns()
        if command is None:
            dispatcher.expire(stamp)
        else:
            dispatcher.handle(command, stamp)
        wall.append(time.perf_counter_ns() - started)
        cpu.append(time.process_time_ns() - ran)
    return wall, cpu


def _tag(command: Command) -> str:
    return str(type(command).__struct_config__.tag)
