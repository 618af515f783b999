"""What an actor may answer: do something, be woken later, be cut off."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from engine.dispatch.commands import Command


class Do(NamedTuple):
    """Ask this of the engine, with the text of what is said (empty: nothing is said)."""

    command: Command
    text: str = ""


class Wake(NamedTuple):
    """Call ``woken(what, of, guard)`` after ``in_ms``. ``of``: the contact or offer; ``guard``: the turn it was for."""

    in_ms: int
    what: str
    of: int = 0
    guard: int = 0


class Cut(NamedTuple):
    """The connection dies now and is back after ``away_ms``."""

    away_ms: int


Deed: TypeAlias = Do | Wake | Cut
