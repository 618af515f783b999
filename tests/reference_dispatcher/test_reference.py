"""Both dispatchers play the same generated histories, and say the same, event for event."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from engine.dispatch import events as ev
from engine.dispatch.refusals import Code
from tests.reference_dispatcher import known
from tests.reference_dispatcher.comparing import Difference, compare
from tests.reference_dispatcher.histories import Do, Move
from tests.reference_dispatcher.registry import CHOICES, HANDLERS, ORDERS
from tests.reference_dispatcher.rona import EFFECTS
from tests.reference_dispatcher.shrinking import smallest

HISTORIES = 600


@dataclass
class Played:
    """What became of the histories, and how often each thing was seen."""

    unknown: list[Difference] = field(default_factory=list)
    known: Counter[str] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)

    def watch(self, move: Move, events: list[ev.Event]) -> None:
        if isinstance(move, Do):
            self.seen[type(move.command).__name__] += 1
        for event in events:
            self.seen[type(event).__name__] += 1
            for name in ("trigger", "choice", "order", "effect", "code", "why", "reason"):
                if hasattr(event, name):
                    self.seen[f"{name} {getattr(event, name)}"] += 1


@pytest.fixture(scope="module")
def played() -> Played:
    outcome = Played()
    for seed in range(HISTORIES):
        found = compare(seed, outcome.watch)
        if found is not None and known.of(found):
            outcome.known[known.of(found)] += 1
        elif found is not None:
            outcome.unknown.append(found)
    return outcome


def test_both_dispatchers_say_the_same(played: Played) -> None:
    """Six hundred histories, every field of every event and every next deadline; a failure is one line and a small story."""
    if played.unknown:
        seeds = [difference.history.seed for difference in played.unknown]
        pytest.fail(f"{len(seeds)} differ: {seeds}\n\n{smallest(played.unknown[0]).told()}", pytrace=False)


def test_what_is_known_ends_few_histories(played: Played) -> None:
    """A decided difference ends its history; were it many, little would be compared behind it."""
    assert sum(played.known.values()) <= HISTORIES // 20, played.known


def written_down(pattern: str) -> set[str]:
    """What the reference's own text names: rules of the engine that it does not have yet are not asked for."""
    texts = [path.read_text() for path in Path(__file__).parent.glob("*.py") if not path.name.startswith("test_")]
    return {name for text in texts for name in re.findall(pattern, text)}


def test_everything_is_exercised(played: Played) -> None:
    """Each command that has a rule, each event, trigger, choice, order, RONA effect and refusal code is seen."""
    wanted = {command.__name__ for command in HANDLERS}
    wanted |= written_down(r"\bev\.([A-Z]\w+)") & {kind.__name__ for kind in ev.Event.__args__}
    wanted |= {f"choice {name}" for name in (*CHOICES, "preferred")} | {
        f"order {name}" for name in (*ORDERS, "preferred")
    }
    wanted |= {f"effect {name}" for name in EFFECTS}
    wanted |= {f"trigger {name}" for name in TRIGGERS}
    wanted |= {
        f"why {name}" for name in ("clock", "nobody", "budget", "agent_left", "expired", "yielded", "policy", *WHYS)
    }
    wanted |= {f"reason {name}" for name in REASONS}
    codes = {Code[name] for name in written_down(r"\bCode\.([A-Z_]+)")}
    wanted |= {f"code {code}" for code in codes} - {"code unknown_pool", "code not_supported"}

    assert sorted(name for name in wanted if not played.seen[name]) == []


TRIGGERS = (
    "arrival", "resumed", "expired", "declined", "failed", "hold_expired", "step", "affinity_ended",
    "decliner_forgotten", "agent_left", "agent_lost", "signed_off", "finished", "person_asked", "hand_off", "transfer",
    "moved", "update", "policy", "freed", "available", "capacity", "external_load", "back_off_ended", "redefined",
    "reopened", "unanswered", "delivery_limit", "closing", "released", "assigned", "taken_over",
)  # fmt: skip
REASONS = ("outside_hours", "queue_closed", "full", "quota", "idle", "unanswered", "woke")
UNSEEN = ("not_supported", "unknown_pool", "count_changed", "not_confirmed")
WHYS = (
    "named", "last", "reopened", "woke", "team_left", "delivery_limit", "closing", "outside_hours", "notice", "pace",
    "due", "cleared",
)  # fmt: skip
