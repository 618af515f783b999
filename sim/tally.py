"""Figures over the lives that the witness wrote down: per queue, in all, and the waits worth explaining.

Waits are dispatcher ms (scenario time). Mail is apart from chats wherever a person's speed is measured: nobody waits
before a mail with the cursor blinking.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import ceil

from sim.witness import OUTCOMES, Life

PROMISE_MS = 180_000


def quantile(values: Sequence[int], share: float) -> int:
    """The smallest value with at least this share at or below it; -1 when there are none."""
    if not values:
        return -1
    ranked = sorted(values)
    # The tiny amount keeps 0.99 × 100, a hair above 99 in floats, at the 99th.
    return ranked[max(0, ceil(len(ranked) * share - 1e-9) - 1)]


@dataclass(slots=True)
class Figures:
    """One row. ``in_time`` of ``rounds`` (those that ended) were answered by a person within the promise."""

    name: str
    outcomes: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    silent: int = 0  # of the abandoned: said nothing
    ever_answered: int = 0  # a person wrote to them, whether it has ended or not
    gone: int = 0  # of those: had left without a word before
    rounds: int = 0
    in_time: int = 0
    mail_rounds: int = 0
    mail_in_time: int = 0
    waits: list[int] = field(default_factory=list)  # of answered chats, until connected
    first_replies: list[int] = field(default_factory=list)  # of answered chats, until the first word
    transfers: int = 0
    bot_first_replies: list[int] = field(default_factory=list)

    @property
    def submitted(self) -> int:
        return sum(self.outcomes.values())

    @property
    def to_people(self) -> int:
        """Those who wanted a person and got one, or left."""
        return self.ever_answered + self.outcomes["abandoned"]

    @property
    def open_answered(self) -> int:
        """Of the open: a person has written to them. The outcome ``answered`` counts those that have ended."""
        return self.ever_answered - self.outcomes["answered"]

    @property
    def reply_rate(self) -> float:
        """Share of ended chat rounds that a person answered within the promise; -1 when none ended."""
        return self.in_time / self.rounds if self.rounds else -1.0

    @property
    def abandonment(self) -> float:
        """Abandoned ÷ (answered + abandoned); -1 when there were none."""
        return self.outcomes["abandoned"] / self.to_people if self.to_people else -1.0

    @property
    def asa_ms(self) -> int:
        return round(sum(self.waits) / len(self.waits)) if self.waits else -1

    def add(self, life: Life) -> None:
        self.outcomes[life.outcome] += 1
        self.silent += life.outcome == "abandoned" and life.silent
        self.ever_answered += life.answered_at > 0
        self.gone += life.answered_at > 0 and life.gone
        self.transfers += life.transfers
        if life.bot_reply_ms >= 0:
            self.bot_first_replies.append(life.bot_reply_ms)
        in_time = sum(reply.answered and reply.took_ms <= PROMISE_MS for reply in life.replies)
        if life.mail:
            self.mail_rounds += len(life.replies)
            self.mail_in_time += in_time
            return
        self.rounds += len(life.replies)
        self.in_time += in_time
        if life.answered_at:
            self.first_replies.append(life.first_reply_ms)
            if life.waited_ms >= 0:
                self.waits.append(life.waited_ms)


def per_queue(lives: Iterable[Life], queues: Sequence[str]) -> tuple[list[Figures], Figures]:
    """A row for each queue that contacts entered by (in this order, the door last), and the total."""
    rows = {queue: Figures(queue) for queue in queues}
    total = Figures("all")
    for life in lives:
        # Deflected by a rule: it never had a queue.
        rows.setdefault(life.entry_queue, Figures(life.entry_queue)).add(life)
        total.add(life)
    return list(rows.values()), total


def longest_waits(lives: Iterable[Life], n: int, now_ms: int) -> list[tuple[Life, int]]:
    """The ``n`` chats that waited longest for a person's first word, or left without one, with how long that was."""
    waited = [
        (life, (life.answered_at or life.ended_at or now_ms) - life.person_since)
        for life in lives
        if life.person_since and not life.mail
    ]
    return sorted(waited, key=lambda each: (-each[1], each[0].contact))[:n]
