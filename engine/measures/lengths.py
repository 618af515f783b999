"""Lengths of time, many of them, in little room: a histogram that adds up.

Bins grow by 2 % to the next (one millisecond each below 50 ms), so a quantile is off by at most 1 % of itself. *Marks* are
bounds at which lengths are told apart exactly, whatever the bins: the seconds of service levels. Counts, sums, the
longest, and shares within a mark are exact. Two histograms with the same marks add up to that of all their lengths.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from functools import lru_cache
from math import ceil
from typing import Final

# Service levels that people promise (20, 30, 60, 100 and 180 s) and a few around them; Prometheus' buckets, too.
MARKS_MS: Final = (5_000, 10_000, 20_000, 30_000, 60_000, 100_000, 180_000, 300_000, 600_000, 1_800_000)
# To the next bin.
GROWTH: Final = 1.02
# A quantile's error at most, as a share of itself: half a bin.
QUANTILE_ERROR: Final = 0.01
# The last bin ends here; what is longer (there should be nothing) is in one more.
LONGEST_MS: Final = 32 * 86_400_000


@lru_cache(maxsize=64)
def edges_of(marks_ms: tuple[int, ...]) -> tuple[int, ...]:
    """Upper bounds of the bins, inclusive, ascending from 0."""
    edges, edge = {0, *marks_ms}, 0
    while edge < LONGEST_MS:
        edge = max(edge + 1, int(edge * GROWTH))
        edges.add(edge)
    return tuple(sorted(edges))


class Lengths:
    """Lengths in ms. ``total``: their sum; ``longest``: 0 while there are none."""

    __slots__ = ("bins", "count", "edges", "longest", "marks_ms", "total")

    def __init__(self, marks_ms: tuple[int, ...] = MARKS_MS) -> None:
        self.marks_ms = marks_ms
        self.edges = edges_of(marks_ms)
        self.bins: dict[int, int] = {}
        self.count = 0
        self.total = 0
        self.longest = 0

    def add(self, length_ms: int) -> None:
        place = bisect_left(self.edges, length_ms) if length_ms else 0
        bins = self.bins
        bins[place] = bins.get(place, 0) + 1
        self.count += 1
        self.total += length_ms
        if length_ms > self.longest:
            self.longest = length_ms

    def merge(self, other: Lengths) -> None:
        """Add the other's lengths. Raises ValueError when it tells other marks apart."""
        if other.marks_ms != self.marks_ms:
            raise ValueError(f"lengths with marks {other.marks_ms} do not add to those with {self.marks_ms}")
        bins = self.bins
        for place, count in other.bins.items():
            bins[place] = bins.get(place, 0) + count
        self.count += other.count
        self.total += other.total
        self.longest = max(self.longest, other.longest)

    def within(self, mark_ms: int) -> int:
        """How many were at most so long, exactly. Raises ValueError for what is no mark."""
        if mark_ms not in self.marks_ms:
            raise ValueError(
                f"within {mark_ms} ms is not told apart, only within {', '.join(map(str, self.marks_ms))} ms"
            )
        last = bisect_left(self.edges, mark_ms)
        return sum(count for place, count in self.bins.items() if place <= last)

    @property
    def mean_ms(self) -> float:
        """-1 while there are none."""
        return self.total / self.count if self.count else -1.0

    def quantile_ms(self, share: float) -> float:
        """The smallest length with at least this share at or below it, within 1 % (:data:`QUANTILE_ERROR`); -1 of none."""
        if not self.count:
            return -1.0
        # The tiny amount keeps 0.99 × 100, a hair above 99 in floats, at the 99th.
        wanted, seen = max(ceil(self.count * share - 1e-9), 1), 0
        for place in sorted(self.bins):
            seen += self.bins[place]
            if seen >= wanted:
                break
        if place >= len(self.edges):
            return float(self.longest)
        upper = min(self.edges[place], self.longest)
        lower = self.edges[place - 1] + 1 if place else 0
        return (lower + upper) / 2

    def buckets(self) -> list[tuple[int, int]]:
        """(mark, how many are at most so long), for each mark: Prometheus' classic buckets, the open one left out."""
        return [(mark, self.within(mark)) for mark in self.marks_ms]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Lengths):
            return NotImplemented
        mine = (self.marks_ms, self.bins, self.total, self.longest)
        return mine == (other.marks_ms, other.bins, other.total, other.longest)

    __hash__ = None  # type: ignore[assignment]  # changes as it is fed

    def __repr__(self) -> str:
        return f"Lengths({self.count} of {self.mean_ms:.0f} ms)"

    def __reduce__(self) -> tuple[Callable[..., Lengths], tuple[object, ...]]:
        """The bins' edges stay behind: they follow from the marks."""
        return _restored, (self.marks_ms, self.bins, self.count, self.total, self.longest)


def _restored(marks_ms: tuple[int, ...], bins: dict[int, int], count: int, total: int, longest: int) -> Lengths:
    made = Lengths(marks_ms)
    made.bins, made.count, made.total, made.longest = bins, count, total, longest
    return made


def lengths_of(values_ms: Iterable[int], marks_ms: tuple[int, ...] = MARKS_MS) -> Lengths:
    made = Lengths(marks_ms)
    for value in values_ms:
        made.add(value)
    return made
