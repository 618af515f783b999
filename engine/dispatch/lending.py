"""Through which pool an agent may have a contact, whose turn it is there, and what keeps a preferred agent from it."""

from __future__ import annotations

from engine.dispatch.contacts import Contact
from engine.dispatch.lanes import ContactKey, Lane, Seat
from engine.dispatch.policy.compiled import Pool
from engine.dispatch.stands import BEHIND
from engine.dispatch.state import State


def lets_preferred(state: State, seat: Seat, contact: Contact) -> bool:
    """Lender protection and quotas bind affinity too: one pool open to the contact lets it, or, if none is the agent's,
    all of the agent's pools do."""
    pools_open = [pool for pool in state.pools_of(contact) if pool.name not in state.drained]
    shared = [pool for pool in pools_open if pool.name in seat.groups]
    if shared:
        return any(pool_lets(state, pool, seat, contact) for pool in shared)
    mine = [state.policy.pools[name] for name in seat.groups if name in state.policy.pools]
    return all(pool_lets(state, pool, seat, contact) for pool in mine)


def pool_lets(state: State, pool: Pool, seat: Seat, contact: Contact) -> bool:
    """Whether the pool's own rules let the contact have this agent of it."""
    gate = state.gates.get(pool.name)
    if gate is None:
        return True
    if pool.owners and contact.queue not in pool.owners and not gate.lends(contact.cost):
        return False
    return not pool.daily_quota or seat.agent.quota_used + seat.open < pool.daily_quota


def turn_of(seat: Seat, lane: Lane, key: ContactKey) -> tuple[int, ...]:
    """What is compared before the order: live before promised, the rank of the pool's order for this agent, then whose
    turn it is by weight."""
    group = seat.groups[lane.pool.name] + (BEHIND if key[0] >= BEHIND else 0)
    return (group,) if lane.party is None else (group, *lane.party.turn())


def pool_between(state: State, seat: Seat, contact: Contact) -> str:
    """The first open pool, in the contact's order, through which this agent may serve it; of pools with different orders
    the one that the agent's own list ranks first, as its order has chosen."""
    if len(seat.groups) == 1:
        return next(iter(seat.groups))
    seq = seat.agent.seq
    found, best_group = "", 0
    for lane in state.spots[contact.contact][1]:
        if seq in lane.members and not lane.drained and (not lane.guarded or lane.lets(seat)):
            group = seat.groups[lane.pool.name]
            if not found or group < best_group:
                found, best_group = lane.pool.name, group
    return found
