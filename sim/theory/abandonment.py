"""M/M/n+G: a queue whose customers have a patience of any law (Baccelli & Hebuterne 1981; Zeltyn & Mandelbaum 2005,
Queueing Systems 51). Erlang A (Palm 1946) is the case of exponential patience.

The wait V that a customer of endless patience would meet has, given that it is positive, a density proportional to
exp(φ(x)), φ(x) = λH(x) − nμx, H(x) = E min(patience, x). φ is concave, so it has one top and falls on both sides: panels
are laid where it falls by given steps, at the law's own breaks, and each takes a 32-point Gauss–Legendre rule. Everything
stays relative to the top, and the share that waits comes from the logarithm of Erlang B; 5,000 servers are safe.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from sim.theory.erlang import log_erlang_b
from sim.theory.lifetimes import Array, Exponential, Lifetime
from sim.theory.limits import Unstable, need_count, need_positive, need_share

POINTS, WEIGHTS = np.polynomial.legendre.leggauss(32)
# How far below its top φ is at the edges of the panels; beyond the last, the density is below any double.
DROPS = np.array([2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 700], dtype=float)
HALVINGS = 200


@dataclass(frozen=True)
class PatienceQueue:
    """M/M/n+G, first come first served. ``arrivals`` and ``service`` are rates.

    "Waits" says: found all servers busy, those who then leave at once among them. Raises :class:`Unstable` when enough
    customers wait for ever.
    """

    arrivals: float
    service: float
    servers: int
    patience: Lifetime

    def __post_init__(self) -> None:
        need_positive(arrivals=self.arrivals, service=self.service)
        need_count(servers=self.servers)

    @property
    def load(self) -> float:
        """Erlangs offered."""
        return self.arrivals / self.service

    @property
    def _full(self) -> float:
        return self.servers * self.service

    def _exponent(self, x: Array) -> Array:
        return self.arrivals * self.patience.capped_mean(x) - self._full * x

    @cached_property
    def _top(self) -> float:
        """Where φ is largest: the last point at which work comes at least as fast as it is done."""

        def rising(x: float) -> bool:
            return self.arrivals * float(self.patience.survival(np.array([x]))[0]) > self._full

        high = 1 / self._full
        if not rising(0.0):
            return 0.0
        while rising(high):
            high *= 2
            if high > 1e12 / self.service:
                raise Unstable(
                    f"enough must leave: arrivals that wait for ever must be below servers × service = {self._full:g}"
                )
        low = 0.0
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            if not low < middle < high:
                break
            low, high = (middle, high) if rising(middle) else (low, middle)
        return high

    @cached_property
    def _height(self) -> float:
        return float(self._exponent(np.array([self._top]))[0])

    @cached_property
    def _edges(self) -> Array:
        top, height = self._top, self._height
        high = np.full(DROPS.size, 1 / self._full)
        while (short := self._exponent(top + high) > height - DROPS).any():
            high[short] *= 2
            if high.max() > 1e15 / self.service:
                raise Unstable(
                    f"arrivals must be below servers × service = {self._full:g} when nobody leaves, got {self.arrivals:g}"
                )
        right = top + self._crossings(
            np.zeros(DROPS.size), high, lambda out: self._exponent(top + out) > height - DROPS
        )
        left = top - self._crossings(
            np.zeros(DROPS.size), np.full(DROPS.size, top), lambda out: self._exponent(top - out) > height - DROPS
        )
        breaks = [at for at in self.patience.breaks if at < right[-1]]
        return np.unique(np.concatenate([[0.0, top], left, right, breaks]))

    @staticmethod
    def _crossings(low: Array, high: Array, above: Callable[[Array], NDArray[np.bool_]]) -> Array:
        """Bisection, all drops at once, to a part in 2^40: a panel's edge needs no more."""
        for _ in range(40):
            middle = (low + high) / 2
            is_above = above(middle)
            low, high = np.where(is_above, middle, low), np.where(is_above, high, middle)
        return high

    def _integral(self, of: Callable[[Array], Array] | None, low: float = 0.0, high: float | None = None) -> float:
        """∫ of(x) exp(φ(x) − top) dx from ``low`` to ``high`` (default: to where nothing is left)."""
        end = float(self._edges[-1]) if high is None else min(high, float(self._edges[-1]))
        if end <= low:
            return 0.0
        inner = self._edges[(self._edges > low) & (self._edges < end)]
        edges = np.concatenate([[low], inner, [end]])
        half = np.diff(edges)[:, None] / 2
        x = edges[:-1, None] + half * (1 + POINTS)
        values = np.exp(self._exponent(x) - self._height)
        if of is not None:
            values = values * of(x)
        return float((half * WEIGHTS * values).sum())

    @cached_property
    def _whole(self) -> float:
        return self._integral(None)

    def _mean(self, of: Callable[[Array], Array] | None, low: float = 0.0, high: float | None = None) -> float:
        """E[of(V); V > 0, low < V ≤ high]."""
        return self.delay_probability * self._integral(of, low, high) / self._whole

    @cached_property
    def delay_probability(self) -> float:
        """P(an arrival finds all servers busy)."""
        blocked = log_erlang_b(self.load, self.servers - 1)
        return float(expit(blocked + self._height + np.log(self.arrivals * self._whole)))

    @cached_property
    def abandonment(self) -> float:
        """Share of all arrivals that leave unserved."""
        return self._mean(self.patience.distribution)

    @cached_property
    def mean_wait(self) -> float:
        """Mean time in queue of all arrivals, served or not."""
        return self._mean(self.patience.capped_mean)

    @cached_property
    def mean_wait_served(self) -> float:
        """Mean time in queue of the served: the ASA."""
        return self._mean(lambda x: x * self.patience.survival(x)) / (1 - self.abandonment)

    @property
    def mean_wait_of_waiting(self) -> float:
        """Mean time in queue of those who found all servers busy."""
        return self._integral(self.patience.capped_mean) / self._whole

    @property
    def mean_queue(self) -> float:
        """Mean number waiting."""
        return self.arrivals * self.mean_wait

    @property
    def mean_in_system(self) -> float:
        """Mean number waiting or in service."""
        return self.mean_queue + self.servers * self.occupancy

    @property
    def occupancy(self) -> float:
        """Mean busy servers ÷ servers."""
        return self.load * (1 - self.abandonment) / self.servers

    def offered_wait_tail(self, t: float) -> float:
        """P(V > t) for a customer of endless patience."""
        return self._mean(None, max(t, 0.0))

    def wait_tail(self, t: float) -> float:
        """P(time in queue > t) of all arrivals, served or not."""
        return self.offered_wait_tail(t) * float(self.patience.survival(np.array([max(t, 0.0)]))[0])

    def wait_percentile(self, share: float) -> float:
        """The time in queue that this share (0 ≤ share < 1) of all arrivals does not exceed."""
        need_share(share=share)
        return self._percentile(lambda t: 1 - self.wait_tail(t), share)

    def served_wait_percentile(self, share: float) -> float:
        """The wait that this share (0 ≤ share < 1) of the served does not exceed."""
        need_share(share=share)
        return self._percentile(self.service_level_served, share)

    def _percentile(self, reached: Callable[[float], float], share: float) -> float:
        low, high = 0.0, float(self._edges[-1])
        if reached(0.0) >= share:
            return 0.0
        while (middle := (low + high) / 2) not in (low, high) and high - low > 1e-15 * high:
            low, high = (low, middle) if reached(middle) >= share else (middle, high)
        return high

    def _served_within(self, within: float) -> float:
        return 1 - self.delay_probability + self._mean(self.patience.survival, 0.0, within)

    def service_level_all(self, within: float) -> float:
        """P(served and wait ≤ within): share of all arrivals."""
        return self._served_within(within)

    def service_level_excluding(self, within: float) -> float:
        """P(served and wait ≤ within) ÷ (1 − P(left, and within that time)): early leavers do not count."""
        return self._served_within(within) / (1 - self.left_within(within))

    def service_level_served(self, within: float) -> float:
        """P(wait ≤ within | served)."""
        return self._served_within(within) / (1 - self.abandonment)

    def left_within(self, within: float) -> float:
        """P(leaves unserved, and at most this long after arrival)."""
        patience_over = float(self.patience.distribution(np.array([within]))[0])
        return self._mean(self.patience.distribution, 0.0, within) + patience_over * self._mean(None, within)


def erlang_a(arrivals: float, service: float, servers: int, abandon: float) -> PatienceQueue:
    """M/M/n+M: each waiting customer leaves at rate ``abandon`` ≥ 0 (0: nobody leaves, Erlang C)."""
    return PatienceQueue(arrivals, service, servers, Exponential(abandon))
