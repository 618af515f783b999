"""Which days the search plays: few that stand for all, told by how busy each is as a whole.

A day's Gamma factor moves every figure of it more than all else that is drawn, and its law is known. So days are chosen by
their factor, and their figures are added up with weights that make them the average day's: control variates with known
means (Lavenberg and Welch 1981), the factor and its square. Where days do not differ so, all of them weigh the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import roots_genlaguerre
from scipy.stats import gamma

from sim.arrivals import day_factor
from sim.scenario import DAY_MS, Scenario
from sim.twin.replications import seeds_of

Array = NDArray[np.float64]
# Seeds that are looked at for each day wanted: the nearest of them is within a few thousandths.
LOOKED_AT = 64
# From so many days on the factor's square is a control, too; below, two days give a line and three a parabola.
FOR_SQUARES = 6
# Nodes of a quadrature stand for all days better than any others as long as there are only so many.
NODES = 3


@dataclass(frozen=True)
class Days:
    """``factors``: each day's, 1 on average with variance 1 / ``alpha``; an alpha of 0: days do not differ."""

    seeds: tuple[int, ...]
    factors: tuple[float, ...]
    alpha: float = 0.0

    def __add__(self, other: Days) -> Days:
        return Days(self.seeds + other.seeds, self.factors + other.factors, self.alpha)

    def busiest_first(self) -> list[int]:
        """Their places."""
        return sorted(range(len(self.seeds)), key=lambda place: (-self.factors[place], place))

    def terms(self, places: Sequence[int]) -> tuple[Array, Array]:
        """Controls of these days (a row each), and their means."""
        count = len(places)
        if not self.alpha or count < 2:
            order = 1
        else:
            order = 3 if count >= FOR_SQUARES or count == NODES else 2
        powers = np.arange(order)
        rows: Array = np.asarray([self.factors[place] for place in places])[:, None] ** powers
        means = np.asarray([1.0, 1.0, 1.0 + 1.0 / self.alpha if self.alpha else 1.0])[:order]
        return rows, means

    def weights(self, places: Sequence[int]) -> Array:
        """With which these days' figures make an average day's; they add up to 1."""
        rows, means = self.terms(places)
        found: Array = means @ np.linalg.pinv(rows)
        return found


def _alpha(scenario: Scenario) -> float:
    """Of a run of one day; in longer ones busy days and quiet ones make up for each other."""
    return scenario.day_of(0).day_alpha if scenario.end_ms <= DAY_MS else 0.0


def standing_for_all(scenario: Scenario, seed: int, count: int) -> Days:
    """Up to three: at the nodes of Gauss's quadrature for the factor's law; more: in the middle of equal shares of it."""
    alpha = _alpha(scenario)
    if not alpha:
        return _plain(scenario, seed, count)
    if count <= NODES:
        wanted: list[float] = (roots_genlaguerre(count, alpha - 1)[0] / alpha).tolist()
    else:
        wanted = gamma.ppf((np.arange(count) + 0.5) / count, alpha, scale=1 / alpha).tolist()
    seeds = seeds_of(seed, LOOKED_AT * count)
    factors = [day_factor(scenario, one) for one in seeds]
    chosen: list[int] = []
    for factor in wanted:
        left = [place for place in range(len(seeds)) if place not in chosen]
        chosen.append(min(left, key=lambda place: abs(factors[place] - factor)))
    return Days(tuple(seeds[place] for place in chosen), tuple(factors[place] for place in chosen), alpha)


def one_of_each_share(scenario: Scenario, seed: int, count: int) -> Days:
    """As they come, one from each of so many equal shares of the factor's law."""
    alpha = _alpha(scenario)
    if not alpha:
        return _plain(scenario, seed, count)
    found: dict[int, tuple[int, float]] = {}
    for one in seeds_of(seed, LOOKED_AT * count):
        factor = day_factor(scenario, one)
        found.setdefault(min(int(count * gamma.cdf(factor, alpha, scale=1 / alpha)), count - 1), (one, factor))
    chosen = [found[share] for share in sorted(found)]
    return Days(tuple(one for one, _ in chosen), tuple(factor for _, factor in chosen), alpha)


def ordinary(scenario: Scenario, seed: int, count: int) -> Days:
    """Those whose factor is nearest to 1."""
    alpha = _alpha(scenario)
    if not alpha:
        return _plain(scenario, seed, count)
    near = sorted(seeds_of(seed, LOOKED_AT), key=lambda one: abs(day_factor(scenario, one) - 1))[:count]
    return Days(tuple(near), tuple(day_factor(scenario, one) for one in near), alpha)


def _plain(scenario: Scenario, seed: int, count: int) -> Days:
    return Days(tuple(seeds_of(seed, count)), (1.0,) * count)
