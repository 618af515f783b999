"""What nothing exercises yet, because its rule is being written: the one table of excuses, and it only shrinks.

An entry that a history or a story reaches must be struck out: a test fails until it is.
"""

from __future__ import annotations

from tests.dispatch.coverage import items
from tests.dispatch.coverage.items import Item

UNREACHED: dict[Item, str] = {
    # supervisors
    Item(items.COMMAND, "contact.consult"): "no rule lets a second agent in",
}
