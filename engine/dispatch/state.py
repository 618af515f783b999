"""The whole state of a routing domain, and the indexes derived from it.

State changes only in ``engine.dispatch.changes``, one function per event; everything there goes through the few index
operations below, so that indexes can be rebuilt from state at any time and compared.
"""

from __future__ import annotations

from typing import Final

from engine.dispatch.contacts import WAITING, Contact, ContactState
from engine.dispatch.estimates import Measure
from engine.dispatch.lanes import Bound, Lane, LaneKey
from engine.dispatch.policy.compiled import Policy, Pool, Queue
from engine.dispatch.policy.requirements import Requirement
from engine.dispatch.pools import (
    LATE,
    LOW_MASK,
    OVERDUE_LAST,
    SCORE,
    Length,
    Party,
    kind_of,
    shown,
)
from engine.dispatch.ranks import Ranked
from engine.dispatch.records import LANES_KEPT
from engine.dispatch.rings import Ring
from engine.dispatch.seats import Seats
from engine.dispatch.stands import Line, Stand
from engine.dispatch.strands import ContactKey, Spot
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
# So often a step looks again whether the estimate has grown.
LOOK_MS: Final = 5_000


class State(Seats):
    """Contacts, agents and offers by number or id, and the indexes over them."""

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy)
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
        self.seat_at = []
        self.freed = {}
        self.lines = {name: self.line_of(name) for name in (*policy.queues, *self.former)}
        for agent in self.agents.values():
            self.seat_agent(agent)
        for contact in self.contacts.values():
            contact.seat, contact.stand, contact.key = self.seats.get(contact.agent), None, None
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
        self.arm_domain()
        self.reached.clear()  # it is not a swap that makes a queue long; whoever swaps decides for everybody anyway
        self.rebuilding = False
        self.stirred.clear()

    def line_of(self, name: str) -> Line:
        """An empty line for the queue."""
        queue = self.policy.queues.get(name) or self.former[name]
        return Line(frozenset(step.queue_length for step in queue.steps if step.queue_length))

    # --- what a contact needs and where it may be served ----------------------------------------------------------

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
            lanes, keyed, parties = [], [], []
            for pool in self.pools_of(contact):
                lane = self.lane_for(queue, pool, requirement, tenant, shop, contact.cost, bound, team)
                lanes.append(lane)
                if lane.party is not None:
                    parties.append(lane.party)
                listed = pool.listed.index(queue.name) if queue.name in pool.listed else len(pool.listed)
                kind = kind_of(pool)
                keyed.append((listed, queue.slope if kind == SCORE else 0.0, kind))
            if not lanes:  # a stage without pools: it stands in its queue's line only
                keyed.append((0, 0.0, 0))
            step = queue.steps[contact.step] if contact.step < len(queue.steps) else None
            length = self.length_of(queue.name, contact.stage) if queue.name in self.counted else None
            known = Stand(
                tuple(lanes),
                tuple(keyed),
                queue.boost,
                step,
                contact.stage != "bot",
                self.policy.target_of(queue.name, shop) if self.promising else 0,
                length,
                tuple(parties),
                self.era,
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

    def lane_for(
        self,
        queue: Queue,
        pool: Pool,
        requirement: Requirement,
        tenant: str,
        shop: str,
        cost: int,
        bound: Bound | None,
        team: str = "",
    ) -> Lane:
        """Where such contacts of this queue meet the pool's agents."""
        party = self.party_of(pool, tenant, shop) if pool.shares != "none" else None
        borrows = bool(pool.owners) and queue.name not in pool.owners
        bound_name = "" if bound is None else bound.name
        shops_own = shop if pool.shares == "shop" else ""
        key = (tenant, requirement.text, pool.name, cost, bound_name, team, borrows, shops_own)
        return self._lane(key, requirement, pool, bound, party)

    def _lane(
        self, key: LaneKey, requirement: Requirement, pool: Pool, bound: Bound | None, party: Party | None
    ) -> Lane:
        lane = self.lanes.get(key)
        if lane is None:
            gate = self.gates[pool.name] if key[6] else None
            ring = Ring(self.rings[pool.name]) if pool.name in self.rings else None
            lane = self.lanes[key] = Lane(
                key, requirement, pool, bound, self.seat_at, self.lengths_by_number, gate, party, ring
            )
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

    def drop_idle_lanes(self) -> None:
        """Forget lanes where nobody waits; those needed again are made again."""
        self.settle()
        self.tell_lanes()
        kept = {key: lane for key, lane in self.lanes.items() if lane.waiting}
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

    # --- contacts in the indexes ----------------------------------------------------------------------------------

    def line_key(self, contact: Contact) -> ContactKey:
        """Rank in its own queue, by the order of its first open pool."""
        stand = self.standing(contact) or self.stand_of(contact)
        return stand.key(contact)

    def place_key(self, contact: Contact) -> ContactKey:
        """As :meth:`line_key`, with what orders by promise or by length add at the moment."""
        stand = self.standing(contact) or self.stand_of(contact)
        return stand.key_now(contact, self.now) if self.shaped else stand.key(contact)

    def grown_key(self, contact: Contact) -> ContactKey:
        """The key in its first open pool as it is now, points included."""
        stand = self.standing(contact) or self.stand_of(contact)
        return stand.key_now(contact, self.now, grown=True)

    def shown_first(self, contact: Contact) -> tuple[float, ...]:
        """:meth:`grown_key` as an event's rank."""
        stand = self.stood(contact)
        key = self.grown_key(contact)
        return shown(stand.keyed[0][2], key)

    def position(self, contact: Contact, now: int) -> int:
        """1 + the contacts of its own queue that stand before it at ``now``."""
        ranks, key = self.ranks(contact.queue), self.line_key(contact)
        before = ranks.rank(key)
        if self.stood(contact).keyed[0][2] == OVERDUE_LAST:
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
        contact.stand = stand = self.stand_of(contact)
        contact.key = None
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

    def settle(self) -> None:
        """Before anyone looks for a waiting contact: arrivals really take their places."""
        for contact in self.arriving.values():
            self._stand(contact)
        self.arriving.clear()

    def _stand(self, contact: Contact) -> None:
        """Into its lanes and its queue's ranks; with an exclusive preferred agent, into nobody's lane."""
        stand = self.stood(contact)
        spot = Spot(contact.prefer_only)
        contact.key = key = stand.entry(contact, 0, spot)
        line = self.lines[contact.queue]
        line.standing += stand.person
        ranked = line.ranked
        if ranked is not None:
            ranked.add(key)
        if stand.watched:
            self.look_later(contact)
        elif stand.stepped:
            self.timers.arm(self.step_due(contact), STEP, contact.contact)
        if contact.prefer and contact.prefer in self.seats:
            seat = self.seats[contact.prefer]
            seat.preferred |= {contact.contact}
            if seat.gates:
                self.wanting[contact.contact] = None
        if spot.alone:
            return
        for place, lane in enumerate(stand.lanes):
            if place and not stand.even:
                key = stand.entry(contact, place, spot)
            lane.add_contact(stand.heap(place) if stand.special else stand.keyed[place][1], key)

    def leave_lanes(self, contact: Contact) -> None:
        stand, key = self.standing(contact), contact.key
        contact.stand, contact.key = None, None
        if stand is not None and stand.special:
            self._count_out(stand, contact)
        if contact.prefer and contact.prefer in self.seats:
            self.seats[contact.prefer].preferred -= {contact.contact}
            self.wanting.pop(contact.contact, None)
        if self.arriving.pop(contact.contact, None) is not None:
            if self.overdue:
                self.overdue.pop(contact.contact, None)
            return
        if key is None or stand is None:
            return
        line = self.lines[contact.queue]
        line.standing -= stand.person
        if stand.watched:
            self.looks.pop(contact.contact, None)
        ranked = line.ranked
        if ranked is not None:
            ranked.remove(key)
        spot: Spot = key[4]
        spot.open = False
        if not spot.alone:
            for lane in stand.lanes:
                lane.drop_contact(spot)

    def standing(self, contact: Contact) -> Stand | None:
        """Where it stands under the policy decided by; None: it does not wait there."""
        stand = contact.stand
        return stand if stand is not None and stand.era == self.era else None

    def stood(self, contact: Contact) -> Stand:
        """As :meth:`standing`, of a contact that waits."""
        stand = contact.stand
        assert stand is not None, contact.contact
        return stand

    def stands_in(self, contact: Contact, lane: Lane) -> bool:
        """Whether it waits in this very lane."""
        stand, key = self.standing(contact), contact.key
        return stand is not None and key is not None and not key[4].alone and lane in stand.lanes

    def ranks(self, queue: str) -> Ranked:
        """The queue's contacts that wait without an offer, in its order; O(n log n) once, then kept."""
        self.settle()
        line = self.lines[queue]
        if line.ranked is None:
            line.ranked = Ranked()
            for number in line.waiting:
                contact = self.contacts[number]
                if contact.key is not None and self.standing(contact) is not None:
                    line.ranked.add(contact.key)
        return line.ranked

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
        stand = None if contact.prefer_only else self.standing(contact)
        for lane in (stand or self.stand_of(contact)).lanes:
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

    def next_due(self) -> tuple[int, int, int] | None:
        """The earliest deadline that state still names, as (deadline, kind, id)."""
        self.settle()
        timers = self.timers
        while timers.first():
            if self.due(timers.kind, timers.ident) == timers.deadline:
                return timers.deadline, timers.kind, timers.ident
            timers.drop()
        return None

    def trim_timers(self) -> None:
        """Drop stale hints when they outnumber everything that can hold a deadline."""
        if self.timers.size > 4_096 + 8 * (len(self.contacts) + len(self.agents)):
            entries, self.timers = self.timers.entries(), Timers(self.contacts, self.offers)
            for deadline, kind, ident in entries:
                if kind == HOUSE or self.due(kind, ident) == deadline:
                    self.timers.arm(deadline, kind, ident)
