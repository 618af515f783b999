"""What nothing exercises: the one table of excuses, and it only shrinks.

An entry that a history or a story reaches must be struck out: a test fails until it is.
"""

from __future__ import annotations

from tests.dispatch.coverage import items
from tests.dispatch.coverage.items import Item

UNREACHED: dict[Item, str] = {
    Item(
        items.REFUSAL, "not_supported"
    ): "every command has its rule; clients know the code, and the next one may need it",
}
