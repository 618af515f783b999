"""Both dispatchers play the same moves; the first answer that differs ends the play."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import zip_longest
from typing import TypeAlias

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.policy.compile import compile_policy
from tests.reference_dispatcher import ReferenceDispatcher, known
from tests.reference_dispatcher.desk import Desk
from tests.reference_dispatcher.exercised import Exercised
from tests.reference_dispatcher.histories import Author, Do, History, Move, play

Watch: TypeAlias = Callable[[Move, list[ev.Event]], None]


@dataclass
class Difference:
    """Move ``place`` of the history is answered otherwise. ``crash``: what one of them raised instead."""

    history: History
    place: int
    engine: list[ev.Event]
    reference: list[ev.Event]
    crash: str = ""
    desk: Desk | None = None  # the reference's, after the move

    @property
    def command(self) -> cm.Command | None:
        return self.move.command if isinstance(self.move, Do) else None

    @property
    def move(self) -> Move:
        return self.history.moves[self.place]

    @property
    def sign(self) -> str:
        """The first event that differs, in short: equal for differences that are alike."""
        engine, reference = self.first
        return self.crash or f"engine {_named(engine)}, reference {_named(reference)}"

    @property
    def first(self) -> tuple[ev.Event | None, ev.Event | None]:
        """The first events that differ, of the engine and of the reference."""
        engine, reference = known.blotted(self.move, self.engine), known.blotted(self.move, self.reference)
        pairs = zip_longest(engine, reference)
        return next(((one, other) for one, other in pairs if one != other), (None, None))

    def told(self) -> str:
        lines = [f"python -m tests.reference_dispatcher --seed {self.history.seed}", "", "policy:", self.history.text]
        lines += ["moves:", *(f"  {_move(move)}" for move in self.history.moves[: self.place + 1]), "", self.crash]
        for name, events in (("the engine", self.engine), ("the reference", self.reference)):
            lines += [f"{name} says:", *(f"  {event}" for event in events)]
        return "\n".join(lines)


def _named(event: ev.Event | None) -> str:
    if event is None:
        return "nothing"
    name = type(event).__name__
    for field in ("code", "trigger", "why", "reason", "command", "effect"):
        if hasattr(event, field):
            name += f" {getattr(event, field)}"
    return name


def _move(move: Move) -> str:
    return f"{move.stamp}  {move.command}" if isinstance(move, Do) else f"{move.now}  expire, limit {move.limit}"


def compare(seed: int, exercised: Exercised | None = None) -> Difference | None:
    """Write history ``seed`` and play it on both; the first difference, or None. ``exercised`` counts what it has in it."""
    author = Author(seed)
    watch = None
    if exercised is not None:
        exercised.policy(author.desk.policy)
        watch = exercised.watch
    engine = Dispatcher(compile_policy(author.text))
    history = History(seed, author.text, [])
    for place in range(author.length):
        move = author.next()
        history.moves.append(move)
        found = differs(history, place, engine, author.reference, watch)
        if found is not None:
            return found
    return None


def differs(
    history: History, place: int, engine: Dispatcher, reference: ReferenceDispatcher, watch: Watch | None = None
) -> Difference | None:
    """Play the move at ``place`` on both; how they differ, or None."""
    answers: list[list[ev.Event]] = []
    for dispatcher in (engine, reference):
        try:
            answers.append(play(dispatcher, history.moves[place]))
        except Exception as error:  # noqa: BLE001  # whatever it is, it is a difference, and wants to be made small
            name = type(dispatcher).__name__
            answers.append([])
            return Difference(history, place, [], [], crash=f"{name} raised {type(error).__name__}: {error}")
    move = history.moves[place]
    if watch is not None:
        watch(move, answers[0])
    said, wanted = answers
    blotted = [known.blotted(move, answer) for answer in answers]
    same = blotted[0] == blotted[1]
    if same and engine.next_deadline() != reference.next_deadline():
        crash = f"next deadline: engine {engine.next_deadline()}, reference {reference.next_deadline()}"
        return Difference(history, place, said, wanted, crash=crash)
    if same:
        return None
    return Difference(history, place, said, wanted, desk=reference.desk)
