"""Iterative staffing (ISA; Feldman, Mandelbaum, Massey & Whitt 2008): staff that follows a wave of arrivals so that the
delay probability stays at its target at every moment."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, pi, sqrt

import numpy as np

from sim.theory.lifetimes import Array
from sim.theory.limits import need_positive, need_share
from sim.theory.offered_load import SineLoad, busy_probability, staff_for_delay
from sim.theory.transients import settle

ROUNDS = 30
# Waves that are played before the one that is looked at: the start is forgotten by then.
LEAD = 2


@dataclass(frozen=True)
class Staffed:
    """Staff and delay probability by moment of one wave, at ``times`` from 0 on, evenly spaced."""

    wave: SineLoad
    abandon: float
    target: float
    times: Array
    staff: tuple[int, ...]
    delay: Array
    course: Array
    """Distribution of the number in system, by moment."""

    def at(self, t: float) -> tuple[int, float]:
        """(fewest staff, delay probability) at any t, the wave going on for ever."""
        step = float(self.times[1] - self.times[0])
        since = t % (step * len(self.staff))
        place = min(int(since / step), len(self.staff) - 1)
        start = float(self.times[place])
        now = _carried(self.wave, self.abandon, self.staff[place], self.course[place], (start, since))
        servers = _fewest(now, self.target)
        return servers, float(now[servers:].sum())


def iterative_staff(wave: SineLoad, abandon: float, delay: float, moments: int = 240) -> Staffed:
    """Fewest servers at each moment of M_t/M/s_t+M with P(number in system ≥ s) ≤ ``delay``, found as a fixed point.

    ``wave`` must be from the endless past and move. Begins with endless servers; servers taken away leave their customers
    to the queue. Rates stand still for one of ``moments`` of a wave. With ``abandon`` equal to the service rate the number
    in system does not depend on the staff, and :func:`exact_staff` is exact.
    """
    need_positive(abandon=abandon, speed=wave.speed)
    need_share(delay=delay)
    step = 2 * pi / wave.speed / moments
    times = step * np.arange(moments, dtype=float)
    highest = (wave.mean + abs(wave.swing)) / min(wave.service, abandon)
    places = ceil(highest + 12 * sqrt(highest) + 40)
    staff = [places] * moments
    seen: list[list[int]] = []
    for _ in range(ROUNDS):
        course = _course(wave, abandon, staff, step, places)
        found = [_fewest(now, delay) for now in course]
        if found == staff or found in seen:
            break
        seen.append(staff)
        staff = found
    late = np.array([now[servers:].sum() for now, servers in zip(course, found, strict=True)])
    return Staffed(wave, abandon, delay, times, tuple(found), late, course)


def _fewest(now: Array, delay: float) -> int:
    """Smallest s ≥ 1 with P(number in system ≥ s) ≤ delay."""
    tails = np.cumsum(now[::-1])[::-1]
    return max(1, int(np.argmax(tails <= delay)))


def _carried(wave: SineLoad, abandon: float, servers: int, now: Array, span: tuple[float, float]) -> Array:
    """The distribution of the number in system, from one moment to another within a step of the wave."""
    levels = np.arange(1, now.size)
    deaths = wave.service * np.minimum(levels, servers) + abandon * np.maximum(levels - servers, 0)
    after, _ = settle(np.full(now.size - 1, wave.mean_rate(*span)), deaths, now, span[1] - span[0])
    return after


def _course(wave: SineLoad, abandon: float, staff: list[int], step: float, places: int) -> Array:
    """Distribution of the number in system at each moment of one wave under this staff."""
    levels = np.arange(1, places + 1)
    load = wave.load(0.0)
    now = np.exp(np.concatenate([[0.0], np.cumsum(np.log(load / levels))]) - load)
    now /= now.sum()
    course = np.empty((len(staff), places + 1))
    for _ in range(LEAD + 1):
        for moment, servers in enumerate(staff):
            course[moment] = now
            now = _carried(wave, abandon, servers, now, (moment * step, (moment + 1) * step))
    return course


def exact_staff(wave: SineLoad, delay: float, t: float) -> tuple[int, float]:
    """(fewest servers, delay probability) at t when customers leave at the rate at which they are served.

    The number in system is then Poisson with the load of endless servers, whatever the staff.
    """
    load = wave.load(t)
    servers = staff_for_delay(load, delay)
    return servers, busy_probability(load, servers)
