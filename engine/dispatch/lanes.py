"""Lanes: where contacts with equal needs meet the agents who can meet them.

A lane is (tenant, requirement, pool, cost, bound, team, and what the pool's rules tell apart). On one side wait
contacts whose open pools include the lane's; on
the other stand the agents of the pool who meet the requirement. Both sides are ordered entries that are hints: the truth
is the contact's spot and the agent's state, and a stale entry is dropped or corrected when it comes to the top. A key only ever
grows, or a smaller one is pushed eagerly, so a corrected top is the true minimum, whatever the heap's history: decisions
depend on state alone, and a restored dispatcher makes the same ones.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Mapping
from heapq import heapify, heappop, heappush, heapreplace
from typing import Any, Final, TypeAlias

from engine.dispatch.agents import Agent, AgentState
from engine.dispatch.commands import AgentKind
from engine.dispatch.idlers import SEQ_BITS, Idlers
from engine.dispatch.policy.compiled import Pool
from engine.dispatch.policy.requirements import Requirement
from engine.dispatch.pools import LONGEST, LOW_MASK, OVERDUE_LAST, PLACES, Gate, Length, Party, kind_of, late_key
from engine.dispatch.rings import Ring
from engine.dispatch.strands import ContactKey, Spot, Strands

# (choice's own measures …, seq): smaller is chosen first.
AgentKey: TypeAlias = tuple[Any, ...]
# … and, where the pool protects itself from borrowers or keeps shares: whether they borrow, and whose shop's they are.
LaneKey: TypeAlias = tuple[str, str, str, int, str, str, bool, str]

AVAILABLE: Final = AgentState.AVAILABLE
# Keys of these choices may become smaller while the agent stays in the lane.
RESTLESS: Final = ("least_loaded", "most_loaded", "weighted")
MINUTE_MS: Final = 60_000

# Units that nobody has.
NEVER: Final = 1 << 40
NONE: frozenset[int] = frozenset()


class Bound:
    """What besides units decides whether a contact fits: limits per agent at once of its channel and its shop (0: none),
    and whether it ``yields``: interruptible work, which counts against other interruptible work only."""

    __slots__ = ("channel", "channel_limit", "name", "shop", "shop_limit", "yields")

    def __init__(self, channel: str, channel_limit: int, shop: str, shop_limit: int, yields: bool) -> None:
        self.name = f"{channel}\n{shop}"  # tells bounds apart in a lane's key
        self.channel = channel
        self.channel_limit = channel_limit
        self.shop = shop
        self.shop_limit = shop_limit
        self.yields = yields


class Seat:
    """An agent's place in the indexes; derived from state and never stored."""

    __slots__ = (
        "absent",
        "agent",
        "auto_accept",
        "beside",
        "bot",
        "by_channel",
        "by_shop",
        "counted",
        "declined",
        "external",
        "gates",
        "groups",
        "known_out",
        "known_present",
        "known_room",
        "lanes",
        "loaded",
        "name",
        "open",
        "plain",
        "preferred",
        "units",
        "watched",
        "yielding",
    )

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self.name = agent.profile.agent
        self.auto_accept = agent.profile.auto_accept
        self.bot = agent.profile.kind == AgentKind.BOT
        self.external = 0  # units pushed by other systems
        self.units = 0  # what the lanes count of it: its capacity while it is available
        self.yielding = 0  # units of its load that interruptible work holds
        self.beside = 0  # external − yielding: what counts, besides the load, against a live contact
        self.lanes: list[Lane] = []
        self.loaded: list[Lane] = []  # those whose key may fall: they want each change
        self.absent: list[Lane] = []  # those that dropped it while it could take nothing
        self.by_channel: dict[str, int] = {}
        self.by_shop: dict[str, int] = {}
        self.counted = 0  # the era by whose limits these were counted: see ``Seats.take_stock``
        # Shared while empty: ten thousand agents' own empty containers would be cold memory on every look.
        self.preferred: frozenset[int] = NONE  # waiting contacts that prefer this agent
        self.declined: frozenset[int] = NONE  # contacts whose decliners name this agent
        self.groups: Mapping[str, int] = {}  # pool → rank of its order among the agent's pools
        self.plain: bool = True  # one such rank, and no shares
        # A pool of the agent's wants each change: it counts who is idle, who is out by RONA, or what is open.
        self.watched: bool = False
        self.gates: tuple[Gate, ...] = ()
        self.known_room: int = 0  # what the gates have counted
        self.known_present: bool = False
        self.known_out: bool = False
        self.open: int = 0  # offers not answered yet, where a pool has a quota

    def free(self) -> int:
        """Units left for live contacts."""
        return self.agent.capacity - self.agent.load - self.beside

    def room(self) -> int:
        """Units left for new offers; 0 or less when the agent takes none."""
        agent = self.agent
        if agent.state is not AVAILABLE or agent.back_off_until:
            return 0
        return agent.capacity - agent.load - self.beside

    def takes_offers(self) -> bool:
        """Presence is an allow-list; a back-off is over only when its end was an event."""
        return self.agent.state is AVAILABLE and not self.agent.back_off_until

    def has_room(self, cost: int, bound: Bound | None) -> bool:
        """Room for a contact of this cost, within its bound if it has one."""
        if self.agent.capacity - self.agent.load - self.beside < cost:
            return False
        return bound is None or self.within(cost, bound)

    def within(self, cost: int, bound: Bound) -> bool:
        """Whether the bound lets one more in; room for a live contact of this cost is taken for granted."""
        if bound.yields and self.free() - self.yielding < cost:
            return False
        if bound.channel_limit and self.by_channel.get(bound.channel, 0) >= self.channel_limit(bound):
            return False
        return not bound.shop_limit or self.by_shop.get(bound.shop, 0) < bound.shop_limit

    def channel_limit(self, bound: Bound) -> int:
        """The channel's, or the lower one of the agent's profile."""
        return min(bound.channel_limit, self.agent.profile.channel_limits.get(bound.channel, bound.channel_limit))


class Lane:
    """One meeting place; see the module."""

    __slots__ = (
        "agents",
        "best",
        "bound",
        "choice",
        "cost",
        "drained",
        "first",
        "gate",
        "guarded",
        "heaps",
        "idle",
        "idlers",
        "key",
        "kind",
        "length_unit",
        "lengths",
        "limited",
        "members",
        "party",
        "pool",
        "quota",
        "requirement",
        "ring",
        "seated",
        "seats",
        "signed_on",
        "strict",
        "units",
        "waiting",
    )

    def __init__(
        self,
        key: LaneKey,
        requirement: Requirement,
        pool: Pool,
        bound: Bound | None,
        seats: list[Seat | None],
        lengths: dict[float, Length],
        gate: Gate | None,
        party: Party | None,
        ring: Ring | None,
    ) -> None:
        self.key = key
        self.requirement = requirement
        self.pool = pool
        self.choice = pool.choice
        self.idle: bool = pool.choice == "longest_idle"
        self.cost = key[3]
        self.drained = False
        self.bound = bound
        self.limited = bound is not None
        self.seats = seats  # by seq, the whole domain's
        self.seated = 0  # those who qualify, signed on or not: whose ``lanes`` this one is among
        self.signed_on = 0
        self.units = 0  # of the members who are available
        self.idlers = Idlers(seats)  # of choice longest idle
        # Of the other choices, and seq → the smallest key the heap holds for it.
        self.agents: list[AgentKey] = []
        self.best: dict[int, AgentKey] = {}
        self.heaps: dict[float, Strands] = {}  # slope → keys
        self.strict: Strands | None = None  # the only ones, if their keys do not change with time
        self.waiting = 0
        self.first: ContactKey | None = None  # the smallest valid key in ``strict``, where it is known
        self.kind: int = kind_of(pool)
        self.lengths = lengths
        self.length_unit: int = 1 if self.kind == LONGEST else PLACES
        self.gate = gate  # of those who borrow
        self.quota: int = pool.daily_quota
        self.guarded: bool = gate is not None or self.quota > 0
        self.party = party
        self.ring = ring

    def drain(self, drained: bool) -> None:
        """Nobody has room for a contact of a drained pool, whatever it costs: nothing else has to look."""
        self.drained = drained
        self.cost = NEVER if drained else self.key[3]

    # --- the contacts' side ---------------------------------------------------------------------------------------

    def add_contact(self, slope: float, key: ContactKey) -> None:
        self.waiting += 1
        heap = self.heaps.get(slope)
        if heap is None:
            heap = self.heaps[slope] = Strands()
            static = not slope and len(self.heaps) == 1 and self.kind != OVERDUE_LAST
            self.strict = heap if static else None
        heap.push(key)
        if self.strict is None:
            self.first = None
        elif self.waiting == 1 or (self.first is not None and key < self.first):
            self.first = key
        if heap.size > 64 + 2 * self.waiting:
            heap.tidy()

    def drop_contact(self, spot: Spot) -> None:
        """The contact has left its spot."""
        self.waiting -= 1
        if self.first is not None and self.first[4] is spot:
            self.first = None

    def standing(self) -> list[ContactKey]:
        """The keys of all who wait here, in no order."""
        return [key for heap in self.heaps.values() for key in heap.standing()]

    def head(self, now: int, refused: Container[int]) -> ContactKey | None:
        """The key, at ``now``, of the contact to serve first; contacts in ``refused`` are passed over."""
        strict = self.strict
        if strict is not None:
            self.first = first = strict.top()
            return strict.past(refused) if first is not None and first[3] in refused else first
        if self.kind == OVERDUE_LAST:
            return self._head_in_time(now, refused)
        best: ContactKey | None = None
        for slope, heap in self.heaps.items():
            key = heap.top()
            if key is not None and key[3] in refused:
                key = heap.past(refused)
            if key is None:
                continue
            if slope:
                grown = slope * now if self.kind < LONGEST else self.lengths[slope].queued * self.length_unit
                key = (key[0], key[1] - grown, key[2], key[3], key[4])
            if best is None or key < best:
                best = key
        return best

    def _head_in_time(self, now: int, refused: Container[int]) -> ContactKey | None:
        """Overdue last: whoever has become overdue goes to strands of its own as soon as it comes to the top."""
        fresh, late = self.heaps.setdefault(0.0, Strands()), self.heaps.setdefault(1.0, Strands())
        passed: list[ContactKey] = []
        found: ContactKey | None = None
        while True:
            key = fresh.top()
            if key is None:
                break
            if key[1] & LOW_MASK < now:
                fresh.pop()
                late.push(key)
            elif key[3] in refused:
                fresh.pop()
                passed.append(key)
            else:
                found = key
                break
        for key in passed:
            fresh.push(key)
        other = late.past(refused)
        if other is not None:
            other = late_key(other, now)
            if found is None or other < found:
                return other
        return found

    # --- the agents' side -----------------------------------------------------------------------------------------

    def agent_key(self, seat: Seat) -> AgentKey:
        """The choice's sort key; ends in the agent's sequence number."""
        agent = seat.agent
        if self.choice == "longest_idle":
            return (agent.idle_since, agent.seq)
        if self.choice == "least_loaded":
            return (in_use(seat), agent.idle_since, agent.seq)
        if self.choice == "most_loaded":
            return (-in_use(seat), agent.idle_since, agent.seq)
        if self.choice == "round_robin":
            return (agent.seq,)
        if self.choice == "weighted":
            return (-self.score(seat), agent.idle_since, agent.seq)
        return (-self.requirement.proficiency(agent.profile.skills), agent.idle_since, agent.seq)

    def score(self, seat: Seat, now: int = 0) -> int:
        """Of choice ``weighted``, in 1/60,000 point. What grows with time grows alike for all, so any instant will do."""
        weights, agent = self.pool.weights, seat.agent
        assert weights is not None, self.pool.name
        free, capacity = agent.capacity - agent.load - seat.external, max(agent.capacity, 1)
        points = weights.idle * (now - agent.idle_since) + MINUTE_MS * weights.load * free // capacity
        if weights.proficiency:
            points += MINUTE_MS * weights.proficiency * self.requirement.proficiency(agent.profile.skills)
        return points

    def rank(self, key: AgentKey, now: int) -> tuple[float, ...]:
        """The winner's key as an event shows it."""
        if self.choice == "weighted":
            assert self.pool.weights is not None, self.pool.name
            return (float(key[0] - self.pool.weights.idle * now), float(key[1]))
        return (float(key[0]),) if self.idle else tuple([float(part) for part in key[:-1]])

    def lets(self, seat: Seat) -> bool:
        """Whether the pool's own rules let this lane's contacts have the agent now: lender protection and quota."""
        if self.gate is not None and not self.gate.lends(self.cost):
            return False
        return not self.quota or seat.agent.quota_used + seat.open < self.quota

    def fits(self, seat: Seat) -> bool:
        """Present, not backed off, and with room for a contact of this lane."""
        agent = seat.agent
        if agent.state is not AVAILABLE or agent.back_off_until:
            return False
        if agent.capacity - agent.load - seat.beside < self.cost:
            return False
        if self.quota and agent.quota_used + seat.open >= self.quota:
            return False
        return self.bound is None or seat.within(self.cost, self.bound)

    def qualifies(self, seat: Seat) -> bool:
        """Of the lane's tenant (or of none: shared) and team, and meeting its requirement. The pool is the caller's to check."""
        profile = seat.agent.profile
        if profile.tenant not in ("", self.key[0]) or (self.key[5] and profile.team != self.key[5]):
            return False
        return self.requirement.matches(profile.skills, profile.attributes)

    def add_member(self, seat: Seat) -> None:
        self.seated += 1
        self.idlers.trim(self.seated)
        self.units += seat.units
        seat.lanes.append(self)
        if self.choice in RESTLESS:
            seat.loaded.append(self)
        seat.absent.append(self)

    def drop_member(self, seat: Seat) -> None:
        """The agent has another seat from here on, or none."""
        seq = seat.agent.seq
        self.seated -= 1
        self.units -= seat.units
        if self.best.pop(seq, None) is not None and self.ring is not None:
            self.ring.agents.remove((seq,))
        if self.idle and self not in seat.absent:
            self.idlers.give_up(seat)

    def offer_side(self, seat: Seat) -> bool:
        """Put the agent's present key into the heap if it may take work now; says whether the heap knows it."""
        seq = seat.agent.seq
        if not self.fits(seat):
            return seq in self.best
        if self.ring is not None:
            return self.ring.add(self, seat)
        if self.idle:
            self.idlers.add(seat)
            return True
        key = self.agent_key(seat)
        known = self.best.get(seq)
        if known is None or key < known:
            self.best[seq] = key
            heappush(self.agents, key)
            if len(self.agents) > 64 + 2 * self.seated:
                self.agents[:] = [entry for entry in self.agents if self.best.get(entry[-1]) is entry]
                heapify(self.agents)
        return True

    def pick(self, decliners: Collection[str]) -> tuple[AgentKey, Seat] | None:
        """The free agent whom the pool's choice puts first, decliners passed over."""
        if self.gate is not None and not self.gate.lends(self.cost):
            return None
        if self.ring is not None:
            return self.ring.pick(self, decliners)
        if self.idle:
            return self.idlers.pick(self, decliners)
        heap, best = self.agents, self.best
        passed: list[AgentKey] = []
        found = None
        while heap:
            key = heap[0]
            seq = key[-1]
            if best.get(seq) is not key:
                heappop(heap)
                continue
            seat = self.seats[seq]
            assert seat is not None, seq
            agent = seat.agent
            if not self.fits(seat):
                heappop(heap)
                del best[seq]
                seat.absent.append(self)
            elif self.agent_key(seat) != key:
                true = best[seq] = self.agent_key(seat)
                heapreplace(heap, true)
            elif decliners and agent.profile.agent in decliners:
                passed.append(heappop(heap))
            else:
                found = (key, seat)
                break
        for key in passed:
            heappush(heap, key)
        return found

    def known(self) -> dict[int, AgentKey]:
        """seq → its key in the heap; O(n), for audits."""
        return self.idlers.known() if self.idle else self.best


def recount(seat: Seat) -> None:
    """The agent's state or capacity has changed: its lanes count what it has to give."""
    agent = seat.agent
    units = max(agent.capacity - seat.external, 0) if agent.state is AVAILABLE else 0
    change = units - seat.units
    if change:
        seat.units = units
        for lane in seat.lanes:
            lane.units += change


def in_use(seat: Seat) -> int:
    """Parts per million of the capacity: integers compare alike on every machine."""
    agent = seat.agent
    return (agent.load + seat.external) * 1_000_000 // max(agent.capacity, 1)


def refresh(seat: Seat) -> None:
    """Tell the lanes that this agent may have become freer."""
    if seat.absent:
        room = seat.room()
        shared: Any = seat.agent.idle_since << SEQ_BITS | seat.agent.seq  # one object for all of them
        still: list[Lane] = []
        for lane in seat.absent:
            # The common case in one breath: the longest-idle key is the same for all of the agent's lanes.
            if lane.idle and not lane.limited and lane.cost <= room:
                heappush(lane.idlers.heap, shared)
            elif not lane.offer_side(seat):
                still.append(lane)
        seat.absent = still
    for lane in seat.loaded:
        lane.offer_side(seat)
