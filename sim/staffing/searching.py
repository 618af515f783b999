"""The search for the fewest people: the load, the square root, less and less, and days that the search has not seen.

Every candidate is played with the same seeds, so that a difference is the people's and not the day's. While it searches a
candidate passes when the runs' mean meets every target; what is left at the end must meet them with 95 % confidence on
fresh seeds, else the last step down is taken back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil

from sim.scenario import DAY_MS, Scenario, Team
from sim.staffing.playing import Achieved, Run, achieved, runs_of
from sim.staffing.requirement import Requirement, planned, square_root, staffed
from sim.staffing.targets import Target
from sim.theory.qed import beta_for

# Of β, the people beyond the load in units of its root.
STEP, LOWEST, HIGHEST = 0.1, -40, 80
# A team that uses more of its capacity than this in the pilot is not shown its whole load.
EASY = 0.7
PILOTS = 6
# Runs shorter than this are not worth another process.
QUICK_S = 1.0


class NothingToMeasure(ValueError):
    """Nobody came of whom a target speaks; named are those targets."""


class OutOfReach(ValueError):
    """No number of people tried meets the targets; ``found``: what the most of them came to."""

    def __init__(self, found: Sequence[Achieved]) -> None:
        missed = ", ".join(f"{one.target.text} (got {one.value:.4g})" for one in found if not one.met)
        super().__init__(missed)
        self.found = tuple(found)


@dataclass(frozen=True)
class Effort:
    """``reps``: runs of each candidate; ``fresh``: at least so many to confirm; ``budget_s``: when the search stops to ask for less."""

    reps: int = 3
    fresh: int = 8
    budget_s: float = 180.0
    processes: int = 1


@dataclass(frozen=True)
class Staffing:
    """``loads``: team → people fully in use, by interval; ``fewer``: what the last candidate with fewer people came to (empty: none
    was tried); ``confirmed``: all targets are met with 95 % confidence on ``runs`` fresh runs."""

    scenario: Scenario
    requirement: Requirement
    planned: Requirement
    loads: Mapping[str, tuple[float, ...]]
    reached: tuple[Achieved, ...]
    fewer: tuple[Achieved, ...]
    confirmed: bool
    candidates: int
    runs: int
    contacts: float
    seconds: float


def staff(
    scenario: Scenario,
    targets: Sequence[Target],
    interval_ms: int,
    effort: Effort,
    told: Callable[[str, Mapping[str, object]], None] = lambda _code, _figures: None,
) -> Staffing:
    """Raises :class:`OutOfReach` and :class:`NothingToMeasure`. ``told`` hears how far it is: a code and its figures."""
    search = _Search(scenario, tuple(targets), interval_ms, effort, told)
    loads = search.offered_load()
    found = search.by_square_root(loads)
    found = search.less(found, loads)
    return search.confirm(found, loads)


@dataclass
class _Search:
    scenario: Scenario
    targets: tuple[Target, ...]
    interval_ms: int
    effort: Effort
    told: Callable[[str, Mapping[str, object]], None]
    known: dict[tuple[tuple[int, ...], ...], tuple[Achieved, ...]] = field(default_factory=dict)
    steps: list[Requirement] = field(default_factory=list)  # each with fewer people than the one before
    fewer: tuple[Achieved, ...] = ()
    begun: float = field(default_factory=time.perf_counter)
    quick: bool = False

    @property
    def teams(self) -> tuple[Team, ...]:
        return self.scenario.teams

    @property
    def shrinkage(self) -> dict[str, float]:
        return {team.name: team.shrinkage for team in self.teams}

    def late(self) -> bool:
        return time.perf_counter() - self.begun > self.effort.budget_s

    def play(self, requirement: Requirement, seed: int, reps: int) -> list[Run]:
        processes = 1 if self.quick else self.effort.processes
        scenario = staffed(self.scenario, requirement)
        return runs_of(scenario, self.targets, self.interval_ms, seed, reps, processes)

    def tried(self, requirement: Requirement) -> tuple[Achieved, ...]:
        """What the targets come to with the search's own seeds."""
        key = tuple(requirement.people[team.name] for team in self.teams)
        if key not in self.known:
            runs = self.play(requirement, self.scenario.seed, self.effort.reps)
            self.known[key] = tuple(achieved(target, runs, place) for place, target in enumerate(self.targets))
            met = all(one.met for one in self.known[key])
            self.told("tried", {"place": len(self.known), "people": requirement.total(), "met": met})
        return self.known[key]

    def meets(self, requirement: Requirement) -> bool:
        found = self.tried(requirement)
        if all(one.met for one in found):
            return True
        self.fewer = found
        return False

    # --- where to begin -------------------------------------------------------------------------------------------

    def offered_load(self) -> dict[str, tuple[float, ...]]:
        """What people who are hardly ever busy carry, by team and interval, as people who have all the chats they can."""
        count = DAY_MS // self.interval_ms
        people = {
            name: max(1, ceil(1.5 * max(course)))
            for name, course in planned(self.scenario, self.interval_ms).people.items()
        }
        units: dict[tuple[str, int], float] = {}
        for _ in range(PILOTS):
            began = time.perf_counter()
            pilot = Requirement(self.interval_ms, {name: (each,) * count for name, each in people.items()})
            runs = self.play(pilot, self.scenario.seed, 2)
            empty = [target.text for place, target in enumerate(self.targets) if _is_empty(runs, place)]
            if empty:
                raise NothingToMeasure(", ".join(empty))
            self.quick = (time.perf_counter() - began) / len(runs) < QUICK_S
            places = {place for run in runs for place in run.units}
            units = {place: sum(run.units.get(place, 0.0) for run in runs) / len(runs) for place in places}
            busy = {
                team.name
                for team in self.teams
                for place in range(count)
                if units.get((team.name, place), 0.0) > EASY * people[team.name] * _chats(team) * (1 - team.shrinkage)
            }
            self.told("pilot", {"people": pilot.total(), "busy": len(busy)})
            if not busy:
                break
            people = {name: 2 * each if name in busy else each for name, each in people.items()}
        return {
            team.name: tuple(
                units.get((team.name, place), 0.0) * self._slower(team) / _chats(team) for place in range(count)
            )
            for team in self.teams
        }

    def _slower(self, team: Team) -> float:
        """How much longer a chat takes when all chats are open: of work given as a whole, which the pilot saw done alone."""
        return self.scenario.people.slowdown(round(_chats(team))) if self.scenario.work else 1.0

    def by_square_root(self, loads: Mapping[str, Sequence[float]]) -> Requirement:
        """The smallest β, in steps of a tenth, with which the square-root rule meets the targets."""

        def of(step: int) -> Requirement:
            return square_root(loads, step * STEP, self.shrinkage, self.interval_ms)

        delays = [1 - target.goal if target.at_least else 4 * target.goal for target in self.targets]
        shares = [min(max(delay, 0.02), 0.9) for delay in delays if delay < 1]
        step = round(max((beta_for(delay) for delay in shares), default=0.5) / STEP)
        low, high, stride = LOWEST - 1, step, 4
        while not self.meets(of(high)):
            if high >= HIGHEST:
                raise OutOfReach(self.tried(of(high)))
            low, high, stride = high, min(HIGHEST, high + stride), 2 * stride
        stride = 4
        while low < LOWEST and high > LOWEST:
            lower = max(LOWEST, high - stride)
            if of(lower).people == of(high).people or self.meets(of(lower)):
                high, stride = lower, 2 * stride
            else:
                low = lower
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.meets(of(middle)) else (middle, high)
        self.steps.append(of(high))
        return self.steps[-1]

    # --- less and less --------------------------------------------------------------------------------------------

    def less(self, found: Requirement, loads: Mapping[str, Sequence[float]]) -> Requirement:
        """Take people away, the dearest hours first, over the whole day, then parts of it, as long as the targets are met."""
        for first, last in self._parts():
            for team in sorted(self.teams, key=lambda one: -one.cost_per_hour):
                least = [1 if load > 0 else 0 for load in loads[team.name]]
                mean = sum(found.people[team.name][first : last + 1]) / (last + 1 - first)
                by = max(1, round(mean / 16))
                while by and not self.late():
                    candidate = found.changed(team.name, -by, first, last, least)
                    if candidate.people == found.people:
                        break
                    if self.meets(candidate):
                        found = candidate
                        self.steps.append(found)
                    else:
                        by //= 2
        return found

    def _parts(self) -> Iterator[tuple[int, int]]:
        count = DAY_MS // self.interval_ms
        size = count
        while size >= 1:
            yield from ((first, min(first + size, count) - 1) for first in range(0, count, size))
            size = size // 4 if size > 4 else size - 1 if size == 2 else size // 2

    # --- days that it has not seen --------------------------------------------------------------------------------

    def confirm(self, found: Requirement, loads: Mapping[str, tuple[float, ...]]) -> Staffing:
        """On fresh seeds; a few more runs where the mean is right and the interval too wide, else one step back."""
        runs: list[Run] = []
        reached: tuple[Achieved, ...] = ()
        sure = False
        while not sure:
            runs, sure = [], False
            for seed in range(1, 4):
                runs += self.play(found, self.scenario.seed + 7_919 * seed, self.effort.fresh)
                reached = tuple(achieved(target, runs, place) for place, target in enumerate(self.targets))
                sure = all(one.sure for one in reached)
                if sure or not all(one.met for one in reached) or self.late():
                    break
            self.told("confirmed" if sure else "not_confirmed", {"people": found.total(), "runs": len(runs)})
            if sure or time.perf_counter() - self.begun > 2 * self.effort.budget_s:
                break
            found = self._back(found)
        seconds = time.perf_counter() - self.begun
        return Staffing(
            self.scenario, found, planned(self.scenario, self.interval_ms), loads, reached, self.fewer, sure,
            len(self.known), len(runs), sum(run.contacts for run in runs) / len(runs), seconds,
        )  # fmt: skip

    def _back(self, found: Requirement) -> Requirement:
        """The last step down is taken back; from the first one on, everybody gets a colleague (one in fifty, at least one)."""
        while self.steps and self.steps[-1].total() <= found.total():
            self.steps.pop()
        if self.steps:
            return self.steps[-1]
        people = {
            name: tuple(count + max(1, count // 50) if count else 0 for count in course)
            for name, course in found.people.items()
        }
        return Requirement(found.interval_ms, people)


def _is_empty(runs: Sequence[Run], place: int) -> bool:
    return all(value < 0 for run in runs for value in run.values[place])


def _chats(team: Team) -> float:
    """That one of the team has at most, on average."""
    return sum(team.capacity) / 2
