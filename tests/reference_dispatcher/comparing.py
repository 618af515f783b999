"""Both dispatchers play the same moves; the first answer that differs ends the play and is made small."""

from __future__ import annotations

from dataclasses import dataclass

from engine.dispatch import events as ev
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.policy.compile import compile_policy
from tests.reference_dispatcher import ReferenceDispatcher, known
from tests.reference_dispatcher.histories import Author, Do, History, Move, play


@dataclass
class Difference:
    """Move ``place`` of the history is answered otherwise. ``crash``: what one of them raised instead."""

    history: History
    place: int
    engine: list[ev.Event]
    reference: list[ev.Event]
    crash: str = ""
    resumed_elsewhere: bool = False  # some contact had come back through another channel
    resumed_asking: frozenset[int] = frozenset()  # those who came back having written

    @property
    def move(self) -> Move:
        return self.history.moves[self.place]

    @property
    def sign(self) -> str:
        """The first event that differs, in short: equal for differences that are alike."""
        if self.crash:
            return self.crash
        engine, reference = known.blotted(self.move, self.engine), known.blotted(self.move, self.reference)
        for number in range(max(len(engine), len(reference))):
            one, other = engine[number : number + 1], reference[number : number + 1]
            if one != other:
                return f"engine {_short(one)}, reference {_short(other)}"
        return "nothing"

    def told(self) -> str:
        lines = [f"python -m tests.reference_dispatcher --seed {self.history.seed}", "", "policy:", self.history.text]
        lines += ["moves:", *(f"  {_move(move)}" for move in self.history.moves[: self.place + 1]), "", self.crash]
        for name, events in (("the engine", self.engine), ("the reference", self.reference)):
            lines += [f"{name} says:", *(f"  {event}" for event in events)]
        return "\n".join(lines)


def _short(events: list[ev.Event]) -> str:
    return " ".join(_named(event) for event in events) or "nothing"


def _named(event: ev.Event) -> str:
    name = type(event).__name__
    for field in ("code", "trigger", "why", "reason", "command", "effect"):
        if hasattr(event, field):
            name += f" {getattr(event, field)}"
    return name


def _move(move: Move) -> str:
    return f"{move.stamp}  {move.command}" if isinstance(move, Do) else f"{move.now}  expire, limit {move.limit}"


def compare(seed: int) -> Difference | None:
    """Write history ``seed`` and play it on both; the first difference, or None."""
    author = Author(seed)
    engine = Dispatcher(compile_policy(author.text))
    history = History(seed, author.text, [])
    for place in range(author.length):
        move = author.next()
        history.moves.append(move)
        found = _differs(history, place, engine, author.reference)
        if found is not None:
            return found
    return None


def replay(history: History) -> Difference | None:
    """The same moves again, on two fresh dispatchers."""
    policy = compile_policy(history.text)
    engine, reference = Dispatcher(policy), ReferenceDispatcher(policy)
    for place in range(len(history.moves)):
        found = _differs(history, place, engine, reference)
        if found is not None:
            return found
    return None


def _differs(history: History, place: int, engine: Dispatcher, reference: ReferenceDispatcher) -> Difference | None:
    answers: list[list[ev.Event]] = []
    for dispatcher in (engine, reference):
        try:
            answers.append(play(dispatcher, history.moves[place]))
        except Exception as error:  # noqa: BLE001  # whatever it is, it is a difference, and wants to be made small
            name = type(dispatcher).__name__
            answers.append([])
            return Difference(history, place, [], [], crash=f"{name} raised {type(error).__name__}: {error}")
    move = history.moves[place]
    same = known.blotted(move, answers[0]) == known.blotted(move, answers[1])
    if same and engine.next_deadline() != reference.next_deadline():
        crash = f"next deadline: engine {engine.next_deadline()}, reference {reference.next_deadline()}"
        return Difference(history, place, *answers, crash=crash)
    if same:
        return None
    contacts = reference.desk.contacts.values()
    elsewhere = any(contact.resumed_elsewhere for contact in contacts)
    asking = frozenset(contact.contact for contact in contacts if contact.resumed_asking)
    return Difference(history, place, *answers, resumed_elsewhere=elsewhere, resumed_asking=asking)


def smallest(found: Difference) -> Difference:
    """Moves are left out, in pieces and then one by one, as long as the difference stays alike."""
    moves, piece = found.history.moves[: found.place + 1], max(1, found.place // 2)
    while piece:
        start = 0
        while start < len(moves):
            fewer = moves[:start] + moves[start + piece :]
            again = replay(History(found.history.seed, found.history.text, fewer))
            if again is None or again.sign != found.sign:
                start += piece
            else:
                found, moves = again, fewer[: again.place + 1]
        piece = piece // 2
    return Difference(
        History(found.history.seed, found.history.text, moves), found.place, found.engine, found.reference, found.crash
    )
