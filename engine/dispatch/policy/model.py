"""Which keys a policy file may hold, read off the compiled types, with every limit in one table.

A key's name, type and default come from :mod:`compiled`, so a new field there is a new key here. What the types cannot
say (ranges, what a name refers to) stands in ``RANGES`` and ``REFERENCES``.
"""

from __future__ import annotations

import types
from typing import Any, Literal, NamedTuple, TypeAlias, Union, get_args, get_origin, get_type_hints

import msgspec

from engine.dispatch.hours import Zone
from engine.dispatch.policy import compiled
from engine.dispatch.policy.requirements import ANYONE, Requirement

Kind: TypeAlias = Literal[
    "int", "float", "bool", "text", "choice", "choices", "names", "requirement", "zone", "table", "tables",
    "when", "weekly", "dates", "make_up", "special",
]  # fmt: skip

REQUIRED: Any = msgspec.NODEFAULT

DAY_MS = 86_400_000
WEEK_MS = 7 * DAY_MS


class Range(NamedTuple):
    low: float
    high: float


# Every limit on a number. Lengths end at a day where somebody is waiting for it, at a week elsewhere: longer is a slip.
RANGES: dict[tuple[str, str], Range] = {
    ("domain", "grace_ms"): Range(0, WEEK_MS),
    ("domain", "delivery_limit"): Range(1, 1_000),
    ("domain", "finish_ms"): Range(0, DAY_MS),
    ("tenants", "weight"): Range(1, 1_000),
    ("shops", "weight"): Range(1, 1_000),
    ("shops", "limit"): Range(0, 1_000),
    ("shops", "target_ms"): Range(0, WEEK_MS),
    ("shops", "ceiling"): Range(0, 1_000_000),
    ("shops", "daily_quota"): Range(0, 10_000_000),
    ("channels", "cost"): Range(1, 1_000),
    ("channels", "limit"): Range(0, 1_000),
    ("channels", "dormant_cost"): Range(0, 1_000),
    ("channels", "wrap_up_cost"): Range(0, 1_000),
    ("pools", "reserve"): Range(0, 100_000),
    ("pools", "rona_share"): Range(0.001, 1),
    ("pools", "daily_quota"): Range(0, 100_000),
    ("weights", "idle"): Range(0, 1_000),
    ("weights", "load"): Range(0, 1_000),
    ("weights", "proficiency"): Range(0, 1_000),
    ("kpi", "share"): Range(0.001, 1),
    ("kpi", "within_ms"): Range(1_000, DAY_MS),
    ("kpi", "window_ms"): Range(60_000, DAY_MS),
    ("kpi", "short_ms"): Range(0, DAY_MS),
    ("queues", "priority"): Range(-1_000, 1_000),
    ("queues", "boost"): Range(-1_000_000, 1_000_000),
    ("queues", "slope"): Range(0, 1_000_000),
    ("queues", "offer_ms"): Range(1_000, DAY_MS),
    ("queues", "hold_ms"): Range(1_000, DAY_MS),
    ("queues", "wrap_up_ms"): Range(0, DAY_MS),
    ("queues", "rona_return_ms"): Range(0, DAY_MS),
    ("queues", "decline_back_off_ms"): Range(0, DAY_MS),
    ("queues", "decliner_memory_ms"): Range(0, DAY_MS),
    ("queues", "transfer_prefer_ms"): Range(0, DAY_MS),
    ("queues", "sticky_ms"): Range(0, DAY_MS),
    ("queues", "abandon_window_ms"): Range(0, WEEK_MS),
    ("queues", "reply_warn_ms"): Range(1_000, WEEK_MS),
    ("queues", "reply_breach_ms"): Range(1_000, WEEK_MS),
    ("queues", "target_ms"): Range(0, WEEK_MS),
    ("queues", "ceiling"): Range(0, 1_000_000),
    ("queues", "daily_quota"): Range(0, 10_000_000),
    ("queues", "promise_ms"): Range(0, WEEK_MS),
    ("queues", "release_per_minute"): Range(0, 60_000),
    ("queues", "release_lead_ms"): Range(0, WEEK_MS),
    ("queues", "last_agent_ms"): Range(0, DAY_MS),
    ("queues", "named_agent_ms"): Range(0, DAY_MS),
    ("queues", "unanswered_ms"): Range(0, DAY_MS),
    ("queues", "delivery_limit"): Range(0, 1_000),
    ("queues", "hand_over_ms"): Range(0, DAY_MS),
    ("queues", "remind_ms"): Range(0, WEEK_MS),
    ("queues", "dormant_ms"): Range(0, WEEK_MS),
    ("queues", "idle_close_ms"): Range(0, WEEK_MS),
    ("queues", "reopen_ms"): Range(0, WEEK_MS),
    ("steps", "after_ms"): Range(0, WEEK_MS),
    ("steps", "estimated_wait_ms"): Range(0, WEEK_MS),
    ("steps", "queue_length"): Range(0, 1_000_000),
    ("steps", "raise_priority"): Range(0, 1_000),
    ("entry", "priority"): Range(-1_000, 1_000),
    ("entry", "queue_length"): Range(0, 1_000_000),
}

# Every limit on a count. Entry rules are tried one after the other for each contact, names are read in lists of reasons.
MAX_NAME = 64
MAX_TEXT_FIELD = 1_000
MAX_COUNTS: dict[str, int] = {
    "tenants": 1_000,
    "shops": 10_000,
    "channels": 100,
    "calendars": 1_000,
    "pools": 1_000,
    "queues": 2_000,
    "entry": 1_000,
    "steps": 20,
    "names": 100,
    "when": 16,
    "values": 1_000,
    "weekly": 7,
    "spans": 24,
    "dates": 1_000,
}

# What a name in a key refers to: the section that must hold it.
REFERENCES: dict[tuple[str, str], str] = {
    ("shops", "tenant"): "tenants",
    ("shops", "hours"): "calendars",
    ("queues", "tenant"): "tenants",
    ("queues", "hours"): "calendars",
    ("queues", "supervisors_queue"): "queues",
    ("queues", "hand_over_queue"): "queues",
    ("domain", "supervisors_queue"): "queues",
    ("queues", "pools"): "pools",
    ("queues", "bot_pools"): "pools",
    ("steps", "add_pools"): "pools",
    ("steps", "lender_kpi"): "pools",
    ("steps", "move_to"): "queues",
    ("pools", "listed"): "queues",
    ("pools", "owners"): "queues",
    ("entry", "queue"): "queues",
    ("entry", "of_queue"): "queues",
    ("entry", "while_open"): "calendars",
    ("entry", "while_closed"): "calendars",
    ("when", "tenant"): "tenants",
    ("when", "shop"): "shops",
    ("when", "channel"): "channels",
}
KIND_OF = {
    "tenants": "tenant", "shops": "shop", "channels": "channel", "calendars": "calendar", "pools": "pool",
    "queues": "queue",
}  # fmt: skip


class Field(NamedTuple):
    """One key. ``default`` is REQUIRED when it must be given; ``choices`` for kinds ``choice`` and ``choices``;
    ``section``: whose keys the tables of kinds ``table`` and ``tables`` hold."""

    name: str
    kind: Kind
    default: Any
    choices: tuple[str, ...] = ()
    range: Range | None = None
    section: str = ""


def _fields(section: str, struct: type[msgspec.Struct], *, skip: tuple[str, ...] = ()) -> dict[str, Field]:
    hints = get_type_hints(struct)
    found = {}
    for info in msgspec.structs.fields(struct):
        if info.name in skip:
            continue
        kind, choices, inner = _kind(hints[info.name])
        default = info.default if info.default_factory is msgspec.NODEFAULT else info.default_factory()
        limits = RANGES.get((section, info.name))
        assert (limits is not None) == (kind in ("int", "float")), f"{section}.{info.name}: numbers have a range"
        found[info.name] = Field(info.name, kind, default, choices, limits, inner)
    return found


_SIMPLE: dict[Any, Kind] = {
    int: "int", float: "float", bool: "bool", str: "text", Requirement: "requirement", Zone: "zone",
    tuple[str, ...]: "names",
}  # fmt: skip
# Tables inside a table, and lists of them.
_INNER: dict[Any, tuple[Kind, str]] = {
    compiled.Weights: ("table", "weights"),
    compiled.Kpi: ("table", "kpi"),
    compiled.Deflection: ("table", "deflect"),
    tuple[compiled.Step, ...]: ("tables", "steps"),
}


def _kind(hint: Any) -> tuple[Kind, tuple[str, ...], str]:
    """(kind, choices, inner section)."""
    if get_origin(hint) in (types.UnionType, Union):
        (hint,) = (part for part in get_args(hint) if part is not type(None))
    if get_origin(hint) is Literal:
        return "choice", get_args(hint), ""
    if hint in _INNER:
        kind, section = _INNER[hint]
        return kind, (), section
    if hint in _SIMPLE:
        return _SIMPLE[hint], (), ""
    listed, _ = get_args(hint)
    return "choices", get_args(listed), ""


def _only(section: str, struct: type[msgspec.Struct], *names: str) -> dict[str, Field]:
    skip = tuple(info.name for info in msgspec.structs.fields(struct) if info.name not in names)
    return _fields(section, struct, skip=skip)


_RULE = {
    "name": Field("name", "text", REQUIRED),
    "when": Field("when", "when", {}),
    **_fields("entry", compiled.EntryRule, skip=("entry", "when")),
    **_fields("entry", compiled.Entry, skip=("rule",)),
}
_CALENDAR = {
    "zone": Field("zone", "zone", REQUIRED),
    "weekly": Field("weekly", "weekly", {}),
    "holidays": Field("holidays", "dates", ()),
    "make_up": Field("make_up", "make_up", {}),
    "special": Field("special", "special", {}),
}
_DOMAIN = (
    "grace_ms", "several_per_customer", "delivery_limit", "supervisors_queue", "finish_ms", "order", "overdue", "choice",
    "zone",
)  # fmt: skip

# Section → its keys. `steps`, `weights`, `kpi` and `deflect` are the tables inside queues, pools and rules.
SECTIONS: dict[str, dict[str, Field]] = {
    "policy": {"name": Field("name", "text", REQUIRED)},
    "domain": _only("domain", compiled.Policy, *_DOMAIN),
    "tenants": _fields("tenants", compiled.Tenant, skip=("name",)),
    "shops": _fields("shops", compiled.Shop, skip=("name",)),
    "channels": _fields("channels", compiled.Channel, skip=("name",)),
    "calendars": _CALENDAR,
    "pools": _fields("pools", compiled.Pool, skip=("name",)),
    "weights": _fields("weights", compiled.Weights),
    "kpi": _fields("kpi", compiled.Kpi),
    "queues": {
        **_fields("queues", compiled.Queue, skip=("name",)),
        "requirement": Field("requirement", "requirement", ANYONE),
    },
    "steps": {
        **_fields("steps", compiled.Step, skip=("index",)),
        "name": Field("name", "text", ""),
    },
    "entry": _RULE,
    "deflect": _fields("deflect", compiled.Deflection),
}
TOP_LEVEL = ("policy", "domain", "tenants", "shops", "channels", "calendars", "pools", "queues", "entry")
NAMED = ("tenants", "shops", "channels", "calendars", "pools", "queues")
# Those that a policy may do without.
OPTIONAL = ("shops", "calendars")
