"""A better mix of teams: fewer where it harms least, more where it helps most."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from sim.ready_made import find_scenario
from sim.scenario import Team, load_scenario
from sim.staffing.exchanging import better_mix, mixed, with_fewer
from sim.staffing.requirement import Requirement

HALF_DAY = 12 * 3_600_000
BLOCKS = [(0, 0), (1, 1)]
SIXTEEN = Requirement(HALF_DAY, {"presale": (16, 16), "care": (16, 16)})


def teams(pay: float = 40.0, care: float = 40.0) -> list[Team]:
    path = find_scenario("double11")
    assert path is not None
    found = {team.name: team for team in load_scenario(path, volume=100).teams}
    return [
        msgspec.structs.replace(found["presale"], cost_per_hour=pay),
        msgspec.structs.replace(found["care"], cost_per_hour=care),
    ]


def test_an_eighth_less_and_never_the_last() -> None:
    found = with_fewer(Requirement(HALF_DAY, {"presale": (16, 1), "care": (2, 0)}), "presale")
    assert found.people == {"presale": (14, 1), "care": (2, 0)}


def test_people_go_where_they_are_worth_most() -> None:
    """Care at night harms nothing, presale by day harms much: the one gives up a quarter, the other gets more."""
    harm = np.asarray([[[0.010], [0.040]], [[0.0005], [0.010]]])
    taken = better_mix(SIXTEEN, teams(), BLOCKS, harm, np.asarray([0.0]))
    assert taken["care", (0, 0)] == pytest.approx(2) and taken["presale", (1, 1)] < 0
    people = mixed(SIXTEEN, taken, 1.0).people
    assert people["care"][0] == 12 and people["presale"][1] > 16
    assert sum(map(sum, people.values())) < SIXTEEN.total()


def test_of_two_who_harm_alike_the_dearer_goes() -> None:
    harm = np.full((2, 2, 1), 0.01)
    taken = better_mix(SIXTEEN, teams(care=60.0), BLOCKS, harm, np.asarray([0.02]))
    assert taken["care", (0, 0)] + taken["care", (1, 1)] > taken["presale", (0, 0)] + taken["presale", (1, 1)]


def test_half_the_way_to_a_mix() -> None:
    taken = {("presale", (0, 0)): 2.0, ("presale", (1, 1)): -0.5, ("care", (0, 0)): 0.0, ("care", (1, 1)): 2.0}
    assert mixed(SIXTEEN, taken, 0.5).people == {"presale": (14, 16), "care": (16, 14)}
    assert mixed(SIXTEEN, taken, 1.0).people == {"presale": (12, 17), "care": (16, 12)}
