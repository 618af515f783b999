"""Where people are worth least: each team in turn with fewer, all day long, and from that a better mix of all of them at once.

One busy day for each team tells the harm of fewer people in each part of the day, since a row counts where a wait began. A
linear programme then takes away where it harms least and adds where it helps most (a cutting plane of Atlason, Epelman and
Henderson 2008, from differences on common random numbers); whether the mix holds is for the twin to say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from sim.scenario import Team
from sim.staffing.requirement import Requirement

# The share of a team that is taken away to see what it does.
SHARE = 8
# Of that: how much may be taken away, or added, at once.
MOST, LEAST = 2.0, -0.5
# No harm seen is still some, as a share of what harms on average.
SOME = 0.1

Array = NDArray[np.float64]
Block = tuple[int, int]


def with_fewer(requirement: Requirement, team: str) -> Requirement:
    """An eighth of this team less, and at least one of two."""
    course = tuple(max(min(count, 1), count - max(1, round(count / SHARE))) for count in requirement.people[team])
    return Requirement(requirement.interval_ms, {**requirement.people, team: course})


def better_mix(
    requirement: Requirement, teams: Sequence[Team], blocks: Sequence[Block], harm: Array, slack: Array
) -> Mapping[tuple[str, Block], float]:
    """(team, block) → how many eighths to take away (negative: to add). ``harm[t, b, k]``: to target figure k of an eighth fewer of team
    t in block b; ``slack[k]``: what it may come to."""
    pay = [team.cost_per_hour or 1.0 for team in teams]
    people = np.asarray(
        [
            [each * sum(requirement.people[team.name][first : last + 1]) for first, last in blocks]
            for team, each in zip(teams, pay, strict=True)
        ]
    )
    harmful = np.maximum(harm, 0.0)
    for k in range(harm.shape[2]):
        seen = harmful[:, :, k] / np.maximum(people, 1.0)
        mean = seen[seen > 0].mean() if (seen > 0).any() else 0.0
        harmful[:, :, k] = np.where(harmful[:, :, k] > 0, harmful[:, :, k], SOME * mean * people)
    count = people.size
    found = linprog(
        -people.reshape(count),
        A_ub=harmful.reshape(count, -1).T,
        b_ub=np.maximum(slack, 0.0),
        bounds=[(LEAST, MOST)] * count,
    )
    taken = found.x if found.success else np.zeros(count)
    names = [(team.name, block) for team in teams for block in blocks]
    return dict(zip(names, (float(each) for each in taken), strict=True))


def mixed(requirement: Requirement, taken: Mapping[tuple[str, Block], float], share: float) -> Requirement:
    """So much of the way to the better mix; nobody's last colleague goes."""
    people = {name: list(course) for name, course in requirement.people.items()}
    for (name, (first, last)), eighths in taken.items():
        for place in range(first, last + 1):
            count = people[name][place]
            people[name][place] = max(min(count, 1), round(count * (1 - share * eighths / SHARE)))
    return Requirement(requirement.interval_ms, {name: tuple(course) for name, course in people.items()})
