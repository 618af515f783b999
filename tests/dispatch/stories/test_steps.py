"""Steps: who may serve a contact as it waits, and which clock says so."""

from __future__ import annotations

from typing import Any

from engine.dispatch import events as ev
from engine.dispatch.commands import SignOff
from tests.dispatch.stage import SECOND, Stage, every, kinds, only

POOLS: dict[str, Any] = {"onsite": {}, "near": {}, "far": {}}


def two_steps(first: dict[str, Any], second: dict[str, Any], **queue: Any) -> Stage:
    steps = [
        {"name": "near", "add_pools": ["near"], **first},
        {"name": "far", "add_pools": ["far"], **second},
    ]
    return Stage(queues={"help": {"steps": steps, **queue}}, pools=POOLS)


def test_second_step_of_10_s_after_a_first_of_10_s_opens_at_20_s() -> None:
    """Two steps of 10 s on the step clock: the far agent gets the contact when it has waited 20 s, not 10."""
    stage = two_steps({"clock": "step", "after_ms": 10_000}, {"clock": "step", "after_ms": 10_000})
    stage.agent("far_away", "far")
    contact = stage.submit()

    assert stage.wait(10 * SECOND - 1) == []
    assert only(stage.wait(1), ev.StepOpened).step == 1
    assert stage.offered(contact) == ""

    assert stage.wait(10 * SECOND - 1) == []
    opened = stage.wait(1)

    assert only(opened, ev.StepOpened).step == 2
    offer = only(opened, ev.OfferMade)
    assert (offer.agent, offer.pool, offer.step, offer.waited_ms) == ("far_away", "far", 2, 20 * SECOND)


def test_a_step_on_the_waited_clock_counts_from_the_beginning_of_the_wait() -> None:
    """The second step says waited ≥ 15 s: it opens at 15 s although the first opened only 5 s before."""
    stage = two_steps({"clock": "step", "after_ms": 10_000}, {"clock": "waited", "after_ms": 15_000})
    contact = stage.submit()

    opened = every(stage.wait(60 * SECOND), ev.StepOpened)

    assert [(step.step, step.at - stage.dawn) for step in opened] == [(1, 10 * SECOND), (2, 15 * SECOND)]
    assert stage.contact(contact).step == 2


def test_a_step_whose_time_is_past_when_its_turn_comes_opens_in_the_same_instant() -> None:
    """Waited ≥ 30 s, then waited ≥ 10 s: the list is ordered, so both open at 30 s."""
    stage = two_steps({"clock": "waited", "after_ms": 30_000}, {"clock": "waited", "after_ms": 10_000})
    stage.submit()

    opened = every(stage.wait(60 * SECOND), ev.StepOpened)

    assert [(step.step, step.at - stage.dawn) for step in opened] == [(1, 30 * SECOND), (2, 30 * SECOND)]


def test_the_age_clock_runs_while_a_bot_serves() -> None:
    """Hand-off after 50 s with the bot: the step of age ≥ 60 s opens 10 s later, the one of waited ≥ 20 s at 20 s."""
    stage = Stage(
        queues={
            "help": {
                "bot_pools": ["bot"],
                "steps": [
                    {"name": "near", "clock": "age", "after_ms": 60_000, "add_pools": ["near"]},
                    {"name": "far", "clock": "waited", "after_ms": 20_000, "add_pools": ["far"]},
                ],
            }
        },
        pools={**POOLS, "bot": {}},
        bot_first=["help"],
    )
    stage.bot()
    contact = stage.submit()
    stage.wait(50 * SECOND)
    stage.transfer(contact, "robo")

    opened = every(stage.wait(60 * SECOND), ev.StepOpened)

    assert [(step.step, step.at - stage.dawn) for step in opened] == [(1, 60 * SECOND), (2, 70 * SECOND)]


def test_the_drivers_lag_moves_the_next_step_too() -> None:
    """The driver comes 500 ms late to the first step: it opens now, and the second counts 10 s from now."""
    stage = two_steps({"clock": "step", "after_ms": 10_000}, {"clock": "step", "after_ms": 10_000})
    stage.submit()
    stage.lag(10_500)

    late = only(stage.expire(), ev.StepOpened)
    assert late.at == stage.dawn + 10_500

    assert stage.dispatcher.next_deadline() == stage.dawn + 20_500


def test_second_line_takes_only_contacts_that_waited_more_than_30_s() -> None:
    """A second-line agent is free all the time: the contact comes to it at 30 s and not a millisecond before."""
    steps = [{"name": "second", "clock": "waited", "after_ms": 30_000, "add_pools": ["second"]}]
    stage = Stage(queues={"help": {"steps": steps}}, pools={"onsite": {}, "second": {}})
    stage.agent("deputy", "second")
    contact = stage.submit()

    stage.wait(30 * SECOND - 1)
    assert stage.offered(contact) == ""
    stage.wait(1)

    assert stage.offered(contact) == "deputy"


def test_a_freed_second_line_agent_passes_over_the_urgent_but_fresh() -> None:
    """An urgent contact waits 10 s, a plain one 31 s: the second line may take only the plain one."""
    steps = [{"name": "second", "clock": "waited", "after_ms": 30_000, "add_pools": ["second"]}]
    stage = Stage(
        queues={"help": {"steps": steps}, "urgent": {"steps": steps, "priority": 50}},
        pools={"onsite": {}, "second": {}},
    )
    plain = stage.submit("help")
    stage.wait(21 * SECOND)
    urgent = stage.submit("urgent")
    stage.wait(10 * SECOND)

    stage.agent("deputy", "second")

    assert stage.offered(plain) == "deputy"
    assert stage.offered(urgent) == ""


def test_a_step_relaxes_one_skill_and_keeps_the_rest() -> None:
    """English is dropped after 20 s: the agent who only knows billing is right then, the one who knows nothing never."""
    steps = [{"name": "any tongue", "clock": "step", "after_ms": 20_000, "relax": ["english"]}]
    stage = Stage(queues={"help": {"requirement": "billing >= 3 and english >= 5", "steps": steps}})
    stage.agent("novice", skills={"billing": 2, "english": 9})
    stage.agent("clerk", skills={"billing": 3})
    contact = stage.submit()

    stage.wait(20 * SECOND - 1)
    assert stage.offered(contact) == ""
    stage.wait(1)

    assert stage.offered(contact) == "clerk"


def test_a_step_relaxes_what_the_contact_itself_asked_for() -> None:
    """The contact wants gold service on top of its queue: the step drops that wish too."""
    steps = [{"name": "anyone", "clock": "step", "after_ms": 20_000, "relax": ["gold"]}]
    stage = Stage(queues={"help": {"requirement": "gold >= 1", "steps": steps}})
    stage.agent("plain")
    contact = stage.submit(requires="gold >= 8")

    stage.wait(20 * SECOND)

    assert stage.offered(contact) == "plain"


def test_a_step_raises_priority_and_so_the_place() -> None:
    """After 10 s a contact gets 5 more points: it stands before one of priority 3, and behind one of 7."""
    steps = [{"name": "hurry", "clock": "waited", "after_ms": 10_000, "raise_priority": 5}]
    stage = Stage(
        queues={"help": {"steps": steps}, "three": {"priority": 3}, "seven": {"priority": 7}},
    )
    plain = stage.submit("help")
    stage.wait(5 * SECOND)
    three, seven = stage.submit("three"), stage.submit("seven")
    stage.wait(5 * SECOND)
    assert stage.contact(plain).raised == 5

    stage.agent("ann", capacity=3)

    assert stage.offers_to("ann") == [seven, plain, three]


def test_nobody_eligible_logged_in_skips_to_the_next_step_at_once() -> None:
    """Nobody on site is signed on: the step that says so opens on arrival and the remote agent has the contact."""
    steps = [{"name": "remote", "when_nobody": True, "clock": "step", "after_ms": 60_000, "add_pools": ["near"]}]
    stage = Stage(queues={"help": {"steps": steps}}, pools=POOLS)
    stage.agent("onsite_but_home", on=False)
    stage.agent("remi", "near")

    contact = stage.submit()

    assert stage.offered(contact) == "remi"
    assert only(stage.log, ev.StepOpened).why != "clock"


def test_somebody_eligible_but_busy_is_not_nobody() -> None:
    """The only agent on site is busy: the step waits for its clock."""
    steps = [{"name": "remote", "when_nobody": True, "clock": "step", "after_ms": 60_000, "add_pools": ["near"]}]
    stage = Stage(queues={"help": {"steps": steps}}, pools=POOLS)
    stage.agent("ann")
    stage.connect("ann")
    stage.agent("remi", "near")

    contact = stage.submit()
    assert stage.offered(contact) == ""
    stage.wait(60 * SECOND)

    assert stage.offered(contact) == "remi"


def test_the_last_eligible_agent_goes_home_and_the_step_opens_at_once() -> None:
    """A contact waits for the busy agent; she signs off: nobody eligible is logged in, so the remote pool opens now."""
    steps = [{"name": "remote", "when_nobody": True, "clock": "step", "after_ms": 60_000, "add_pools": ["near"]}]
    stage = Stage(queues={"help": {"steps": steps}}, pools=POOLS)
    stage.agent("ann")
    stage.agent("remi", "near")
    first = stage.connect("ann")
    second = stage.submit()
    assert stage.offered(second) == ""
    stage.close(first, "ann")
    assert stage.offered(second) == "ann"
    stage.state("ann", "not_ready")
    stage.do(SignOff(agent="ann"))

    assert stage.offered(second) == "remi"


def test_a_step_that_comes_due_during_an_offer_is_not_lost() -> None:
    """The step's time passes while the contact is offered; the decline brings it back and the far agent has it at once."""
    steps = [{"name": "far", "clock": "waited", "after_ms": 10_000, "add_pools": ["far"]}]
    stage = Stage(queues={"help": {"steps": steps}}, pools=POOLS)
    stage.agent("ann")
    stage.agent("far_away", "far")
    contact = stage.submit()
    assert stage.offered(contact) == "ann"
    stage.wait(12 * SECOND)

    stage.decline("ann")

    assert stage.offered(contact) == "far_away"
    assert "StepOpened" in kinds(stage.log)


def test_steps_do_not_run_while_a_person_serves() -> None:
    """A contact connected for an hour and transferred back has waited as long as before, so its step is still closed."""
    steps = [{"name": "far", "clock": "waited", "after_ms": 10_000, "add_pools": ["far"]}]
    stage = Stage(queues={"help": {"steps": steps, "transfer_prefer_ms": 0}}, pools=POOLS)
    contact = stage.submit()
    stage.wait(4 * SECOND)
    stage.agent("ann")
    stage.accept("ann")
    stage.wait(3_600 * SECOND)
    stage.state("ann", "paused")
    stage.transfer(contact, "ann", to_queue="help")
    assert stage.contact(contact).step == 0

    opened = only(stage.wait(60 * SECOND), ev.StepOpened)

    assert opened.at - stage.dawn == (3_600 + 4 + 6) * SECOND
