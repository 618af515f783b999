"""A recording decided again, input by input: does the dispatcher of this release give the events that were recorded?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.events import CommandRejected, EngineStarted, Event, PolicyApplied
from engine.ports import Record
from engine.store.recordings import Recording
from engine.store.records import command_of, encode_events, events_of

# Progress is told after so many records.
TOLD_EVERY = 1_000


class Difference(msgspec.Struct):
    """The first input whose events differ: ``expected`` are the recorded ones, ``got`` those of now, both in full.

    ``place`` counts from 1: the first event that differs. ``input`` None: time passed. ``failure``: what the dispatcher
    met, should it have given no events at all.
    """

    lsn: int
    stamp: int
    principal: str
    input: Any
    place: int
    expected: list[Any]
    got: list[Any]
    failure: str = ""


class Replayed(msgspec.Struct):
    """``differing``: events of the first differing input that differ; what follows it differs because it did, and is not
    looked at. ``after`` > 0: the records up to there are gone, and replay began with the state that a snapshot kept."""

    ok: bool = True
    records: int = 0
    after: int = 0
    last_lsn: int = 0
    commands: int = 0
    ticks: int = 0
    refused: int = 0
    events: int = 0
    epochs: int = 0
    policies: int = 0
    span_ms: int = 0
    differing: int = 0
    first: Difference | None = None


def decide(dispatcher: Dispatcher, record: Record) -> list[Event]:
    """What the dispatcher makes of a record's input."""
    command = command_of(record)
    return dispatcher.expire(record.stamp) if command is None else dispatcher.handle(command, record.stamp)


def same_events(events: list[Event], record: Record) -> bool:
    """The very bytes; or what an older release wrote means the same to this one."""
    given = encode_events(events)
    return given == record.events or given == encode_events(events_of(record))


def check_replay(recording: Recording, progress: Callable[[int, int], None] | None = None) -> Replayed:
    """Go through the recording up to its end or the first difference; ``progress`` gets (records done, in all).

    Raises ``StoreError``, :class:`Corrupt` at the first record that cannot be read.
    """
    found = Replayed(after=recording.after)
    dispatcher: Dispatcher | None = None
    begun = -1
    for record in recording.records:
        if dispatcher is None:
            dispatcher = recording.dispatcher(record)
        begun = record.stamp if begun < 0 else begun
        found.first = compare(dispatcher, record)
        _count(found, record)
        found.span_ms = record.stamp - begun
        if found.first is not None:
            found.ok = False
            found.differing = _differing(found.first)
            break
        if progress is not None and not found.records % TOLD_EVERY:
            progress(record.lsn - recording.after, recording.last - recording.after)
    return found


def compare(dispatcher: Dispatcher, record: Record) -> Difference | None:
    """Decide the record again; None: the same events."""
    failure, events = "", []
    try:
        events = decide(dispatcher, record)
        if same_events(events, record):
            return None
    except Exception as error:  # noqa: BLE001  # whatever the dispatcher met is what differs
        failure = f"{type(error).__name__}: {error}"
    expected = events_of(record)
    place = next(
        (place for place, (ours, theirs) in enumerate(zip(events, expected, strict=False)) if ours != theirs),
        min(len(events), len(expected)),
    )
    return Difference(
        lsn=record.lsn,
        stamp=record.stamp,
        principal=record.principal,
        input=msgspec.to_builtins(command_of(record)),
        place=place + 1,
        expected=msgspec.to_builtins(expected),
        got=msgspec.to_builtins(events),
        failure=failure,
    )


def _count(found: Replayed, record: Record) -> None:
    events = events_of(record)
    found.records += 1
    found.last_lsn = record.lsn
    found.commands += bool(record.input)
    found.ticks += not record.input
    found.events += len(events)
    found.refused += bool(events) and type(events[-1]) is CommandRejected
    for event in events:
        found.epochs += type(event) is EngineStarted
        found.policies += type(event) is PolicyApplied


def _differing(difference: Difference) -> int:
    pairs = zip(difference.expected, difference.got, strict=False)
    lengths = len(difference.expected), len(difference.got)
    unlike: int = sum(ours != theirs for ours, theirs in pairs)
    return unlike + max(lengths) - min(lengths)
