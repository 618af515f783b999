"""One agent: several customers share its attention, or they come one after the other with any service time."""

from __future__ import annotations

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


def lognormal_variation(sigma_log: float) -> float:
    """Variance ÷ mean² of a lognormal with this deviation of its logarithm."""
    return exp(sigma_log**2) - 1


def _require_spare(load: float) -> None:
    if load >= 1:
        raise Unstable(f"one agent can do a load below 1, got {load:g}")
