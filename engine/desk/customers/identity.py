"""Which keys are one customer: a tree of keys, each joined to another, and the root that stands for all of them.

Nothing that is known of a key moves when it is joined; so taking it out again gives back what it had.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import bindparam, delete, or_, select, update

from engine.desk.customers.tables import CUSTOMER_LINKS, CUSTOMERS
from engine.desk.database import Pen, Reading

# A thing of this name is a customer: whoever wants it locked means the one whom the key stands for.
CUSTOMER_THING = "customer "
_CUSTOMERS, _OF = CUSTOMERS.c, CUSTOMERS.c.tenant == bindparam("of")
_ROOT = select(_CUSTOMERS.root).where(_OF, _CUSTOMERS.customer == bindparam("key"))
# Not put in order here: asked to, SQLite goes through all customers of the tenant in order of their keys.
_OTHERS = select(_CUSTOMERS.customer).where(_OF, _CUSTOMERS.root == bindparam("key"))


def thing(customer: str) -> str:
    return CUSTOMER_THING + customer


def root_of(reading: Reading, tenant: str, customer: str) -> str:
    row = reading.row(_ROOT, of=tenant, key=customer)
    return customer if row is None or not row.root else str(row.root)


def keys_of(reading: Reading, tenant: str, customer: str) -> list[str]:
    """The root first, then the others in order of their names."""
    root = root_of(reading, tenant, customer)
    return [root, *sorted(row.customer for row in reading.rows(_OTHERS, of=tenant, key=root))]


def resolve(reading: Reading, tenant: str, things: Iterable[str]) -> tuple[str, ...]:
    """The things, customers among them as their roots."""
    return tuple(
        thing(root_of(reading, tenant, name.removeprefix(CUSTOMER_THING))) if name.startswith(CUSTOMER_THING) else name
        for name in things
    )


def join(pen: Pen, tenant: str, root: str, other: str) -> None:
    """All that ``other`` (a root) stands for now stands under ``root``."""
    customers = CUSTOMERS.c
    pen.execute(update(CUSTOMERS).where(customers.tenant == tenant, customers.root == other).values(root=root))
    pen.change(CUSTOMERS, tenant=tenant, customer=other, root=root)


def part(pen: Pen, tenant: str, other: str) -> None:
    """``other`` leaves with all that was joined to it, and is its own root again."""
    leaving = _below(pen, tenant, other)
    links, customers = CUSTOMER_LINKS.c, CUSTOMERS.c
    pen.execute(delete(CUSTOMER_LINKS).where(links.tenant == tenant, links.customer == other))
    pen.execute(update(CUSTOMERS).where(customers.tenant == tenant, customers.customer.in_(leaving)).values(root=other))
    pen.change(CUSTOMERS, tenant=tenant, customer=other, root="")


def dissolve(pen: Pen, tenant: str, keys: Sequence[str]) -> None:
    """Each is its own again, and nobody knows that they were one."""
    links, customers = CUSTOMER_LINKS.c, CUSTOMERS.c
    ours = or_(links.customer.in_(keys), links.into.in_(keys))
    pen.execute(delete(CUSTOMER_LINKS).where(links.tenant == tenant, ours))
    pen.execute(update(CUSTOMERS).where(customers.tenant == tenant, customers.customer.in_(keys)).values(root=""))


def _below(pen: Pen, tenant: str, key: str) -> list[str]:
    links = CUSTOMER_LINKS.c
    found, last = [], [key]
    while last:
        rows = pen.rows(select(links.customer).where(links.tenant == tenant, links.into.in_(last)))
        last = [row.customer for row in rows]
        found += last
    return found
