"""Declared fairness: offers and occupancy among equals, by events alone."""

from __future__ import annotations

import pytest

from engine.dispatch import commands as cm
from engine.measures.fairness import evenness, gini, spread
from engine.measures.staff import StaffFold
from engine.ports import Committed
from engine.telemetry.tally import Tally
from tests.dispatch.stage import Stage

MINUTE = 60_000


def measured(stage: Stage) -> StaffFold:
    staff = StaffFold()
    for event in stage.log:
        staff.add(event)
    return staff


def test_gini_of_alike_of_one_who_has_all_and_of_nothing() -> None:
    """Four alike: 0; one of four has everything: three quarters; nothing to share: 0."""
    assert gini([5, 5, 5, 5]) == 0
    assert gini([0, 0, 0, 8]) == pytest.approx(0.75)
    assert gini([0, 0]) == 0
    assert gini([1, 3]) == pytest.approx(0.25)
    assert spread([1.0, 4.0]).spread == 3.0


def test_one_works_and_an_equal_idles() -> None:
    """Ann serves for half of an hour, Ben is signed on and gets nothing: occupancies 0.5 and 0, Gini a half."""
    stage = Stage()
    stage.agent("ann")
    contact = stage.connect("ann")
    stage.agent("ben")
    stage.wait(30 * MINUTE)
    stage.close(contact, "ann")
    stage.wait(30 * MINUTE)

    (group,) = evenness(measured(stage), stage.now)

    assert group.agents == ("ann", "ben")
    assert (group.occupancy.most, group.occupancy.least) == (pytest.approx(0.5), 0)
    assert group.occupancy.gini == pytest.approx(0.5)
    assert (group.offers.most, group.offers.least) == (pytest.approx(1), 0)


def test_only_equals_are_compared() -> None:
    """Another skill level, another capacity, or alone: no group. Who never signed on is nobody's equal."""
    stage = Stage()
    stage.agent("ann", skills={"x": 1})
    stage.agent("ben", skills={"x": 2})
    stage.agent("cid", skills={"x": 1}, capacity=2)
    stage.agent("dan", skills={"x": 1}, on=False)
    stage.wait(MINUTE)
    staff = measured(stage)

    assert evenness(staff, stage.now) == []
    assert len(evenness(staff, stage.now, at_least=1)) == 3


def test_half_a_day_is_not_half_a_share() -> None:
    """Ben signs on for the second half and gets one contact where Ann gets two: alike per hour."""
    stage = Stage()
    stage.agent("ann")
    stage.close(stage.connect("ann"), "ann")
    stage.wait(30 * MINUTE)
    stage.agent("ben", on=False)
    stage.close(stage.connect("ann"), "ann")
    stage.do(cm.SignOn(agent="ben"))
    stage.state("ann", "paused")
    stage.close(stage.connect("ben"), "ben")
    stage.wait(30 * MINUTE)

    (group,) = evenness(measured(stage), stage.now)

    assert group.agents == ("ann", "ben")
    assert group.offers.gini == pytest.approx(0)
    assert group.offers.mean == pytest.approx(2)


def test_what_is_in_hand_counts_until_it_is_let_go() -> None:
    """Offers, declines, wrap-up, transfers, lost connections: occupancy follows the units held, and begins anew clean."""
    stage = Stage(queues={"help": {"wrap_up_ms": 10 * MINUTE, "offer_ms": MINUTE, "rona": "back_off"}})
    stage.agent("ann", capacity=2)
    stage.agent("ben", capacity=2, on=False)
    served = stage.connect("ann")
    stage.wait(5 * MINUTE)
    stage.close(served, "ann")  # wrap-up holds its unit
    stage.wait(10 * MINUTE)
    stage.submit()  # offered for a minute, then out by RONA
    stage.wait(MINUTE)
    staff = measured(stage)

    (ann,) = evenness(staff, stage.now, at_least=1)
    assert ann.occupancy.mean == pytest.approx(16 / 32)
    staff.begin_anew(stage.now)
    stage.log.clear()
    stage.do(cm.SignOn(agent="ben"))
    stage.wait(MINUTE)
    for event in stage.log:
        staff.add(event)
    (both,) = evenness(staff, stage.now)
    assert both.offers.most > 0
    assert both.occupancy.most <= 0.5


def test_the_tally_tells_of_whole_hours() -> None:
    """In the first hour the running one is told; then the last whole one, also while the next is young."""
    stage = Stage(pools={"onsite": {"choice": "most_loaded"}})
    stage.agent("ann", capacity=4)
    stage.agent("ben", capacity=4)
    stage.connect("ann")
    tally, told = Tally(), 0

    def commit() -> None:
        nonlocal told
        tally.on_commit([Committed(1, stage.now, None, None, tuple(stage.log[told:]))])
        told = len(stage.log)

    commit()
    stage.wait(30 * MINUTE)
    stage.connect("ann")
    commit()
    assert tally.fairness_by_pool()["onsite"].occupancy == pytest.approx(0.5)
    stage.wait(31 * MINUTE)
    stage.state("ben", "paused")
    commit()
    whole = tally.fairness_by_pool()["onsite"]
    assert whole.offers == pytest.approx(0.5)
    stage.wait(MINUTE)
    stage.state("ben", "available")
    commit()
    assert tally.fairness_by_pool()["onsite"] == whole
