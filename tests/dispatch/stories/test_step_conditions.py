"""Steps that ask for more than their clock, and what they do besides opening pools."""

from __future__ import annotations

from typing import Any

import pytest

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.commands import LoseAgent, SignOff
from tests.dispatch.stage import SECOND, Stage, every, kinds, only

POOLS: dict[str, Any] = {"onsite": {}, "second": {}}
SECOND_LINE = {"name": "second", "add_pools": ["second"]}


def with_step(step: dict[str, Any], **queue: Any) -> Stage:
    return Stage(queues={"help": {"steps": [{**SECOND_LINE, **step}], **queue}}, pools=POOLS)


# --- the queue's length ---------------------------------------------------------------------------------------------


def test_a_queue_of_three_opens_the_second_pool_for_all_who_stand_before() -> None:
    """Two wait; the third makes the queue three long: the second line opens for all, and its agent gets the longest waiting."""
    stage = with_step({"queue_length": 3})
    stage.agent("deputy", "second")
    first, second = stage.submit(), stage.submit()
    assert stage.offered(first) == stage.offered(second) == ""

    third = stage.submit()

    opened = every(stage.log, ev.StepOpened)
    assert [(step.contact, step.why) for step in opened] == [(n, "conditions") for n in (first, second, third)]
    assert stage.offered(first) == "deputy"
    assert stage.offered(second) == stage.offered(third) == ""


def test_whoever_comes_while_the_queue_is_still_long_is_let_on_at_once() -> None:
    """The queue is three long, one of the three is served: the fourth finds three again, counting itself."""
    stage = with_step({"queue_length": 3})
    for _ in range(3):
        stage.submit()
    stage.agent("ann")
    stage.accept("ann")

    fourth = stage.submit()

    assert stage.dispatcher.queue_length("help") == 3
    assert stage.contact(fourth).step == 1


def test_an_open_step_stays_open_when_the_queue_is_short_again() -> None:
    """Three wait, two leave: the third keeps the second line; a newcomer of the short queue does not have it."""
    stage = with_step({"queue_length": 3})
    first, second, third = (stage.submit() for _ in range(3))
    stage.abandon(first)
    stage.abandon(second)
    late = stage.submit()

    assert stage.contact(third).step == 1
    assert stage.contact(late).step == 0


def test_offered_contacts_count_into_the_queues_length() -> None:
    """One is on offer, one waits, one comes: that makes three, as for a ceiling."""
    stage = with_step({"queue_length": 3})
    stage.agent("ann")
    offered, waiting = stage.submit(), stage.submit()
    assert stage.offered(offered) == "ann"

    third = stage.submit()

    assert [stage.contact(n).step for n in (offered, waiting, third)] == [0, 1, 1]
    stage.decline("ann")
    assert stage.contact(offered).step == 1  # judged when it waits again


def test_length_and_clock_must_hold_together() -> None:
    """10 s waited and three in the queue: at 10 s there are two, at 15 s the third comes and only who waited 10 s goes on."""
    stage = with_step({"queue_length": 3, "clock": "waited", "after_ms": 10_000})
    first, second = stage.submit(), stage.submit()
    assert stage.wait(15 * SECOND) == []

    third = stage.submit()
    assert [stage.contact(n).step for n in (first, second, third)] == [1, 1, 0]
    stage.wait(10 * SECOND)

    opened = every(stage.log, ev.StepOpened)[-1]
    assert (opened.contact, opened.at - stage.dawn) == (third, 25 * SECOND)


def test_when_nobody_opens_a_step_whatever_its_length_says() -> None:
    """The step wants ten in the queue or nobody signed on: the only agent goes home and it opens for one."""
    stage = with_step({"queue_length": 10, "when_nobody": True})
    stage.agent("ann")
    stage.connect("ann")
    waiting = stage.submit()
    assert stage.contact(waiting).step == 0

    stage.do(LoseAgent(agent="ann"))
    assert stage.contact(waiting).step == 0  # while its grace runs, ann is somebody
    stage.wait(300 * SECOND)

    assert {step.why for step in every(stage.log, ev.StepOpened)} == {"nobody"}
    assert stage.contact(waiting).step == 1


def test_a_step_with_nothing_but_when_nobody_opens_only_so() -> None:
    """An hour with everybody busy: closed. The only agent signs off: open."""
    stage = with_step({"when_nobody": True})
    stage.agent("ann", capacity=2)
    stage.connect("ann")
    stage.state("ann", "paused")
    waiting = stage.submit()
    stage.wait(3_600 * SECOND)
    assert stage.contact(waiting).step == 0

    stage.do(SignOff(agent="ann"))

    assert stage.contact(waiting).step == 1


def test_the_places_of_a_long_line_are_kept_when_the_step_opens_for_more_than_one_call_does() -> None:
    """1,000 wait when the step opens: 200 at once, the rest at the same instant; the second line serves them in order."""
    stage = with_step({"queue_length": 1_000})
    core = stage.dispatcher
    for number in range(1_000):
        attributes: cm.Attributes = {"to": "help"}
        core.handle(
            cm.SubmitContact(tenant="acme", channel="web", external_id=f"x{number}", attributes=attributes), stage.now
        )
    open_now = sum(contact.step for contact in core.contacts.values())
    again = type(core).restore(core.snapshot())
    assert core.next_deadline() == again.next_deadline() == stage.now

    while core.next_deadline() == stage.now:
        assert core.expire(stage.now) == again.expire(stage.now)

    assert open_now == 200
    assert all(contact.step == 1 for contact in core.contacts.values())
    assert core.snapshot() == again.snapshot()
    assert core.audit() == []


# --- a lender's service level ---------------------------------------------------------------------------------------


def test_the_step_opens_for_all_when_the_lenders_service_level_begins_to_hold() -> None:
    """The lender answers half of its own within 10 s: one came late, so two wait; another in time, and the step opens for both."""
    kpi = {"share": 0.5, "within_ms": 10_000}
    steps = [{"name": "hurry", "lender_kpi": "second", "raise_priority": 1}]
    stage = Stage(
        queues={"help": {"steps": steps, "pools": ["onsite", "second"]}, "own": {"pools": ["second"]}},
        pools={"onsite": {}, "second": {"owners": ["own"], "reserve": 5, "lend_kpi": kpi}},
        channels={"web": {"messages": False}},
    )
    late = stage.submit("own")
    stage.wait(11 * SECOND)
    stage.agent("deputy", "second")
    assert stage.offered(late) == "deputy"
    stage.accept("deputy")
    first, second = stage.submit("help"), stage.submit("help")
    stage.dispatcher.look(stage.now)
    said = stage.dispatcher.explain(first).next_step
    assert said is not None
    assert [(reason.code, reason.wanted) for reason in said.missing] == [("lender_kpi", "second")]
    assert stage.contact(first).step == 0

    stage.close(late, "deputy")
    stage.submit("own")
    happened = stage.accept("deputy")

    assert [e.contact for e in every(happened, ev.StepOpened)] == [first, second]
    assert stage.contact(stage.submit("help")).step == 1  # and for whoever comes while it holds


# --- the estimate ---------------------------------------------------------------------------------------------------


def steady(stage: Stage, count: int, each_ms: int, agent: str = "ann") -> None:
    """``count`` contacts, one after another, each served for ``each_ms`` while the next one stands in the line."""
    stage.agent(agent)
    waiting = stage.submit()
    for _ in range(count):
        current, waiting = waiting, stage.submit()
        if stage.offered(current):
            stage.accept(agent)
        stage.wait(each_ms)
        stage.close(current, agent)
    stage.accept(agent)
    stage.close(waiting, agent)


def test_a_second_line_pool_takes_only_contacts_whose_estimate_is_above_60_s() -> None:
    """One agent frees a slot every 30 s. The first in line waits about 30 s and stays; the fourth, about two minutes, goes on."""
    stage = with_step({"estimated_wait_ms": 60_000})
    steady(stage, 40, 30_000)
    stage.agent("deputy", "second", on=False)
    stage.connect("ann")
    numbers = [stage.submit() for _ in range(4)]

    estimates = [stage.dispatcher.estimate(number) for number in numbers]
    assert next(round(e.p50_ms / 30_000, 1) for e in estimates if e is not None) == pytest.approx(0.7, abs=0.1)
    assert stage.contact(numbers[0]).step == 0
    assert stage.contact(numbers[3]).step == 1
    assert all(
        (e.p50_ms >= 60_000) == (stage.contact(n).step == 1) for n, e in zip(numbers, estimates, strict=True) if e
    )

    stage.do(cm.SignOn(agent="deputy"))
    first_open = next(number for number in numbers if stage.contact(number).step)
    assert stage.offered(first_open) == "deputy"


def test_nothing_is_estimated_before_enough_was_seen() -> None:
    """A fresh queue with a contact in it: nobody can say how long, so the step stays closed."""
    stage = with_step({"estimated_wait_ms": 1_000})
    stage.agent("ann")
    stage.connect("ann")
    waiting = stage.submit()
    stage.wait(600 * SECOND)

    assert stage.dispatcher.estimate(waiting) is None
    assert stage.contact(waiting).step == 0


def test_who_finds_an_agent_free_waits_for_nobody_whatever_the_estimate_says() -> None:
    """The line moves every 30 s, but ann is free right now: a newcomer is hers, and its step stays closed."""
    stage = with_step({"estimated_wait_ms": 1_000})
    steady(stage, 40, 30_000)

    lucky = stage.submit()

    assert stage.offered(lucky) == "ann"
    assert stage.contact(lucky).step == 0


def test_the_estimate_is_looked_at_again_every_5_s() -> None:
    """Two agents share the line; one leaves unseen by the waiting: within 5 s the estimate has doubled and the step opens."""
    stage = with_step({"estimated_wait_ms": 60_000})
    stage.agent("ben")
    stage.connect("ben")
    steady(stage, 40, 30_000)
    stage.connect("ann")
    first, second = stage.submit(), stage.submit()
    before = stage.dispatcher.estimate(second)
    assert before is not None
    assert stage.contact(second).step == 0
    stage.wait(2 * SECOND)
    assert kinds(stage.state("ben", "paused")) == ["AgentStateChanged"]

    opened = only(every(stage.wait(4 * SECOND), ev.StepOpened), ev.StepOpened)

    assert (opened.contact, opened.why) == (second, "conditions")
    assert opened.at == stage.contact(second).arrived_at + 5 * SECOND
    assert stage.contact(first).step == 0


# --- move_to --------------------------------------------------------------------------------------------------------


def mover(**step: Any) -> Stage:
    move = {"name": "on", "clock": "waited", "after_ms": 30_000, "move_to": "backup", **step}
    backup = {"pools": ["second"], "steps": [{"name": "any", "clock": "step", "after_ms": 10_000, "raise_priority": 1}]}
    return Stage(queues={"help": {"steps": [move]}, "backup": backup}, pools=POOLS)


def test_move_to_keeps_the_clocks_and_overtakes_nobody_who_waited_longer() -> None:
    """Moved after 30 s into a queue where one has waited 40 s and one 10 s: it stands between the two."""
    stage = mover()
    longer = stage.submit("backup")
    stage.wait(10 * SECOND)
    moved = stage.submit("help")
    stage.wait(20 * SECOND)
    shorter = stage.submit("backup")
    happened = stage.wait(10 * SECOND)

    opened, told = (
        only([e for e in happened if e.contact == moved], kind) for kind in (ev.StepOpened, ev.ContactMoved)
    )  # type: ignore[attr-defined]
    assert (opened.step, opened.why) == (1, "clock")
    assert (told.queue, told.why, told.reason) == ("backup", "step", "on")
    contact = stage.contact(moved)
    assert (contact.queue, contact.waited_ms(stage.now), contact.step) == ("backup", 30 * SECOND, 0)
    # The other two have opened the step of the queue where they have stood for 10 s or more; so will it, 10 s from here.
    stage.wait(10 * SECOND)
    assert stage.contact(moved).step == 1

    stage.agent("deputy", "second", capacity=3)
    assert stage.offers_to("deputy") == [longer, moved, shorter]


def test_a_moved_contact_finds_an_agent_of_the_new_queue_in_the_same_step() -> None:
    """The second line idles; at 30 s the contact moves there and is offered in the same instant."""
    stage = mover()
    stage.agent("deputy", "second")
    contact = stage.submit("help")

    happened = stage.wait(30 * SECOND)

    assert kinds(happened) == ["StepOpened", "ContactMoved", "OfferMade"]
    assert stage.offered(contact) == "deputy"


def test_nobody_signed_on_moves_the_contact_at_once() -> None:
    """The move's step says when_nobody as well: on arrival the contact goes straight to the other queue."""
    stage = mover(when_nobody=True)
    contact = stage.submit("help")

    assert stage.contact(contact).queue == "backup"
    assert only(every(stage.log, ev.StepOpened), ev.StepOpened).why == "nobody"


def test_an_update_does_not_bring_a_moved_contact_back() -> None:
    """Its attributes still say ``help``, but the step has moved it: it stays where it was moved."""
    stage = mover()
    contact = stage.submit("help")
    stage.wait(30 * SECOND)

    stage.do(cm.UpdateContact(tenant="acme", contact=contact, attributes={"order": "paid"}))

    assert stage.contact(contact).queue == "backup"


def test_a_contact_moved_by_its_step_makes_the_new_queue_long() -> None:
    """The third contact of ``backup`` comes by a move: its length step opens for the two who stand there, in line order."""
    move = {"name": "on", "clock": "waited", "after_ms": 30_000, "move_to": "backup"}
    length = {"name": "long", "queue_length": 3, "add_pools": ["second"]}
    stage = Stage(queues={"help": {"steps": [move]}, "backup": {"steps": [length]}}, pools=POOLS)
    stage.agent("deputy", "second")
    stage.submit("help")
    stage.wait(5 * SECOND)
    first, second = stage.submit("backup"), stage.submit("backup")

    happened = stage.wait(25 * SECOND)

    # The moved one has waited longest of the three, so it is first in line and the deputy's.
    assert [e.contact for e in every(happened, ev.StepOpened)] == [1, 1, first, second]
    assert stage.offered(1) == "deputy"


# --- alternatives ---------------------------------------------------------------------------------------------------


def test_at_60_s_the_customer_is_offered_a_bot_and_goes_on_waiting() -> None:
    """A minute has passed: the alternatives are told by an event; place, clocks and agents are as before."""
    step = {"name": "ask", "clock": "waited", "after_ms": 60_000, "offer": ["bot"]}
    stage = Stage(queues={"help": {"steps": [step], "bot_pools": ["bot"]}}, pools={"onsite": {}, "bot": {}})
    contact, behind = stage.submit(), stage.submit()

    happened = stage.wait(60 * SECOND)

    told = every(happened, ev.AlternativesOffered)
    assert [(e.contact, e.step, e.alternatives) for e in told] == [(n, 1, ("bot",)) for n in (contact, behind)]
    assert (stage.contact(contact).state, stage.dispatcher.position(contact)) == ("queued", 1)
    stage.agent("ann")
    assert stage.offered(contact) == "ann"


def test_at_60_s_a_call_back_is_offered_and_may_be_taken() -> None:
    """A minute has passed: a call-back or a message is offered; one customer takes the call-back, the other stays."""
    step = {"name": "ask", "clock": "waited", "after_ms": 60_000, "offer": ["call_back", "message"]}
    stage = Stage(queues={"help": {"steps": [step], "promise_ms": 3_600_000}})
    stays, leaves = stage.submit(), stage.submit()

    told = every(stage.wait(60 * SECOND), ev.AlternativesOffered)
    assert [(e.contact, e.alternatives) for e in told] == [(n, ("call_back", "message")) for n in (stays, leaves)]

    stage.do(cm.LeaveMessage(tenant="acme", contact=leaves, kind="call_back"))
    assert stage.contact(leaves).state != "connected"
    assert stage.contact(stays).waited_ms(stage.now) == 60 * SECOND


# --- why not yet ----------------------------------------------------------------------------------------------------


def test_explain_tells_which_condition_is_missing_and_when_it_may_be_met() -> None:
    """The step wants 10 s, three in the queue and an estimate of a minute: all three missing, then two, then one."""
    stage = with_step({"queue_length": 3, "clock": "waited", "after_ms": 10_000, "estimated_wait_ms": 60_000})
    waiting = stage.submit()
    stage.wait(4 * SECOND)
    stage.dispatcher.look(stage.now)

    said = stage.dispatcher.explain(waiting).next_step
    assert said is not None
    assert [(r.code, r.wanted, r.got, r.in_ms) for r in said.missing] == [
        ("after_ms", "10000", "4000", 6_000),
        ("queue_length", "3", "1", 0),
        ("estimated_wait_ms", "60000", "", 6_000),
    ]
    assert said.in_ms == -1

    stage.wait(8 * SECOND)
    stage.submit()
    said = stage.dispatcher.explain(waiting).next_step
    assert said is not None
    assert [(r.code, r.got, r.in_ms) for r in said.missing] == [
        ("queue_length", "2", 0),
        ("estimated_wait_ms", "", 3_000),
    ]


def test_explain_tells_the_estimate_and_the_move_to_come() -> None:
    """The third in a line that moves every 30 s: about a minute and a half; at 30 s of waiting it would move on."""
    stage = Stage(
        queues={
            "help": {"steps": [{"name": "on", "clock": "waited", "after_ms": 30_000, "move_to": "backup"}]},
            "backup": {},
        }
    )
    steady(stage, 40, 20_000)
    stage.connect("ann")
    third = [stage.submit() for _ in range(3)][-1]

    said = stage.dispatcher.explain(third)

    assert 45_000 < said.p50_ms < 70_000 < said.p90_ms < 140_000
    assert said.next_step is not None
    assert (said.next_step.move_to, said.next_step.in_ms, said.next_step.missing[0].code) == (
        "backup",
        30_000,
        "after_ms",
    )
