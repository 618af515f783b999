"""What the policy may know of a customer: its tier, its attributes for routing, and whether it is blocked.

Asked for each new contact, so it is kept in memory for those who came lately; what a deed touches is forgotten at once.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from itertools import islice

import msgspec
import trio
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from engine.desk.customers.answers import rows_of, tier_of
from engine.desk.customers.folds import decode
from engine.desk.customers.identity import keys_of
from engine.desk.customers.tables import CUSTOMER_BLOCKS, CUSTOMERS
from engine.desk.database import Database, Reading
from engine.dispatch.commands import Attributes
from engine.ports import RunBlocking

# Customers kept: those of some minutes at full load, 300 bytes each.
_KEPT = 50_000
# Looked up in one go: what comes in while another look is under way.
_AT_ONCE = 500


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


def read_standings(reading: Reading, asked: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Standing]:
    """Of each (tenant, customer). One question finds those about whom something was ever done; of most nothing was."""
    by_tenant: dict[str, list[str]] = {}
    for tenant, customer in asked:
        by_tenant.setdefault(tenant, []).append(customer)
    columns = CUSTOMERS.c
    found = {(tenant, customer): Standing(customer, {}) for tenant, keys in by_tenant.items() for customer in keys}
    for tenant, keys in by_tenant.items():
        known = select(columns.customer).where(columns.tenant == tenant, columns.customer.in_(keys))
        for row in reading.rows(known):
            found[tenant, row.customer] = read_standing(reading, tenant, row.customer)
    return found


def read_standing(reading: Reading, tenant: str, customer: str) -> Standing:
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


class _Look:
    """One customer who is looked up, and whoever waits for it."""

    def __init__(self, customer: str) -> None:
        self.standing = Standing(customer, {})
        self.done = trio.Event()


class StandingLoader:
    """Looks up who is not in memory, all who wait at once in one go: in a flood of new customers a look costs each little."""

    def __init__(self, standings: Standings, database: Database, run_blocking: RunBlocking) -> None:
        self._standings = standings
        self._database = database
        self._run_blocking = run_blocking
        self._waiting: dict[tuple[str, str], _Look] = {}
        self._news = trio.Event()

    async def load(self, tenant: str, customer: str) -> Standing:
        """Where the tables cannot be read just now, nothing is known of anybody."""
        look = self._waiting.setdefault((tenant, customer), _Look(customer))
        self._news.set()
        await look.done.wait()
        return look.standing

    async def run(self) -> None:
        while True:
            await self._news.wait()
            self._news = trio.Event()
            while self._waiting:
                await self._look(dict(islice(self._waiting.items(), _AT_ONCE)))

    async def _look(self, asked: dict[tuple[str, str], _Look]) -> None:
        generation = self._standings.generation
        try:
            found = await self._run_blocking(self._read, list(asked))
        except SQLAlchemyError:
            found = {}
        for name, look in asked.items():
            if name in found:
                look.standing = found[name]
                self._standings.keep(*name, look.standing, generation)
            del self._waiting[name]
            look.done.set()

    def _read(self, asked: list[tuple[str, str]]) -> dict[tuple[str, str], Standing]:
        with self._database.reading() as reading:
            return read_standings(reading, asked)
