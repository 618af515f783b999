"""What becomes of conversations that a bot began, by intent: folds over rows, nothing else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Literal, TypeAlias

import msgspec

# contained: ended with the bot, and the customer did not come back about it; recontacted: ended with the bot, and came back
# (within the days that whoever makes the rows has set); handed_off: a person took over; left: went away before an answer.
Outcome: TypeAlias = Literal["contained", "recontacted", "handed_off", "left"]


class IntentFigures(msgspec.Struct, frozen=True):
    """Counts, and shares rounded to four places (0 where there is nothing to share).

    ``containment``: contained ÷ conversations. ``hand_off``: handed_off ÷ conversations. ``recontact``: recontacted ÷
    (contained + recontacted): of what looked settled, how much was not.
    """

    conversations: int
    contained: int
    recontacted: int
    handed_off: int
    left: int
    containment: float
    hand_off: float
    recontact: float


def by_intent(rows: Iterable[tuple[str, Outcome]]) -> dict[str, IntentFigures]:
    """Intent → figures, the most frequent first; "" stands for what was not understood; ``*`` for all together."""
    counts: defaultdict[str, dict[Outcome, int]] = defaultdict(
        lambda: {"contained": 0, "recontacted": 0, "handed_off": 0, "left": 0}
    )
    for intent, outcome in rows:
        counts[intent][outcome] += 1
        counts["*"][outcome] += 1
    ordered = sorted(counts.items(), key=lambda item: (-sum(item[1].values()), item[0] != "*", item[0]))
    return {intent: _figures(count) for intent, count in ordered}


def _figures(count: dict[Outcome, int]) -> IntentFigures:
    total = sum(count.values())
    settled = count["contained"] + count["recontacted"]
    return IntentFigures(
        conversations=total,
        contained=count["contained"],
        recontacted=count["recontacted"],
        handed_off=count["handed_off"],
        left=count["left"],
        containment=round(count["contained"] / total, 4),
        hand_off=round(count["handed_off"] / total, 4),
        recontact=round(count["recontacted"] / settled, 4) if settled else 0.0,
    )
