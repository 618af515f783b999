"""Runs: the same chance for the same seed, common chance between policies, sums that add up, nothing that piles up."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sim.theory.lifetimes import Deterministic, Exponential
from sim.twin.model import Crew, Kind, Model, Retry
from sim.twin.play import Play
from sim.validation.policies import Line, Team, policy_of

MINUTE = 60_000
KIND = Kind("q1", 48 / MINUTE, Exponential(1.0), MINUTE, Exponential(0.5))


def model(**changes: object) -> Model:
    policy = policy_of([Line("q1", ("p1",))], [Team("p1")])
    return replace(Model(policy, (KIND,), (Crew("p1", 50),)), **changes)


def table(play: Play) -> dict[str, int]:
    return dict(zip(play.columns(), play.row(), strict=True))


def test_one_seed_one_run_however_it_is_cut() -> None:
    """A run of an hour at once, and the same in sixty pieces: every sum is the same; another seed gives others."""
    whole, pieces, other = Play(model(), 3), Play(model(), 3), Play(model(), 4)
    whole.run(60 * MINUTE)
    for minute in range(60):
        pieces.run((minute + 1) * MINUTE)
    other.run(60 * MINUTE)
    assert whole.row() == pieces.row()
    assert whole.row() != other.row()


def test_everybody_is_somewhere() -> None:
    """Whoever arrived was served, left, or is still there; nothing is left behind in the dispatcher but those."""
    play = Play(model(), 1)
    play.run(300 * MINUTE)
    sums = table(play)
    gone = sums["crew0.finished.0"] + sums["kind0.abandoned"]
    assert sums["kind0.arrived"] == sums["kind0.direct"] + sums["kind0.waited"] > 10_000
    assert sums["kind0.arrived"] == gone + play.waiting() + play.busy()
    assert len(play.clock.dispatcher.contacts) == play.waiting() + play.busy()
    assert sums["kind0.queue"] / play.now == pytest.approx(
        (sums["kind0.served_wait"] + sums["kind0.left_wait"]) / play.now, rel=0.01
    )
    assert play.clock.dispatcher.audit() == []


def test_two_policies_meet_the_same_customers() -> None:
    """With five agents fewer the same people come at the same time with the same work: only what becomes of them differs."""
    many, few = Play(model(), 5), Play(model(crews=(Crew("p1", 45),)), 5)
    for play in (many, few):
        play.run(100 * MINUTE)
    arrived, work = (table(many)[f"kind0.{name}"] for name in ("arrived", "work"))
    assert (arrived, work) == (table(few)["kind0.arrived"], table(few)["kind0.work"])
    assert table(many)["kind0.abandoned"] < table(few)["kind0.abandoned"]


def test_the_engine_accepting_for_its_agents_changes_nothing() -> None:
    """Agents who accept at once by a command, and agents for whom the engine accepts: the same run, contact by contact."""
    by_command, by_engine = Play(model(), 2), Play(model(accepts=False), 2)
    for play in (by_command, by_engine):
        play.run(60 * MINUTE)
    assert by_command.row() == by_engine.row()


def test_two_chats_at_once_take_as_long_as_their_agent_is_quick() -> None:
    """Work of one minute each; alone at speed 1, together at 1.2: the first, joined after half a minute, has half of its
    work left, which takes 50 s at 0.6; the second then has half its work left and ends it alone in 30 s."""
    first = Kind("first", 1.0, Deterministic(1.0), MINUTE, end_ms=0.0, present=1)
    second = replace(first, name="second", present=0)
    policy = policy_of([Line("first", ("p1",)), Line("second", ("p1",))], [Team("p1")])
    play = Play(Model(policy, (first, second), (Crew("p1", 1, (0.0, 1.0, 1.2)),)), 1)
    play.run(MINUTE // 2)
    play.admit(1)
    ends = []
    for elapsed in range(200):
        play.run((elapsed + 1) * 1_000)
        if len(ends) < sum(play.crews[0].finished):
            ends.append(elapsed)
    assert ends == [80, 110]


def test_whoever_is_turned_away_comes_back_or_is_lost() -> None:
    """Nobody waits, half of those turned away come back: all are served, lost, or on their way back."""
    kind = replace(KIND, patience=Deterministic(1e-12))
    play = Play(model(kinds=(kind,), crews=(Crew("p1", 40),), retry=Retry(0.5, 2 * MINUTE)), 1)
    play.run(100 * MINUTE)
    sums = table(play)
    served = sums["crew0.finished.0"] + play.busy()
    assert sums["kind0.arrived"] == served + sums["kind0.lost"] + play.orbit.count
    assert sums["kind0.retried"] > 100 and sums["kind0.lost"] > 100
