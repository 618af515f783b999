"""A difference made small: moves are left out, and what is left still names the same contacts and offers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from engine.dispatch import events as ev
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.policy.compile import compile_policy
from tests.reference_dispatcher import ReferenceDispatcher
from tests.reference_dispatcher.comparing import Difference, differs
from tests.reference_dispatcher.histories import Do, History, Move, play

Origin = tuple[int, int]  # the move that brought a contact, and which of its offers (0: the contact itself)


@dataclass
class Numbers:
    """Numbers of one play → where they came from, and back."""

    origins: dict[tuple[str, int], Origin] = field(default_factory=dict)
    numbers: dict[Origin, int] = field(default_factory=dict)
    offers: dict[int, int] = field(default_factory=dict)

    def watch(self, place: int, events: Sequence[ev.Event]) -> None:
        for event in events:
            if isinstance(event, ev.ContactSubmitted | ev.ContactDeflected):
                self._learn("contact", event.contact, (place, 0))
            elif isinstance(event, ev.OfferMade):
                self.offers[event.contact] = nth = self.offers.get(event.contact, 0) + 1
                self._learn("offer", event.offer, (self.origins["contact", event.contact][0], nth))

    def _learn(self, kind: str, number: int, origin: Origin) -> None:
        self.origins[kind, number] = origin
        self.numbers[origin] = number


@dataclass(frozen=True)
class Named:
    """A move, its place in the whole history, and where the contact or offer that it names came from."""

    move: Move
    place: int
    origins: tuple[tuple[str, Origin], ...] = ()

    def renumbered(self, numbers: Numbers) -> Move:
        """With the numbers of another play; what does not exist there keeps its own."""
        if not isinstance(self.move, Do) or not self.origins:
            return self.move
        changes = {kind: numbers.numbers[origin] for kind, origin in self.origins if origin in numbers.numbers}
        return Do(msgspec.structs.replace(self.move.command, **changes), self.move.stamp)


def smallest(found: Difference) -> Difference:
    """Moves are left out, in pieces and then one by one, as long as the difference stays alike."""
    history = found.history
    moves, piece = named(history, found.place + 1), max(1, found.place // 2)
    while piece:
        start = 0
        while start < len(moves):
            fewer = moves[:start] + moves[start + piece :]
            again = replay(history.seed, history.text, fewer)
            if again is None or again.sign != found.sign:
                start += piece
            else:
                found, moves = again, fewer[: again.place + 1]
        piece //= 2
    return found


def named(history: History, count: int) -> list[Named]:
    """The first moves of a history, with what they name; learnt by playing them once more."""
    reference, numbers = ReferenceDispatcher(compile_policy(history.text)), Numbers()
    result = []
    for place, move in enumerate(history.moves[:count]):
        command = move.command if isinstance(move, Do) else None
        keys = [(kind, getattr(command, kind, 0)) for kind in ("contact", "offer")]
        origins = tuple(
            (kind, numbers.origins[kind, number]) for kind, number in keys if (kind, number) in numbers.origins
        )
        result.append(Named(move, place, origins))
        if place + 1 < count:  # the last one may raise: that may be the difference
            numbers.watch(place, play(reference, move))
    return result


def replay(seed: int, text: str, moves: Sequence[Named]) -> Difference | None:
    """These moves on two fresh dispatchers; the first difference, or None."""
    policy = compile_policy(text)
    engine, reference, numbers = Dispatcher(policy), ReferenceDispatcher(policy), Numbers()
    history = History(seed, text, [])
    for place, one in enumerate(moves):
        history.moves.append(one.renumbered(numbers))
        found = differs(history, place, engine, reference)
        if found is not None:
            return found
        numbers.watch(one.place, reference.desk.events)
    return None
