"""Non-preemptive priorities over one pool, the first class first.

Without abandonment, one service rate for all (Davis 1966; Kella & Yechiali 1985): while all servers are busy, the system
works like one server of rate nμ, and a customer of class k waits for a geometric number of departures, each prolonged by
the arrivals of the classes above it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import exp, log

import numpy as np
from scipy.special import gammainc

from sim.theory.erlang import ErlangC
from sim.theory.limits import need_not_negative
from sim.theory.skills import Pool, SkillModel

# What a geometric or Poisson law is cut at.
REST = 1e-17


@dataclass(frozen=True)
class Priorities:
    """M/M/n with classes 0, 1, … (0 first), all served at rate ``service``; nobody leaves."""

    arrivals: tuple[float, ...]
    service: float
    servers: int

    def __post_init__(self) -> None:
        for arrivals in self.arrivals:
            need_not_negative(arrivals=arrivals)
        _ = self.together

    @cached_property
    def together(self) -> ErlangC:
        """All classes as one: the share that waits and the mean over all are the same."""
        return ErlangC(sum(self.arrivals), self.service, self.servers)

    @property
    def delay_probability(self) -> float:
        """P(an arrival of any class waits)."""
        return self.together.delay_probability

    def _share_up_to(self, count: int) -> float:
        return sum(self.arrivals[:count]) / (self.servers * self.service)

    def mean_wait(self, place: int) -> float:
        """Mean wait of the class at this place: C ÷ (nμ(1 − σ_{k−1})(1 − σ_k))."""
        above, with_it = self._share_up_to(place), self._share_up_to(place + 1)
        return self.delay_probability / (self.servers * self.service * (1 - above) * (1 - with_it))

    def mean_queue(self, place: int) -> float:
        """Mean number of this class waiting."""
        return self.arrivals[place] * self.mean_wait(place)

    def wait_tail(self, place: int, t: float) -> float:
        """P(wait of this class > t).

        The wait is the time in which a queue that starts at a geometric number, served at nμ and fed by the classes above,
        first empties: by uniformisation.
        """
        rate, feed = self.servers * self.service, sum(self.arrivals[:place])
        ratio = self._share_up_to(place + 1)
        if t <= 0:
            return self.delay_probability
        if feed == 0:
            return self.delay_probability * exp(-(rate - self.arrivals[place]) * t)
        # Departures still to come: 1, 2, … with geometric probabilities, cut where nothing is left.
        ahead = (1 - ratio) * ratio ** np.arange(int(log(REST) / log(ratio)) + 2)
        beats = (rate + feed) * t
        steps = int(beats + 12 * beats**0.5 + 60)
        # The queue falls on average: far above where it starts it never gets.
        states = np.concatenate([ahead, np.zeros(min(steps, 4 * ahead.size + 400))])
        up, down = feed / (rate + feed), rate / (rate + feed)
        waiting = np.zeros(steps)
        for step in range(steps):
            waiting[step] = states.sum()
            if waiting[step] < REST:
                break
            moved = np.concatenate([down * states[1:], [0.0]])
            moved[1:] += up * states[:-1]
            states = moved
        # P(exactly i beats) as a difference of P(at least i), which the incomplete gamma function gives without overflow.
        at_least = np.concatenate([[1.0], gammainc(np.arange(1, steps + 1), beats)])
        return self.delay_probability * float((at_least[:-1] - at_least[1:]) @ waiting)


def priorities_with_abandonment(
    arrivals: Sequence[float], service: float, servers: int, abandon: Sequence[float]
) -> SkillModel:
    """The same with class k's customers leaving at rate ``abandon[k]``: solved as a chain (one pool, one order)."""
    classes = len(arrivals)
    return SkillModel(
        arrivals=tuple(arrivals),
        abandon=tuple(abandon),
        pools=(Pool(servers, (service,) * classes, tuple(range(classes))),),
        pool_orders=((0,),) * classes,
    )
