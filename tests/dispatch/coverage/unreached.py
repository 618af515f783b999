"""What nothing exercises yet, because its rule is being written: the one table of excuses, and it only shrinks.

An entry that a history or a story reaches must be struck out: a test fails until it is.
"""

from __future__ import annotations

from tests.dispatch.coverage import items
from tests.dispatch.coverage.items import Item

_ORDERS = "no rule orders so"
_CHOICES = "no rule chooses so"

UNREACHED: dict[Item, str] = {
    # supervisors
    Item(items.COMMAND, "contact.consult"): "no rule lets a second agent in",
    # steps
    Item(items.CONDITION, "lender_kpi"): "no rule measures a lender",
    # pools
    Item(items.CHOICE, "most_loaded"): _CHOICES,
    Item(items.CHOICE, "round_robin"): _CHOICES,
    Item(items.CHOICE, "weighted"): _CHOICES,
    Item(items.ORDER, "promise"): _ORDERS,
    Item(items.ORDER, "longest_queue"): _ORDERS,
    Item(items.OVERDUE, "first"): _ORDERS,
    Item(items.OVERDUE, "last"): _ORDERS,
    Item(items.SHARES, "tenant"): "no rule keeps shares",
    Item(items.SHARES, "shop"): "no rule keeps shares",
}
