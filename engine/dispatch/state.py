"""The whole state of a routing domain, and the indexes derived from it.

State changes only in ``engine.dispatch.changes``, one function per event; everything there goes through the few index
operations below, so that indexes can be rebuilt from state at any time and compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from engine.dispatch.agents import PRESENT, Agent, agent_deadline, out_by_rona
from engine.dispatch.contacts import WAITING, Contact, ContactState, Offer
from engine.dispatch.estimates import Measure
from engine.dispatch.events import CommandRejected, Event
from engine.dispatch.house import LIVE, SORT_SHIFT, House
from engine.dispatch.lanes import Bound, ContactKey, Lane, LaneKey, Ring, Seat, recount, refresh
from engine.dispatch.ledgers import Ledger
from engine.dispatch.names import Names
from engine.dispatch.policy.compiled import Policy, Pool, Queue, Step
from engine.dispatch.policy.entering import EntryIndex
from engine.dispatch.policy.requirements import Requirement, both, parse, parse_canonical
from engine.dispatch.pools import (
    LATE,
    LOW_MASK,
    OVERDUE_LAST,
    SCORE,
    Gate,
    Length,
    Party,
    Shares,
    kind_of,
    shown,
)
from engine.dispatch.ranks import Ranked
from engine.dispatch.refusals import SENTENCES, Code
from engine.dispatch.slices import SLICE_UNITS, Job, Rearrangement
from engine.dispatch.stands import MINUTE_MS, Line, Stand
from engine.dispatch.timers import Kind, Timers

QUEUED: Final = ContactState.QUEUED
CONNECTED: Final = ContactState.CONNECTED
DORMANT: Final = ContactState.DORMANT
OFFER: Final = Kind.OFFER
WRAP_UP: Final = Kind.WRAP_UP
STEP: Final = Kind.STEP
REPLY: Final = Kind.REPLY
TALK: Final = Kind.TALK
BACK_OFF: Final = Kind.BACK_OFF
CAPACITY: Final = Kind.CAPACITY
LENDER: Final = Kind.LENDER
QUOTA: Final = Kind.QUOTA
HOUSE: Final = Kind.HOUSE
ANYONE = parse("")
# What a refusal quotes of its input at most: a policy's whole list of problems fits, a frame's worth of junk does not.
GOT_LIMIT = 8_000
# Requirements that come with contacts are many and short-lived: their empty lanes are dropped past this number.
LANES_KEPT = 4_096
# So often a step looks again whether the estimate has grown.
LOOK_MS: Final = 5_000


Appliers: TypeAlias = "dict[type, tuple[Callable[..., None], bool]]"


class State:
    """Contacts, agents and offers by number or id, and the indexes over them."""

    def __init__(self, policy: Policy) -> None:
        self.now = 0
        self.contacts: dict[int, Contact] = {}
        self.agents: dict[str, Agent] = {}
        self.offers: dict[int, Offer] = {}
        self.closed_queues: dict[str, str] = {}
        self.next_contact = 1
        self.next_offer = 1
        self.next_seq = 1
        self.measures: dict[str, Measure] = {}  # queue → what its line has done
        self.out: list[Event] = []
        self.apply: Appliers = {}
        self.by_external = Names()  # (tenant, channel), external id
        self.by_customer = Names()  # (tenant, shop), customer
        self.ledgers: dict[str, Ledger] = {}  # of pools that remember something
        self.stirred: dict[str, None] = {}  # pools whose borrowers must be looked at before the step is over
        self.rebuilding = False  # every index is being built from state
        self.slice_units = SLICE_UNITS
        self.rearranging: Rearrangement | None = None
        self.frozen = False  # a rearrangement is under way, this call is no part of it, and nobody is offered anything
        self.noting = False  # … and has begun to make offers: who begins to wait or becomes freer is noted
        self.former: dict[str, Queue] = {}  # queues that the policy no longer has and contacts still stand in
        self.unplaced_from = 0  # contacts between these two have no place under the new policy yet,
        self.unplaced_until = 0  # and their steps and reply clocks are not watched until they have
        self.todo: list[int] | None = None  # what the stage goes through, an index: see ``swapping.left_to_do``
        self.todo_at = 0
        self.discarded: list[dict[int, Any]] = []  # the old policy's indexes, let go of bit by bit
        self.drained: dict[str, str] = {}  # pool → why
        self.selection: list[int] | None = None  # what a bulk command has just counted
        self.jobs: dict[int, Job] = {}
        self.next_job = 1
        self.lines: dict[str, Line] = {}
        self.seats: dict[str, Seat] = {}
        self.seats_by_seq: dict[int, Seat] = {}
        self.freed: dict[int, Seat] = {}  # perhaps freer, and the lanes do not know it yet
        self.house = House(self.contacts)
        self.set_policy(policy)

    def set_policy(self, policy: Policy) -> None:
        """Take a policy and rebuild every index from state. O(contacts + agents × lanes)."""
        self.rebuilding = True
        self.use(policy)
        self.timers = Timers(self.contacts, self.offers)
        self.house.contacts = self.contacts
        self.house.set_policy(policy)
        self.seats = {}
        self.seats_by_seq = {}
        self.freed = {}
        self.lines = {name: self.line_of(name) for name in (*policy.queues, *self.former)}
        for agent in self.agents.values():
            self.seat_agent(agent)
        for contact in self.contacts.values():
            contact.seat = self.seats.get(contact.agent)
            for name in contact.decliners:
                if name in self.seats:
                    self.seats[name].declined |= {contact.contact}
            if contact.queue not in self.lines:
                continue  # its queue is gone: the rules move it before anything else happens
            self.arm_contact(contact)
            if contact.promised and contact.queue not in self.former:
                self.shelve(contact)
            if contact.state in WAITING:
                self.enter_line(contact)
            if contact.state is QUEUED:
                self.enter_lanes(contact)
        for offer in self.offers.values():
            self.timers.arm(offer.deadline, Kind.OFFER, offer.offer)
        for ident in self.house.idents():
            self.arm_house(ident)
        self.reached.clear()  # it is not a swap that makes a queue long; whoever swaps decides for everybody anyway
        for gate in self.measured:
            self.arm_measure(gate)
        self.rebuilding = False
        self.stirred.clear()

    def line_of(self, name: str) -> Line:
        """An empty line for the queue."""
        queue = self.policy.queues.get(name) or self.former[name]
        return Line(frozenset(step.queue_length for step in queue.steps if step.queue_length))

    def use(self, policy: Policy) -> None:
        """Decide by this policy from here on; the lanes are empty and wait to be filled."""
        self.policy = policy
        self.entering = EntryIndex([rule.when for rule in policy.entry])
        self.limited = {name for name, channel in policy.channels.items() if channel.limit}
        self.interruptible = {name for name, channel in policy.channels.items() if channel.interruptible}
        self.shop_limits = {name: shop.limit for name, shop in policy.shops.items() if shop.limit}
        self.bounded = bool(self.limited or self.interruptible or self.shop_limits)  # anything but units to count
        self.unanswered = any(queue.unanswered_ms for queue in policy.queues.values())
        self.prefers_known = any(queue.last_agent_ms or queue.named_agent_ms for queue in policy.queues.values())
        self.wrap_up_costs = any(channel.wrap_up_cost is not None for channel in policy.channels.values())
        self._bounds: dict[tuple[str, str], Bound] = {}
        self.lanes: dict[LaneKey, Lane] = {}
        self.lanes_kept = LANES_KEPT
        self.lanes_by_skill: dict[tuple[str, str | None], list[Lane]] = {}
        self.seats_by_skill: dict[tuple[str, str | None], dict[int, Seat]] = {}
        self.arriving: dict[int, Contact] = {}  # queued, and not in the lanes yet
        self.stands: dict[int, Stand] = {}  # where each queued contact stands
        self.looks: dict[int, int] = {}  # contact → when its next step, which asks for more than its clock, is judged
        self.overdue: dict[int, int] = {}  # of these: looks that were due already when a snapshot was taken
        self.reached: dict[str, None] = {}  # queues where such steps want to be judged before anything else is decided
        self.asking: dict[str, dict[str, None]] = {}  # pool → queues with a step that asks for its service level
        for queue in policy.queues.values():
            for step in queue.steps:
                if step.lender_kpi:
                    self.asking.setdefault(step.lender_kpi, {})[queue.name] = None
        self.measures = {name: measure for name, measure in self.measures.items() if name in policy.queues}
        self.spots: dict[int, tuple[ContactKey, tuple[Lane, ...]]] = {}
        self._groups: dict[tuple[str, ...], dict[str, int]] = {}
        self._stands: dict[tuple[str, str, int, str, int, str, str, str, str], Stand] = {}
        self._requirements: dict[tuple[str, str, int], Requirement] = {}
        self._set_pools(policy)

    def _set_pools(self, policy: Policy) -> None:
        """The rules of single pools, and what they remember: it stays while the pool has a rule that asks for it."""
        pools = policy.pools.values()
        remember = [p.name for p in pools if p.choice == "round_robin" or p.lend_kpi is not None or p.shares != "none"]
        self.ledgers = {name: self.ledgers.get(name) or Ledger(name) for name in remember}
        self.pool_names = list(policy.pools)
        self.gates = {p.name: Gate(p, self.ledgers.get(p.name) or Ledger(p.name)) for p in pools if gated(p)}
        self.protected = any(pool.owners for pool in pools)
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

    # --- events and refusals --------------------------------------------------------------------------------------

    def emit(self, event: Any) -> None:
        """Append the event and apply it at once: deciding goes on from the new state."""
        self.out.append(event)
        self.apply_event(event)

    def apply_event(self, event: Any) -> None:
        """Change state by one event, new or journalled; a contact's event counts its version."""
        function, on_contact = self.apply[type(event)]
        if on_contact:
            contact = self.contacts[event.contact]
            contact.version += 1
            function(self, event, contact)
        else:
            function(self, event)

    def emit_on(self, contact: Contact, event: Any) -> None:
        """As :meth:`emit`, for an event of a contact that is in hand."""
        self.out.append(event)
        contact.version += 1
        self.apply[type(event)][0](self, event, contact)

    def refuse(self, command: object, code: Code, got: object = "", wanted: str = "", what: str = "") -> None:
        """A refusal is part of history and changes nothing."""
        tag = str(command.__struct_config__.tag)  # type: ignore[attr-defined]  # every command is a tagged Struct
        self.out.append(CommandRejected(self.now, tag, code, what or SENTENCES[code], str(got)[:GOT_LIMIT], wanted))

    # --- what a contact needs and where it may be served ----------------------------------------------------------

    def queue_of(self, contact: Contact) -> Queue:
        """Its queue; while a policy is being swapped in, perhaps one of the former policy."""
        queue = self.policy.queues.get(contact.queue)
        return queue if queue is not None else self.former[contact.queue]

    def pools_of(self, contact: Contact) -> tuple[Pool, ...]:
        """Open pools in listed order: the queue's own, then those its steps have added."""
        queue = self.queue_of(contact)
        if contact.stage == "bot":
            names = queue.bot_pools
        else:
            names = queue.pools
            for step in queue.steps[: contact.step]:
                names += tuple(name for name in step.add_pools if name not in names)
        return tuple(self.policy.pools[name] for name in names if name in self.policy.pools)

    def requirement_of(self, contact: Contact) -> Requirement:
        """Queue's and contact's needs together, less what steps have relaxed. Bots of the bot stage serve anyone."""
        if contact.stage == "bot":
            return ANYONE
        key = (contact.queue, contact.requires, contact.step)
        known = self._requirements.get(key)
        if known is None:
            queue = self.queue_of(contact)
            known = both(queue.requirement, parse_canonical(contact.requires))
            dropped = [name for step in queue.steps[: contact.step] for name in step.relax]
            if dropped:
                known = known.without(dropped)
            self._requirements[key] = known
        return known

    def stand_of(self, contact: Contact) -> Stand:
        """The contact's lanes, one per open pool in the pools' order, and what its keys are made of."""
        tenant = contact.tenant
        bound = self.bound_of(contact) if self.bounded else None
        shop = contact.shop if self.by_shop else "" if bound is None else bound.shop
        team = contact.team
        key = (
            contact.queue,
            contact.stage,
            contact.step,
            contact.requires,
            contact.cost,
            contact.channel,
            tenant,
            shop,
            team,
        )
        known = self._stands.get(key)
        if known is None:
            if len(self.lanes) > self.lanes_kept:
                self.drop_idle_lanes()
            queue = self.policy.queues[contact.queue]
            requirement = self.requirement_of(contact)
            bound_name = "" if bound is None else bound.name
            lanes, keyed, parties = [], [], []
            for pool in self.pools_of(contact):
                party = self.party_of(pool, tenant, shop) if pool.shares != "none" else None
                borrows = bool(pool.owners) and queue.name not in pool.owners
                key_of = (
                    tenant, requirement.text, pool.name, contact.cost, bound_name, team, borrows,
                    shop if pool.shares == "shop" else "",
                )  # fmt: skip
                lanes.append(self._lane(key_of, requirement, pool, bound, party))
                if party is not None:
                    parties.append(party)
                listed = pool.listed.index(queue.name) if queue.name in pool.listed else len(pool.listed)
                kind = kind_of(pool)
                keyed.append((listed, queue.slope if kind == SCORE else 0.0, kind))
            if not lanes:  # a stage without pools: it stands in its queue's line only
                keyed.append((0, 0.0, 0))
            step = queue.steps[contact.step] if contact.step < len(queue.steps) else None
            at_once = step is not None and not step.after_ms
            person = contact.stage != "bot"
            watched = person and step is not None and step.watched
            length = self.length_of(queue.name, contact.stage) if queue.name in self.counted else None
            known = Stand(
                tuple(lanes),
                tuple(keyed),
                queue.boost,
                step is not None,
                at_once,
                watched,
                person,
                self.policy.target_of(queue.name, shop) if self.promising else 0,
                length is not None or bool(parties),
                length,
                tuple(parties),
            )
            self._stands[key] = known
        return known

    def lanes_of(self, contact: Contact) -> tuple[Lane, ...]:
        return self.stand_of(contact).lanes

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

    def bound_of(self, contact: Contact) -> Bound | None:
        """What besides units bounds how many such contacts an agent has; None: nothing."""
        if not self.bounded:
            return None
        limited, yields = contact.channel in self.limited, contact.channel in self.interruptible
        shop_limit = self.shop_limits.get(contact.shop, 0)
        if not (limited or yields or shop_limit):
            return None
        key = (contact.channel if limited or yields else "", contact.shop if shop_limit else "")
        known = self._bounds.get(key)
        if known is None:
            limit = self.policy.channels[contact.channel].limit if limited else 0
            known = self._bounds[key] = Bound(key[0], limit, key[1], shop_limit, yields)
        return known

    def _lane(
        self, key: LaneKey, requirement: Requirement, pool: Pool, bound: Bound | None, party: Party | None
    ) -> Lane:
        lane = self.lanes.get(key)
        if lane is None:
            gate = self.gates[pool.name] if key[6] else None
            ring = Ring(self.rings[pool.name]) if pool.name in self.rings else None
            lane = self.lanes[key] = Lane(key, requirement, pool, bound, self.lengths_by_number, gate, party, ring)
            if gate is not None:
                self.borrowing.setdefault(pool.name, []).append(lane)
            if pool.name in self.drained:
                lane.drain(True)
            by_skill = (pool.name, requirement.must_have)
            self.lanes_by_skill.setdefault(by_skill, []).append(lane)
            for seat in self.seats_by_skill.get(by_skill, {}).values():
                if lane.qualifies(seat):
                    self._join(lane, seat)
        return lane

    def _join(self, lane: Lane, seat: Seat) -> None:
        lane.add_member(seat)
        if seat.agent.state in PRESENT:
            lane.signed_on += 1
        refresh(seat)

    def drop_idle_lanes(self) -> None:
        """Forget lanes where nobody waits; those needed again are made again."""
        self.settle()
        self.tell_lanes()
        kept = {key: lane for key, lane in self.lanes.items() if lane.waits}
        for seat in self.seats.values():
            seat.lanes = [lane for lane in seat.lanes if lane.key in kept]
            seat.loaded = [lane for lane in seat.loaded if lane.key in kept]
            seat.absent = [lane for lane in seat.absent if lane.key in kept]
        self.lanes = kept
        self.borrowing = {}
        for lane in kept.values():
            if lane.gate is not None:
                self.borrowing.setdefault(lane.pool.name, []).append(lane)
        self.lanes_kept = max(LANES_KEPT, 2 * len(kept))  # where many are in use, not at every new one
        self.lanes_by_skill = {}
        for lane in kept.values():
            self.lanes_by_skill.setdefault((lane.pool.name, lane.requirement.must_have), []).append(lane)
        self._stands = {}
        self._requirements = {}

    # --- agents in the indexes ------------------------------------------------------------------------------------

    def seat_agent(self, agent: Agent) -> None:
        """Give the agent a seat in every lane that it qualifies for."""
        profile = agent.profile
        seat = Seat(agent)
        seat.external = seat.beside = sum(agent.external.values())
        recount(seat)
        self.seats[profile.agent] = seat
        self.seats_by_seq[agent.seq] = seat
        if self.noting:  # another profile
            self.note(0, agent.seq)
        for number, units in agent.contacts.items():
            contact = self.contacts[number]
            contact.seat = seat
            if self.bounded:
                self.count(seat, contact, 1, units)
        seat.groups = self._groups_of(profile.pools)
        self._watch(seat)
        for name in profile.pools:
            if name not in self.policy.pools:
                continue
            for skill in (None, *profile.skills):
                self.seats_by_skill.setdefault((name, skill), {})[agent.seq] = seat
                for lane in self.lanes_by_skill.get((name, skill), ()):
                    if lane.qualifies(seat):
                        self._join(lane, seat)
        self.timers.arm(agent.back_off_until, Kind.BACK_OFF, agent.seq)
        self.timers.arm(agent.until, Kind.AGENT_UNTIL, agent.seq)
        self.timers.arm(agent.capacity_until, Kind.CAPACITY, agent.seq)
        self.timers.arm(agent.quota_until, Kind.QUOTA, agent.seq)

    def _watch(self, seat: Seat) -> None:
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
            self._watch(seat)
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

    def count(self, seat: Seat, contact: Contact, contacts: int, units: int) -> None:
        """The agent has so many more contacts and units of this contact's channel and shop; asked only if ``bounded``."""
        if contact.channel in self.limited:
            seat.by_channel[contact.channel] = seat.by_channel.get(contact.channel, 0) + contacts
        if contact.shop in self.shop_limits:
            seat.by_shop[contact.shop] = seat.by_shop.get(contact.shop, 0) + contacts
        if contact.channel in self.interruptible:
            seat.yielding += units
            seat.beside -= units

    def _groups_of(self, pools: tuple[str, ...]) -> Mapping[str, int]:
        """Pool → rank of its order among these pools; one mapping for all agents of the same pools."""
        known = self._groups.get(pools)
        if known is None:
            known = self._groups[pools] = {}
            orders: dict[tuple[int, tuple[str, ...], str], int] = {}
            for name in pools:
                pool = self.policy.pools.get(name)
                if pool is not None:  # a pool shared by weight decides by itself
                    alone = name if pool.shares != "none" else ""
                    known[name] = orders.setdefault((kind_of(pool), pool.listed, alone), len(orders))
        return known

    def unseat_agent(self, agent: Agent) -> Seat:
        """Take the agent out of every index; returns the old seat."""
        seat = self.seats.pop(agent.profile.agent)
        self.freed.pop(agent.seq, None)
        del self.seats_by_seq[agent.seq]
        for lane in seat.lanes:
            del lane.members[agent.seq]
            if lane.best.pop(agent.seq, None) is not None and lane.ring is not None:
                lane.ring.agents.remove((agent.seq,))
            lane.units -= seat.units
            if agent.state in PRESENT:
                lane.signed_on -= 1
        for name in agent.profile.pools:
            for skill in (None, *agent.profile.skills):
                self.seats_by_skill.get((name, skill), {}).pop(agent.seq, None)
        if seat.watched:
            self.stir(seat, gone=True)
        return seat

    # --- contacts in the indexes ----------------------------------------------------------------------------------

    def line_key(self, contact: Contact) -> ContactKey:
        """Rank in its own queue, by the order of its first open pool."""
        stand = self.stands.get(contact.contact) or self.stand_of(contact)
        return stand.key(contact)

    def place_key(self, contact: Contact) -> ContactKey:
        """As :meth:`line_key`, with what orders by promise or by length add at the moment."""
        stand = self.stands.get(contact.contact) or self.stand_of(contact)
        return stand.key_now(contact, self.now) if self.shaped else stand.key(contact)

    def grown_key(self, contact: Contact) -> ContactKey:
        """The key in its first open pool as it is now, points included."""
        stand = self.stands.get(contact.contact) or self.stand_of(contact)
        return stand.key_now(contact, self.now, grown=True)

    def shown_first(self, contact: Contact) -> tuple[float, ...]:
        """:meth:`grown_key` as an event's rank."""
        stand = self.stands[contact.contact]
        key = self.grown_key(contact)
        return shown(stand.lanes[0].pool.order if stand.lanes else "strict", key)

    def position(self, contact: Contact, now: int) -> int:
        """1 + the contacts of its own queue that stand before it at ``now``."""
        ranks, key = self.ranks(contact.queue), self.line_key(contact)
        before = ranks.rank(key)
        if self.stands[contact.contact].keyed[0][2] == OVERDUE_LAST:
            # The ranks know nothing of the moment: among equal priorities those overdue stand before the others there.
            listed, due = key[0], key[1] & LOW_MASK
            base = key[1] - due
            late = ranks.rank((listed, base + now))
            if due < now:
                before += ranks.rank((listed, base + LATE)) - late
            else:
                before -= late - ranks.rank((listed, base))
        return 1 + before

    def enter_lanes(self, contact: Contact) -> None:
        """The contact is QUEUED. Most arrivals are offered in the same step, so the work waits for :meth:`settle`."""
        if self.frozen and contact.queue in self.former:
            return
        if self.noting:
            self.note(contact.contact, 0)
        stand = self.stands[contact.contact] = self.stand_of(contact)
        self.arriving[contact.contact] = contact
        if stand.special:
            self._count_in(stand, contact)

    def _count_in(self, stand: Stand, contact: Contact) -> None:
        if stand.length is not None:
            stand.length.queued += 1
        for party in stand.parties:
            party.begin(contact.contact, contact.version, self.rebuilding or self.rearranging is not None)

    def _count_out(self, stand: Stand, contact: Contact) -> None:
        if stand.length is not None:
            stand.length.queued -= 1
        for party in stand.parties:
            party.end(contact.contact, contact.version)

    def note(self, contact: int, agent_seq: int) -> None:
        """Who begins to wait or becomes freer while a rearrangement makes its offers has a turn at the end."""
        assert self.rearranging is not None
        if contact:
            self.rearranging.contacts[contact] = 0
        else:
            self.rearranging.agents[agent_seq] = 0

    def settle(self) -> None:
        """Before anyone looks for a waiting contact: arrivals really take their places."""
        for contact in self.arriving.values():
            self._stand(contact)
        self.arriving.clear()

    def _stand(self, contact: Contact) -> None:
        """Into its lanes and its queue's ranks; with an exclusive preferred agent, into nobody's lane."""
        stand = self.stands[contact.contact]
        rank = key = stand.key(contact)
        line = self.lines[contact.queue]
        line.standing += stand.person
        ranked = line.ranked
        if ranked is not None:
            ranked.add(rank)
        if stand.watched:
            self.look_later(contact)
        elif stand.stepped:
            self.timers.arm(self.step_due(contact), STEP, contact.contact)
        if contact.prefer and contact.prefer in self.seats:
            seat = self.seats[contact.prefer]
            seat.preferred |= {contact.contact}
            if seat.gates:
                self.wanting[contact.contact] = None
        lanes = () if contact.prefer_only else stand.lanes
        for place, lane in enumerate(lanes):
            if place:
                key = stand.key(contact, place)
            lane.add_contact(stand.heap(place) if stand.special else stand.keyed[place][1], key)
        self.spots[contact.contact] = (rank, lanes)

    def leave_lanes(self, contact: Contact) -> None:
        stand = self.stands.pop(contact.contact, None)
        if stand is not None and stand.special:
            self._count_out(stand, contact)
        if contact.prefer and contact.prefer in self.seats:
            self.seats[contact.prefer].preferred -= {contact.contact}
            self.wanting.pop(contact.contact, None)
        if self.arriving.pop(contact.contact, None) is not None:
            if self.overdue:
                self.overdue.pop(contact.contact, None)
            return
        spot = self.spots.pop(contact.contact, None)
        if spot is None or stand is None:
            return
        rank, lanes = spot
        line = self.lines[contact.queue]
        line.standing -= stand.person
        if stand.watched:
            self.looks.pop(contact.contact, None)
        ranked = line.ranked
        if ranked is not None:
            ranked.remove(rank)
        for lane in lanes:
            lane.drop_contact(contact.contact)

    def ranks(self, queue: str) -> Ranked:
        """The queue's contacts that wait without an offer, in its order; O(n log n) once, then kept."""
        self.settle()
        line = self.lines[queue]
        if line.ranked is None:
            line.ranked = Ranked()
            for number in line.waiting:
                if number in self.spots:
                    line.ranked.add(self.spots[number][0])
        return line.ranked

    def freer(self, seat: Seat) -> None:
        """The agent may have become freer; the lanes hear of it in :meth:`tell_lanes`, if it still is by then."""
        self.freed[seat.agent.seq] = seat
        if seat.watched:
            self.stir(seat)
        if self.noting:
            self.note(0, seat.agent.seq)

    def tell_lanes(self) -> None:
        """Before anyone looks for a free agent: the lanes learn who became freer."""
        for seat in self.freed.values():
            agent = seat.agent
            if agent.load + seat.beside < agent.capacity and seat.takes_offers():
                refresh(seat)
        self.freed.clear()

    def enter_line(self, contact: Contact) -> None:
        line = self.lines[contact.queue]
        line.enter(contact)
        if line.watched and len(line.waiting) in line.watched:
            self.reached[contact.queue] = None
        if self.house.crowds and contact.shop in self.house.crowds:
            self.house.crowds[contact.shop][contact.contact] = None

    def leave_line(self, contact: Contact) -> None:
        line = self.lines.get(contact.queue)
        if line is not None and line.leave(contact.contact) and self.house.crowds and contact.shop in self.house.crowds:
            del self.house.crowds[contact.shop][contact.contact]

    def oldest_start(self, queue: str) -> int | None:
        """``start`` of the queue's longest-waiting contact, offered ones included."""
        return self.lines[queue].oldest_start()

    # --- deadlines ------------------------------------------------------------------------------------------------

    def step_due(self, contact: Contact) -> int:
        """The instant at which the contact's next step opens by its clock; 0: at no set time.

        Steps open for contacts that wait without an offer; one that comes back opens what has fallen due meanwhile.
        """
        if self.unplaced_from < contact.contact < self.unplaced_until:
            return 0
        steps = self.queue_of(contact).steps
        if contact.step >= len(steps) or contact.state is not QUEUED or contact.stage == "bot":
            return 0
        step = steps[contact.step]
        if step.watched:
            return self.looks.get(contact.contact, 0)
        return 0 if step.only_nobody else self.clock_due(contact, step)

    def clock_due(self, contact: Contact, step: Step) -> int:
        """The instant at which the step's clock says so; not later than now where it names no length."""
        if step.clock == "step":
            return contact.step_at + step.after_ms
        return (contact.start if step.clock == "waited" else contact.arrived_at) + step.after_ms

    def look_later(self, contact: Contact) -> None:
        """Arm the next judging of a step that asks for more than its clock: when the clock has run, and then, where it asks
        for the estimate, every 5 s from there."""
        number = contact.contact
        if self.unplaced_from < number < self.unplaced_until:
            return
        step = self.queue_of(contact).steps[contact.step]
        due = self.clock_due(contact, step)
        if due <= self.now:
            if not step.estimated_wait_ms:
                due = 0
            else:
                due += ((self.now - due) // LOOK_MS + 1) * LOOK_MS
        if self.overdue:
            due = self.overdue.pop(number, due)
        if due:
            self.looks[number] = due
            self.timers.arm(due, STEP, number)
        else:
            self.looks.pop(number, None)

    def look_ahead(self) -> None:
        """After events that no rule answered: what was to be judged in the meantime is past."""
        self.reached.clear()
        for number in [number for number, due in self.looks.items() if due <= self.now]:
            self.look_later(self.contacts[number])

    def look_now(self, contact: Contact) -> None:
        """Judge its next step as soon as time is looked at again."""
        self.settle()
        self.looks[contact.contact] = self.now
        self.timers.arm(self.now, STEP, contact.contact)

    # --- what the queues' lines do --------------------------------------------------------------------------------

    def slots_of(self, contact: Contact) -> int:
        """Contacts like this one that the agents who are there could serve at once, through its open pools."""
        slots = 0
        for lane in self.lanes_of(contact):
            slots += lane.units // lane.cost
        return slots

    def measure_leaving(self, contact: Contact, at: int, how: int) -> None:
        """A contact that stands for a person is about to leave its lanes; see :mod:`engine.dispatch.estimates`."""
        if contact.stage == "bot":
            return
        measure = self.measures.get(contact.queue)
        if self.rearranging is not None:  # who stands where is being found out
            if measure is not None:
                measure.busy, measure.until = False, at
            return
        if self.arriving:
            self.settle()
        if measure is None:
            measure = self.measures[contact.queue] = Measure()
        others = self.lines[contact.queue].standing > 1
        # What was left to be answered later has not stood in line since then.
        entered = at if contact.promised else contact.start + contact.waited
        measure.left(at, entered, self.slots_of(contact), how, others)

    def reply_due(self, contact: Contact) -> int:
        """The next alarm of the reply clock; 0: none."""
        if not contact.replying or contact.reply_alarm == 2:
            return 0
        if self.unplaced_from < contact.contact < self.unplaced_until:
            return 0
        queue = self.queue_of(contact)
        return contact.reply_since + (queue.reply_breach_ms if contact.reply_alarm else queue.reply_warn_ms)

    def talk_due(self, contact: Contact) -> int:
        """The next stage of the customer's silence, or the instant at which an agent who has never answered loses the
        contact; 0: neither. One excludes the other: silent is who wrote before the agent's last word."""
        state = contact.state
        if state is not CONNECTED and state is not DORMANT:
            return 0
        if self.unplaced_from < contact.contact < self.unplaced_until:
            return 0
        queue = self.queue_of(contact)
        if contact.silent_at:
            if state is DORMANT:
                wait = queue.idle_close_ms
            elif queue.remind_ms and not contact.reminded:
                wait = queue.remind_ms
            else:
                wait = queue.dormant_ms or queue.idle_close_ms
            return contact.silent_at + wait if wait else 0
        if not queue.unanswered_ms or contact.wrote or not contact.replying:
            return 0
        if contact.seat is None or contact.seat.bot:
            return 0
        return max(contact.connected_at, contact.reply_since) + queue.unanswered_ms

    def arm_contact(self, contact: Contact) -> None:
        """Arm whatever the contact's state names."""
        arm, number = self.timers.arm, contact.contact
        arm(self.reply_due(contact), Kind.REPLY, number)
        arm(contact.wrap_up_until, Kind.WRAP_UP, number)
        arm(contact.resume_until, Kind.RESUME, number)
        arm(contact.prefer_until, Kind.AFFINITY, number)
        arm(self.talk_due(contact), TALK, number)
        if contact.decliners:
            arm(min(contact.decliners.values()), Kind.DECLINER, number)

    def shelve(self, contact: Contact) -> None:
        """The contact is under a promise. Any may come to be the first, so that each instant has a hint of its own."""
        live_at, hinted = self.house.shelve(contact), self.house.hinted
        if live_at <= self.now or live_at not in hinted:
            hinted[live_at] = None
            self.timers.arm(live_at, HOUSE, LIVE << SORT_SHIFT)

    def arm_house(self, ident: int) -> None:
        """Arm one of the domain's own deadlines."""
        self.timers.arm(self.house.due(ident), HOUSE, ident)

    def _due_of_none(self, kind: int, ident: int) -> int:
        """As :meth:`due`, for deadlines of no contact and no offer."""
        if kind == HOUSE:
            return self.house.due(ident)
        if kind == QUOTA:
            seat = self.seats_by_seq.get(ident)
            return 0 if seat is None else seat.agent.quota_until
        # LENDER; a hint may come from a policy with other pools
        name = self.pool_names[ident] if ident < len(self.pool_names) else ""
        return self.measure_due(self.gates[name]) if name in self.gates else 0

    def due(self, kind: int, ident: int) -> int:
        """What state names as the deadline of this kind and id; 0: none (the timer is stale)."""
        if kind == OFFER:
            offer = self.offers.get(ident)
            return offer.deadline if offer is not None else 0
        if BACK_OFF <= kind <= CAPACITY:
            seat = self.seats_by_seq.get(ident)
            return 0 if seat is None else agent_deadline(seat.agent, kind)
        if kind >= LENDER:
            return self._due_of_none(kind, ident)
        contact = self.contacts.get(ident)
        if contact is None:
            return 0
        if kind == REPLY:
            return self.reply_due(contact)
        if kind == STEP:
            return self.step_due(contact)
        if kind == WRAP_UP:
            return contact.wrap_up_until
        if kind == Kind.RESUME:
            return contact.resume_until
        if kind == Kind.AFFINITY:
            return contact.prefer_until
        if kind == TALK:
            return self.talk_due(contact)
        return min(contact.decliners.values()) if contact.decliners else 0

    def next_due(self) -> tuple[int, int, int] | None:
        """The earliest deadline that state still names, as (deadline, kind, id)."""
        self.settle()
        timers = self.timers
        while timers.first():
            if self.due(timers.kind, timers.ident) == timers.deadline:
                return timers.deadline, timers.kind, timers.ident
            timers.drop()
        return None

    def arm_measure(self, gate: Gate) -> None:
        self.timers.arm(self.measure_due(gate), Kind.LENDER, self.pool_names.index(gate.pool.name))

    def measure_due(self, gate: Gate) -> int:
        """When the oldest minute counted leaves the window of the lender's service level; 0: nothing is counted."""
        if gate.kpi is None or not gate.ledger.minutes:
            return 0
        return min(gate.ledger.minutes) * MINUTE_MS + gate.kpi.window_ms

    def trim_timers(self) -> None:
        """Drop stale hints when they outnumber everything that can hold a deadline."""
        if self.timers.size > 4_096 + 8 * (len(self.contacts) + len(self.agents)):
            entries, self.timers = self.timers.entries(), Timers(self.contacts, self.offers)
            for deadline, kind, ident in entries:
                if kind == HOUSE or self.due(kind, ident) == deadline:
                    self.timers.arm(deadline, kind, ident)


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
