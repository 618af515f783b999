"""Where a rule puts its name: one table per thing that rules add to. Nothing is decided here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from engine.dispatch import commands as cm
from engine.dispatch.refusals import Code

if TYPE_CHECKING:
    from tests.reference_dispatcher.desk import Agent, Contact, Desk

F = TypeVar("F", bound=Callable[..., Any])


class Refused(Exception):
    """A command cannot be done. Raised before the first event, so nothing has changed."""

    def __init__(self, code: Code, got: object = "", wanted: str = "") -> None:
        super().__init__(code, got, wanted)
        self.code, self.got, self.wanted = code, str(got), wanted


@dataclass(frozen=True)
class Deadline:
    """Something that happens by itself ``at`` an instant; ``act`` makes it happen."""

    at: int
    kind: str
    place: tuple[int, ...]
    act: Callable[[], None]


HANDLERS: dict[type, Callable[[Desk, Any], None]] = {}
DEADLINES: list[Callable[[Desk], Iterable[Deadline]]] = []
HEARERS: list[Callable[[Desk, Any], None]] = []
OBJECTIONS: dict[str, Callable[[Desk, Contact, Agent], bool]] = {}
ORDERS: dict[str, Callable[[Desk, Contact, int], tuple[float, ...]]] = {}
CHOICES: dict[str, Callable[[Desk, Contact, Agent, str], tuple[float, ...]]] = {}


def handles(command: type[cm.Command]) -> Callable[[F], F]:
    """The function does this command: ``(desk, command)``, checks first (raising Refused), then emits."""

    def enter(function: F) -> F:
        assert command not in HANDLERS, f"{command.__name__} has two handlers"
        HANDLERS[command] = function
        return function

    return enter


def deadlines(function: F) -> F:
    """The function lists every deadline of its topic that is running now."""
    DEADLINES.append(function)
    return function


def hears(function: F) -> F:
    """The function is told each event, before it changes anything."""
    HEARERS.append(function)
    return function


def objection(name: str) -> Callable[[F], F]:
    """The function says whether something stands against offering this contact to this agent now."""

    def enter(function: F) -> F:
        OBJECTIONS[name] = function
        return function

    return enter


def order(name: str) -> Callable[[F], F]:
    """The function is a contact's sort key, at an instant, in a pool of this order: the smallest is next."""

    def enter(function: F) -> F:
        ORDERS[name] = function
        return function

    return enter


def choice(name: str) -> Callable[[F], F]:
    """The function is an agent's sort key in a pool (named last) of this choice: the smallest gets the contact."""

    def enter(function: F) -> F:
        CHOICES[name] = function
        return function

    return enter
