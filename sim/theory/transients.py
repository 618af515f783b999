"""Queues that are not in their steady state: a day from empty, a pulse, staff that follows a wave.

The number in system of M_t/M/n/K+M is a birth–death process; its distribution is carried forward in time, by uniformisation
where the rates stand still (no error but rounding) and by LSODA with a banded Jacobian where they move.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.integrate import solve_ivp
from scipy.special import gammainc, gammaln

from sim.theory.lifetimes import Array

# The share of probability that a cut queue may lose.
LOST = 1e-14


def settle(births: Array, deaths: Array, start: Array, length: float) -> tuple[Array, Array]:
    """(distribution after ``length``, its integral over that time) of a birth–death process with constant rates.

    ``births[i]``: rate i → i + 1, ``deaths[i]``: rate i + 1 → i, both ≥ 0; by uniformisation, ended early once a step
    changes nothing.
    """
    top = start.size - 1
    leaving = np.zeros(top + 1)
    leaving[:-1] += births
    leaving[1:] += deaths
    rate = float(leaving.max())
    if rate == 0 or length == 0:
        return start.copy(), start * length
    beats = rate * length
    last = int(beats + 10 * beats**0.5 + 60)
    counts = np.arange(last + 1)
    exactly = np.exp(counts * np.log(beats) - beats - gammaln(counts + 1))
    more = gammainc(counts + 1, beats)
    stay, up, down = 1 - leaving / rate, births / rate, deaths / rate
    now, end, whole, given = start, np.zeros(top + 1), np.zeros(top + 1), [0.0, 0.0]
    for count in range(last + 1):
        end += exactly[count] * now
        whole += more[count] * now
        given[0] += exactly[count]
        given[1] += more[count]
        following = stay * now
        following[1:] += up * now[:-1]
        following[:-1] += down * now[1:]
        if np.abs(following - now).max() < 1e-18:
            break
        now = following
    # What the series has not reached yet (or rounding kept from it) stands where it has arrived.
    end += max(0.0, 1 - given[0]) * now
    whole += max(0.0, beats - given[1]) * now
    return end, whole / rate


def carry(
    births: Callable[[float], Array], deaths: Array, start: Array, times: Sequence[float], precision: float = 1e-10
) -> Array:
    """Distributions at these rising times, shape (len(times), levels); ``times[0]`` is when ``start`` holds."""

    def change(t: float, now: Array) -> Array:
        up, down = births(t) * now[:-1], deaths * now[1:]
        net = down - up
        moved = np.zeros_like(now)
        moved[:-1] += net
        moved[1:] -= net
        return moved

    found = solve_ivp(
        change,
        (times[0], times[-1]),
        start,
        method="LSODA",
        t_eval=times,
        rtol=precision,
        atol=precision * 1e-4,
        lband=1,
        uband=1,
    )
    if not found.success:
        raise ArithmeticError(f"the transient could not be carried forward: {found.message}")
    return np.asarray(found.y.T)


class Outcomes:
    """What becomes of an arrival that finds so many waiting, all servers busy: first come first served, ``servers`` fixed.

    Arrays of length ``longest``, index = customers found waiting. ``abandon`` ≥ 0 is each waiting customer's rate.
    """

    def __init__(self, servers: int, service: float, abandon: float, longest: int) -> None:
        ahead = np.arange(longest, dtype=float)
        self._forward = servers * service + abandon * ahead
        self._abandon = abandon
        leave = self._forward + abandon
        self.served = np.asarray(np.cumprod(self._forward / leave), dtype=float)
        """P(served in the end)."""
        self.wait = np.zeros(longest)
        """Mean time in queue, served or not."""
        self.wait_if_served = np.zeros(longest)
        """E[time in queue; served]."""
        shorter = served_wait = 0.0
        for place in range(longest):
            forward = self._forward[place] / leave[place]
            before = self.served[place - 1] if place else 1.0
            shorter = self.wait[place] = 1 / leave[place] + forward * shorter
            served_wait = self.wait_if_served[place] = forward * (before / leave[place] + served_wait)

    def served_within(self, within: float) -> Array:
        """P(served, and after at most this wait): a line that only moves forward, by uniformisation."""
        size = self._forward.size
        # Levels 0 … size: level 0 is "in service", level j + 1 has j ahead; the leaving customer is lost from the sum.
        rate = float(self._forward[-1] + self._abandon) if size else 0.0
        reached = np.zeros(size + 1)
        reached[0] = 1.0
        beats = rate * within
        if beats == 0:
            return np.zeros(size)
        last = int(beats + 10 * beats**0.5 + 60)
        counts = np.arange(last + 1)
        exactly = np.exp(counts * np.log(beats) - beats - gammaln(counts + 1))
        forward = self._forward / rate
        stay = 1 - forward - self._abandon / rate
        total = np.zeros(size + 1)
        for count in range(last + 1):
            total += exactly[count] * reached
            reached[1:] = stay * reached[1:] + forward * reached[:-1]
        return total[1:]
