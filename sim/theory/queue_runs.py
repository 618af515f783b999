"""How much a run of M/M/n/K+M scatters: asymptotic variances of what it measures, so that runs can be sized and judged.

Each figure v(T) measured over [0, T] has Var v(T) ≈ (the number given here) ÷ T. Shares and mean waits are ratios of
counts.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from sim.theory.birth_death import BirthDeath
from sim.theory.chains import Chain
from sim.theory.lifetimes import Array

# Labels of moves.
ENTERED, WAITED, SERVED, LEFT, REFUSED = range(5)


class QueueRun:
    """``process``: the number in system; ``abandon``: rate of each of those above ``servers``; at the top level, arrivals
    are refused at the rate at which they come one level below."""

    def __init__(self, process: BirthDeath, servers: int, abandon: float = 0.0) -> None:
        self.process, self.servers, self.abandon = process, servers, abandon
        self.waiting = np.maximum(process.levels - servers, 0)

    @cached_property
    def chain(self) -> Chain:
        """Its moves: arrivals that enter at once, wait or are refused; customers served or leaving."""
        low = np.arange(self.process.births.size)
        leaving = self.abandon * self.waiting[1:]
        top = np.array([low.size])
        return Chain(
            sources=np.concatenate([low, low + 1, low + 1, top]),
            targets=np.concatenate([low + 1, low, low, top]),
            rates=np.concatenate(
                [self.process.births, self.process.deaths - leaving, leaving, self.process.births[-1:]]
            ),
            labels=np.concatenate(
                [
                    np.where(low < self.servers, ENTERED, WAITED),
                    np.full(low.size, SERVED),
                    np.full(low.size, LEFT),
                    [REFUSED],
                ]
            ),
            size=low.size + 1,
            probabilities=self.process.probabilities,
        )

    def number(self) -> float:
        """Of the mean number in system."""
        return self.chain.variance(self.process.levels)

    def queue(self) -> float:
        """Of the mean number waiting."""
        return self.chain.variance(self.waiting)

    def occupancy(self) -> float:
        """Of busy servers ÷ servers."""
        return self.level(np.minimum(self.process.levels, self.servers) / self.servers)

    def level(self, values: Array) -> float:
        """Of the time average of a function of the number in system, given by level."""
        return self.chain.variance(values)

    def delay(self) -> float:
        """Of the share of those who enter that wait."""
        return self.chain.ratio_variance((WAITED,), (ENTERED, WAITED))

    def abandonment(self) -> float:
        """Of the share of those who enter that leave unserved."""
        return self.chain.ratio_variance((LEFT,), (ENTERED, WAITED))

    def blocked(self) -> float:
        """Of the share of arrivals refused."""
        return self.chain.ratio_variance((REFUSED,), (ENTERED, WAITED, REFUSED))

    def wait(self) -> float:
        """Of the mean time in queue of those who enter."""
        return self.chain.ratio_variance((), (ENTERED, WAITED), self.waiting)

    def wait_of_waiting(self) -> float:
        """Of the mean time in queue of those who wait."""
        return self.chain.ratio_variance((), (WAITED,), self.waiting)

    def time_in_system(self) -> float:
        """Of the mean time in system of those who enter."""
        return self.chain.ratio_variance((), (ENTERED, WAITED), self.process.levels)
