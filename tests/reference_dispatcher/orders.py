"""Who is next when an agent of a pool becomes free. Ties: who came first."""

from __future__ import annotations

from engine.dispatch.contacts import ContactState
from tests.reference_dispatcher import needs
from tests.reference_dispatcher.desk import Agent, Contact, Desk
from tests.reference_dispatcher.registry import ORDERS, order

MINUTE_MS = 60_000
BEHIND = 1_000_000
ABOVE = 1 << 42  # above every instant and length
LONGER = 1 << 16  # where ties go by a list, a contact more counts before every place in it


def lines(desk: Desk, agent: Agent) -> list[list[str]]:
    """The agent's pools in its own order; pools of equal rules are one line."""
    found: dict[tuple[object, ...], list[str]] = {}
    for pool in agent.profile.pools:
        rules = desk.policy.pools[pool]
        overdue = rules.overdue if rules.order == "promise" else ""
        own = pool if rules.shares != "none" else ""
        found.setdefault((rules.order, overdue, rules.ties, rules.listed, own), []).append(pool)
    return list(found.values())


def own_rank(desk: Desk, contact: Contact) -> tuple[float, ...]:
    """By the first pool open to it, as of now; of one to which none is open it is priority and wait."""
    pools = needs.open_pools(desk, contact)
    if not pools:
        return (BEHIND * contact.behind, *strict(desk, contact, desk.now))
    return rank(desk, contact, pools[0])


def standing(desk: Desk, contact: Contact) -> tuple[float, ...]:
    """Where it stands in its own queue: as `visiting`, whatever time and lengths add at the moment."""
    return visiting(desk, contact, moment=False)


def visiting(desk: Desk, contact: Contact, *, moment: bool = True) -> tuple[float, ...]:
    """In which order those who come loose together are looked after: first pools may differ, so what an order says beside
    the wait is one number, priority above all; points as of instant 0, lateness and lengths as of now."""
    pools = needs.open_pools(desk, contact)
    if not pools:
        return (*own_rank(desk, contact), contact.contact)
    place, *said, start = rank(desk, contact, pools[0], 0)
    rules, ties = desk.policy.pools[pools[0]].order, desk.policy.pools[pools[0]].ties
    if rules == "promise":
        urgency, late, due_at = said
        said = [2 * urgency * ABOVE + moment * late * ABOVE + due_at]
    elif rules == "longest_queue":
        urgency, length, turn = (*said, 0)[:3]
        said = [urgency * ABOVE + moment * length * (LONGER if ties == "listed" else 1) + turn]
    return (place, *said, start, contact.contact)


def rank(desk: Desk, contact: Contact, pool: str, now: int | None = None) -> tuple[float, ...]:
    """Listed queues first, in the pool's order; then what the pool's order says."""
    listed = desk.policy.pools[pool].listed
    place = listed.index(contact.queue) if contact.queue in listed else len(listed)
    if desk.policy.pools[pool].ties == "listed":
        urgency, length, start = longest_queue(desk, contact, desk.now)
        return (BEHIND * contact.behind, urgency, length, place, start)
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
