"""What generated policies asked for and what histories then showed, counted: a zero is a rule that nothing compares."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

from engine.dispatch import events as ev
from engine.dispatch.policy.compiled import Policy
from engine.dispatch.refusals import Code
from tests.reference_dispatcher.histories import Do, Move
from tests.reference_dispatcher.registry import CHOICES, HANDLERS, ORDERS
from tests.reference_dispatcher.rona import EFFECTS

WORDS = ("trigger", "choice", "order", "effect", "code", "why", "reason", "action")
TRIGGERS = (
    "arrival", "resumed", "expired", "declined", "failed", "hold_expired", "step", "affinity_ended",
    "decliner_forgotten", "agent_left", "agent_lost", "signed_off", "finished", "person_asked", "hand_off", "transfer",
    "moved", "update", "policy", "freed", "available", "capacity", "external_load", "back_off_ended", "redefined",
    "reopened", "unanswered", "delivery_limit", "closing", "released", "assigned", "taken_over", "lender",
    "sent_to_bot", "pool_opened",
)  # fmt: skip
REASONS = ("outside_hours", "queue_closed", "full", "quota", "idle", "unanswered", "woke")
WHYS = (
    "clock", "conditions", "nobody", "budget", "agent_left", "expired", "yielded", "policy", "named", "last", "reopened",
    "woke", "team_left", "delivery_limit", "closing", "outside_hours", "notice", "pace", "due", "cleared", "declined",
    "withdrawn", "ended", "taken_over", "passed_on", "closed", "agent_lost",
)  # fmt: skip
ACTIONS = ("move", "prioritise", "bot", "message", "capacity")
NEVER = ("not_supported",)
SELDOM = ("why woke",)  # once in a thousand histories: asked of the long run only
# Of the policy: keys of queues, pools, shops, channels, the domain that must differ from their default somewhere.
KEYS = {
    "queue": (
        "bot_pools", "priority", "boost", "slope", "wrap_up_ms", "decline_back_off_ms", "target_ms", "hours", "closed",
        "ceiling", "daily_quota", "promise_ms", "release_per_minute", "release_lead_ms", "last_agent_ms",
        "named_agent_ms", "unanswered_ms", "delivery_limit", "supervisors_queue", "hand_over", "hand_over_queue",
        "remind_ms", "dormant_ms", "idle_close_ms", "reopen_ms",
    ),
    "pool": (
        "order", "choice", "overdue", "ties", "listed", "weights", "owners", "reserve", "lend_kpi", "rona_share", "shares",
        "daily_quota",
    ),
    "step": (
        "clock", "after_ms", "when_nobody", "estimated_wait_ms", "queue_length", "lender_kpi", "add_pools", "relax",
        "raise_priority", "offer", "move_to",
    ),
    "shop": ("weight", "limit", "hours", "ceiling", "daily_quota"),
    "tenant": ("weight",),
    "channel": ("cost", "limit", "messages", "dormant_cost", "wrap_up_cost", "interruptible"),
    "rule": ("while_open", "while_closed", "queue_length", "of_queue"),
    "policy": ("several_per_customer", "supervisors_queue", "finish_ms"),
}  # fmt: skip


class Exercised:
    """``seen``: how often each thing was."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()

    def policy(self, policy: Policy) -> None:
        queues = policy.queues.values()
        parts: dict[str, list[Any]] = {
            "queue": [*queues], "pool": [*policy.pools.values()], "step": [step for queue in queues for step in queue.steps],
            "shop": [*policy.shops.values()], "tenant": [*policy.tenants.values()], "policy": [policy],
            "channel": [*policy.channels.values()], "rule": [*policy.entry],
        }  # fmt: skip
        for kind, keys in KEYS.items():
            for part in parts[kind]:
                defaults = dict(zip(part.__struct_fields__[::-1], part.__struct_defaults__[::-1], strict=False))
                for key in keys:
                    self.seen[f"{kind}.{key}"] += getattr(part, key) != defaults[key]

    def watch(self, move: Move, events: list[ev.Event]) -> None:
        if isinstance(move, Do):
            self.seen[type(move.command).__name__] += 1
        self.seen["sliced bulk"] += sum(isinstance(event, ev.BulkContinued) for event in events) > 1
        for event in events:
            if getattr(event, "sliced", False):
                self.seen[f"sliced {type(event).__name__}"] += 1
            self.seen[type(event).__name__] += 1
            for word in WORDS:
                if hasattr(event, word):
                    self.seen[f"{word} {getattr(event, word)}"] += 1

    def table(self) -> list[str]:
        """Everything that must be seen, with its count, four to a line."""
        cells = [f"{name} {self.seen[name]:,}" for name in sorted(wanted())]
        wide = max(map(len, cells)) + 2
        return ["".join(cell.ljust(wide) for cell in cells[at : at + 4]).rstrip() for at in range(0, len(cells), 4)]

    def missing(self) -> list[str]:
        return sorted(name for name in wanted() if not self.seen[name])


def written_down(pattern: str) -> set[str]:
    """What the reference's own text names: rules of the engine that it does not have yet are not asked for."""
    texts = [path.read_text() for path in Path(__file__).parent.glob("*.py") if not path.name.startswith("test_")]
    return {name for text in texts for name in re.findall(pattern, text)}


def wanted() -> set[str]:
    """Each command that has a rule, each event, trigger, choice, order, effect, reason and refusal code; each policy key."""
    names = {command.__name__ for command in HANDLERS} | {f"effect {name}" for name in EFFECTS}
    names |= written_down(r"\bev\.([A-Z]\w+)") & {kind.__name__ for kind in ev.Event.__args__}
    names |= {f"choice {name}" for name in (*CHOICES, "preferred")}
    names |= {f"order {name}" for name in (*ORDERS, "preferred")}
    names |= {f"trigger {name}" for name in TRIGGERS} | {f"why {name}" for name in WHYS}
    names |= {"sliced PolicyApplied", "sliced EngineStarted", "sliced bulk"}
    names |= {f"reason {name}" for name in REASONS} | {f"action {name}" for name in ACTIONS}
    codes = {Code[name] for name in written_down(r"\bCode\.([A-Z_]+)")}
    names |= {f"code {code}" for code in codes if code not in NEVER}
    return names | {f"{kind}.{key}" for kind, keys in KEYS.items() for key in keys}
