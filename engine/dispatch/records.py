"""What a routing domain is made of: its records, and the indexes over them, empty.

The first of four layers of :class:`engine.dispatch.state.State`: records, clocks, seats, state.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from engine.dispatch.agents import Agent
from engine.dispatch.consults import Consult
from engine.dispatch.contacts import Contact, ContactState, Offer
from engine.dispatch.estimates import Measure
from engine.dispatch.events import CommandRejected, Event
from engine.dispatch.house import House
from engine.dispatch.lanes import Bound, Lane, LaneKey, Seat
from engine.dispatch.ledgers import Ledger
from engine.dispatch.names import Names
from engine.dispatch.policy.compiled import Channel, Policy, Pool, Queue
from engine.dispatch.policy.entering import EntryIndex
from engine.dispatch.policy.requirements import Requirement, both, parse, parse_canonical
from engine.dispatch.pools import (
    Gate,
    Length,
    Party,
    Shares,
)
from engine.dispatch.refusals import SENTENCES, Code
from engine.dispatch.slices import SLICE_UNITS, Job, Rearrangement
from engine.dispatch.stands import Line, Stand
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


Appliers: TypeAlias = "dict[type, tuple[Callable[..., None], bool]]"


class Records:
    """Contacts, agents and offers by number or id; how events change them."""

    def __init__(self, policy: Policy) -> None:
        self.now = 0
        self.contacts: dict[int, Contact] = {}
        self.agents: dict[str, Agent] = {}
        self.offers: dict[int, Offer] = {}
        self.consults: dict[int, Consult] = {}  # contact → who helps with it
        self.shaken: dict[int, str] = {}  # consults that lose their ground in this step, and why
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
        self.era = 0  # counts the policies decided by: contacts still know where they stood under an older one
        self.counted_since = 0  # … the last of them that limits other things than the one before
        self.drained: dict[str, str] = {}  # pool → why
        self.selection: list[int] | None = None  # what a bulk command has just counted
        self.jobs: dict[int, Job] = {}
        self.next_job = 1
        self.lines: dict[str, Line] = {}
        self.seats: dict[str, Seat] = {}
        self.seats_by_seq: dict[int, Seat] = {}
        self.seat_at: list[Seat | None] = []  # the same by place, for lanes: nothing to hash
        self.chosen: Seat | None = None  # whom the next offer is for, where that is known: spares a look-up by name
        self.freed: dict[int, Seat] = {}  # perhaps freer, and the lanes do not know it yet
        self.house = House(self.contacts)
        self.timers = Timers(self.contacts, self.offers)
        self.use(policy)

    def use(self, policy: Policy) -> None:
        """Decide by this policy from here on; the lanes are empty and wait to be filled."""
        self.policy = policy
        # Its tables, one attribute away: a field of the policy costs as much as the look-up itself.
        self.queues: dict[str, Queue] = dict(policy.queues)
        self.channels: dict[str, Channel] = dict(policy.channels)
        self.pools: dict[str, Pool] = dict(policy.pools)
        self.policy_version = policy.version
        self.era += 1
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
        self.looks: dict[int, int] = {}  # contact → when its next step, which asks for more than its clock, is judged
        self.overdue: dict[int, int] = {}  # of these: looks that were due already when a snapshot was taken
        self.reached: dict[str, None] = {}  # queues where such steps want to be judged before anything else is decided
        self.asking: dict[str, dict[str, None]] = {}  # pool → queues with a step that asks for its service level
        for queue in policy.queues.values():
            for step in queue.steps:
                if step.lender_kpi:
                    self.asking.setdefault(step.lender_kpi, {})[queue.name] = None
        self.measures = {name: measure for name, measure in self.measures.items() if name in policy.queues}
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

    # --- what a contact needs -------------------------------------------------------------------------------------

    def queue_of(self, contact: Contact) -> Queue:
        """Its queue; while a policy is being swapped in, perhaps one of the former policy."""
        queue = self.queues.get(contact.queue)
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
