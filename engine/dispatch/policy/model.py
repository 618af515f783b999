"""Which keys a policy file may hold, read off the compiled types, with every limit in one table.

A key's name, type and default come from :mod:`compiled`, so a new field there is a new key here. What the types cannot
say (ranges, what a name refers to) stands in ``RANGES`` and ``REFERENCES``.
"""

from __future__ import annotations

import types
from typing import Any, Literal, NamedTuple, TypeAlias, Union, get_args, get_origin, get_type_hints

import msgspec

from engine.dispatch.policy import compiled
from engine.dispatch.policy.requirements import ANYONE, Requirement

Kind: TypeAlias = Literal["int", "float", "bool", "text", "choice", "names", "requirement", "other"]

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
    ("tenants", "weight"): Range(1, 1_000),
    ("channels", "cost"): Range(1, 1_000),
    ("channels", "limit"): Range(0, 1_000),
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
    ("steps", "after_ms"): Range(0, WEEK_MS),
    ("steps", "raise_priority"): Range(0, 1_000),
    ("entry", "priority"): Range(-1_000, 1_000),
}

# Every limit on a count. Entry rules are tried one after the other for each contact, names are read in lists of reasons.
MAX_NAME = 64
MAX_TEXT_FIELD = 1_000
MAX_COUNTS: dict[str, int] = {
    "tenants": 1_000,
    "shops": 10_000,
    "channels": 100,
    "pools": 1_000,
    "queues": 2_000,
    "entry": 1_000,
    "steps": 20,
    "names": 100,
    "when": 16,
    "values": 1_000,
}

# What a name in a key refers to: the section that must hold it.
REFERENCES: dict[tuple[str, str], str] = {
    ("shops", "tenant"): "tenants",
    ("queues", "tenant"): "tenants",
    ("queues", "pools"): "pools",
    ("queues", "bot_pools"): "pools",
    ("steps", "add_pools"): "pools",
    ("pools", "listed"): "queues",
    ("entry", "queue"): "queues",
    ("when", "tenant"): "tenants",
    ("when", "shop"): "shops",
    ("when", "channel"): "channels",
}
KIND_OF = {"tenants": "tenant", "shops": "shop", "channels": "channel", "pools": "pool", "queues": "queue"}


class Field(NamedTuple):
    """One key. ``default`` is REQUIRED when it must be given; ``choices`` for kind ``choice``."""

    name: str
    kind: Kind
    default: Any
    choices: tuple[str, ...] = ()
    range: Range | None = None


def _fields(section: str, struct: type[msgspec.Struct], *, skip: tuple[str, ...] = ()) -> dict[str, Field]:
    hints = get_type_hints(struct)
    found = {}
    for info in msgspec.structs.fields(struct):
        if info.name in skip:
            continue
        kind, choices = _kind(hints[info.name])
        default = info.default if info.default_factory is msgspec.NODEFAULT else info.default_factory()
        limits = RANGES.get((section, info.name))
        assert (limits is not None) == (kind in ("int", "float")), f"{section}.{info.name}: numbers have a range"
        found[info.name] = Field(info.name, kind, default, choices, limits)
    return found


def _kind(hint: Any) -> tuple[Kind, tuple[str, ...]]:
    if get_origin(hint) in (types.UnionType, Union):
        (hint,) = (part for part in get_args(hint) if part is not type(None))
    if get_origin(hint) is Literal:
        return "choice", get_args(hint)
    if hint == tuple[str, ...]:
        return "names", ()
    simple: dict[Any, Kind] = {int: "int", float: "float", bool: "bool", str: "text", Requirement: "requirement"}
    return simple.get(hint, "other"), ()


def _only(section: str, struct: type[msgspec.Struct], *names: str) -> dict[str, Field]:
    skip = tuple(info.name for info in msgspec.structs.fields(struct) if info.name not in names)
    return _fields(section, struct, skip=skip)


_RULE = {
    "name": Field("name", "text", REQUIRED),
    "when": Field("when", "other", {}),
    **_fields("entry", compiled.Entry, skip=("rule", "deflect")),
    "deflect": Field("deflect", "other", None),
}

# Section → its keys. `when` holds attributes of any name; `steps` and `deflect` are the tables inside queues and rules.
SECTIONS: dict[str, dict[str, Field]] = {
    "policy": {"name": Field("name", "text", REQUIRED)},
    "domain": _only("domain", compiled.Policy, "grace_ms", "several_per_customer", "delivery_limit"),
    "tenants": _fields("tenants", compiled.Tenant, skip=("name",)),
    "shops": _fields("shops", compiled.Shop, skip=("name",)),
    "channels": _fields("channels", compiled.Channel, skip=("name",)),
    "pools": _fields("pools", compiled.Pool, skip=("name",)),
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
TOP_LEVEL = ("policy", "domain", "tenants", "shops", "channels", "pools", "queues", "entry")
NAMED = ("tenants", "shops", "channels", "pools", "queues")
