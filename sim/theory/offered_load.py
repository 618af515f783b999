"""Arrivals whose rate moves: the offered load with endless servers, and staff from it.

M_t/G/∞ (Eick, Massey & Whitt 1993): the number in service at t is Poisson with mean m(t) = ∫ λ(t − u) P(S > u) du.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import cos, exp, sin

import numpy as np
from scipy.special import gammainc

from sim.theory.abandonment import PatienceQueue, erlang_a
from sim.theory.lifetimes import Array, Lifetime
from sim.theory.limits import need_positive, need_share
from sim.theory.staffing import least_staff


@dataclass(frozen=True)
class SineLoad:
    """λ(t) = mean + swing · sin(speed · t), exponential service at rate ``service``.

    ``from_empty``: began empty at time 0 instead of in the endless past.
    """

    mean: float
    swing: float
    speed: float
    service: float
    from_empty: bool = False

    def __post_init__(self) -> None:
        need_positive(mean=self.mean, service=self.service)
        if abs(self.swing) > self.mean:
            raise ValueError(f"a rate must stay ≥ 0: swing must be within ± mean = {self.mean:g}, got {self.swing:g}")

    def rate(self, t: float) -> float:
        """λ(t)."""
        return self.mean + self.swing * sin(self.speed * t)

    def mean_rate(self, start: float, end: float) -> float:
        """Mean of λ from ``start`` to ``end``."""
        turned = self.speed * (end - start)
        if not turned:
            return self.rate(start)
        return self.mean + self.swing * (cos(self.speed * start) - cos(self.speed * end)) / turned

    def load(self, t: float) -> float:
        """m(t) in erlangs."""
        settled = self._settled(t)
        return settled - self._settled(0.0) * exp(-self.service * t) if self.from_empty else settled

    def _settled(self, t: float) -> float:
        turn = self.speed * t
        waves = self.service * sin(turn) - self.speed * cos(turn)
        return self.mean / self.service + self.swing * waves / (self.service**2 + self.speed**2)


def piecewise_load(edges: Sequence[float], rates: Sequence[float], service: Lifetime, times: Sequence[float]) -> Array:
    """m(t) at these times from an empty start at ``edges[0]``, with ``rates[i]`` from edges[i] to edges[i + 1].

    Any law of service: each piece gives its rate × the growth of E min(S, ·) over it.
    """
    if len(edges) != len(rates) + 1:
        raise ValueError(f"one edge more than rates is needed, got {len(edges)} edges and {len(rates)} rates")
    at = np.asarray(times, dtype=float)
    total = np.zeros(at.shape)
    for start, end, rate in zip(edges[:-1], edges[1:], rates, strict=True):
        older, younger = np.maximum(at - start, 0.0), np.maximum(at - end, 0.0)
        total += rate * (service.capped_mean(older) - service.capped_mean(younger))
    return total


def busy_probability(load: float, servers: int) -> float:
    """P(Poisson(load) ≥ servers): delay probability where people leave at the rate at which they are served."""
    return float(gammainc(servers, load)) if servers else 1.0


def staff_for_delay(load: float, delay: float) -> int:
    """Fewest servers with :func:`busy_probability` ≤ delay."""
    need_share(delay=delay)
    return least_staff(lambda servers: busy_probability(load, servers) <= delay, round(load))


def staff_by_load(
    loads: Sequence[float], service: float, abandon: float, meets: Callable[[PatienceQueue], bool]
) -> list[int]:
    """Modified offered load (Jennings, Mandelbaum, Massey & Whitt 1996): at each moment the fewest servers with which the
    stationary Erlang A of that moment's offered load meets the target."""

    def staff(load: float) -> int:
        arrivals = load * service
        return least_staff(lambda servers: meets(erlang_a(arrivals, service, servers, abandon)), round(load))

    return [staff(float(load)) if load > 0 else 0 for load in loads]
