"""From records to rows: which function of which room hears of which deed and which event.

A fold sees records in lsn order and nothing else: no clock, no configuration, no other store. So the same journal always
gives the same tables. It may read the tables it writes, and must not fail on anything that a journal can hold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

import msgspec

from engine.desk.commands import DeskCommand
from engine.desk.database import Pen
from engine.dispatch.commands import RecordDesk
from engine.dispatch.events import DeskRecorded
from engine.ports import Committed, StoreError

Fold: TypeAlias = Callable[[Pen, Committed, Any], None]
F = TypeVar("F", bound=Fold)

_decoder: msgspec.msgpack.Decoder[DeskCommand] = msgspec.msgpack.Decoder(DeskCommand)
_encoder = msgspec.msgpack.Encoder()


def encode_deed(deed: DeskCommand) -> bytes:
    """As it stands in a record's payload."""
    return _encoder.encode(deed)


def deed_of(record: Committed) -> DeskCommand | None:
    """None: the subject's key was destroyed, or the record is no deed. Raises ``StoreError``: a newer release wrote it."""
    if not record.payload or not isinstance(record.command, RecordDesk):
        return None
    try:
        return _decoder.decode(record.payload)
    except ValueError as error:
        raise StoreError(f"journal record {record.lsn}: what was done at the desk cannot be read: {error}") from error


@dataclass
class Folds:
    """A room's folds: ``deeds`` by the type of deed, ``events`` by the type of event."""

    deeds: dict[type, list[Fold]] = field(default_factory=dict)
    events: dict[type, list[Fold]] = field(default_factory=dict)

    def on_deed(self, kind: type) -> Callable[[F], F]:
        return self._enter(self.deeds, kind)

    def on_event(self, kind: type) -> Callable[[F], F]:
        return self._enter(self.events, kind)

    def _enter(self, folds: dict[type, list[Fold]], kind: type) -> Callable[[F], F]:
        def enter(function: F) -> F:
            folds.setdefault(kind, []).append(function)
            return function

        return enter

    def join(self, other: Folds) -> None:
        for mine, theirs in ((self.deeds, other.deeds), (self.events, other.events)):
            for kind, functions in theirs.items():
                mine.setdefault(kind, []).extend(functions)

    def hears(self, record: Committed) -> bool:
        return any(type(event) is DeskRecorded or type(event) in self.events for event in record.events)

    def apply(self, pen: Pen, record: Committed) -> None:
        for event in record.events:
            if type(event) is DeskRecorded:
                deed = deed_of(record)
                for fold in self.deeds.get(type(deed), ()):
                    fold(pen, record, deed)
            for fold in self.events.get(type(event), ()):
                fold(pen, record, event)
