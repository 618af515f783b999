"""Who is best for whom, as things stand: questions that change nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from engine.dispatch.agents import PRESENT, AgentState
from engine.dispatch.contacts import Contact, ContactState
from engine.dispatch.lanes import Lane, Seat
from engine.dispatch.policy.compiled import Pool
from engine.dispatch.slices import OPENING
from engine.dispatch.stands import BEHIND
from engine.dispatch.state import State
from engine.dispatch.strands import ContactKey

QUEUED: Final = ContactState.QUEUED
FINISHING: Final = AgentState.FINISHING
# Past this many signed-on members a lane cannot consist of one contact's decliners alone (delivery limit 20).
FEW = 20


def best_agent(state: State, contact: Contact) -> tuple[str, tuple[float, ...], Seat] | None:
    """The first open pool, in listed order, with a free agent, and the one whom its choice puts first, with its rank."""
    if state.freed:
        state.tell_lanes()
    for lane in state.stood(contact).lanes:
        if lane.drained:
            continue
        found = lane.pick(contact.decliners)
        if found is not None:
            return lane.pool.name, lane.rank(found[0], state.now), found[1]
    return None


def best_preferred(state: State, seat: Seat) -> Contact | None:
    """The waiting contact that prefers this agent and stands first in its line."""
    contacts = [state.contacts[number] for number in seat.preferred]
    able = [contact for contact in contacts if can_serve_preferred(state, seat, contact)]
    return min(able, key=state.grown_key, default=None)


def best_waiting(state: State, seat: Seat) -> ContactKey | None:
    """Over all lanes of the agent: the contact whose pool's order puts it first, with its key now."""
    now, declined, plain = state.now, seat.declined, seat.plain
    free = seat.free()
    best: ContactKey | None = None
    best_turn: tuple[int, ...] = ()
    for lane in seat.lanes:
        if not lane.waiting or lane.cost > free:
            continue
        if lane.bound is not None and not seat.within(lane.cost, lane.bound):
            continue
        if lane.guarded and not lane.lets(seat):
            continue
        key = lane.first
        if key is None or key[3] in declined:
            key = lane.head(now, declined)
            if key is None:
                continue
        if plain:
            if best is None or key < best:
                best = key
        else:
            turn = turn_of(seat, lane, key)
            if best is None or (turn, key) < (best_turn, best):
                best, best_turn = key, turn
    return best


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
    found, best_group = "", 0
    for lane in state.stood(contact).lanes:
        if lane in seat.lanes and not lane.drained and (not lane.guarded or lane.lets(seat)):
            group = seat.groups[lane.pool.name]
            if not found or group < best_group:
                found, best_group = lane.pool.name, group
    return found


def can_serve_preferred(state: State, seat: Seat, contact: Contact) -> bool:
    """A preferred agent needs no pool and no skill, but presence and capacity as everybody does, and the same tenant."""
    if seat.agent.profile.tenant not in ("", contact.tenant):
        return False
    if not seat.takes_offers() or seat.agent.profile.agent in contact.decliners:
        return False
    if seat.gates and not lets_preferred(state, seat, contact):
        return False
    return seat.has_room(contact.cost, state.bound_of(contact))


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


def only_decliners_left(state: State, contact: Contact, also: str = "") -> bool:
    """Whether every signed-on agent who could serve the contact has declined it (``also`` counted as a decliner)."""
    work = state.rearranging
    if work is not None and work.stage < OPENING:
        return False  # the lanes are being filled: asked again when steps are opened
    decliners = [state.seats[name] for name in {**contact.decliners, also: 0} if name in state.seats]
    for lane in state.lanes_of(contact):
        if lane.drained:
            continue
        signed_on = sum(1 for seat in decliners if lane in seat.lanes and seat.agent.state in PRESENT)
        if lane.signed_on > signed_on:
            return False
    return True


def served_by(state: State, contact: Contact, seat: Seat) -> bool:
    """Whether the agent may serve the contact through one of its open pools."""
    return any(lane in seat.lanes and not lane.drained for lane in state.lanes_of(contact))


def stranded(state: State, lanes: Iterable[Lane]) -> set[int]:
    """Contacts in these lanes who may have been left with nobody, or with decliners only."""
    numbers: set[int] = set()
    for lane in lanes:
        if not lane.waiting or (lane.signed_on > FEW and not lane.drained):
            continue
        if lane.drained or not lane.signed_on:
            numbers.update(key[3] for key in lane.standing())
            continue
        by_skill = (lane.pool.name, lane.requirement.must_have)
        for member in state.seats_by_skill.get(by_skill, {}).values():
            if member.declined and member.agent.state in PRESENT and lane in member.lanes:
                numbers.update(number for number in member.declined if state.stands_in(state.contacts[number], lane))
    return numbers
