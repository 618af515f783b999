"""The part of the state's indexes that single pools' rules ask for: gates, shares, lengths of queues."""

from __future__ import annotations

from engine.dispatch.agents import PRESENT, out_by_rona
from engine.dispatch.contacts import Contact
from engine.dispatch.lanes import Lane, Seat
from engine.dispatch.ledgers import Ledger
from engine.dispatch.policy.compiled import Policy, Pool
from engine.dispatch.pools import Gate, Length, Party, Shares
from engine.dispatch.stands import MINUTE_MS, Stand
from engine.dispatch.timers import Kind, Timers


class PoolIndex:
    """What :class:`engine.dispatch.state.State` keeps for pools with rules of their own; see :mod:`engine.dispatch.pools`."""

    policy: Policy
    contacts: dict[int, Contact]
    seats: dict[str, Seat]
    timers: Timers

    def __init__(self) -> None:
        self.ledgers: dict[str, Ledger] = {}  # of pools that remember something
        self.stirred: dict[str, None] = {}  # pools whose borrowers must be looked at before the step is over
        self.rebuilding = False  # every index is being built from state

    def set_pools(self, policy: Policy) -> None:
        """The rules of single pools, and what they remember: it stays while the pool has a rule that asks for it."""
        pools = policy.pools.values()
        remember = [p.name for p in pools if p.choice == "round_robin" or p.lend_kpi is not None or p.shares != "none"]
        self.ledgers = {name: self.ledgers.get(name) or Ledger(name) for name in remember}
        self.pool_names = list(policy.pools)
        self.gates = {p.name: Gate(p, self.ledgers.get(p.name) or Ledger(p.name)) for p in pools if gated(p)}
        self.measured = [gate for gate in self.gates.values() if gate.kpi is not None]
        self.shares = {p.name: Shares(self.ledgers[p.name]) for p in pools if p.shares != "none"}
        self.rings = {p.name: self.ledgers[p.name] for p in pools if p.choice == "round_robin"}
        self.remembering = bool(self.shares or self.rings)
        self.quotas = any(pool.daily_quota for pool in pools)
        self.parties: dict[tuple[str, str, str], Party] = {}
        self.borrowing: dict[str, list[Lane]] = {}
        self.wanting: dict[int, None] = {}  # contacts that prefer an agent of a gated pool
        # Stands differ by shop only where a pool's shares or a shop's own promise make them.
        promising = any(pool.order == "promise" for pool in pools)
        self.promising = promising
        self.by_shop = any(pool.shares == "shop" for pool in pools) or (
            promising and any(shop.target_ms for shop in policy.shops.values())
        )
        self.shaped = promising or any(pool.order == "longest_queue" for pool in pools)
        self.counted = counted_queues(policy)
        self.lengths: dict[tuple[str, str], Length] = {}
        self.lengths_by_number: dict[float, Length] = {}

    def length_of(self, queue: str, stage: str) -> Length:
        """The count of those who wait there without an offer; kept for queues that a pool orders by it."""
        length = self.lengths.get((queue, stage))
        if length is None:
            length = self.lengths[queue, stage] = Length(float(len(self.lengths) + 1))
            self.lengths_by_number[length.number] = length
        return length

    def party_of(self, pool: Pool, tenant: str, shop: str) -> Party:
        """Whose share of the pool it is: the tenant's, and where it says so the shop's within it."""
        policy = self.policy
        key = (pool.name, tenant, shop if pool.shares == "shop" else "")
        party = self.parties.get(key)
        if party is None:
            names: tuple[str, ...] = (tenant,)
            weights: tuple[int, ...] = (policy.tenants[tenant].weight,)
            places: tuple[int, ...] = (list(policy.tenants).index(tenant),)
            if pool.shares == "shop":
                known = policy.shops.get(shop)
                names += (f"{tenant}\n{shop}",)
                weights += (known.weight if known is not None else 1,)
                places += (list(policy.shops).index(shop) if known is not None else len(policy.shops),)
            party = self.parties[key] = Party(self.shares[pool.name], names, weights, places)
        return party

    def watch(self, seat: Seat) -> None:
        """Does a pool of the agent's want to know of each change?"""
        pools = [self.policy.pools[name] for name in seat.agent.profile.pools if name in self.policy.pools]
        seat.plain = len(set(seat.groups.values())) <= 1 and all(pool.shares == "none" for pool in pools)
        seat.gates = tuple([self.gates[pool.name] for pool in pools if pool.name in self.gates])
        seat.watched = bool(seat.gates) or self.quotas or any(pool.choice == "most_loaded" for pool in pools)
        if seat.watched:
            seat.open = sum(1 for number in seat.agent.contacts if self.contacts[number].offer)
            self.stir(seat)

    def watch_anew(self) -> None:
        """Another policy has other gates: they count everybody at once, though agents get their lanes one by one."""
        for seat in self.seats.values():
            seat.known_room, seat.known_present, seat.known_out = 0, False, False
            self.watch(seat)
        for gate in self.measured:
            self.arm_measure(gate)

    def level_parties(self) -> None:
        """A rearrangement is over: who began to wait in its course starts level with who is served now, as always."""
        for shares in self.shares.values():
            ledger = shares.ledger
            for name in {**ledger.passes, **shares.waiting}:
                now = ledger.virtual.get(name.partition("\n")[0] if "\n" in name else "", 0)
                if ledger.passes.get(name, 0) < now:
                    ledger.passes[name] = now

    def stir(self, seat: Seat, gone: bool = False) -> None:
        """The agent has changed: the gates of its pools count it anew. ``gone``: it leaves its pools."""
        agent = seat.agent
        room = 0
        if not gone and seat.takes_offers():
            room = max(agent.capacity - agent.load - seat.external, 0)
        present = not gone and agent.state in PRESENT
        out = present and out_by_rona(agent)
        for gate in seat.gates:
            if room != seat.known_room:
                gate.move(seat.known_room, room)
                if room > seat.known_room and gate.pool.owners:
                    self.stirred[gate.pool.name] = None
            gate.present += present - seat.known_present
            gate.out += out - seat.known_out
        seat.known_room, seat.known_present, seat.known_out = room, present, out

    def count_in(self, stand: Stand, contact: Contact, unnoticed: bool) -> None:
        if stand.length is not None:
            stand.length.queued += 1
        for party in stand.parties:
            party.begin(contact.contact, contact.version, self.rebuilding or unnoticed)

    def count_out(self, stand: Stand, contact: Contact) -> None:
        if stand.length is not None:
            stand.length.queued -= 1
        for party in stand.parties:
            party.end(contact.contact, contact.version)

    def arm_measure(self, gate: Gate) -> None:
        self.timers.arm(self.measure_due(gate), Kind.LENDER, self.pool_names.index(gate.pool.name))

    def measure_due(self, gate: Gate) -> int:
        """When the oldest minute counted leaves the window of the lender's service level; 0: nothing is counted."""
        if gate.kpi is None or not gate.ledger.minutes:
            return 0
        return min(gate.ledger.minutes) * MINUTE_MS + gate.kpi.window_ms


def gated(pool: Pool) -> bool:
    """Whether a pool's rules count its agents: it lends, or bounds what RONA takes out, or has a quota."""
    return bool(pool.owners) or pool.rona_share < 1.0 or bool(pool.daily_quota)


def counted_queues(policy: Policy) -> set[str]:
    """Queues that may draw on a pool which serves the longest queue first."""
    found = set()
    for queue in policy.queues.values():
        names = {*queue.pools, *queue.bot_pools}.union(*(step.add_pools for step in queue.steps))
        if any(policy.pools[name].order == "longest_queue" for name in names):
            found.add(queue.name)
    return found
