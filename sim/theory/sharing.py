"""One agent: several customers share its attention, or they come one after the other with any service time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import exp

import numpy as np

from sim.theory.birth_death import BirthDeath
from sim.theory.limits import Unstable, need_count, need_not_negative, need_positive


@dataclass(frozen=True)
class SharedAgent:
    """At most k chats, sharing evenly; who finds k is turned away. ``rates[j]``: total rate with j chats, j = 0 … k.

    A symmetric queue (Kelly 1979): π_j ∝ λ^j ÷ Π rates, whatever the law of the work of mean 1.
    """

    arrivals: float
    rates: tuple[float, ...]

    def __post_init__(self) -> None:
        need_positive(arrivals=self.arrivals)
        need_count(places=len(self.rates) - 1)

    @cached_property
    def process(self) -> BirthDeath:
        """Number of chats."""
        return BirthDeath(np.full(len(self.rates) - 1, self.arrivals), np.array(self.rates[1:]))

    @property
    def turned_away(self) -> float:
        """Share of arrivals."""
        return float(self.process.probabilities[-1])

    @property
    def mean_chats(self) -> float:
        """Mean number at once."""
        return self.process.mean(self.process.levels)

    @property
    def mean_session(self) -> float:
        """Mean time in a chat of those let in."""
        return self.mean_chats / (self.arrivals * (1 - self.turned_away))


@dataclass(frozen=True)
class EndlessSharing:
    """M/G/1 processor sharing (Kleinrock): any number at once, total speed 1, work of any law with mean ``work``."""

    arrivals: float
    work: float

    def __post_init__(self) -> None:
        need_positive(arrivals=self.arrivals, work=self.work)
        _require_spare(self.load)

    @property
    def load(self) -> float:
        """Erlangs; also the agent's occupancy."""
        return self.arrivals * self.work

    @property
    def mean_time(self) -> float:
        """Mean time from arrival to end."""
        return self.work / (1 - self.load)

    @property
    def mean_number(self) -> float:
        """Mean number at once."""
        return self.load / (1 - self.load)


@dataclass(frozen=True)
class OneByOne:
    """M/G/1, first come first served (Pollaczek–Khinchine). ``squared_variation``: variance ÷ mean² of the service."""

    arrivals: float
    service: float
    squared_variation: float

    def __post_init__(self) -> None:
        need_positive(arrivals=self.arrivals, service=self.service)
        need_not_negative(squared_variation=self.squared_variation)
        _require_spare(self.load)

    @property
    def load(self) -> float:
        """Also the share that waits, and the agent's occupancy."""
        return self.arrivals * self.service

    @property
    def mean_wait(self) -> float:
        """Mean time in queue: ρE[S](1 + c²) ÷ 2(1 − ρ)."""
        return self.load * self.service * (1 + self.squared_variation) / (2 * (1 - self.load))

    @property
    def mean_wait_of_waiting(self) -> float:
        """Mean time in queue of those who wait at all."""
        return self.mean_wait / self.load

    @property
    def mean_time(self) -> float:
        """Mean time from arrival to end."""
        return self.mean_wait + self.service

    @property
    def mean_queue(self) -> float:
        """Mean number waiting."""
        return self.arrivals * self.mean_wait

    @property
    def mean_number(self) -> float:
        """Mean number waiting or in service."""
        return self.arrivals * self.mean_time


def waiting_variances(arrivals: float, moments: Sequence[float]) -> dict[str, float]:
    """lim T·Var over [0, T] of what a run of M/G/1 measures: ``wait``, ``queue``, ``time``, ``number``.

    ``moments``: E[S] … E[S⁴]. The workload V solves its Poisson equation with h(v) = λv² ÷ 2(1 − ρ) for the sum of the
    waits, so a customer adds g(V, S) + h(V + S) − h(V), whose second moment, times λ, is the variance (a martingale's
    quadratic variation); E[V], E[V²] by Takács. ``g`` is V, or V + S where the service counts, less the mean where it is a
    mean per customer.
    """
    first, second, third, fourth = moments
    spare = 1 - arrivals * first
    wait = arrivals * second / (2 * spare)
    squared = 2 * wait**2 + arrivals * third / (3 * spare)
    half = arrivals / (2 * spare)

    def scatter(level: float, of_service: float) -> float:
        """λ·E[(V − level + of_service·S + 2·half·V·S + half·S²)²]."""
        # As (V·(1 + 2·half·S) + of_service·S + half·S² − level)², moment by moment.
        slope_2 = 1 + 4 * half * first + 4 * half**2 * second
        mixed = (
            of_service * first + half * second - level
            + 2 * half * (of_service * second + half * third - level * first)
        )  # fmt: skip
        rest = (
            of_service**2 * second + half**2 * fourth + level**2
            + 2 * of_service * half * third - 2 * level * (of_service * first + half * second)
        )  # fmt: skip
        return arrivals * (squared * slope_2 + 2 * wait * mixed + rest)

    return {
        "wait": scatter(wait, 0.0) / arrivals**2,
        "time": scatter(wait + first, 1.0) / arrivals**2,
        "queue": scatter(0.0, 0.0),
        "number": scatter(0.0, 1.0),
    }


def lognormal_variation(sigma_log: float) -> float:
    """Variance ÷ mean² of a lognormal with this deviation of its logarithm."""
    return exp(sigma_log**2) - 1


def _require_spare(load: float) -> None:
    if load >= 1:
        raise Unstable(f"one agent can do a load below 1, got {load:g}")
