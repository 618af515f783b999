"""Who works when: the agents of a scenario with names, skills, levels and presence, drawn once per seed.

Each crew draws from streams of its own, agent by agent: one more colleague changes nobody's skills, shifts or temper.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from engine.dispatch.commands import AgentKind, AgentProfile
from sim.laws import lengths_ms
from sim.names import people
from sim.scenario import DAY_MS, Fault, Scenario, Team, clock_ms
from sim.streams import Streams

Spans = tuple[tuple[int, int], ...]
# An agent who never comes: far beyond any run.
NEVER_MS = 1 << 50
# Days looked ahead for the next shift, beyond those of the run.
AHEAD = 2


class Post(NamedTuple):
    """One agent on the roster. The shift runs ``begin_ms`` … ``end_ms`` of the day.

    ``days``: on each day of the run the spans in which this one is there (ms of the day; past the last day it repeats,
    none: every day the whole shift). ``breaks``: of each day. ``cause``: names this one's streams.
    """

    profile: AgentProfile
    shift: str
    begin_ms: int
    end_ms: int
    cuts_per_hour: float
    days: tuple[Spans, ...] = ()
    breaks: Spans = ()
    pace: float = 1.0
    site: str = ""
    cause: tuple[str | int, ...] = ()
    cost_per_hour: float = 0.0

    def works_at(self, ms: int) -> bool:
        return self.begin_ms <= ms < self.end_ms

    def works_between(self, begin_ms: int, end_ms: int) -> bool:
        """There at ``begin_ms``, or comes before ``end_ms`` (both from the run's first midnight)."""
        return self.next_span(begin_ms)[0] < end_ms

    @property
    def shift_ms(self) -> int:
        return self.end_ms - self.begin_ms

    def spans_on(self, place: int) -> Spans:
        """When it is there on the day at this place of the run."""
        if not self.days:
            return ((self.begin_ms, self.end_ms),)
        return self.days[min(place, len(self.days) - 1)]

    def next_span(self, after_ms: int) -> tuple[int, int]:
        """The first span that ends after this instant (both from the run's first midnight); never: far beyond any run."""
        first = after_ms // DAY_MS
        for place in range(first, max(first, len(self.days)) + AHEAD):
            for begin, end in self.spans_on(place):
                if place * DAY_MS + end > after_ms:
                    return place * DAY_MS + begin, place * DAY_MS + end
        return NEVER_MS, NEVER_MS

    def breaks_between(self, begin_ms: int, end_ms: int) -> list[tuple[int, int]]:
        """Fixed breaks within a span, from the run's first midnight."""
        midnight = begin_ms // DAY_MS * DAY_MS
        found = [(midnight + first, midnight + last) for first, last in self.breaks]
        return [span for span in found if begin_ms <= span[0] and span[1] <= end_ms]


def roster(scenario: Scenario, streams: Streams) -> list[Post]:
    """All people, of every shift, in the order of the file."""
    posts: list[Post] = []
    seen: dict[str, int] = {}
    for team in scenario.teams:
        for shift, count in team.crews.items():
            posts += _crew(scenario, streams, team, shift, count, seen)
    return posts


def bots(scenario: Scenario) -> list[AgentProfile]:
    return [
        AgentProfile(
            agent=f"bot-{number}",
            kind=AgentKind.BOT,
            tenant=scenario.tenant,
            name=f"小枫 {number}",
            team="bots",
            pools=(scenario.bots.pool,),
            capacity=scenario.bots.capacity,
            auto_accept=True,
        )
        for number in range(1, scenario.bots.count + 1)
    ]


def paid_ms(scenario: Scenario) -> dict[str, int]:
    """Team → ms of its agents' shifts within the run, there or not: what is paid for."""
    found: dict[str, int] = {}
    for team in scenario.teams:
        total = 0
        for place in range(-(-scenario.end_ms // DAY_MS)):
            low, high = scenario.at_ms - place * DAY_MS, scenario.end_ms - place * DAY_MS
            for shift, count in team.crews.items():
                for begin, end in scenario.spans_of(shift, place):
                    total += count * max(0, min(end, high) - max(begin, low))
        found[team.name] = total
    return found


def _crew(scenario: Scenario, streams: Streams, team: Team, shift: str, count: int, seen: dict[str, int]) -> list[Post]:
    names = people(streams.stream("names", team.name, shift), count, seen=seen)
    draws = streams.stream("team", team.name, shift)
    present = _presence(scenario, streams, team, shift, count)
    spans = scenario.spans_of(shift)
    cuts = scenario.people.cuts_per_hour if team.cuts_per_hour is None else team.cuts_per_hour
    rests = tuple((clock_ms(begin) or 0, clock_ms(end) or 0) for begin, end in team.breaks)
    posts = []
    for place, (name, agent) in enumerate(names):
        wait = round(team.breaks_stagger_s * 1000 * _turn(scenario, shift, place, count))
        posts.append(
            Post(
                profile=_profile(scenario.tenant, team, agent, name, draws),
                shift=shift,
                begin_ms=spans[0][0],
                end_ms=spans[-1][1],
                cuts_per_hour=cuts,
                days=present[place],
                breaks=tuple((begin + wait, end + wait) for begin, end in rests),
                pace=team.pace,
                site=team.site,
                cause=(team.name, shift, place),
                cost_per_hour=team.cost_per_hour,
            )
        )
    return posts


def _presence(scenario: Scenario, streams: Streams, team: Team, shift: str, count: int) -> list[tuple[Spans, ...]]:
    """Each agent's spans on each day of the run: shrinkage, lateness, ramp and pools that are late taken off."""
    days = max(1, -(-(scenario.end_ms + scenario.drain_ms) // DAY_MS))
    away = streams.stream("shrinkage", team.name, shift).random((count, days)) < team.shrinkage
    late = np.zeros((count, days), dtype=np.int64)
    if team.late is not None:
        drawn = lengths_ms(team.late, streams.stream("late", team.name, shift), count * days)
        late += np.asarray(drawn, dtype=np.int64).reshape(count, days)
    ramp = [round(team.ramp_s * 1000 * _turn(scenario, shift, place, count)) for place in range(count)]
    faults = [_late_ms(scenario.faults, team, day) for day in range(days)]
    return [
        tuple(
            ()
            if away[place, day]
            else _later(scenario.spans_of(shift, day), int(late[place, day]) + ramp[place] + faults[day])
            for day in range(days)
        )
        for place in range(count)
    ]


def _turn(scenario: Scenario, shift: str, place: int, count: int) -> float:
    """How far (0 to 1) through what its team does one after the other this one of the crew is."""
    return (scenario.staggers.get(shift, 0.0) + place / max(1, count)) % 1.0


def _later(spans: Spans, late_ms: int) -> Spans:
    """The first span of the day begins so much later; what that leaves nothing of is gone."""
    if not late_ms:
        return spans
    begin = spans[0][0] + late_ms
    return tuple((max(first, begin), last) for first, last in spans if last > begin)


def _late_ms(faults: Sequence[Fault], team: Team, day: int) -> int:
    pools = team.pools or (team.kind.value,)
    return sum(
        round(fault.for_s * 1000)
        for fault in faults
        if fault.kind == "late" and fault.day == day + 1 and (fault.team == team.name or fault.pool in pools)
    )


def _profile(tenant: str, team: Team, agent: str, name: str, draws: np.random.Generator) -> AgentProfile:
    levels = {skill: _between(draws, *level) for skill, level in team.skills.items()}
    capacity = _between(draws, *team.capacity)
    for skill, some in team.some.items():
        has, level = draws.random() < some.share, _between(draws, *some.level)
        if has:
            levels[skill] = level
    return AgentProfile(
        agent=agent,
        kind=team.kind,
        tenant=tenant,
        name=name,
        team=team.name,
        pools=team.pools or (team.kind.value,),
        skills=levels,
        attributes=team.attributes,
        capacity=capacity,
        channel_limits=team.channel_limits,
    )


def _between(draws: np.random.Generator, low: int, high: int) -> int:
    return int(draws.integers(low, high + 1))
