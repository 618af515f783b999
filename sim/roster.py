"""Who works: the agents of a scenario with names, skills and levels, drawn once per seed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from engine.dispatch.commands import AgentKind, AgentProfile
from sim.names import people
from sim.scenario import DAY_MS, Scenario, Team
from sim.streams import Streams


class Post(NamedTuple):
    """One agent on the roster. The shift runs ``begin_ms`` … ``end_ms`` of the day."""

    profile: AgentProfile
    shift: str
    begin_ms: int
    end_ms: int
    cuts_per_hour: float

    def works_at(self, ms: int) -> bool:
        return self.begin_ms <= ms < self.end_ms

    def works_between(self, begin_ms: int, end_ms: int) -> bool:
        """On duty at ``begin_ms``, or its shift begins before ``end_ms`` (which may lie past midnight)."""
        return self.works_at(begin_ms) or self.until_shift_ms(begin_ms) < end_ms - begin_ms

    @property
    def shift_ms(self) -> int:
        return self.end_ms - self.begin_ms

    def until_shift_ms(self, ms: int) -> int:
        """From this time of day until the shift begins, today or tomorrow."""
        return (self.begin_ms - ms) % DAY_MS


def roster(scenario: Scenario, streams: Streams) -> list[Post]:
    """All people, of every shift, in the order of the file. A team's draws move no other team's."""
    posts: list[Post] = []
    named = people(streams.stream("names"), sum(sum(team.crews.values()) for team in scenario.teams))
    for team in scenario.teams:
        draws = streams.stream("team", team.name)
        for shift, count in team.crews.items():
            begin, end = scenario.day.shifts.get(shift) or scenario.shifts[shift]
            for _ in range(count):
                name, agent = named[len(posts)]
                profile = _profile(scenario.tenant, team, agent, name, draws)
                cuts = scenario.people.cuts_per_hour if team.cuts_per_hour is None else team.cuts_per_hour
                posts.append(Post(profile, shift, begin, end, cuts))
    return posts


def bots(scenario: Scenario) -> list[AgentProfile]:
    return [
        AgentProfile(
            agent=f"bot-{number}",
            kind=AgentKind.BOT,
            tenant=scenario.tenant,
            name=f"小枫 {number}",
            team="bots",
            pools=("bot",),
            capacity=scenario.bots.capacity,
            auto_accept=True,
        )
        for number in range(1, scenario.bots.count + 1)
    ]


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
        capacity=capacity,
        channel_limits=team.channel_limits,
    )


def _between(draws: np.random.Generator, low: int, high: int) -> int:
    return int(draws.integers(low, high + 1))
