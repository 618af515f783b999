"""What a policy is once compiled: the types the dispatcher reads on its hot path.

``engine.dispatch.policy.compile.compile_policy`` builds them from text; nothing here parses or checks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from engine.dispatch.commands import Value
from engine.dispatch.policy.entering import EntryIndex
from engine.dispatch.policy.requirements import Requirement

Choice = Literal["longest_idle", "least_loaded", "most_proficient"]
OrderKind = Literal["strict", "score"]
Clock = Literal["waited", "step", "age"]
Rona = Literal["not_ready", "back_off", "lower_capacity"]
Stage = Literal["bot", "person"]


class Channel(msgspec.Struct, frozen=True):
    """``cost`` in units; ``limit``: contacts of this channel per agent at once (0: none declared).

    ``messages`` False: a channel without messages, where answered means connected and no reply clock runs.
    """

    name: str
    cost: int = 1
    limit: int = 0
    messages: bool = True


class Pool(msgspec.Struct, frozen=True):
    """``order``: strict (priority, then waited) or score (boost + slope × waited); ``listed``: queues served first,
    in this order, before all others. ``choice``: how an arriving contact picks among free agents."""

    name: str
    order: OrderKind = "strict"
    listed: tuple[str, ...] = ()
    choice: Choice = "longest_idle"


class Step(msgspec.Struct, frozen=True):
    """Opens ``after_ms`` on ``clock``, or at once when ``when_nobody`` and nobody eligible is logged in.

    Actions: ``add_pools``, ``relax`` (skills or attributes dropped from the requirement), ``raise_priority``.
    """

    index: int
    name: str
    clock: Clock = "step"
    after_ms: int = 0
    when_nobody: bool = False
    add_pools: tuple[str, ...] = ()
    relax: tuple[str, ...] = ()
    raise_priority: int = 0


class Queue(msgspec.Struct, frozen=True):
    """One queue's rules. ``pools`` are open from the start (in this order), ``bot_pools`` serve the bot stage.

    ``boost`` (points) and ``slope`` (points per minute waited) feed the score order. All ``*_ms`` are lengths.
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
    closed_alternative: Literal["message", "call_back", "bot"] = "message"


class Deflection(msgspec.Struct, frozen=True):
    reason: str
    alternative: Literal["message", "call_back", "bot"]
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

    Besides submitted attributes a rule sees ``tenant``, ``shop`` and ``channel`` under these names.
    """

    entry: Entry
    when: Mapping[str, tuple[Value, ...]]

    def matches(self, facts: Mapping[str, Value]) -> bool:
        return all(name in facts and facts[name] in accepted for name, accepted in self.when.items())


class Shop(msgspec.Struct, frozen=True):
    name: str
    tenant: str


class Tenant(msgspec.Struct, frozen=True):
    name: str
    weight: int = 1


class Policy(msgspec.Struct, frozen=True):
    """A whole compiled policy. ``version`` is ``name@`` + the first 12 hex digits of the text's SHA-256."""

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

    index: EntryIndex | None = None

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "index", EntryIndex([rule.when for rule in self.entry]))

    def enter(self, facts: Mapping[str, Value]) -> Entry:
        """The first matching rule's word. The compiler guarantees a default rule at the end."""
        assert self.index is not None
        place = self.index.first(facts)
        assert place >= 0, "compiled policy without a default entry rule"
        return self.entry[place].entry
