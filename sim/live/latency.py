"""Latencies in real milliseconds, and whether they are small enough for the speed that is played at."""

from __future__ import annotations

from bisect import bisect_left
from math import ceil

# Above this share of the shortest offer, being slow changes who is offered what.
HONEST_SHARE = 0.05


class Latencies:
    """Real ms, in bounded memory: counts in steps of 2 %, so a quantile is right within 2 %."""

    _EDGES = tuple(0.05 * 1.02**step for step in range(800))

    def __init__(self) -> None:
        self._counts = [0] * (len(self._EDGES) + 1)
        self.n = 0

    def add(self, ms: float) -> None:
        self._counts[bisect_left(self._EDGES, ms)] += 1
        self.n += 1

    def quantile(self, share: float) -> float:
        """The upper edge of the step that holds it; -1 when nothing was measured."""
        wanted, seen = ceil(self.n * share), 0
        for count, edge in zip(self._counts, (*self._EDGES, self._EDGES[-1]), strict=True):
            seen += count
            if count and seen >= wanted:
                return round(edge, 2)
        return -1.0


class Measured:
    """``offers``: from the record that made an offer to the agent's client reading it. ``acks``: from the instant at which
    an accept was due to its durable answer: what held it up on the way counts. ``messages``: from the record of what
    somebody said to the other side's client reading it."""

    def __init__(self) -> None:
        self.offers, self.acks, self.messages = Latencies(), Latencies(), Latencies()

    def distortion(self, speed: float, offer_ms: int) -> float:
        """The share of an offer's time that slow machinery takes: (offer p99 + ack p99) × speed ÷ ``offer_ms``."""
        return max(0.0, self.offers.quantile(0.99) + self.acks.quantile(0.99)) * speed / offer_ms
