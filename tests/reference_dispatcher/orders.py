"""Who is next when an agent of a pool becomes free. Ties: who came first."""

from __future__ import annotations

from engine.dispatch.contacts import ContactState
from tests.reference_dispatcher import needs
from tests.reference_dispatcher.desk import Agent, Contact, Desk
from tests.reference_dispatcher.registry import ORDERS, order

MINUTE_MS = 60_000
BEHIND = 1_000_000


def lines(desk: Desk, agent: Agent) -> list[list[str]]:
    """The agent's pools in its own order; pools of equal rules are one line."""
    found: dict[tuple[object, ...], list[str]] = {}
    for pool in agent.profile.pools:
        rules = desk.policy.pools[pool]
        overdue = rules.overdue if rules.order == "promise" else ""
        own = pool if rules.shares != "none" else ""
        found.setdefault((rules.order, overdue, rules.listed, own), []).append(pool)
    return list(found.values())


def own_place(desk: Desk, contact: Contact, now: int = 0) -> tuple[float, ...]:
    """For contacts of several pools: each by the first one open to it. Who comes loose together: points at instant 0."""
    pools = needs.open_pools(desk, contact)
    return (*(rank(desk, contact, pools[0], now) if pools else ()), contact.contact)


def rank(desk: Desk, contact: Contact, pool: str, now: int | None = None) -> tuple[float, ...]:
    """Listed queues first, in the pool's order; then what the pool's order says."""
    listed = desk.policy.pools[pool].listed
    place = listed.index(contact.queue) if contact.queue in listed else len(listed)
    place += BEHIND * contact.behind
    if desk.policy.pools[pool].order == "promise":
        late = late_last(desk, contact) if desk.policy.pools[pool].overdue == "last" else 0
        return (place, -contact.urgency, late, due(desk, contact), contact.start)
    return (place, *ORDERS[desk.policy.pools[pool].order](desk, contact, desk.now if now is None else now))


@order("strict")
def strict(desk: Desk, contact: Contact, now: int) -> tuple[float, ...]:
    """Priority, then the longer wait."""
    return (-contact.urgency, contact.start)


@order("longest_queue")
def longest_queue(desk: Desk, contact: Contact, now: int) -> tuple[float, ...]:
    """Priority, then whose queue has most waiting without an offer, in the same stage."""
    alike = [one for one in desk.contacts.values() if (one.queue, one.stage) == (contact.queue, contact.stage)]
    return (-contact.urgency, -sum(one.state == ContactState.QUEUED for one in alike), contact.start)


@order("promise")
def promise(desk: Desk, contact: Contact, now: int) -> tuple[float, ...]:
    """Priority, then the earliest promise; `rank` puts those that are late behind the others where the pool says so."""
    return (-contact.urgency, due(desk, contact), contact.start)


def due(desk: Desk, contact: Contact) -> int:
    return contact.start + desk.policy.target_of(contact.queue, contact.shop)


def late_last(desk: Desk, contact: Contact) -> int:
    return int(desk.now > due(desk, contact))


@order("score")
def score(desk: Desk, contact: Contact, now: int) -> tuple[float, ...]:
    """Priority + boost + slope × minutes waited (all times 60,000, so that a millisecond is no fraction)."""
    queue = desk.queue_of(contact)
    # Written so that both dispatchers round alike: what stands still, and then what grows.
    still = queue.slope * contact.start - (contact.urgency + queue.boost) * MINUTE_MS
    return (still - queue.slope * now, contact.start)
