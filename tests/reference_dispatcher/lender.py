"""A pool's own queues go before those that borrow: a reserve of idle agents, and a service level that must hold."""

from __future__ import annotations

from collections.abc import Iterator

from engine.dispatch import events as ev
from engine.dispatch.agents import AgentState
from engine.dispatch.contacts import ContactState
from tests.reference_dispatcher import eligible, matching, needs, orders
from tests.reference_dispatcher.desk import Agent, Contact, Desk
from tests.reference_dispatcher.registry import OBJECTIONS, Deadline, deadlines, hears

MINUTE_MS = 60_000


def borrows(desk: Desk, contact: Contact, pool: str) -> bool:
    owners = desk.policy.pools[pool].owners
    return bool(owners) and contact.queue not in owners


def lends(desk: Desk, contact: Contact, pool: str) -> bool:
    """More than the reserve are idle, with room for such a contact, and the pool's own are served well enough."""
    idle = sum(
        pool in agent.profile.pools
        and agent.state == AgentState.AVAILABLE
        and not agent.back_off_until
        and agent.capacity - agent.load >= contact.cost
        for agent in desk.agents.values()
    )
    return idle > desk.policy.pools[pool].reserve and holds(desk, pool)


# --- the service level ------------------------------------------------------------------------------------------------


@hears
def count(desk: Desk, event: ev.Event) -> None:
    """In the minute that runs, for the pools that the contact's queue owns."""
    if not isinstance(event, ev.ContactAnswered | ev.ContactAbandoned):
        return
    contact = desk.contacts[event.contact]
    for name, pool in desk.policy.pools.items():
        kpi = pool.lend_kpi
        if kpi is None or contact.queue not in pool.owners:
            continue
        answered = isinstance(event, ev.ContactAnswered)
        if not answered and (contact.stage == "bot" or event.waited_ms <= kpi.short_ms):
            continue
        sums = desk.minutes.setdefault(name, {}).setdefault(desk.now // MINUTE_MS, [0, 0, 0])
        sums[0] += answered
        sums[1] += answered and event.waited_ms <= kpi.within_ms
        sums[2] += not answered
        if answered and event.waited_ms <= kpi.within_ms:
            desk.lenders[name] = None


def sums(desk: Desk, pool: str) -> tuple[int, int, int]:
    """Answered, of these in time, abandoned: in the minutes that are kept."""
    kept = desk.minutes.get(pool, {}).values()
    answered, in_time, abandoned = (sum(minute[place] for minute in kept) for place in range(3))
    return answered, in_time, abandoned


def holds(desk: Desk, pool: str) -> bool:
    kpi = desk.policy.pools[pool].lend_kpi
    if kpi is None:
        return True
    answered, in_time, abandoned = sums(desk, pool)
    return in_time >= kpi.share * (answered + abandoned)


@deadlines
def measured(desk: Desk) -> Iterator[Deadline]:
    """A minute leaves the window."""
    for place, (name, pool) in enumerate(desk.policy.pools.items()):
        kept = desk.minutes.get(name)
        if pool.lend_kpi is not None and kept:

            def act(name: str = name, window_ms: int = pool.lend_kpi.window_ms) -> None:
                measure(desk, name, window_ms)

            yield Deadline(min(kept) * MINUTE_MS + pool.lend_kpi.window_ms, "lender", (place,), act)


def measure(desk: Desk, pool: str, window_ms: int) -> None:
    kept = desk.minutes[pool]
    for minute in [minute for minute in kept if minute * MINUTE_MS + window_ms <= desk.now]:
        del kept[minute]
    answered, in_time, abandoned = sums(desk, pool)
    desk.emit(
        ev.LenderMeasured, pool=pool, holds=holds(desk, pool), answered=answered, in_time=in_time, abandoned=abandoned
    )  # fmt: skip


# --- who may borrow now ------------------------------------------------------------------------------------------------


def room(desk: Desk) -> dict[tuple[str, str], int]:
    """Pool with owners, agent → free units that count as idle."""
    return {
        (pool, agent.name): agent.capacity - agent.load
        for agent in desk.agents.values()
        for pool in agent.profile.pools
        if desk.policy.pools[pool].owners and agent.state == AgentState.AVAILABLE and not agent.back_off_until
    }


@hears
def watch(desk: Desk, event: ev.Event | None) -> None:
    """Somebody of a pool has more room than before, its level holds, or was measured: borrowers are to look again."""
    now = room(desk)
    for (pool, agent), units in now.items():
        if units > max(0, desk.room.get((pool, agent), 0)):
            desk.lenders[pool] = None
    desk.room = now
    if isinstance(event, ev.LenderMeasured):
        desk.lenders[event.pool] = None
    if isinstance(event, ev.RearrangementEnded):
        desk.lenders |= {name: None for name, pool in desk.policy.pools.items() if pool.owners}


def look_again(desk: Desk) -> None:
    """First who is kept for an agent of such a pool, then who borrows, pool by pool; nobody eligible is left beside one."""
    watch(desk, None)
    if desk.frozen:
        desk.lenders = {}  # whoever arranges everything anew looks at all of them in the end
        return
    lenders = [name for name, pool in desk.policy.pools.items() if pool.owners]
    for number in sorted(desk.contacts):
        contact = desk.contacts[number]
        agent = desk.agents.get(contact.prefer)
        if agent is not None and set(lenders) & set(agent.profile.pools) and eligible.may(desk, contact, agent):
            matching.place_all(desk, [contact], "lender")
    for pool in lenders:
        looked: list[Contact] = []
        while found := [contact for contact in borrowers(desk, pool) if contact not in looked]:
            first = min(found, key=lambda contact: (orders.rank(desk, contact, pool), contact.contact))
            looked.append(first)
            matching.place_all(desk, [first], "lender")
    watch(desk, None)
    desk.lenders = {}


def borrowers(desk: Desk, pool: str) -> list[Contact]:
    """Who stands in the pool as a borrower and could have one of its agents through it now.

    When the pool is to be looked at again that is asked of the pool alone: who declined is not looked at.
    """
    roughly = pool in desk.lenders
    return [
        contact
        for contact in desk.contacts.values()
        if contact.state == ContactState.QUEUED
        and pool in needs.open_pools(desk, contact)
        and borrows(desk, contact, pool)
        and any(
            eligible.through(desk, contact, agent, pool)
            and (eligible.may(desk, contact, agent) or (roughly and is_to_be_had(desk, contact, agent)))
            for agent in desk.agents.values()
        )
    ]


def is_to_be_had(desk: Desk, contact: Contact, agent: Agent) -> bool:
    asked = ("state", "back_off", "capacity", "channel_limit", "shop_limit", "qualification")
    return eligible.is_for_anybody(contact) and not any(OBJECTIONS[name](desk, contact, agent) for name in asked)
