"""Differences that are decided and not yet mended: the reference is right, the engine is known to do otherwise.

Each has its paragraph in `docs/decisions/0004-reference-dispatcher.md`. A history that meets one ends there and counts as
known; what only names something wrong is blotted out on both sides. Mended in the engine: delete the entry here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from engine.dispatch import events as ev
from tests.reference_dispatcher.histories import Move

if TYPE_CHECKING:
    from tests.reference_dispatcher.comparing import Difference


def blotted(move: Move, events: Sequence[ev.Event]) -> list[ev.Event]:
    """The events without the engine's own account of how far a rearrangement has come, or that one begins again as it opens
    steps: what it did stands beside it."""
    return [event for event in events if not tells_of_itself(event)]


def tells_of_itself(event: ev.Event) -> bool:
    begins_again = isinstance(event, ev.RearrangementStarted) and event.why != "pool_opened"
    return begins_again or isinstance(event, ev.RearrangementContinued)


KNOWN: dict[str, Callable[[Difference], bool]] = {}


def of(difference: Difference) -> str:
    """The name of the known difference, or nothing."""
    return next((name for name, is_this in KNOWN.items() if is_this(difference)), "")
