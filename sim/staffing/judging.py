"""What days that were played say of a target: met or not, how surely, and whether the days still to come could change it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, sqrt

import numpy as np
from scipy.stats import t as student

from engine.measures.definitions import MEASURES
from sim.staffing.days import Days
from sim.staffing.targets import Target

CONFIDENCE = 0.95

# One day's: for each target the figure of each of its periods; negative: there was nothing to measure.
Figures = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Achieved:
    """A target's worst period over the days: the average day's figure, and the bounds of its two-sided 95 % interval.
    ``sure``: the target is met with 95 % confidence (one-sided), ``bound`` being the end of that interval."""

    target: Target
    value: float
    low: float
    high: float
    bound: float

    @property
    def met(self) -> bool:
        return self.target.met_by(self.value)

    @property
    def sure(self) -> bool:
        return self.value < 0 or (self.bound == self.bound and self.target.met_by(self.bound) and abs(self.bound) < inf)

    def may_be_sure(self, times: float) -> bool:
        """Whether so many times the days would make it so, were they like those played."""
        if self.sure or not self.met or abs(self.bound) == inf:
            return self.sure or self.met
        return self.target.met_by(self.value + (self.bound - self.value) / sqrt(times))

    @property
    def scale(self) -> float:
        """What may be missing, in the target's unit."""
        goal = self.target.goal
        return 1 - goal if self.target.at_least and _is_share(self.target) else goal

    @property
    def slack(self) -> float:
        """By how much it is met, as a share of what may be missing; negative: by how much it is missed."""
        if self.value < 0:
            return 1.0
        spare = self.value - self.target.goal
        return (spare if self.target.at_least else -spare) / self.scale


def achieved(target: Target, days: Days, figures: Mapping[int, Figures], of: int) -> Achieved:
    """``figures``: by the day's place; ``of``: the target's place in them."""
    places = sorted(figures)
    table = np.asarray([figures[place][of] for place in places])
    found = []
    for column in table.T:
        known = [place for place, value in zip(places, column, strict=True) if value >= 0]
        if known:
            found.append(_of_period(target, days, known, [float(value) for value in column if value >= 0]))
    found = found or [Achieved(target, -1.0, -1.0, -1.0, -1.0)]
    worst = min if target.at_least else max
    return worst(found, key=lambda one: one.bound if one.bound == one.bound and abs(one.bound) < inf else one.value)


def _of_period(target: Target, days: Days, places: Sequence[int], values: Sequence[float]) -> Achieved:
    rows, _means = days.terms(places)
    weights, drawn = days.weights(places), np.asarray(values)
    mean = float(weights @ drawn)
    freedom = len(drawn) - rows.shape[1]
    half = one_sided = inf
    if freedom > 0:
        rest = drawn - rows @ (np.linalg.pinv(rows) @ drawn)
        error = sqrt(float((weights**2) @ (rest**2)) * len(drawn) / freedom)
        half, one_sided = (float(student.ppf(share, freedom)) * error for share in (0.5 + CONFIDENCE / 2, CONFIDENCE))
    bound = mean - one_sided if target.at_least else mean + one_sided
    return Achieved(target, mean, mean - half, mean + half, bound)


def _is_share(target: Target) -> bool:
    return MEASURES[target.measure].unit == "share"


def filled(days: Days, figures: Mapping[int, Figures]) -> dict[int, Figures]:
    """Days that were not played have the figures of the next busier one that was (else of the next quieter one)."""
    order = days.busiest_first()
    found, last = dict(figures), next(figures[place] for place in order if place in figures)
    for place in order:
        last = found.setdefault(place, last)
    return found


def verdict(targets: Sequence[Target], days: Days, figures: Mapping[int, Figures]) -> bool | None:
    """Whether the average day meets all targets; None: the days still to be played may decide it.

    Missed, when it would be missed though they were perfect. Met, when it would be met though they were as bad as the next busier
    day.
    """
    if len(figures) == len(days.seeds):
        return all(achieved(target, days, figures, of).met for of, target in enumerate(targets))
    if (days.weights(range(len(days.seeds))) < 0).any():
        return None
    for of, target in enumerate(targets):
        if target.at_least and not _is_share(target):
            continue
        best = tuple((1.0 if target.at_least else 0.0,) * len(one) for one in next(iter(figures.values())))
        hoped = {place: figures.get(place, best) for place in range(len(days.seeds))}
        if not achieved(target, days, hoped, of).met:
            return False
    if days.alpha and days.busiest_first()[0] in figures:
        feared = filled(days, figures)
        if all(achieved(target, days, feared, of).met for of, target in enumerate(targets)):
            return True
    return None
