"""Candidates played on the search's days: whole days, or only the part that a change can touch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sim.scenario import DAY_MS, Scenario
from sim.staffing.days import Days
from sim.staffing.judging import Achieved, Figures, achieved, filled, verdict
from sim.staffing.playing import Player, Run, Span, Task, step_of
from sim.staffing.requirement import Requirement
from sim.staffing.targets import Target

Array = NDArray[np.float64]

# Of a processor: days that take less are played whole and all at once.
QUICK_S = 1.0
# What is played before the part in question, so that it does not begin empty …
BEFORE_MS = 3_600_000
# … how long after it a change is still felt, and what is played after that so that the last to come are not alone.
AFTER_MS, LAST_MS = 3_600_000, 1_800_000
# On days less busy fewer people harm about so much as on the busiest one.
LESS_BUSY = 0.3


@dataclass(frozen=True)
class Trial:
    """``figures``: by the place of the day, of those that were played or reckoned; ``reached``: of the average day."""

    requirement: Requirement
    figures: Mapping[int, Figures]
    reached: tuple[Achieved, ...]
    met: bool

    @property
    def slack(self) -> float:
        """Of the target that is nearest to being missed."""
        return min(one.slack for one in self.reached)


@dataclass(frozen=True)
class Part:
    """A part of the day (``steps``: as rows count it), played as it stands: ``now`` by the place of the day."""

    span: Span
    steps: tuple[int, int]
    now: Mapping[int, Run]


class Trials:
    """``targets``: what a candidate must meet; tightened when fresh days ask for more."""

    def __init__(
        self, player: Player, scenario: Scenario, targets: Sequence[Target], interval_ms: int, days: Days
    ) -> None:
        self.targets = tuple(targets)
        self.days = days
        self.count = 0
        self.played = 0.0  # whole days
        self.day_s = 0.0  # of a processor, the longest so far
        self._player, self._scenario, self._interval_ms = player, scenario, interval_ms
        self.step_ms = step_of(interval_ms)
        self._known: dict[tuple[tuple[int, ...], ...], Mapping[int, Figures]] = {}
        self._whole: dict[int, Run] = {}  # of the last candidate played on whole days that met the targets

    @property
    def in_parts(self) -> bool:
        """Whether parts of a day are played on their own: where a day is long in the playing, and there is only one."""
        scenario = self._scenario
        is_one_day = scenario.end_ms - scenario.at_ms > 6 * BEFORE_MS and scenario.end_ms <= DAY_MS
        return self.day_s > QUICK_S and is_one_day and not scenario.swaps

    def judged(self, requirement: Requirement, figures: Mapping[int, Figures], met: bool | None = None) -> Trial:
        whole = filled(self.days, figures)
        reached = tuple(achieved(target, self.days, whole, of) for of, target in enumerate(self.targets))
        return Trial(requirement, figures, reached, all(one.met for one in reached) if met is None else met)

    def whole(self, requirement: Requirement) -> Trial:
        """On whole days, as many of them as it takes to tell."""
        key = tuple(tuple(course) for course in requirement.people.values())
        if key in self._known:
            return self.judged(requirement, self._known[key])
        runs, figures, met = self._play(requirement, self.days.busiest_first(), None, lambda _place, run: run)
        self._known[key] = figures
        self.played += len(runs)
        trial = self.judged(requirement, figures, met)
        if trial.met:
            self._whole = runs
        return trial

    def harm(self, candidates: Sequence[Requirement], blocks: Sequence[tuple[int, int]]) -> Array:
        """By how much these worsen the average day's figures in each block of intervals, told from the busiest day and the last whole
        days that were good: candidates × blocks × figures (of each target's periods in turn)."""
        place = self.days.busiest_first()[0]
        tasks = [Task(candidate, self.days.seeds[place]) for candidate in candidates]
        self.played += len(tasks)
        base, runs = self._whole[place], self._player.runs(tasks)
        steps = self._interval_ms // self.step_ms

        def flat(run: Run) -> Array:
            figures = run.figures(self.targets, self.step_ms)
            signs = [-1.0 if target.at_least else 1.0 for target in self.targets]
            return np.asarray(
                [sign * max(value, 0.0) for sign, periods in zip(signs, figures, strict=True) for value in periods]
            )

        was = flat(base)
        harms = np.asarray(
            [
                [flat(base.with_part(run, first * steps, (last + 1) * steps - 1)) - was for first, last in blocks]
                for run in runs
            ]
        )
        weights = self.days.weights(range(len(self.days.seeds)))
        return harms * float(weights[place] + LESS_BUSY * (1 - weights[place]))

    def part(self, trial: Trial, first: int, last: int) -> Part:
        """These intervals of the day, with a candidate that met the targets."""
        scenario, interval_ms = self._scenario, self._interval_ms
        begin, end = first * interval_ms, (last + 1) * interval_ms
        span = max(scenario.at_ms, begin - BEFORE_MS), min(scenario.end_ms, end + AFTER_MS + LAST_MS)
        steps = begin // self.step_ms, (min(scenario.end_ms, end + AFTER_MS) - 1) // self.step_ms
        runs, _figures, _met = self._play(
            trial.requirement, [place for place in self.days.busiest_first() if place in trial.figures], span, None
        )
        return Part(span, steps, runs)

    def changed(self, trial: Trial, part: Part, requirement: Requirement) -> tuple[Trial, Part]:
        """What the candidate comes to: what this trial came to, and what the change does in this part of the day."""

        def composed(place: int, run: Run) -> Run:
            return self._whole[place].with_part(run, *part.steps)

        before = {place: composed(place, run).figures(self.targets, self.step_ms) for place, run in part.now.items()}
        places = [place for place in self.days.busiest_first() if place in part.now]
        runs, figures, met = self._play(requirement, places, part.span, composed, (trial.figures, before))
        if met is None:
            met = self.judged(requirement, figures).met
        return self.judged(requirement, figures, met), Part(part.span, part.steps, runs)

    def _play(
        self,
        requirement: Requirement,
        places: Sequence[int],
        span: Span | None,
        composed: Callable[[int, Run], Run] | None,
        base: tuple[Mapping[int, Figures], Mapping[int, Figures]] | None = None,
    ) -> tuple[dict[int, Run], dict[int, Figures], bool | None]:
        """As many of these days, in this order, as it takes to tell; all of them where nothing is to be told."""
        runs: dict[int, Run] = {}
        figures: dict[int, Figures] = {}
        met: bool | None = None
        at_once = len(places) if self.day_s <= QUICK_S else self._player.processes
        left = list(places)
        self.count += composed is not None
        while left and met is None:
            some, left = left[:at_once], left[at_once:]
            tasks = [Task(requirement, self.days.seeds[place], span) for place in some]
            for place, run in zip(some, self._player.runs(tasks), strict=True):
                runs[place] = run
                if span is None:
                    self.day_s = max(self.day_s, run.seconds)
                if composed is not None:
                    found = composed(place, run).figures(self.targets, self.step_ms)
                    figures[place] = found if base is None else _moved(base[0][place], base[1][place], found)
            if composed is not None:
                met = verdict(self.targets, self.days, figures)
        return runs, figures, met


def _moved(base: Figures, before: Figures, after: Figures) -> Figures:
    """The base, moved as from before to after; what had nothing to measure is as it is after."""
    return tuple(
        tuple(
            now if min(was, then, now) < 0 else max(0.0, was + now - then)
            for was, then, now in zip(*periods, strict=True)
        )
        for periods in zip(base, before, after, strict=True)
    )


def with_margin(targets: Sequence[Target], shares: Sequence[float]) -> tuple[Target, ...]:
    """Goals that leave these shares of what may be missing unused."""
    found = []
    for target, share in zip(targets, shares, strict=True):
        may_be_missing = 1 - target.goal if target.at_least and target.goal < 1 else target.goal
        found.append(replace(target, goal=target.goal + share * may_be_missing * (1 if target.at_least else -1)))
    return tuple(found)


def tightened(targets: Sequence[Target], search: Sequence[Achieved], fresh: Sequence[Achieved]) -> tuple[Target, ...]:
    """Goals for the search's days such that fresh days will do: what the search's came to, and what was missing on the fresh ones."""
    found = []
    for target, ours, theirs in zip(targets, search, fresh, strict=True):
        if theirs.sure:
            found.append(target)
            continue
        missing = abs(theirs.bound - theirs.target.goal)
        original = theirs.target.goal
        if target.at_least:
            most = 1 - 0.1 * (1 - original) if original < 1 else 10 * original
            found.append(replace(target, goal=min(max(ours.value, target.goal) + missing, most)))
        else:
            found.append(replace(target, goal=max(min(ours.value, target.goal) - missing, 0.1 * original)))
    return tuple(found)
