"""Routing complaints 33 and 34: trying things out, and knowing why."""

from __future__ import annotations

import pytest

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.dispatcher import Dispatcher
from tests.dispatch.stage import SECOND, Stage, every, policy_text

T = "acme"


def test_complaint_33_no_copy_of_todays_queue_to_try_things_on() -> None:
    """Routing complaint 33: nobody can take all that waits now to another system and try a configuration on it there.

    A snapshot is a whole dispatcher. Its copy is given tomorrow's policy and one more agent; the live one notices nothing.
    """
    stage = Stage(queues={"help": {"requirement": "service >= 5"}})
    stage.agent("ann", capacity=3, skills={"service": 3})
    for _ in range(8):
        stage.submit()
        stage.wait(SECOND)
    before = stage.dispatcher.snapshot()
    assert stage.dispatcher.offers == {}

    copy = Dispatcher.restore(before)
    tomorrow = policy_text(queues={"help": {"requirement": "service >= 3"}})
    happened = copy.handle(cm.ApplyPolicy(text=tomorrow), stage.now)

    assert [e.contact for e in every(happened, ev.OfferMade)] == [1, 2, 3]
    assert copy.queue_length("help") == 8
    assert stage.dispatcher.snapshot() == before
    assert stage.dispatcher.policy.text != tomorrow


def test_complaint_34_rings_are_skipped_and_skills_ignored() -> None:
    """Routing complaint 34: a second ring is skipped for a better agent of the third, and inside the first skills do not
    count; the estimated wait is skewed and nobody says how it is made.

    Steps are one ordered list: a better agent of the third pool waits for her step, skills count in every step until one
    says otherwise, and each opening is an event. An estimate is said only once the line has been seen to move, by a formula
    that stands in the open: who stands further behind waits longer.
    """
    line = Stage()
    line.agent("ann", auto_accept=True)
    numbers = [line.submit() for _ in range(20)]
    assert line.dispatcher.estimate(numbers[5]) is None, "nothing has been seen yet: nothing is said"
    for number in numbers[:10]:
        line.wait(30 * SECOND)
        line.close(number, "ann")
    estimates = [line.dispatcher.estimate(number) for number in numbers[11:]]
    halves = [estimate.p50_ms for estimate in estimates if estimate is not None]
    assert len(halves) == 9
    assert halves == sorted(halves)
    assert halves[4] == pytest.approx(5 * 30 * SECOND, rel=0.3), (
        "the fifth in line waits for five of half a minute each"
    )
    steps = [
        {"name": "second", "clock": "step", "after_ms": 10_000, "add_pools": ["second"]},
        {"name": "third", "clock": "step", "after_ms": 10_000, "add_pools": ["third"]},
        {"name": "anyone", "clock": "step", "after_ms": 10_000, "relax": ["service"]},
    ]
    pools = {name: {"choice": "most_proficient"} for name in ("onsite", "second", "third")}
    stage = Stage(queues={"help": {"requirement": "service >= 2", "steps": steps}}, pools=pools)
    stage.agent("first", skills={"service": 1})
    stage.agent("second", "second", skills={"service": 2}, on=False)
    stage.agent("third", "third", skills={"service": 10})
    contact = stage.submit()
    assert stage.offered(contact) == "", "in the first ring nobody has the skill"
    stage.wait(10 * SECOND)
    assert stage.offered(contact) == "", "the best of all stands in a ring that is not open"
    assert stage.dispatcher.explain(contact).step == 1
    stage.do(cm.SignOn(agent="second"))
    assert stage.offered(contact) == "second", "the second ring is not skipped for a better agent"
    stage.decline("second")
    stage.wait(10 * SECOND)
    assert stage.offered(contact) == "third"
    opened = [(e.step, e.why) for e in every(stage.log, ev.StepOpened) if e.contact == contact]
    assert opened[:2] == [(1, "clock"), (2, "clock")]
