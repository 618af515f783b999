"""What there is to exercise, read from the code's own tables: an item is a kind and a name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, get_args

import msgspec

from engine.dispatch import agents, commands, contacts, events
from engine.dispatch.policy import compiled
from engine.dispatch.refusals import Code

CONTACT_ARROW = "contact's transition"
AGENT_ARROW = "agent's transition"
EVENT = "event"
COMMAND = "command"
REFUSAL = "refusal"
CONDITION = "step's condition"
ACTION = "step's action"
CHOICE = "choice of agent"
ORDER = "order"
OVERDUE = "overdue promises"
TIES = "ties of longest queues"
SHARES = "shares"
RONA = "effect of RONA"
ALTERNATIVE = "alternative to entry"

# A step's fields, each a condition or an action; `clock` says how `after_ms` counts and is counted by its value.
CONDITIONS = ("when_nobody", "estimated_wait_ms", "queue_length", "lender_kpi")
ACTIONS = ("add_pools", "relax", "raise_priority", "offer", "move_to")
NEITHER = ("index", "name", "clock", "after_ms")


class Item(NamedTuple):
    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.name}"


def tag(struct: type) -> str:
    return str(struct.__struct_config__.tag)  # type: ignore[attr-defined]


def members(union: Any) -> list[type]:
    """The types of a union, unions of unions unfolded."""
    return [inner for part in get_args(union) for inner in (members(part) if get_args(part) else [part])]


def contact_arrow(before: str | None, event: type, after: str) -> Item:
    return Item(CONTACT_ARROW, f"{before or '·'} + {tag(event)} → {after}")


def agent_arrow(before: str | None, event: type, after: str) -> Item:
    return Item(AGENT_ARROW, f"{before or '·'} + {tag(event)} → {after}")


def alternatives() -> Iterable[str]:
    return get_args(compiled.Alternative)


def everything() -> list[Item]:
    """Every item, in the order in which the table shows them."""
    found = [Item(COMMAND, tag(command)) for command in members(commands.Command)]
    found += [Item(EVENT, tag(event)) for event in members(events.Event)]
    found += [
        contact_arrow(before and before.value, event, after.value)
        for (before, event), after in contacts.TRANSITIONS.items()
    ]
    found += [
        agent_arrow(before and before.value, event, after.value)
        for (before, event, _), after in agents.TRANSITIONS.items()
    ]
    found += [Item(REFUSAL, code.value) for code in Code]
    found += [Item(CONDITION, f"after_ms, {clock}") for clock in get_args(compiled.Clock)]
    found += [Item(CONDITION, name) for name in CONDITIONS]
    found += [Item(ACTION, name) for name in ACTIONS]
    found += [Item(CHOICE, name) for name in (*get_args(compiled.Choice), "preferred")]
    found += [Item(ORDER, name) for name in (*get_args(compiled.OrderKind), "preferred")]
    found += [Item(OVERDUE, name) for name in get_args(compiled.Overdue)]
    found += [Item(TIES, name) for name in get_args(compiled.Ties)]
    found += [Item(SHARES, name) for name in get_args(compiled.Shares)]
    found += [Item(RONA, name) for name in get_args(compiled.Rona)]
    found += [Item(ALTERNATIVE, name) for name in alternatives()]
    return found


def step_fields() -> set[str]:
    return {field.name for field in msgspec.structs.fields(compiled.Step)}
