"""Replications: rows of their own seeds, the same over one process or two."""

from __future__ import annotations

from collections.abc import Mapping

from sim.theory.lifetimes import Exponential
from sim.twin.model import Crew, Kind, Model
from sim.twin.play import Play
from sim.twin.replications import replicate, seeds_of
from sim.validation.policies import Line, Team, policy_of

MINUTE = 60_000


def ten_minutes(seed: int) -> Mapping[str, float]:
    """A small queue for ten minutes."""
    kind = Kind("q1", 4 / MINUTE, Exponential(1.0), MINUTE, Exponential(0.5))
    play = Play(Model(policy_of([Line("q1", ("p1",))], [Team("p1")]), (kind,), (Crew("p1", 4),)), seed)
    play.run(10 * MINUTE)
    return {"arrived": float(play.kinds[0].arrived), "queue": float(play.kinds[0].queue.area(play.now))}


def test_two_processes_give_what_one_gives() -> None:
    """Six runs here, and six over two processes: row by row the same, and no two rows alike."""
    alone, together = replicate(ten_minutes, 7, 6), replicate(ten_minutes, 7, 6, processes=2)
    assert alone.table.tolist() == together.table.tolist()
    assert len({tuple(row) for row in alone.table.tolist()}) == 6


def test_more_replications_move_none_of_the_first() -> None:
    """Twenty seeds begin with the ten that were asked for before."""
    assert seeds_of(3, 20)[:10] == seeds_of(3, 10) != seeds_of(4, 10)
