"""A second dispatcher: naive, quadratic, as plain as the design's sentences."""

from __future__ import annotations

from tests.reference_dispatcher import (
    affinity,
    capacity,
    choices,
    decliners,
    eligible,
    endings,
    entry,
    offers,
    orders,
    policy_swap,
    presence,
    profiles,
    replies,
    restart,
    rona,
    steps,
    supervisors,
    transfers,
)
from tests.reference_dispatcher.dispatcher import ReferenceDispatcher

__all__ = ["ReferenceDispatcher"]
