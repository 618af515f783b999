"""What a policy is once compiled: the types the dispatcher reads on its hot path.

``engine.dispatch.policy.compile.compile_policy`` builds them from text; nothing here parses or checks. Lengths are
milliseconds, 0 means off or none unless a field says otherwise, and "" is no name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

from engine.dispatch.commands import Value
from engine.dispatch.hours import UTC, Calendar, Zone
from engine.dispatch.policy.entering import EntryIndex, lowest
from engine.dispatch.policy.requirements import Requirement

Choice = Literal["longest_idle", "least_loaded", "most_loaded", "most_proficient", "round_robin", "weighted"]
OrderKind = Literal["strict", "score", "promise", "longest_queue"]
Overdue = Literal["first", "last"]
Ties = Literal["waited", "listed"]
Shares = Literal["none", "tenant", "shop"]
Clock = Literal["waited", "step", "age"]
Rona = Literal["not_ready", "back_off", "lower_capacity"]
Stage = Literal["bot", "person"]
Closed = Literal["serve", "message", "bot"]
Alternative = Literal["message", "call_back", "bot"]
HandOver = Literal["queue", "team"]


class Channel(msgspec.Struct, frozen=True):
    """``cost`` in units; ``limit``: contacts of this channel per agent at once (0: none declared).

    ``messages`` False: a channel without messages, where answered means connected and no reply clock runs.
    ``dormant_cost``, ``wrap_up_cost``: units held while dormant, and in wrap-up (None: as ``cost``, and never more).
    Units are whole: where a quarter of a slot is wanted, let a slot be four units. ``interruptible`` work holds its units
    against other interruptible work only: live contacts are offered beside it.
    """

    name: str
    cost: int = 1
    limit: int = 0
    messages: bool = True
    dormant_cost: int | None = None
    wrap_up_cost: int | None = None
    interruptible: bool = False


class Weights(msgspec.Struct, frozen=True):
    """Points for the choice ``weighted``: ``idle`` per minute idle, ``load`` for a wholly free agent (half for one that is
    half full), ``proficiency`` per level."""

    idle: int = 0
    load: int = 0
    proficiency: int = 0


class Kpi(msgspec.Struct, frozen=True):
    """A service level: of the contacts answered, or abandoned after more than ``short_ms``, in the last ``window_ms`` (whole
    minutes, the running one included) at least ``share`` were answered within ``within_ms``. Nothing to count: it holds."""

    share: float
    within_ms: int
    window_ms: int = 900_000
    short_ms: int = 0


class Pool(msgspec.Struct, frozen=True):
    """Agents that queues draw on. ``order`` says whom a freed agent gets: ``strict`` (priority, then waited), ``score``
    (priority + boost + slope × waited), ``promise`` (priority, then the earliest promise due; ``overdue`` ones first or last),
    ``longest_queue`` (priority, then the queue with most waiting; ``ties``: of equally long ones who has waited longest, or the
    first ``listed``). ``listed`` queues come before all others, in this order, unless ties are what they are listed for.
    ``choice`` says which free agent an arriving contact gets, with ``weights`` for ``weighted``.

    ``owners``: the pool's own queues (none: every queue is); others borrow, and only while more than ``reserve`` agents
    are idle and ``lend_kpi`` holds for the owners. ``rona_share``: RONA never takes out more than this share at once.
    ``shares``: tenants (and their shops) are served by weight before the order speaks. ``daily_quota``: contacts that one
    agent gets through this pool in a day.
    """

    name: str
    order: OrderKind = "strict"
    listed: tuple[str, ...] = ()
    choice: Choice = "longest_idle"
    overdue: Overdue = "first"
    ties: Ties = "waited"
    weights: Weights | None = None
    owners: tuple[str, ...] = ()
    reserve: int = 0
    lend_kpi: Kpi | None = None
    rona_share: float = 1.0
    shares: Shares = "none"
    daily_quota: int = 0


class Step(msgspec.Struct, frozen=True):
    """Opens when all its conditions hold together: ``after_ms`` on ``clock``, at least ``estimated_wait_ms`` to wait by the
    estimate, at least ``queue_length`` waiting in the queue, the ``lend_kpi`` of the pool ``lender_kpi``. ``when_nobody``
    opens it at once, whatever the others say, while nobody eligible is signed on; alone, it opens only so.

    Actions: ``add_pools``, ``relax`` (skills or attributes dropped from the requirement), ``raise_priority``, ``offer``
    alternatives to the customer, who goes on waiting; or, alone and last, ``move_to`` another queue.
    """

    index: int
    name: str
    clock: Clock = "step"
    after_ms: int = 0
    when_nobody: bool = False
    estimated_wait_ms: int = 0
    queue_length: int = 0
    lender_kpi: str = ""
    add_pools: tuple[str, ...] = ()
    relax: tuple[str, ...] = ()
    raise_priority: int = 0
    offer: tuple[Alternative, ...] = ()
    move_to: str = ""

    @property
    def only_nobody(self) -> bool:
        """No condition but ``when_nobody``: at no set time."""
        return self.when_nobody and not self.conditional

    @property
    def conditional(self) -> bool:
        """Whether anything but ``when_nobody`` must hold."""
        return bool(self.after_ms or self.watched)

    @property
    def watched(self) -> bool:
        """Whether anything but the clock and ``when_nobody`` must hold."""
        return bool(self.estimated_wait_ms or self.queue_length or self.lender_kpi)


class Queue(msgspec.Struct, frozen=True):
    """One queue's rules. ``pools`` are open from the start (in this order), ``bot_pools`` serve the bot stage.

    ``boost`` (points) and ``slope`` (points per minute waited) feed the score order, ``target_ms`` the promise order. All
    ``*_ms`` are lengths. ``delivery_limit`` and ``supervisors_queue``: see :meth:`Policy.supervision`.
    """

    name: str
    tenant: str
    requirement: Requirement
    pools: tuple[str, ...]
    bot_pools: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    priority: int = 0
    boost: float = 0.0
    slope: float = 1.0
    offer_ms: int = 20_000
    hold_ms: int = 60_000
    wrap_up_ms: int = 0
    rona: Rona = "not_ready"
    rona_return_ms: int = 60_000
    decline_back_off_ms: int = 0
    decliner_memory_ms: int = 60_000
    transfer_prefer_ms: int = 30_000
    sticky_ms: int = 60_000
    abandon_window_ms: int = 300_000
    reply_warn_ms: int = 100_000
    reply_breach_ms: int = 180_000
    closed_notice: str = ""
    closed_alternative: Alternative = "message"
    # promise, hours, room
    target_ms: int = 0
    hours: str = ""
    closed: Closed = "serve"
    ceiling: int = 0
    daily_quota: int = 0
    full_notice: str = ""
    full_alternative: Alternative = "message"
    # messages left and call-backs asked for
    promise_ms: int = 0
    release_per_minute: int = 0
    release_lead_ms: int = 0
    # who has it, and when that ends
    last_agent_ms: int = 0
    named_agent_ms: int = 0
    unanswered_ms: int = 0
    delivery_limit: int = 0
    supervisors_queue: str = ""
    hand_over: HandOver = "queue"
    hand_over_queue: str = ""
    hand_over_ms: int = 30_000
    # the customer's silence
    remind_ms: int = 0
    dormant_ms: int = 0
    idle_close_ms: int = 0
    reopen_ms: int = 0


class Deflection(msgspec.Struct, frozen=True):
    reason: str
    alternative: Alternative
    notice: str = ""


class Entry(msgspec.Struct, frozen=True):
    """What the first matching entry rule says. Exactly one of ``queue`` and ``deflect`` is set."""

    rule: str
    queue: str = ""
    requirement: Requirement | None = None
    priority: int | None = None
    first: Stage = "person"
    deflect: Deflection | None = None


class EntryRule(msgspec.Struct, frozen=True):
    """``when``: attribute → accepted values, all must hold; an empty mapping is the default rule.

    Besides submitted attributes a rule sees ``tenant``, ``shop`` and ``channel`` under these names. ``while_open`` and
    ``while_closed``: only while that calendar is; ``queue_length``: only while ``of_queue`` (the rule's own, if left out)
    has at least so many waiting.
    """

    entry: Entry
    when: Mapping[str, tuple[Value, ...]]
    while_open: str = ""
    while_closed: str = ""
    queue_length: int = 0
    of_queue: str = ""

    @property
    def conditional(self) -> bool:
        """Whether something besides the contact's own facts decides."""
        return bool(self.while_open or self.while_closed or self.queue_length)

    def matches(self, facts: Mapping[str, Value]) -> bool:
        return all(name in facts and facts[name] in accepted for name, accepted in self.when.items())


class Shop(msgspec.Struct, frozen=True):
    """``weight`` among its tenant's shops; ``limit``: its contacts per agent at once; ``hours`` and ``target_ms`` go before
    the queue's; ``ceiling`` and ``daily_quota`` count its contacts in all queues."""

    name: str
    tenant: str
    weight: int = 1
    limit: int = 0
    hours: str = ""
    target_ms: int = 0
    ceiling: int = 0
    daily_quota: int = 0


class Tenant(msgspec.Struct, frozen=True):
    name: str
    weight: int = 1


class Supervision(msgspec.Struct, frozen=True):
    """After ``limit`` fruitless offers in a queue a contact moves to ``queue`` (``limit`` 0: never)."""

    limit: int = 0
    queue: str = ""


class Policy(msgspec.Struct, frozen=True):
    """A whole compiled policy. ``version`` is ``name@`` + the first 12 hex digits of the text's SHA-256.

    ``order``, ``overdue`` and ``choice`` are what pools have that say nothing of their own (their fields hold the outcome);
    ``zone`` is whose days quotas count; ``finish_ms``: how long an agent may be finishing when nobody set a deadline.
    """

    version: str
    text: str
    tenants: Mapping[str, Tenant]
    shops: Mapping[str, Shop]
    channels: Mapping[str, Channel]
    pools: Mapping[str, Pool]
    queues: Mapping[str, Queue]
    entry: tuple[EntryRule, ...]
    grace_ms: int = 120_000
    several_per_customer: bool = False
    delivery_limit: int = 20
    calendars: Mapping[str, Calendar] = {}
    supervisors_queue: str = ""
    finish_ms: int = 0
    order: OrderKind = "strict"
    overdue: Overdue = "first"
    choice: Choice = "longest_idle"
    zone: Zone = UTC

    index: EntryIndex | None = None

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "index", EntryIndex([rule.when for rule in self.entry]))

    def enter(
        self, facts: Mapping[str, Value], at: int | None = None, length: Callable[[str], int] | None = None
    ) -> Entry:
        """The first matching rule's word. The compiler guarantees a default rule at the end.

        ``at``: now; ``length``: queue → how many wait there. Without them no rule that asks for hours or lengths matches.
        """
        assert self.index is not None
        matching = self.index.matching(facts)
        while True:
            assert matching, "compiled policy without a default entry rule"
            rule = self.entry[lowest(matching)]
            if not rule.conditional or (at is not None and length is not None and self._holds(at, length, rule)):
                return rule.entry
            matching &= matching - 1

    def _holds(self, at: int, length: Callable[[str], int], rule: EntryRule) -> bool:
        if rule.while_open and not self.calendars[rule.while_open].is_open(at):
            return False
        if rule.while_closed and self.calendars[rule.while_closed].is_open(at):
            return False
        return not rule.queue_length or length(rule.of_queue or rule.entry.queue) >= rule.queue_length

    # --- what a shop may say instead of its queue, and a queue instead of the domain

    def calendar_of(self, queue: str, shop: str) -> Calendar | None:
        """The shop's hours, else the queue's; None: always open."""
        found = self.shops.get(shop)
        name = (found.hours if found is not None else "") or self.queues[queue].hours
        return self.calendars[name] if name else None

    def target_of(self, queue: str, shop: str) -> int:
        """Within how long such a contact is to be answered: the shop's target, else the queue's; 0: none."""
        found = self.shops.get(shop)
        return (found.target_ms if found is not None else 0) or self.queues[queue].target_ms

    def supervision(self, queue: str) -> Supervision:
        """Where contacts of the queue go that nobody takes. The supervisors' own queue has no limit of the domain's."""
        own = self.queues[queue]
        target = own.supervisors_queue or self.supervisors_queue
        if not target or target == queue:
            return Supervision()
        return Supervision(own.delivery_limit or self.delivery_limit, target)
