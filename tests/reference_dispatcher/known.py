"""Differences that are decided and not yet mended: the reference is right, the engine is known to do otherwise.

Each has its paragraph in `docs/decisions/0004-reference-dispatcher.md`. A history that meets one ends there and counts as
known; what only names something wrong is blotted out on both sides. Mended in the engine: delete the entry here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from engine.dispatch import events as ev
from tests.reference_dispatcher.histories import Move

if TYPE_CHECKING:
    from tests.reference_dispatcher.comparing import Difference


def blotted(move: Move, events: Sequence[ev.Event]) -> list[ev.Event]:
    """The events without what is known to be named wrong."""
    return [_blotted(move, event) for event in events]


def _blotted(move: Move, event: ev.Event) -> ev.Event:
    if not isinstance(event, ev.OfferMade):
        return event
    # An agent of several pools: `pool`, `order` and `choice` name another pool than the one whose order decided.
    event = msgspec.structs.replace(event, pool="", order="", choice="")
    # A preferred contact's rank in a pool of order score is its points at instant 0.
    if event.preferred:
        event = msgspec.structs.replace(event, rank=())
    return event


def several_preferred(difference: Difference) -> bool:
    """Several contacts prefer the freed agent: the engine compares their points at instant 0."""
    offers = [e for events in (difference.engine, difference.reference) for e in events if isinstance(e, ev.OfferMade)]
    return len({event.contact for event in offers if event.preferred}) > 1


KNOWN: dict[str, Callable[[Difference], bool]] = {
    "several preferred": several_preferred,
}


def of(difference: Difference) -> str:
    """The name of the known difference, or nothing."""
    return next((name for name, is_this in KNOWN.items() if is_this(difference)), "")
