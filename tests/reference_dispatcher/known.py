"""Differences that are decided and not yet mended: the reference is right, the engine is known to do otherwise.

Each has its paragraph in `docs/decisions/0004-reference-dispatcher.md`. A history that meets one ends there and counts as
known; what only names something wrong is blotted out on both sides. Mended in the engine: delete the entry here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from tests.reference_dispatcher.histories import Move

if TYPE_CHECKING:
    from tests.reference_dispatcher.comparing import Difference


def blotted(move: Move, events: Sequence[ev.Event]) -> list[ev.Event]:
    """The events without what is known to be named wrong: nothing at present."""
    return list(events)


def in_another_order(engine: Sequence[ev.Event], reference: Sequence[ev.Event]) -> bool:
    """The same events, at a policy swap whose steps move contacts on: in which order the others are visited is not settled."""
    moved = any(isinstance(event, ev.ContactMoved) and event.why == "step" for event in reference)
    swapped = any(isinstance(event, ev.PolicyApplied) for event in reference)
    left = list(reference)
    for event in engine:
        if event not in left:
            return False
        left.remove(event)
    return moved and swapped and not left


def left_again_when_due(difference: Difference) -> bool:
    """A message is left anew by who stands among live contacts already: the engine puts it behind them again."""
    contacts = difference.desk.contacts if difference.desk else {}
    return isinstance(difference.command, cm.LeaveMessage) and any(one.left_again for one in contacts.values())


KNOWN: dict[str, Callable[[Difference], bool]] = {
    "left again when due": left_again_when_due,
}


def of(difference: Difference) -> str:
    """The name of the known difference, or nothing."""
    return next((name for name, is_this in KNOWN.items() if is_this(difference)), "")
