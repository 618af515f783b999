"""A few kills of a real engine under load; longer by ``make killer``. What clients saw is judged by the fault schedules'
checker."""

from __future__ import annotations

from pathlib import Path

from tests.killer.operator import Campaign, Plan, Verdict


def played(folder: Path, plan: Plan) -> Verdict:
    campaign = Campaign(plan, folder)
    try:
        return campaign.run()
    finally:
        campaign.close()


def test_killed_twice_under_load(tmp_path: Path) -> None:
    """kill -9 at two moments; clients come back and say it all again: nothing acked is lost, nothing happens twice."""
    verdict = played(tmp_path, Plan(kills=2, rate=40, agents=4, seed=7))
    assert verdict.problems == []
    assert verdict.fine
    assert verdict.kills == 2
    assert verdict.closed == verdict.contacts > 20


def test_a_disk_that_fails_one_call_in_the_middle(tmp_path: Path) -> None:
    """The engine says so and ends; the next one, on a sound disk, has all that was acked."""
    verdict = played(tmp_path, Plan(kills=0, rate=40, agents=4, fail_io=60))
    assert verdict.problems == []
    assert verdict.disk_failed
    assert verdict.closed == verdict.contacts > 0
