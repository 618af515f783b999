"""What listens to a run of the twin, and what a run hands back.

``scenes.play`` calls each listener once per call of the dispatcher, in order: ``listener(stamp, command, events)``. The
live server's records hold the very same three things, so whatever folds these also folds a journal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeAlias

from engine.dispatch.commands import Command
from engine.dispatch.events import Event
from sim.scenario import Scenario

# stamp (dispatcher ms), the command (None: time passed and deadlines expired), its events in the dispatcher's order.
# A refused command is told too: its last event is CommandRejected.
Listener: TypeAlias = Callable[[int, Command | None, list[Event]], None]


class Played(NamedTuple):
    """One run. Instants are dispatcher ms: ``origin_ms`` is the first day's midnight; customers came from ``begin_ms``
    until ``end_ms``, and whoever was there was served until ``until_ms``. What happened before ``warm_ms`` is warm-up:
    told to listeners, and for folds to leave out. ``seconds``: processor time. ``counts``: what came of it, by name."""

    scenario: str
    seed: int
    origin_ms: int
    begin_ms: int
    warm_ms: int
    end_ms: int
    until_ms: int
    seconds: float
    counts: dict[str, int]


class Fold(Protocol):
    """Adds a run up as it goes. Made anew for each run, in the process that plays it."""

    def hear(self, stamp: int, command: Command | None, events: list[Event]) -> None:
        """As a :data:`Listener`."""
        ...

    def result(self, played: Played) -> Any:
        """What it came to; sent between processes, so plain data."""
        ...


# Makes a fold before a run: a function of a module, a class, or a partial of one, since it is sent to other processes.
FoldMaker: TypeAlias = Callable[[Scenario, int], Fold]


class Replication(NamedTuple):
    """One of several runs: its seed's place, and each fold's result in the order of the folds asked for."""

    place: int
    played: Played
    results: tuple[Any, ...]
