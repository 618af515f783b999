"""What chance gives each contact, drawn by its place among the contacts of its kind.

The k-th contact of a kind comes when it comes, needs the work it needs and is as patient as it is under every policy:
arrivals, work and patience are streams of their own, drawn in blocks. So two policies meet the same customers.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isinf
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from sim.theory.lifetimes import (
    Balking,
    Deterministic,
    Exponential,
    Gamma,
    HyperExponential,
    Lifetime,
    Lognormal,
    Weibull,
)
from sim.twin.clock import NEVER

BLOCK = 4_096

Array = NDArray[np.float64]
Draw: TypeAlias = Callable[[np.random.Generator, int], Array]


def drawing(law: Lifetime) -> Draw:
    """How to draw ``n`` lengths of this law, in its own unit; inf: never."""
    match law:
        case Exponential(rate=rate):
            return lambda rng, n: rng.exponential(1 / rate, n) if rate else np.full(n, np.inf)
        case Deterministic(value=value):
            return lambda rng, n: np.full(n, value)
        case Lognormal(mean=mean, sigma_log=sigma):
            return lambda rng, n: rng.lognormal(np.log(mean) - sigma * sigma / 2, sigma, n)
        case Weibull(scale=scale, shape=shape):
            return lambda rng, n: scale * rng.weibull(shape, n)
        case Gamma(mean=mean, cv2=cv2):
            return lambda rng, n: rng.gamma(1 / cv2, mean * cv2, n)
        case HyperExponential(shares=shares, rates=rates):
            means, edges = 1 / np.asarray(rates), np.cumsum(shares)
            return lambda rng, n: rng.exponential(
                means[np.minimum(np.searchsorted(edges, rng.random(n), side="right"), len(means) - 1)]
            )
        case Balking(share=share, others=others):
            rest = drawing(others)
            return lambda rng, n: np.where(rng.random(n) < share, 0.0, rest(rng, n))
    raise ValueError(f"no way to draw from {law!r}")


class Lengths:
    """Lengths in whole milliseconds, one after the other in blocks; an endless one is :data:`NEVER`."""

    def __init__(self, law: Lifetime, unit_ms: float, rng: np.random.Generator) -> None:
        self._draw, self._unit_ms, self._rng = drawing(law), unit_ms, rng
        self._never = isinf(law.mean)

    def block(self) -> list[int]:
        drawn = np.rint(self._draw(self._rng, BLOCK) * self._unit_ms)
        if self._never:
            drawn = np.where(np.isfinite(drawn), drawn, float(NEVER))
        found: list[int] = drawn.astype(np.int64).tolist()
        return found


class Instants:
    """Arrivals of a Poisson process in blocks of whole milliseconds from the run's beginning.

    ``rate`` is per ms; ``share`` thins it: the share of ``rate`` that holds at each instant (None: always all of it).
    Nobody comes from ``end_ms`` on.
    """

    def __init__(
        self,
        rate: float,
        rng: np.random.Generator,
        share: Callable[[Array], Array] | None = None,
        end_ms: float = float("inf"),
    ) -> None:
        self._rate, self._rng, self._share, self._end_ms = rate, rng, share, end_ms
        self._last = 0.0

    def block(self) -> list[int]:
        """The next ones; empty when nobody comes any more."""
        while self._last < self._end_ms:
            times = self._last + np.cumsum(self._rng.exponential(1 / self._rate, BLOCK))
            self._last = float(times[-1])
            if self._share is not None:
                times = times[self._rng.random(BLOCK) < self._share(times)]
            times = times[times < self._end_ms]
            if times.size:
                found: list[int] = np.rint(times).astype(int).tolist()
                return found
        return []
