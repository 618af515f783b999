"""What nothing exercises yet, because its rule is being written: the one table of excuses, and it only shrinks.

An entry that a history or a story reaches must be struck out: a test fails until it is.
"""

from __future__ import annotations

from tests.dispatch.coverage import items
from tests.dispatch.coverage.items import Item

UNREACHED: dict[Item, str] = {
    # supervisors
    Item(items.COMMAND, "contact.consult"): "no rule lets a second agent in",
    # steps
    Item(items.CONDITION, "estimated_wait_ms"): "no rule asks for the estimate",
    Item(items.CONDITION, "queue_length"): "no rule asks for the queue's length",
    Item(items.CONDITION, "lender_kpi"): "no rule measures a lender",
    Item(items.ACTION, "offer"): "no rule offers alternatives",
    Item(items.ACTION, "move_to"): "no rule moves a contact",
}
