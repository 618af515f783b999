"""Days whose rate is uncertain: counts that vary more than Poisson, and measures averaged over such days.

The day's factor B is Gamma with mean 1 and shape ``alpha``; its variance is 1/alpha (Jongbloed & Koole 2001).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp, expm1, log, sqrt

import numpy as np
from scipy.special import gammainccinv, gammaincinv

from sim.theory.abandonment import PatienceQueue, erlang_a
from sim.theory.limits import need_positive

POINTS, WEIGHTS = np.polynomial.legendre.leggauss(16)
PANELS = 12
# What of the factor's law is left out on each side.
BEYOND = 1e-16


@dataclass(frozen=True)
class DayCounts:
    """Arrivals of a day, Poisson given the day's rate ``mean`` × B: negative binomial."""

    mean: float
    alpha: float

    def __post_init__(self) -> None:
        need_positive(mean=self.mean, alpha=self.alpha)

    @property
    def variance(self) -> float:
        """m + m² ÷ alpha."""
        return self.mean + self.mean**2 / self.alpha

    @property
    def deviation(self) -> float:
        """Standard deviation."""
        return sqrt(self.variance)

    @property
    def dispersion(self) -> float:
        """Variance ÷ mean; 1 for Poisson."""
        return self.variance / self.mean


def over_days(alpha: float, of: Callable[[float], Sequence[float]]) -> list[float]:
    """E of(B), entry by entry, by quadrature over log B; ``of`` must be smooth on the scale of B's own law."""
    need_positive(alpha=alpha)
    low, high = log(max(gammaincinv(alpha, BEYOND) / alpha, 1e-290)), log(gammainccinv(alpha, BEYOND) / alpha)
    edges = np.linspace(low, high, PANELS + 1)
    half = float(edges[1] - edges[0]) / 2
    total: list[float] = []
    mass = 0.0
    for start in edges[:-1]:
        for point, weight in zip((start + half * (1 + POINTS)).tolist(), WEIGHTS.tolist(), strict=True):
            share = weight * exp(alpha * (point - expm1(point)))
            values = of(exp(point))
            total = total or [0.0] * len(values)
            total = [sum_ + share * float(value) for sum_, value in zip(total, values, strict=True)]
            mass += share
    return [sum_ / mass for sum_ in total]


@dataclass(frozen=True)
class MixedErlangA:
    """M/M/n+M whose arrival rate is ``arrivals`` × B, constant over a day long enough to be stationary.

    Shares and waits are per contact, over all days' contacts (busy days count for more); lengths are per unit of time.
    """

    arrivals: float
    service: float
    servers: int
    abandon: float
    alpha: float

    def _on(self, factor: float) -> PatienceQueue:
        return erlang_a(self.arrivals * factor, self.service, self.servers, self.abandon)

    def per_contact(self, *measures: Callable[[PatienceQueue], float]) -> list[float]:
        """Means over contacts of these measures of a day."""

        def weighed(factor: float) -> list[float]:
            day = self._on(factor)
            return [factor * measure(day) for measure in measures]

        return over_days(self.alpha, weighed)

    def per_time(self, *measures: Callable[[PatienceQueue], float]) -> list[float]:
        """Means over time of these measures of a day."""

        def each(factor: float) -> list[float]:
            day = self._on(factor)
            return [measure(day) for measure in measures]

        return over_days(self.alpha, each)
