"""What the policy may know of a customer: its tier, its attributes for routing, and whether it is blocked.

Asked for each new contact, so it is kept in memory for those who came lately; what a deed touches is forgotten at once.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

import msgspec

from engine.desk.customers.answers import rows_of, tier_of
from engine.desk.customers.folds import decode, find
from engine.desk.customers.identity import keys_of
from engine.desk.customers.tables import CUSTOMER_BLOCKS
from engine.desk.database import Reading
from engine.dispatch.commands import Attributes

# Customers kept: those of some minutes at full load, 300 bytes each.
_KEPT = 50_000


class Standing(msgspec.Struct, frozen=True):
    """``blocked_until``: an instant, -1 for good, 0 not at all. ``root``: who the customer is."""

    root: str
    attributes: Attributes
    blocked_until: int = 0

    def at(self, now: int) -> Attributes:
        """As it joins a contact's attributes."""
        return {**self.attributes, "blocked": "yes"} if self.is_blocked(now) else self.attributes

    def is_blocked(self, now: int) -> bool:
        return self.blocked_until < 0 or self.blocked_until > now


def read_standing(reading: Reading, tenant: str, customer: str) -> Standing:
    if find(reading, tenant, customer) is None:  # nothing was ever done about it: most of those who come
        return Standing(customer, {})
    keys = keys_of(reading, tenant, customer)
    attributes: Attributes = {}
    for row in reversed(rows_of(reading, tenant, keys)):
        attributes |= decode(row.routing)
    if tier := tier_of(reading, tenant, keys):
        attributes["tier"] = tier
    blocks = CUSTOMER_BLOCKS.c
    found = reading.rows(
        CUSTOMER_BLOCKS.select().where(blocks.tenant == tenant, blocks.customer.in_(keys)).order_by(blocks.customer)
    )
    until = -1 if any(not row.until for row in found) else max((row.until for row in found), default=0)
    return Standing(keys[0], attributes, until)


class Standings:
    """The last ones asked for. ``generation`` moves with each change, so that no answer from before it is kept."""

    def __init__(self) -> None:
        self.generation = 0
        self._kept: OrderedDict[tuple[str, str], Standing] = OrderedDict()
        self._of_root: dict[tuple[str, str], set[str]] = {}

    def find(self, tenant: str, customer: str) -> Standing | None:
        found = self._kept.get((tenant, customer))
        if found is not None:
            self._kept.move_to_end((tenant, customer))
        return found

    def keep(self, tenant: str, customer: str, standing: Standing, generation: int) -> None:
        """``generation``: as it was before the tables were asked."""
        if generation != self.generation:
            return
        self._kept[tenant, customer] = standing
        self._of_root.setdefault((tenant, standing.root), set()).add(customer)
        if len(self._kept) > _KEPT:
            self._forget(next(iter(self._kept)))

    def touched(self, customers: Iterable[tuple[str, str]]) -> None:
        """Something was done about these (tenant, root)."""
        self.generation += 1
        for tenant, root in customers:
            for key in {root, *self._of_root.get((tenant, root), ())}:
                self._forget((tenant, key))

    def _forget(self, name: tuple[str, str]) -> None:
        standing = self._kept.pop(name, None)
        if standing is None:
            return
        keys = self._of_root[name[0], standing.root]
        keys.discard(name[1])
        if not keys:
            del self._of_root[name[0], standing.root]
