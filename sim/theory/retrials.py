"""Blocked customers who come back: M/M/n/n with an orbit, as a Markov chain on (busy, in orbit)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from sim.theory.chains import Explored, widened
from sim.theory.lifetimes import Array
from sim.theory.limits import Unstable, need_count, need_positive, need_share

# Labels of moves.
FIRST_ENTERED, FIRST_BLOCKED, FIRST_LOST, ENDED, BACK_ENTERED, BACK_STAYED, BACK_LOST, CUT = range(8)
FIRST = (FIRST_ENTERED, FIRST_BLOCKED, FIRST_LOST)


@dataclass(frozen=True)
class Retrials:
    """Who finds all ``servers`` busy comes back after an exponential time at rate ``back``, with probability
    ``persistence``; else they are lost. The same at every further attempt.
    """

    arrivals: float
    service: float
    servers: int
    back: float
    persistence: float

    def __post_init__(self) -> None:
        need_positive(arrivals=self.arrivals, service=self.service, back=self.back)
        need_count(servers=self.servers)
        need_share(persistence=self.persistence)
        if self.persistence == 1 and self.arrivals >= self.servers * self.service:
            raise Unstable("with nobody lost, arrivals must be below servers × service")

    def _moves(self, state: tuple[int, int], cap: int) -> Iterator[tuple[tuple[int, int], float, int]]:
        busy, orbit = state
        stay = self.persistence
        if busy < self.servers:
            yield (busy + 1, orbit), self.arrivals, FIRST_ENTERED
            yield (busy + 1, orbit - 1), orbit * self.back, BACK_ENTERED
        else:
            fits = orbit < cap
            yield (busy, orbit + fits), self.arrivals * stay, FIRST_BLOCKED if fits else CUT
            yield state, self.arrivals * (1 - stay), FIRST_LOST
            yield state, orbit * self.back * stay, BACK_STAYED
            yield (busy, orbit - 1), orbit * self.back * (1 - stay), BACK_LOST
        yield (busy - 1, orbit), busy * self.service, ENDED

    @cached_property
    def chain(self) -> Explored[tuple[int, int]]:
        """States are (busy, in orbit)."""
        return widened(lambda caps: Explored((0, 0), lambda state: self._moves(state, caps[0])), (48,), lambda _: CUT)

    @property
    def orbit(self) -> Array:
        """Customers who will come back, by state."""
        return self.chain.values(lambda state: state[1])

    @property
    def busy(self) -> Array:
        """Busy servers, by state."""
        return self.chain.values(lambda state: state[0])

    @property
    def first_blocked(self) -> float:
        """Share of arrivals whose first attempt finds all servers busy."""
        return (self.chain.flow(FIRST_BLOCKED) + self.chain.flow(FIRST_LOST)) / self.arrivals

    @property
    def lost(self) -> float:
        """Share of arrivals that are never served."""
        return (self.chain.flow(FIRST_LOST) + self.chain.flow(BACK_LOST)) / self.arrivals

    @property
    def mean_orbit(self) -> float:
        """Mean number of customers who will come back."""
        return self.chain.mean(self.orbit)

    @property
    def retrial_rate(self) -> float:
        """Further attempts per unit of time."""
        return self.back * self.mean_orbit

    @property
    def occupancy(self) -> float:
        """Mean busy servers ÷ servers."""
        return self.chain.mean(self.busy) / self.servers

    def first_blocked_variance(self) -> float:
        """lim T·Var of :attr:`first_blocked`, measured over [0, T]."""
        return self.chain.ratio_variance((FIRST_BLOCKED, FIRST_LOST), FIRST)

    def lost_variance(self) -> float:
        """lim T·Var of :attr:`lost`, measured over [0, T] as losses ÷ arrivals."""
        return self.chain.ratio_variance((FIRST_LOST, BACK_LOST), FIRST)

    def retrial_rate_variance(self) -> float:
        """lim T·Var of :attr:`retrial_rate`, measured over [0, T] as further attempts ÷ T."""
        return self.chain.variance(None, dict.fromkeys((BACK_ENTERED, BACK_STAYED, BACK_LOST), 1.0))
