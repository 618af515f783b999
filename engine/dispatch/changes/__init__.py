"""The one place where state changes: a function per event, and nothing decided here.

``APPLY`` maps each event type to its function. Recovery feeds journalled events through the same table.
"""

from __future__ import annotations

from engine.dispatch.changes import agents, bulk, consults, contacts, domain, house, offers, silence
from engine.dispatch.changes.registry import APPLY

__all__ = ["APPLY", "agents", "bulk", "consults", "contacts", "domain", "house", "offers", "silence"]
