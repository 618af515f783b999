"""What each command does: checked completely before its first event. ``HANDLERS`` maps command types to functions."""

from __future__ import annotations

from engine.dispatch.rules import (
    agents,
    by_hand,
    consults,
    contacts,
    conversation,
    deadlines,
    domain,
    gate,
    hours,
    offers,
    promises,
)
from engine.dispatch.rules.registry import HANDLERS

__all__ = [
    "HANDLERS",
    "agents",
    "by_hand",
    "consults",
    "contacts",
    "conversation",
    "deadlines",
    "domain",
    "gate",
    "hours",
    "offers",
    "promises",
]
