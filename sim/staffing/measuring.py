"""The load that a day brings each team, hour by hour: what people who are hardly ever busy carry.

Twice: a small day first, to see how many people are enough not to be busy, then whole days with so many.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil, sqrt

from sim.scenario import DAY_MS, Scenario, Team
from sim.staffing.days import ordinary
from sim.staffing.judging import Achieved, Figures, achieved
from sim.staffing.playing import Player, Run, Task, step_of
from sim.staffing.requirement import Requirement, planned
from sim.staffing.targets import Target

Loads = dict[str, tuple[float, ...]]
Told = Callable[[str, Mapping[str, object]], None]

# A team that uses more of its capacity than this is not shown its whole load.
EASY = 0.7
# The small day has about so many contacts.
SMALL = 5_000
# How often the people are doubled.
TRIALS = 8
DAYS = 2


@dataclass(frozen=True)
class Pilot:
    """``loads``: by team and interval, in people who have all the chats they can. ``reached``: with people who are hardly ever busy.
    ``day_s``: processor seconds of a day."""

    loads: Loads
    reached: tuple[Achieved, ...]
    day_s: float


class NothingToMeasure(ValueError):
    """Nobody came of whom a target speaks; named are those targets."""


def offered_load(
    player: Player, scenario: Scenario, targets: tuple[Target, ...], interval_ms: int, told: Told
) -> Pilot:
    """Raises :class:`NothingToMeasure`."""
    count = DAY_MS // interval_ms
    people = {
        name: (max(1, ceil(1.5 * max(course))),) * count
        for name, course in planned(scenario, interval_ms).people.items()
    }
    scale = 1.0 if scenario.flows else max(1.0, scenario.volume / SMALL)
    if scale > 1:
        small = _Flight(player, scenario, targets, interval_ms, told, round(scenario.volume / scale))
        loads = small.fly(people).loads
        people = {team.name: _ample(scenario, team, loads[team.name], scale) for team in scenario.teams}
    return _Flight(player, scenario, targets, interval_ms, told, 0).fly(people)


def _ample(scenario: Scenario, team: Team, loads: tuple[float, ...], scale: float) -> tuple[int, ...]:
    """People enough that each has one chat at a time, and rarely a second: of loads measured in small."""
    alone = chats(team) / _slower(scenario, team) * scale
    units = [load * alone for load in loads]
    return tuple(ceil((1.5 * each + 4 * sqrt(each) + 1) / (1 - team.shrinkage)) for each in units)


class _Flight:
    def __init__(
        self, player: Player, scenario: Scenario, targets: tuple[Target, ...], interval_ms: int, told: Told, volume: int
    ) -> None:
        self._player, self._scenario, self._targets = player, scenario, targets
        self._interval_ms, self._told, self._volume = interval_ms, told, volume

    def fly(self, people: Mapping[str, tuple[int, ...]]) -> Pilot:
        scenario, seed = self._scenario, self._scenario.seed
        days = ordinary(scenario, seed, DAYS)
        units: dict[tuple[str, int], float] = {}
        runs: list[Run] = []
        figures: list[Figures] = []
        for _ in range(TRIALS):
            pilot = Requirement(self._interval_ms, people)
            tasks = [Task(pilot, seed, volume=self._volume) for seed in days.seeds]
            runs = self._player.runs(tasks)
            figures = [run.figures(self._targets, step_of(self._interval_ms)) for run in runs]
            self._need_something(figures)
            places = {place for run in runs for place in run.units}
            units = {place: sum(run.units.get(place, 0.0) for run in runs) / len(runs) for place in places}
            busy = {team.name for team in scenario.teams if self._is_busy(team, people[team.name], units)}
            self._told("pilot", {"people": pilot.total(), "busy": len(busy)})
            if not busy:
                break
            people = {
                name: tuple(2 * each for each in course) if name in busy else course for name, course in people.items()
            }
        loads = {
            team.name: tuple(
                units.get((team.name, place), 0.0) * _slower(scenario, team) / chats(team)
                for place in range(DAY_MS // self._interval_ms)
            )
            for team in scenario.teams
        }
        reached = [achieved(target, days, dict(enumerate(figures)), of) for of, target in enumerate(self._targets)]
        return Pilot(loads, tuple(reached), runs[-1].seconds)

    def _is_busy(self, team: Team, course: tuple[int, ...], units: Mapping[tuple[str, int], float]) -> bool:
        each = chats(team) * (1 - team.shrinkage)
        return any(
            units.get((team.name, place), 0.0) > EASY * count * each + 1e-9
            for place, count in enumerate(course)
            if count
        )

    def _need_something(self, figures: list[Figures]) -> None:
        empty = [
            target.text
            for of, target in enumerate(self._targets)
            if all(value < 0 for one in figures for value in one[of])
        ]
        if empty:
            raise NothingToMeasure(", ".join(empty))


def chats(team: Team) -> float:
    """That one of the team has at most, on average."""
    return sum(team.capacity) / 2


def _slower(scenario: Scenario, team: Team) -> float:
    """How much longer a chat takes when all chats are open: of work given as a whole, which the pilot saw done alone."""
    return scenario.people.slowdown(round(chats(team))) if scenario.work else 1.0
