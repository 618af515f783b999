"""What a run adds up: counts, and areas under levels, such that two stretches of a run add to one.

A level's area is kept as ``level × now + past``: each step up takes its instant from ``past``, each step down gives it
back. Whole milliseconds, so nothing is lost to rounding however long the run.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from math import log2

# Waits in a histogram whose bins grow by this many to a doubling: 0.5 % wide.
BINS_TO_A_DOUBLING = 140
BINS = 50 * BINS_TO_A_DOUBLING


class Level:
    """How many of something there are, and the area under it."""

    __slots__ = ("count", "past")

    def __init__(self) -> None:
        self.count = 0
        self.past = 0

    def area(self, now: int) -> int:
        """From the run's beginning until now."""
        return self.count * now + self.past


class KindSums:
    """One kind's contacts. Waits in ms; ``marks_ms``: bounds at which waits are told apart, ascending."""

    __slots__ = (
        "abandoned",
        "arrived",
        "deflected",
        "direct",
        "left_after",
        "left_wait",
        "lost",
        "marks_ms",
        "queue",
        "retried",
        "served",
        "served_after",
        "served_wait",
        "turned",
        "waited",
        "work",
    )

    def __init__(self, marks_ms: Sequence[int]) -> None:
        self.marks_ms = list(marks_ms)
        self.arrived = 0  # first attempts
        self.direct = 0  # served at once
        self.waited = 0  # began to wait, those who would not included
        self.turned = 0  # would not wait
        self.deflected = 0  # not let in
        self.retried = 0  # came back
        self.lost = 0  # turned or deflected, and will not come back
        self.served = 0  # after waiting
        self.abandoned = 0  # those who would not wait included
        self.served_wait = 0
        self.left_wait = 0
        self.work = 0  # of those who arrived
        self.served_after = [0] * (len(self.marks_ms) + 1)  # by the first mark that the wait does not pass
        self.left_after = [0] * (len(self.marks_ms) + 1)
        self.queue = Level()

    def serve(self, wait_ms: int) -> None:
        """One who has waited is served."""
        self.served += 1
        self.served_wait += wait_ms
        self.served_after[bisect_left(self.marks_ms, wait_ms)] += 1

    def leave(self, wait_ms: int) -> None:
        """One who has waited leaves."""
        self.abandoned += 1
        self.left_wait += wait_ms
        self.left_after[bisect_left(self.marks_ms, wait_ms)] += 1

    def row(self, now: int) -> list[int]:
        return [
            *(getattr(self, name) for name in COUNTS),
            self.queue.area(now),
            *self.served_after,
            *self.left_after,
        ]

    def columns(self) -> list[str]:
        marks = [*map(str, self.marks_ms), "more"]
        return [
            *COUNTS,
            "queue",
            *(f"served<={mark}" for mark in marks),
            *(f"left<={mark}" for mark in marks),
        ]


COUNTS = (
    "arrived", "direct", "waited", "turned", "deflected", "retried", "lost", "served", "abandoned", "served_wait",
    "left_wait", "work",
)  # fmt: skip


class CrewSums:
    """One crew: by kind, what its agents do; by level, how many agents have so many contacts."""

    __slots__ = ("alone", "began", "busy", "finished", "levels", "present", "walked_out")

    def __init__(self, kinds: int, places: int, alone: bool) -> None:
        """``alone``: agents have one contact at a time, so that who is busy is at level 1."""
        self.alone = alone
        self.present = Level()  # signed on, those who finish included
        self.busy = [Level() for _ in range(kinds)]
        self.began = [0] * kinds
        self.finished = [0] * kinds
        self.walked_out = [0] * kinds  # left while they were served
        self.levels = [Level() for _ in range(places + 1)]

    def come(self, now: int) -> None:
        """One more is there, without a contact."""
        for level in (self.present, self.levels[0]):
            level.count += 1
            level.past -= now

    def go(self, now: int) -> None:
        """One who has no contact is off."""
        for level in (self.present, self.levels[0]):
            level.count -= 1
            level.past += now

    def row(self, now: int) -> list[int]:
        busy = [level.area(now) for level in self.busy]
        served = sum(busy)
        present = self.present.area(now)
        levels = [present - served, served] if self.alone else [level.area(now) for level in self.levels]
        return [present, *busy, *levels, *self.began, *self.finished, *self.walked_out]

    def columns(self) -> list[str]:
        kinds = range(len(self.busy))
        return [
            "present",
            *(f"busy.{kind}" for kind in kinds),
            *(f"level.{level}" for level in range(len(self.levels))),
            *(f"began.{kind}" for kind in kinds),
            *(f"finished.{kind}" for kind in kinds),
            *(f"walked_out.{kind}" for kind in kinds),
        ]


def bin_of(wait_ms: int) -> int:
    """The histogram's bin of a wait; 0: none."""
    return min(int(log2(wait_ms) * BINS_TO_A_DOUBLING) + 1, BINS - 1) if wait_ms > 0 else 0


def bin_edges(place: int) -> tuple[float, float]:
    """From and to how many ms the waits of a bin go."""
    if not place:
        return 0.0, 0.0
    return 2 ** ((place - 1) / BINS_TO_A_DOUBLING), 2 ** (place / BINS_TO_A_DOUBLING)
