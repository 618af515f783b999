"""Two logs of a dispatcher, step by step: the first that differs, with what came before it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import NamedTuple

import msgspec

from engine.dispatch.commands import Command
from engine.dispatch.events import Event

# Steps shown before the one that differs; characters shown of an input or an event (a policy's text is long).
BEFORE, WIDEST = 4, 1_000


class Step(NamedTuple):
    """One call of the dispatcher: an input with its instant (``command`` None: time passed), and its events."""

    stamp: int
    command: Command | None
    events: tuple[Event, ...]


class Log(NamedTuple):
    """``until_ms``: when it was over; nothing at that instant or after it is in ``steps``."""

    steps: list[Step]
    until_ms: int


def difference(twin: Log, server: Log) -> str:
    """What is told of the first step that differs; empty: there is none."""
    for place, (ours, theirs) in enumerate(zip_longest(twin.steps, server.steps)):
        if ours != theirs:
            return "\n".join(_told(twin, server, place))
    if twin.until_ms != server.until_ms:
        return f"the twin was over at {twin.until_ms}, the server at {server.until_ms}"
    return ""


def _told(twin: Log, server: Log, place: int) -> Iterator[str]:
    yield f"step {place} of {len(twin.steps)} (twin) and {len(server.steps)} (server) differs"
    for step in twin.steps[max(0, place - BEFORE) : place]:
        yield from _lines("both", step, step)
    ours, theirs = (log.steps[place] if place < len(log.steps) else None for log in (twin, server))
    yield from _lines("twin", ours, theirs)
    yield from _lines("server", theirs, ours)


def _lines(who: str, step: Step | None, other: Step | None) -> Iterator[str]:
    """Marked with ``>`` where the other has something else."""
    if step is None:
        yield f"> {who}: over"
        return
    same = other is not None and step[:2] == other[:2]
    yield f"{' ' if same else '>'} {who}: {step.stamp} {'time passed' if step.command is None else _json(step.command)}"
    for place, event in enumerate(step.events):
        same = other is not None and place < len(other.events) and other.events[place] == event
        yield f"{' ' if same else '>'}     {_json(event)}"


def _json(value: Command | Event) -> str:
    told = msgspec.json.encode(value).decode()
    return told if len(told) <= WIDEST else f"{told[:WIDEST]}…"
