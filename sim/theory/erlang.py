"""Erlang B and C, and a queue with a limited number of places, all Markovian.

The blocking recursion runs over 1 … n and neither over- nor underflows in the logarithm, so that 5,000 servers are as safe
as five.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import exp, log

import numpy as np
from scipy.special import gammainc

from sim.theory.birth_death import BirthDeath
from sim.theory.limits import Unstable, need_count, need_positive, need_share


def log_erlang_b(load: float, servers: int) -> float:
    """Logarithm of the share blocked when this load (erlangs) meets this many servers (≥ 0) and no place to wait.

    B_k = aB_{k−1} ÷ (k + aB_{k−1}) (Erlang 1917), in the logarithm.
    """
    need_positive(load=load)
    need_count(0, servers=servers)
    log_load, blocked = log(load), 0.0
    for k in range(1, servers + 1):
        offered = log_load + blocked
        blocked = offered - log(k + exp(offered))
    return blocked


def erlang_b(load: float, servers: int) -> float:
    """Share of arrivals that find all servers busy in M/G/n/n, whatever the service times' law."""
    return exp(log_erlang_b(load, servers))


@dataclass(frozen=True)
class ErlangC:
    """M/M/n, first come first served, nobody leaves (Erlang 1917).

    ``arrivals`` and ``service`` are rates. Raises :class:`Unstable` unless arrivals < servers × service.
    """

    arrivals: float
    service: float
    servers: int

    def __post_init__(self) -> None:
        need_positive(arrivals=self.arrivals, service=self.service)
        need_count(servers=self.servers)
        if self.spare <= 0:
            raise Unstable(
                f"arrivals must be below servers × service = {self.servers * self.service:g}, got {self.arrivals:g}"
            )

    @property
    def load(self) -> float:
        """Erlangs."""
        return self.arrivals / self.service

    @property
    def spare(self) -> float:
        """Rate of service that nobody uses."""
        return self.servers * self.service - self.arrivals

    @property
    def occupancy(self) -> float:
        """Mean busy servers ÷ servers."""
        return self.load / self.servers

    @cached_property
    def delay_probability(self) -> float:
        """P(an arrival waits) = nB ÷ (n − a(1 − B))."""
        blocked = erlang_b(self.load, self.servers)
        return self.servers * blocked / (self.servers - self.load * (1 - blocked))

    @property
    def abandonment(self) -> float:
        """Nobody leaves."""
        return 0.0

    @property
    def mean_wait(self) -> float:
        """Mean wait of all arrivals; the ASA too, as all are served."""
        return self.delay_probability / self.spare

    @property
    def mean_wait_served(self) -> float:
        """All are served."""
        return self.mean_wait

    @property
    def mean_wait_of_waiting(self) -> float:
        """Mean wait of those who wait at all."""
        return 1 / self.spare

    @property
    def mean_queue(self) -> float:
        """Mean number waiting."""
        return self.arrivals * self.mean_wait

    @property
    def mean_in_system(self) -> float:
        """Mean number waiting or in service."""
        return self.load + self.mean_queue

    def wait_tail(self, t: float) -> float:
        """P(wait > t), t ≥ 0."""
        return self.delay_probability * exp(-self.spare * t)

    def wait_percentile(self, share: float) -> float:
        """The wait that this share (0 ≤ share < 1) of the arrivals does not exceed."""
        need_share(share=share)
        late = 1 - share
        return log(self.delay_probability / late) / self.spare if self.delay_probability > late else 0.0

    def service_level_all(self, within: float) -> float:
        """Share of all arrivals served within this wait; the three definitions are one when nobody leaves."""
        return 1 - self.wait_tail(within)

    def service_level_excluding(self, within: float) -> float:
        """As :meth:`service_level_all`."""
        return self.service_level_all(within)

    def service_level_served(self, within: float) -> float:
        """As :meth:`service_level_all`."""
        return self.service_level_all(within)

    def process(self, tail: float = 1e-20) -> BirthDeath:
        """Number in system, cut where less than this share of the waiting lies beyond."""
        places = self.servers + int(log(tail) / log(self.occupancy)) + 1
        return _queue(self.arrivals, self.service, self.servers, 0.0, places)


def _queue(arrivals: float, service: float, servers: int, abandon: float, places: int) -> BirthDeath:
    levels = np.arange(1, places + 1)
    deaths = service * np.minimum(levels, servers) + abandon * np.maximum(levels - servers, 0)
    return BirthDeath(np.full(places, arrivals), deaths)


def abandoning_queue(arrivals: float, service: float, servers: int, abandon: float) -> BirthDeath:
    """Number in system of M/M/n+M (Palm 1946): each waiting contact leaves at rate ``abandon`` > 0.

    Cut where the weights have fallen to nothing (1e-40 of the largest): the waiting beyond is below Poisson.
    """
    need_positive(arrivals=arrivals, service=service, abandon=abandon)
    need_count(servers=servers)
    places = servers + 64
    while True:
        process = _queue(arrivals, service, servers, abandon, places)
        if process.log_weights[-1] < -92:
            return process
        places += places // 2


@dataclass(frozen=True)
class LimitedPlaces:
    """M/M/n/K: ``places`` in system, servers included; who finds them taken is blocked. Stable at any load."""

    arrivals: float
    service: float
    servers: int
    places: int

    def __post_init__(self) -> None:
        need_positive(arrivals=self.arrivals, service=self.service)
        need_count(servers=self.servers)
        need_count(self.servers, places=self.places)

    def process(self) -> BirthDeath:
        """Number in system."""
        return _queue(self.arrivals, self.service, self.servers, 0.0, self.places)

    @cached_property
    def _levels(self) -> BirthDeath:
        return self.process()

    @property
    def blocked(self) -> float:
        """Share of arrivals that find every place taken."""
        return float(self._levels.probabilities[-1])

    @property
    def delay_probability(self) -> float:
        """P(wait > 0) of those who enter."""
        return float(self._levels.probabilities[self.servers : -1].sum()) / (1 - self.blocked)

    @property
    def mean_queue(self) -> float:
        return self._levels.mean(np.maximum(self._levels.levels - self.servers, 0))

    @property
    def mean_in_system(self) -> float:
        return self._levels.mean(self._levels.levels)

    @property
    def mean_wait(self) -> float:
        """Mean wait of those who enter."""
        return self.mean_queue / (self.arrivals * (1 - self.blocked))

    @property
    def occupancy(self) -> float:
        return self.arrivals * (1 - self.blocked) / (self.servers * self.service)

    def wait_tail(self, t: float) -> float:
        """P(wait > t) of those who enter: found j waiting, j + 1 departures must come first."""
        found = self._levels.probabilities[self.servers : -1]
        if t <= 0:
            return self.delay_probability
        done = gammainc(np.arange(1, found.size + 1), self.servers * self.service * t)
        return float(found @ (1 - done)) / (1 - self.blocked)

    def service_level_entered(self, within: float) -> float:
        """Share of those who enter that wait at most this long."""
        return 1 - self.wait_tail(within)

    def service_level_all(self, within: float) -> float:
        """Share of all arrivals, the blocked among them, served within this wait."""
        return (1 - self.blocked) * self.service_level_entered(within)
