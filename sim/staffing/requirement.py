"""A requirement: how many of each team are there in each interval of the day; and the scenario that it makes of another.

People come in layers: the k-th of a team is there in all intervals that need k or more. One more changes nothing for the
others, so two requirements meet the same customers and the same colleagues.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, sqrt

import msgspec

from sim.scenario import DAY_MS, Scenario

Span = tuple[int, int]


@dataclass(frozen=True)
class Requirement:
    """``people``: team → how many in each interval of the day, whoever does not come (shrinkage) included."""

    interval_ms: int
    people: Mapping[str, tuple[int, ...]]

    def total(self) -> int:
        """People × intervals."""
        return sum(map(sum, self.people.values()))

    def hours(self, team: str) -> float:
        """Of one day."""
        return sum(self.people[team]) * self.interval_ms / 3_600_000

    def changed(
        self, team: str, by: int, first: int = 0, last: int | None = None, least: Sequence[int] = ()
    ) -> Requirement:
        """So many more of a team in these intervals (the last one included); never fewer than ``least``."""
        counts = list(self.people[team])
        for place in range(first, len(counts) if last is None else last + 1):
            counts[place] = max(counts[place] + by, least[place] if least else 0)
        return Requirement(self.interval_ms, {**self.people, team: tuple(counts)})


def layers(counts: Sequence[int], interval_ms: int) -> list[tuple[Span, ...]]:
    """For each person in turn the spans of the day in which so many are needed."""
    found = []
    for layer in range(1, max(counts, default=0) + 1):
        spans: list[Span] = []
        for place, count in enumerate(counts):
            begin, end = place * interval_ms, (place + 1) * interval_ms
            if count < layer:
                continue
            if spans and spans[-1][1] == begin:
                spans[-1] = (spans[-1][0], end)
            else:
                spans.append((begin, end))
        found.append(tuple(spans))
    return found


def staffed(scenario: Scenario, requirement: Requirement) -> Scenario:
    """The scenario with these people in place of the shifts of the teams named."""
    shifts, staggers, teams = dict(scenario.shifts), dict(scenario.staggers), []
    for team in scenario.teams:
        counts = requirement.people.get(team.name)
        if counts is not None:
            names = []
            for layer, spans in enumerate(layers(counts, requirement.interval_ms), 1):
                names.append(f"{team.name}, {layer}")
                shifts[names[-1]] = spans
                staggers[names[-1]] = turn(layer)
            team = msgspec.structs.replace(team, crews=dict.fromkeys(names, 1))
        teams.append(team)
    return msgspec.structs.replace(scenario, shifts=shifts, staggers=staggers, teams=tuple(teams))


def turn(layer: int) -> float:
    """When in its team's stagger the k-th person has its break: the first k are spread evenly, whatever k is, and one more
    moves nobody's (van der Corput's sequence: the binary digits of k − 1 behind the point, backwards)."""
    share, step, rest = 0.0, 0.5, layer - 1
    while rest:
        rest, digit = divmod(rest, 2)
        share, step = share + digit * step, step / 2
    return share


def planned(scenario: Scenario, interval_ms: int) -> Requirement:
    """What the scenario's own shifts give, on its first day: how many are there through each interval."""
    count = DAY_MS // interval_ms
    people = {}
    for team in scenario.teams:
        counts = [0] * count
        for shift, crew in team.crews.items():
            for begin, end in scenario.spans_of(shift):
                for place in range(begin // interval_ms, min(-(-end // interval_ms), count)):
                    counts[place] += crew
        people[team.name] = tuple(counts)
    return Requirement(interval_ms, people)


def square_root(
    loads: Mapping[str, Sequence[float]], beta: float, shrinkage: Mapping[str, float], interval_ms: int
) -> Requirement:
    """R + β√R people where R is the load in people (chats ÷ chats that one has at most), more for those who do not come.

    Halfin and Whitt's rule for a load that moves: Jennings, Mandelbaum, Massey and Whitt 1996, with the load that people who
    are never busy would carry. Where there is any load there is somebody.
    """

    def needed(load: float, away: float) -> int:
        return max(1, ceil((load + beta * sqrt(load)) / (1 - away) - 1e-9)) if load > 0 else 0

    people = {team: tuple(needed(load, shrinkage[team]) for load in course) for team, course in loads.items()}
    return Requirement(interval_ms, people)
