"""Shifts: who is there when, who finishes after the end, what is counted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sim.theory.lifetimes import Exponential
from sim.twin.clock import NEVER
from sim.twin.model import Crew, Kind, Model
from sim.twin.play import Play
from sim.validation.policies import Line, Team, policy_of

MINUTE = 60_000
EARLY, LATE = ((10 * MINUTE, 60 * MINUTE),), ((30 * MINUTE, 90 * MINUTE), (120 * MINUTE, NEVER))


def play_with(*crews: Crew) -> Play:
    policy = policy_of([Line("q1", tuple(crew.pool for crew in crews))], [Team(crew.pool) for crew in crews])
    kind = Kind("q1", 12 / MINUTE, Exponential(1.0), MINUTE, Exponential(0.5))
    return Play(Model(policy, (kind,), crews), 1)


@pytest.mark.parametrize("speeds", [(0.0, 1.0), (0.0, 1.0, 1.4)])
def test_two_shifts_come_and_go(speeds: tuple[float, ...]) -> None:
    """Ten agents from minute 10 to 60, six from 30 to 90 and again from 120: nobody serves before, and none is there after
    but those who finish; at the end everybody who came is accounted for."""
    play = play_with(Crew("early", 10, speeds, shifts=EARLY), Crew("late", 6, speeds, shifts=LATE))
    early, late = play.crews
    play.run(10 * MINUTE)
    assert play.busy() == 0 and play.waiting() > 0
    play.run(45 * MINUTE)
    assert (early.present.count, late.present.count) == (10, 6)
    play.run(75 * MINUTE)
    assert early.present.count == 0 and late.present.count == 6
    assert 50 * 10 * MINUTE <= early.present.area(play.now) < 60 * 10 * MINUTE, (
        "ten for fifty minutes, and a little more"
    )
    play.run(119 * MINUTE)
    assert play.busy() == late.present.count == 0
    play.run(150 * MINUTE)
    assert late.present.count == 6
    row = dict(zip(play.columns(), play.row(), strict=True))
    assert row["crew0.level.0"] + row["crew0.level.1"] <= row["crew0.present"]
    assert (
        row["kind0.arrived"]
        == sum(early.finished) + sum(late.finished) + row["kind0.abandoned"] + play.waiting() + play.busy()
    )


def test_whoever_still_finishes_when_the_next_shift_begins_goes_on() -> None:
    """Two shifts with a second between them, and contacts of a minute: nobody is off, nobody is signed on twice."""
    play = play_with(Crew("p1", 4, shifts=((0, 30 * MINUTE), (30 * MINUTE + 1_000, 60 * MINUTE))))
    play.run(30 * MINUTE + 1_000)
    agents = play.clock.dispatcher.agents.values()
    assert {agent.state for agent in agents} == {"finishing"}, "all were busy when the first ended"
    play.run(30 * MINUTE + 2_000)
    assert {agent.state for agent in agents} == {"available"} and play.crews[0].present.count == 4


def test_shifts_that_overlap_are_refused() -> None:
    """From 0 to 60 and from 50 to 90: said, with the second's place."""
    with pytest.raises(ValueError, match=r"got 50…90 after 60 \(shift 1\)"):
        play_with(replace(Crew("p1", 1), shifts=((0, 60), (50, 90))))
