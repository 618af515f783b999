"""Runs of the twin for staffing: what each target comes to, and how much of its people's capacity each team uses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from engine.dispatch import commands as cm
from engine.dispatch.commands import Command
from engine.dispatch.events import Event
from engine.measures.contacts import QUEUE
from engine.measures.definitions import MEASURES, Terms
from engine.measures.sheet import HALF_HOUR_MS, Measures, Sheet
from sim.scenario import DAY_MS, Scenario
from sim.staffing.targets import Target
from sim.twin.listening import Played
from sim.twin.scenes import replicate

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Run:
    """``values[i]``: of target i, one for each of its periods. ``units``: (team, interval of the day) → mean units in use."""

    values: tuple[tuple[float, ...], ...]
    units: Mapping[tuple[str, int], float]
    contacts: int


class TargetFold:
    """Measures of one run, read where the targets ask for them."""

    def __init__(self, targets: Sequence[Target], interval_ms: int, scenario: Scenario, _seed: int) -> None:
        self._targets, self._interval_ms = targets, interval_ms
        # Finer than people are counted where that is coarse: a warm-up of an hour must not cost a day.
        self._step_ms = min(interval_ms, HALF_HOUR_MS)
        dimensions = {target.dimension for target in targets} - {QUEUE}
        marks = tuple(sorted({mark for target in targets for mark in target.marks_ms}))
        self._measures = Measures(self._step_ms, scenario.origin_ms, (*sorted(dimensions), "agent"), marks)
        self._teams: dict[str, str] = {}

    def hear(self, stamp: int, command: Command | None, events: list[Event]) -> None:
        if type(command) is cm.DefineAgent:
            self._teams[command.profile.agent] = command.profile.team
        self._measures.hear(events)

    def result(self, played: Played) -> Run:
        sheet, step = self._measures.sheet(played.until_ms), self._step_ms
        first = -(-(played.warm_ms - played.origin_ms) // step)
        last = -(-(played.end_ms - played.origin_ms) // step) - 1
        values = tuple(
            tuple(_read(sheet, target, index) for index in periods(target, first, last, step))
            for target in self._targets
        )
        units: dict[tuple[str, int], int] = defaultdict(int)
        steps: dict[int, set[int]] = defaultdict(set)  # interval of the day → the steps of the run in it
        for place in range(first, last + 1):
            steps[place * step % DAY_MS // self._interval_ms].add(place)
        for (index, agent), row in sheet.agents.items():
            if first <= index <= last and (team := self._teams.get(agent)):
                units[team, index * step % DAY_MS // self._interval_ms] += row.used
        means = {(team, place): total / len(steps[place]) / step for (team, place), total in units.items()}
        return Run(values, means, played.counts["arrived"])


def periods(target: Target, first: int, last: int, interval_ms: int) -> list[list[int]]:
    """The intervals of the run, from first to last, that a target counts together."""
    day, (begin, end) = DAY_MS // interval_ms, target.window_ms
    inside = [place for place in range(first, last + 1) if begin <= place % day * interval_ms < end]
    if not target.period_ms:
        return [inside]
    step, found = target.period_ms // interval_ms, defaultdict(list)
    for place in inside:
        found[place // step].append(place)
    return list(found.values())


def _read(sheet: Sheet, target: Target, intervals: Sequence[int]) -> float:
    wanted = frozenset(intervals)
    total = sheet.contacts(target.dimension, target.name, 1, 0)  # of no interval: an empty row
    for (index, name), row in sheet.rows.get(target.dimension, {}).items():
        if index in wanted and (target.name is None or name == target.name):
            total.merge(row)
    span = len(intervals) * sheet.interval_ms
    return MEASURES[target.measure].read(total, Terms(target.within_ms, span))


@dataclass(frozen=True)
class Achieved:
    """A target's worst period over the runs: mean, and the bounds of its two-sided 95 % interval. ``sure``: the mean meets the
    target with 95 % confidence (one-sided)."""

    target: Target
    value: float
    low: float
    high: float
    met: bool
    sure: bool


def achieved(target: Target, runs: Sequence[Run], place: int) -> Achieved:
    """Over runs that are independent of each other."""
    table = np.asarray([run.values[place] for run in runs])
    found = [_of_period(target, column[column >= 0]) for column in table.T if (column >= 0).any()]
    found = found or [Achieved(target, -1.0, -1.0, -1.0, True, True)]
    worst = min if target.at_least else max
    return worst(found, key=lambda one: one.low if target.at_least else one.high)


def _of_period(target: Target, values: NDArray[np.float64]) -> Achieved:
    mean, freedom = float(values.mean()), len(values) - 1
    error = float(values.std(ddof=1)) / sqrt(len(values)) if freedom else float("inf")
    half, one_sided = (
        float(student.ppf(share, freedom)) * error if freedom else float("inf")
        for share in (0.5 + CONFIDENCE / 2, CONFIDENCE)
    )
    bound = mean - one_sided if target.at_least else mean + one_sided
    return Achieved(
        target, mean, mean - half, mean + half, target.met_by(mean), target.met_by(bound) and bound == bound
    )


def runs_of(
    scenario: Scenario, targets: Sequence[Target], interval_ms: int, seed: int, reps: int, processes: int
) -> list[Run]:
    """The same seeds: the same customers, whoever serves them."""
    fold = partial(TargetFold, tuple(targets), interval_ms)
    return [one.results[0] for one in replicate(scenario, reps, processes, (fold,), seed=seed)]
