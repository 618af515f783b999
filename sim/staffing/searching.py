"""The search for the fewest people: the load, the square root, less and less, and days that the search has not seen.

Every candidate is played on the same few days (:mod:`sim.staffing.days`), so that a difference is the people's and not the
day's; busy days first, and no more of them once they decide. A candidate passes when the average day meets every target. What is
left at the end must meet them with 95 % confidence on fresh days, else it goes back to the last step down that had as much
more to spare as was missing.

Where a day takes long only the part of it that a change can touch is played, with the hour before and after; what the
change does there is added to what the whole day came to, and whole days are played again in the end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import sqrt

import numpy as np

from sim.scenario import DAY_MS, Scenario, Team
from sim.staffing.days import Days, one_of_each_share, standing_for_all
from sim.staffing.exchanging import better_mix, mixed, with_fewer
from sim.staffing.judging import Achieved, Figures, achieved
from sim.staffing.measuring import Loads, NothingToMeasure, Told, offered_load
from sim.staffing.playing import Player, Run, Task
from sim.staffing.requirement import Requirement, planned, square_root
from sim.staffing.targets import Target
from sim.staffing.trying import QUICK_S, Part, Trial, Trials, tightened, with_margin
from sim.theory.qed import beta_for

__all__ = ["Effort", "NothingToMeasure", "OutOfReach", "Least", "Staffing", "TimeIsUp", "staff"]

# Of β, the people beyond the load in units of its root.
STEP, LOWEST, HIGHEST = 0.1, -40, 80
# Steps down in each part of the day are this share of its people, or one.
SHARE = 16
# Days of each candidate, unless said otherwise: where a day is slow, and where it is quick.
FEW, MANY = 3, 8
# Fresh days are tried in so many lots before it is a step back.
LOTS = 3
# Of the budget, what is for searching however long it takes to confirm.
FOR_SEARCH = 0.4
# Parts of a day in which a better mix of teams is looked for, and how often.
BLOCKS, MIXES = 6, 3
# What the search's days must have to spare where days are long, so that fresh ones confirm it at the first go: eight days of
# double11 know the share of quick replies to ±0.01, a fifth of what may be missing, and the search's own few flatter. Never
# more than most of what anybody had to spare: of some targets even people without end leave little.
MARGIN, OF_THE_MOST = 0.3, 0.8


class OutOfReach(ValueError):
    """No number of people tried meets the targets; ``found``: what the most of them came to."""

    def __init__(self, found: Sequence[Achieved]) -> None:
        super().__init__(_missed(found))
        self.found = tuple(found)


class TimeIsUp(ValueError):
    """The budget was used up before any number of people met the targets; ``found``: what the last of them came to."""

    def __init__(self, found: Sequence[Achieved]) -> None:
        super().__init__(_missed(found))
        self.found = tuple(found)


def _missed(found: Sequence[Achieved]) -> str:
    return ", ".join(f"{one.target.text} (got {one.value:.4g})" for one in found if not one.met)


class Least(StrEnum):
    """In what sense these are the fewest people."""

    EACH = "each"  # with one fewer in any one interval of any team a target is missed on the search's days
    MARGIN = "margin"  # the same, or less is left to spare than fresh days are likely to ask for
    CONFIRMED = "confirmed"  # the next step down met the targets on the search's days and was not confirmed
    CUT = "cut"  # the time was up: perhaps fewer would do


@dataclass(frozen=True)
class Effort:
    """``reps``: days on which each candidate is played (0: as many as suit the length of one); ``fresh``: at least so many to confirm;
    ``budget_s``: for all of it."""

    reps: int = 0
    fresh: int = 8
    budget_s: float = 300.0
    processes: int = 1


@dataclass(frozen=True)
class Staffing:
    """``loads``: team → people fully in use, by interval; ``fewer``: what the last candidate with fewer people came to (empty: none
    was tried); ``confirmed``: all targets are met with 95 % confidence on ``runs`` fresh days; ``days``: whole days that the
    search played."""

    scenario: Scenario
    requirement: Requirement
    planned: Requirement
    loads: Mapping[str, tuple[float, ...]]
    reached: tuple[Achieved, ...]
    fewer: tuple[Achieved, ...]
    confirmed: bool
    least: Least
    candidates: int
    days: float
    runs: int
    contacts: float
    seconds: float


def staff(
    scenario: Scenario,
    targets: Sequence[Target],
    interval_ms: int,
    effort: Effort,
    told: Told = lambda _code, _figures: None,
    clock: Callable[[], float] = time.perf_counter,
) -> Staffing:
    """Raises :class:`OutOfReach`, :class:`TimeIsUp` and :class:`NothingToMeasure`. ``told`` hears how far it is: a code and its
    figures. ``clock``: seconds, by which the budget is kept."""
    begun = clock()
    wanted = tuple(targets)
    with Player(scenario, wanted, interval_ms, effort.processes) as player:
        pilot = offered_load(player, scenario, wanted, interval_ms, told)
        ample = pilot.reached
        if any(one.slack < -1 for one in ample):
            raise OutOfReach(ample)
        reps = effort.reps or (FEW if pilot.day_s > QUICK_S else MANY)
        days = standing_for_all(scenario, scenario.seed, reps)
        trials = Trials(player, scenario, wanted, interval_ms, days)
        trials.day_s = pilot.day_s
        search = _Search(scenario, wanted, interval_ms, effort, told, clock, player, trials, pilot.loads, begun)
        if pilot.day_s > QUICK_S:
            search.least = Least.MARGIN
            search.ask_for_a_margin(ample)
        return search.confirm(search.less(search.in_a_better_mix(search.by_square_root())))


@dataclass
class _Search:
    scenario: Scenario
    targets: tuple[Target, ...]
    interval_ms: int
    effort: Effort
    told: Told
    clock: Callable[[], float]
    player: Player
    trials: Trials
    loads: Loads
    begun: float
    steps: list[Trial] = field(default_factory=list)  # each met the targets, with fewer people than the one before
    fewer: tuple[Achieved, ...] = ()
    least: Least = Least.EACH
    beta: int | None = None  # in steps
    told_of: int = 0  # candidates
    fresh_s: float = 0.0  # what confirming took the last time
    most: tuple[float, ...] = ()  # that was left to spare of each target, where a margin is asked for

    # --- time -----------------------------------------------------------------------------------------------------

    @property
    def passed(self) -> float:
        return self.clock() - self.begun

    @property
    def confirm_s(self) -> float:
        """What one lot of fresh days will take; before the first one, with half as much again for all that is not playing."""
        rounds = -(-self.effort.fresh // self.player.processes)
        return self.fresh_s or 1.5 * self.trials.day_s * rounds

    def late(self) -> bool:
        """Time to confirm, and to do so twice more should it fail."""
        budget = self.effort.budget_s
        return self.passed > max(FOR_SEARCH * budget, budget - 3 * self.confirm_s)

    # --- candidates -----------------------------------------------------------------------------------------------

    def heard(self, trial: Trial) -> Trial:
        if self.trials.count > self.told_of:
            self.told_of = self.trials.count
            figures = {"place": self.told_of, "people": trial.requirement.total(), "met": trial.met}
            self.told("tried", figures | {"slack": trial.slack, "seconds": self.passed})
        if not trial.met:
            self.fewer = trial.reached
        return trial

    def ask_for_a_margin(self, reached: Sequence[Achieved]) -> None:
        """Of the search's days, going by the most that was ever left to spare of each target."""
        slacks = [replace(one, target=target).slack for one, target in zip(reached, self.targets, strict=True)]
        self.most = tuple(map(max, self.most or slacks, slacks))
        shares = [min(MARGIN, max(0.0, OF_THE_MOST * slack)) for slack in self.most]
        self.trials.targets = with_margin(self.targets, shares)

    def by_square_root(self) -> Trial:
        """The smallest β, in steps of a tenth, with which the square-root rule meets the targets; found once, it only goes up."""
        shrinkage = {team.name: team.shrinkage for team in self.scenario.teams}

        def of(step: int) -> Trial:
            return self.heard(self.trials.whole(square_root(self.loads, step * STEP, shrinkage, self.interval_ms)))

        high, stride = (self._guess(), 4) if self.beta is None else (self.beta, 1)
        low, worst = LOWEST - 1, None
        trial = of(high)
        while not trial.met:
            if high >= HIGHEST:
                raise OutOfReach(trial.reached)
            if self.passed > self.effort.budget_s:
                raise TimeIsUp(trial.reached)
            low, worst = high, trial
            high, stride = min(HIGHEST, high + stride), 2 * stride
            trial = of(high)
        if self.most and self.beta is None:  # what fresh days have asked for since stays
            self.ask_for_a_margin(trial.reached)
            trial = self.trials.judged(trial.requirement, trial.figures)
        best, stride = trial, 4
        while worst is None and high > LOWEST and not self.late():
            lower = max(LOWEST, high - stride)
            trial = of(lower)
            if trial.met:
                high, best, stride = lower, trial, 2 * stride
            else:
                low, worst = lower, trial
        while high - low > 1 and worst is not None and not self.late():
            middle = _between(low, high, worst.slack, best.slack)
            trial = of(middle)
            if trial.met:
                high, best = middle, trial
            else:
                low, worst = middle, trial
        self.beta = high
        self.steps = [best]
        return best

    def _guess(self) -> int:
        """β for a share of waits like the share that may be missed."""
        delays = [1 - target.goal if target.at_least else 4 * target.goal for target in self.targets]
        shares = [min(max(delay, 0.02), 0.9) for delay in delays if delay < 1]
        return round(max((beta_for(delay) for delay in shares), default=0.5) / STEP)

    def in_a_better_mix(self, found: Trial) -> Trial:
        """Where days are long: at once fewer where it harms least, and more where it helps most, as far as that holds."""
        if not self.trials.in_parts:
            return found
        count = DAY_MS // self.interval_ms
        size = max(1, count // BLOCKS)
        blocks = [(first, min(first + size, count) - 1) for first in range(0, count, size)]
        for _ in range(MIXES):
            teams = [team for team in self.scenario.teams if any(found.requirement.people[team.name])]
            if self.late() or len(found.figures) < 1:
                break
            harm = self.trials.harm([with_fewer(found.requirement, team.name) for team in teams], blocks)
            spare = [
                one.slack * one.scale
                for one, figures in zip(found.reached, next(iter(found.figures.values())), strict=True)
                for _ in figures
            ]
            taken = better_mix(found.requirement, teams, blocks, harm, np.asarray(spare))
            before, share = found, 0.5  # the harm grows faster than a straight line
            while share > 0.1 and not self.late() and found is before:
                trial = self.heard(self.trials.whole(mixed(before.requirement, taken, share)))
                if trial.met and self._pay(trial.requirement) < self._pay(before.requirement):
                    found = trial
                    self.steps.append(found)
                share /= 2
            if found is before:
                break
        return found

    def _pay(self, requirement: Requirement) -> float:
        """Or hours, of those whose pay is not said."""
        return sum(requirement.hours(team.name) * (team.cost_per_hour or 1.0) for team in self.scenario.teams)

    # --- less and less --------------------------------------------------------------------------------------------

    def less(self, found: Trial) -> Trial:
        """Take people away, the dearest hours first, over the whole day, then parts of it, as long as the targets are met.

        Ends when nobody can be spared anywhere (:attr:`Least.EACH`), or when it is late.
        """
        count = DAY_MS // self.interval_ms
        for size in _sizes(count):
            before = found
            for first in range(0, count, size):
                found = self._fewer_in(found, first, min(first + size, count) - 1, size == 1)
            found = self._on_whole_days(found, before)
        while not self.late():
            before = found
            for place in range(count):
                found = self._fewer_in(found, place, place, True)
            found = self._on_whole_days(found, before)
            if found.requirement.people == before.requirement.people:
                return found
        self.least = Least.CUT
        return found

    def _fewer_in(self, found: Trial, first: int, last: int, finest: bool) -> Trial:
        """In this part of the day; in steps of a sixteenth, in parts twice as many each time, and at the finest down to one."""
        parts = self.trials.in_parts and last - first < DAY_MS // self.interval_ms // 2
        part: Part | None = None
        for team in self._dearest_first(found, first, last):
            course = found.requirement.people[team.name][first : last + 1]
            by = smallest = max(1, round(sum(course) / len(course) / SHARE))
            missed = False
            least = [1 if load > 0 else 0 for load in self.loads[team.name]]
            while by and not self.late():
                candidate = found.requirement.changed(team.name, -by, first, last, least)
                if candidate.people == found.requirement.people:
                    break
                after: Part | None = None
                if parts:
                    part = part or self.trials.part(found, first, last)
                    trial, after = self.trials.changed(found, part, candidate)
                else:
                    trial = self.trials.whole(candidate)
                if self.heard(trial).met:
                    found, part = trial, after
                    self.steps.append(found)
                    by = by if missed or finest else 2 * by
                else:
                    by, missed = by // 2 if finest or by > smallest else 0, True
        return found

    def _dearest_first(self, found: Trial, first: int, last: int) -> list[Team]:
        """Of those who cost as much, the ones with most to spare: beyond their load, in units of its root."""

        def spare(team: Team) -> float:
            people = sum(found.requirement.people[team.name][first : last + 1]) * (1 - team.shrinkage)
            load = sum(self.loads[team.name][first : last + 1])
            return (people - load) / sqrt(load) if load > 0 else 0.0

        return sorted(self.scenario.teams, key=lambda team: (-team.cost_per_hour, -spare(team)))

    def _on_whole_days(self, found: Trial, before: Trial) -> Trial:
        """What was reckoned from parts of the day, played as a whole; where that misses, back to a step that had enough to spare."""
        if not self.trials.in_parts or found.requirement.people == before.requirement.people:
            return found
        played = self.heard(self.trials.whole(found.requirement))
        if played.met:
            self.steps[-1] = played
            return played
        return self._back_to(tightened(self.targets, found.reached, played.reached)) or before

    # --- days that it has not seen --------------------------------------------------------------------------------

    def confirm(self, found: Trial) -> Staffing:
        """On fresh days; a few more where the interval is too wide and they can narrow it enough, else back up to where there is more to spare."""
        lot = 0
        while True:
            figures: dict[int, Figures] = {}
            reached: tuple[Achieved, ...] = ()
            days, contacts, sure = Days((), ()), 0, False
            for lots in range(LOTS):
                lot += 1
                more = one_of_each_share(self.scenario, self.scenario.seed + 7_919 * lot, self.effort.fresh)
                begun = self.clock()
                runs = self._fresh(found.requirement, more)
                self.fresh_s = self.clock() - begun
                step_ms = self.trials.step_ms
                figures |= {len(days.seeds) + place: run.figures(self.targets, step_ms) for place, run in runs.items()}
                days = Days(days.seeds + more.seeds, days.factors + more.factors, more.alpha)
                contacts += sum(run.contacts for run in runs.values())
                reached = tuple(achieved(target, days, figures, of) for of, target in enumerate(self.targets))
                sure = all(one.sure for one in reached)
                hopeful = all(one.may_be_sure(LOTS / (lots + 1)) for one in reached)
                if sure or not hopeful or not self._time_for_more():
                    break
            self.told(
                "confirmed" if sure else "not_confirmed", {"people": found.requirement.total(), "runs": len(figures)}
            )
            if sure or not self._time_for_more():
                return self._staffing(found, reached, sure, len(figures), contacts / len(figures))
            found = self._back(found, reached)

    def _time_for_more(self) -> bool:
        return self.passed + self.confirm_s < self.effort.budget_s

    def _fresh(self, requirement: Requirement, days: Days) -> dict[int, Run]:
        order = days.busiest_first()
        tasks = [Task(requirement, days.seeds[place]) for place in order]
        return dict(zip(order, self.player.runs(tasks), strict=True))

    def _back(self, found: Trial, fresh: Sequence[Achieved]) -> Trial:
        """To a step with as much more to spare as was missing, or up; and from there again less and less."""
        self.least = Least.CUT if self.least is Least.CUT else Least.CONFIRMED
        goals = tightened(self.trials.targets, found.reached, fresh)
        found = self._back_to(goals) or self.by_square_root()
        return found if self.late() else self.less(found)

    def _back_to(self, goals: tuple[Target, ...]) -> Trial | None:
        """The last step that meets these goals, which are the search's from here on; none: even the first one does not."""
        self.trials.targets = goals
        self.steps = [self.trials.judged(step.requirement, step.figures) for step in self.steps]
        while self.steps and not self.steps[-1].met:
            self.fewer = self.steps.pop().reached
        return self.steps[-1] if self.steps else None

    def _staffing(
        self, found: Trial, reached: tuple[Achieved, ...], sure: bool, runs: int, contacts: float
    ) -> Staffing:
        plan = planned(self.scenario, self.interval_ms)
        return Staffing(
            self.scenario, found.requirement, plan, self.loads, reached, self.fewer, sure, self.least,
            self.trials.count, self.trials.played, runs, contacts, self.passed,
        )  # fmt: skip


def _sizes(count: int) -> Iterator[int]:
    """Of the parts of a day, in intervals: all of it, quarters of it and so on down to one."""
    size = count
    while size > 1:
        yield size
        size = size // 4 if size > 4 else 1
    yield 1


def _between(low: int, high: int, missing: float, spare: float) -> int:
    """Where a straight line from what is missing at low to what is to spare at high is at nought; never too near an end."""
    share = -missing / (spare - missing) if spare > missing else 0.5
    return min(max(low + round((high - low) * min(max(share, 0.15), 0.85)), low + 1), high - 1)
