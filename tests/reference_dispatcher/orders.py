"""Who is next when an agent of a pool becomes free. Ties: who came first."""

from __future__ import annotations

from tests.reference_dispatcher.desk import Contact, Desk
from tests.reference_dispatcher.registry import ORDERS, order

MINUTE_MS = 60_000


def rank(desk: Desk, contact: Contact, pool: str) -> tuple[float, ...]:
    """Listed queues first, in the pool's order; then what the pool's order says."""
    listed = desk.policy.pools[pool].listed
    place = listed.index(contact.queue) if contact.queue in listed else len(listed)
    return (place, *ORDERS[desk.policy.pools[pool].order](desk, contact))


@order("strict")
def strict(desk: Desk, contact: Contact) -> tuple[float, ...]:
    """Priority, then the longer wait."""
    return (-contact.urgency, contact.start)


@order("score")
def score(desk: Desk, contact: Contact) -> tuple[float, ...]:
    """Priority + boost + slope × minutes waited."""
    queue = desk.queue_of(contact)
    points = contact.urgency + queue.boost + queue.slope * (desk.now - contact.start) / MINUTE_MS
    return (-points, contact.start)
