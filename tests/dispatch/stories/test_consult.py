"""Asking a colleague: a second agent helps with a contact that stays with the first."""

from __future__ import annotations

from typing import Any

import pytest

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.dispatcher import Dispatcher
from tests.dispatch.stage import SECOND, Stage, every, kinds, only, refusal

T = "acme"


def consult(stage: Stage, contact: int, agent: str = "ann", **to: Any) -> list[ev.Event]:
    return stage.do(cm.ConsultAgent(tenant=T, contact=contact, agent=agent, **to))


def asked(**parts: Any) -> tuple[Stage, int]:
    """Ann serves a contact and has asked Ben, who has one unit."""
    stage = Stage(**parts)
    stage.agent("ann")
    contact = stage.connect("ann")
    stage.agent("ben")
    consult(stage, contact, to_agent="ben", reason="is this under warranty?")
    return stage, contact


def accepted(**parts: Any) -> tuple[Stage, int]:
    stage, contact = asked(**parts)
    stage.do(cm.AcceptConsult(tenant=T, contact=contact, agent="ben"))
    return stage, contact


def test_a_colleague_helps_and_the_customer_stays() -> None:
    """Ann asks Ben, who is full while he helps; the contact stays hers; when he is done the next customer is his at once."""
    stage, contact = accepted()
    waiting = stage.submit()
    assert stage.offered(waiting) == "", "Ben's only unit is with Ann's contact"
    assert stage.contact(contact).agent == "ann"
    assert stage.dispatcher.agents["ben"].contacts == {}

    events = stage.do(cm.EndConsult(tenant=T, contact=contact, agent="ben"))

    ended = only(events, ev.ConsultEnded)
    assert (ended.agent, ended.why, ended.by) == ("ben", "ended", "ben")
    assert stage.offered(waiting) == "ben"
    assert stage.contact(contact).state == "connected"


@pytest.mark.parametrize(("agent", "why"), [("ben", "declined"), ("ann", "withdrawn")])
def test_before_it_is_accepted_either_side_gives_it_back(agent: str, why: str) -> None:
    """Ben says no, or Ann has found the answer herself: his unit is free, and nobody is blamed."""
    stage, contact = asked()
    events = stage.do(cm.EndConsult(tenant=T, contact=contact, agent=agent))

    assert only(events, ev.ConsultEnded).why == why
    assert stage.offered(stage.submit()) == "ben"


def test_no_answer_ends_it_without_blame() -> None:
    """Ben does not look: after the time of an offer he is free again, available, and asked like everybody."""
    stage, contact = asked(queues={"help": {"offer_ms": 20 * SECOND, "rona": "not_ready"}})
    assert stage.wait(20 * SECOND - 1) == []

    events = stage.wait(1)

    assert only(events, ev.ConsultEnded).why == "expired"
    assert stage.dispatcher.agents["ben"].state == "available"
    assert stage.offered(stage.submit()) == "ben"
    assert refusal(stage.do(cm.AcceptConsult(tenant=T, contact=contact, agent="ben"))) == "not_yours"


def test_somebody_of_a_queue_is_found_by_the_pools_choice() -> None:
    """Ann asks the experts: of the two free ones the longest idle, through their pool; the third time nobody is left."""
    queues = {"help": {}, "expert": {"pools": ["experts"], "requirement": "tax >= 3"}}
    stage = Stage(queues=queues, pools={"onsite": {}, "experts": {}})
    stage.agent("ann", "onsite", "experts", skills={"tax": 9}, capacity=3)
    for name in ("cid", "dee"):
        stage.agent(name, "experts", skills={"tax": 4})
        stage.wait(SECOND)
    stage.agent("eve", "experts", skills={"tax": 2})
    contacts = [stage.submit() for _ in range(3)]
    stage.accept_all("ann")

    found = [only(consult(stage, contact, to_queue="expert"), ev.ConsultAsked) for contact in contacts[:2]]

    assert [(one.to_agent, one.queue, one.pool) for one in found] == [
        ("cid", "expert", "experts"), ("dee", "expert", "experts"),
    ]  # fmt: skip
    assert refusal(consult(stage, contacts[2], to_queue="expert")) == "agent_busy", "Ann does not help herself"
    stage.do(cm.DrainPool(pool="experts"))
    stage.do(cm.EndConsult(tenant=T, contact=contacts[0], agent="cid"))
    assert refusal(consult(stage, contacts[2], to_queue="expert")) == "agent_busy"


def test_a_borrower_asks_only_where_the_lender_lends() -> None:
    """The lent pool keeps one idle agent for its owners: asking its queue finds nobody; a named colleague may be asked."""
    queues = {"help": {}, "other": {"pools": ["lent"]}, "home": {"pools": ["lent"]}}
    stage = Stage(queues=queues, pools={"onsite": {}, "lent": {"owners": ["home"], "reserve": 1}})
    stage.agent("ann")
    contact = stage.connect("ann")
    stage.agent("ben", "lent")

    assert refusal(consult(stage, contact, to_queue="other")) == "agent_busy"
    assert only(consult(stage, contact, to_queue="home"), ev.ConsultAsked).to_agent == "ben"
    stage.do(cm.EndConsult(tenant=T, contact=contact, agent="ann"))
    assert only(consult(stage, contact, to_agent="ben"), ev.ConsultAsked).pool == ""


def test_an_agent_who_accepts_by_itself_helps_at_once() -> None:
    """A bot that knows the tariffs is asked: accepted in the same step."""
    stage = Stage(pools={"onsite": {}, "bot": {}})
    stage.agent("ann")
    contact = stage.connect("ann")
    stage.bot("robo")
    assert kinds(consult(stage, contact, to_agent="robo")) == ["ConsultAsked", "ConsultAccepted"]
    assert stage.dispatcher.consults[contact].accepted


def test_a_consult_counts_in_every_limit() -> None:
    """Two chats at most, one of this shop, interruptible mail beside: what Ben helps with counts as one more of each."""
    stage = Stage(
        channels={"web": {"limit": 2}, "mail": {"interruptible": True}}, shops={"flagship": {"limit": 1}},
        pools={"onsite": {}, "other": {}}, queues={"help": {}, "far": {"pools": ["other"]}},
    )  # fmt: skip
    stage.agent("ann", capacity=4)
    first = stage.connect("ann", shop="outlet")
    mail = stage.connect("ann", channel="mail", shop="outlet")
    stage.agent("ben", "other", capacity=2)
    consult(stage, first, to_agent="ben")
    consult(stage, mail, to_agent="ben")

    beside = stage.submit("far", channel="mail")
    assert stage.offered(beside) == "", "two units are in use, and mail waits for both"
    live = stage.submit("far")
    assert stage.offered(live) == "ben", "the mail stands aside"
    stage.do(cm.EndConsult(tenant=T, contact=first, agent="ben"))
    assert stage.offered(stage.submit("far")) == "", "one of the flagship is enough"


def test_whoever_helps_may_take_over_without_more_room() -> None:
    """Ben is full with the consult and takes the contact over: the consult ends first, his unit goes over, Ann is free."""
    stage, contact = accepted()
    waiting = stage.submit()

    events = stage.do(cm.TakeOverContact(tenant=T, contact=contact, agent="ben"))

    assert kinds(events)[:2] == ["ConsultEnded", "ContactTransferred"]
    assert only(events, ev.ConsultEnded).why == "taken_over"
    assert (stage.contact(contact).agent, stage.dispatcher.agents["ben"].load) == ("ben", 1)
    assert stage.offered(waiting) == "ann"


def test_passed_on_to_whoever_helps() -> None:
    """Ann transfers to Ben by name: the consult ends with the step, and the unit that it gives back takes the contact."""
    stage, contact = accepted()
    events = stage.transfer(contact, "ann", to_agent="ben")

    assert kinds(events) == ["ContactTransferred", "ConsultEnded", "OfferMade"]
    assert only(events, ev.ConsultEnded).why == "passed_on"
    assert stage.offered(contact) == "ben"


@pytest.mark.parametrize(
    ("what", "why"),
    [
        (cm.CloseContact(tenant=T, contact=1, agent="ann"), "closed"),
        (cm.SignOff(agent="ann"), "passed_on"),
        (cm.SignOff(agent="ben"), "agent_left"),
        (cm.LoseAgent(agent="ann"), "agent_lost"),
        (cm.LoseAgent(agent="ben"), "agent_lost"),
        (cm.StartEngine(epoch=2, down_ms=0), "agent_lost"),
    ],
    ids=lambda value: f"{type(value).__name__} {getattr(value, 'agent', '')}" if not isinstance(value, str) else value,
)
@pytest.mark.parametrize("wrap_up_ms", [0, 5_000])
def test_a_consult_ends_with_what_it_stands_on(what: cm.Command, why: str, wrap_up_ms: int) -> None:
    """The contact is over or passed on, or one of the two is gone: the second agent's unit is free in the same step."""
    stage, contact = accepted(queues={"help": {"wrap_up_ms": wrap_up_ms}})
    assert contact == 1

    events = stage.do(what)

    ended = only(events, ev.ConsultEnded)
    assert (ended.agent, ended.why, ended.by) == ("ben", why, "")
    assert stage.dispatcher.agents["ben"].helping == {}
    assert not stage.dispatcher.consults


def test_a_pause_does_not_end_it_and_who_finishes_waits_for_its_end() -> None:
    """Ben sets himself to finishing while he helps: he stays until the consult is over, and then he is off."""
    stage, contact = accepted()
    stage.state("ben", "paused")
    assert contact in stage.dispatcher.consults
    stage.state("ben", "finishing")
    assert stage.dispatcher.agents["ben"].state == "finishing"

    stage.do(cm.EndConsult(tenant=T, contact=contact, agent="ann"))

    assert stage.dispatcher.agents["ben"].state == "offline"


def test_who_finishes_stays_while_one_of_two_consults_goes_on() -> None:
    """Ben helps with two and is finishing: the end of the first does not send him home."""
    stage = Stage()
    stage.agent("ann", capacity=2)
    contacts = [stage.connect("ann"), stage.connect("ann")]
    stage.agent("ben", capacity=2)
    for contact in contacts:
        consult(stage, contact, to_agent="ben")
        stage.do(cm.AcceptConsult(tenant=T, contact=contact, agent="ben"))
    stage.state("ben", "finishing")

    stage.do(cm.EndConsult(tenant=T, contact=contacts[0], agent="ben"))

    assert stage.dispatcher.agents["ben"].state == "finishing"
    assert list(stage.dispatcher.consults) == [contacts[1]]


def test_many_lose_their_ground_in_one_step() -> None:
    """Ann signs off with three contacts, each with a helper: all three consults end before anyone is given what she leaves."""
    stage = Stage(
        queues={"help": {"hand_over_queue": "rest"}, "rest": {"pools": ["spare"]}}, pools={"onsite": {}, "spare": {}}
    )
    stage.agent("ann", capacity=3)
    contacts = [stage.connect("ann") for _ in range(3)]
    for name, contact in zip(("ben", "cid", "dee"), contacts, strict=True):
        stage.agent(name, "spare")
        consult(stage, contact, to_agent=name)

    events = stage.do(cm.SignOff(agent="ann"))

    assert [one.contact for one in every(events, ev.ConsultEnded)] == contacts
    assert [one.agent for one in every(events, ev.OfferMade)] == ["ben", "cid", "dee"]


def test_a_consult_survives_a_restore_and_its_deadline_too() -> None:
    """A dispatcher restored in the middle ends it at the same instant with the same events."""
    stage, contact = asked(channels={"web": {"limit": 1}}, queues={"help": {"offer_ms": 20 * SECOND}})
    data = stage.dispatcher.snapshot()
    stage.mirror = Dispatcher.restore(data)
    assert stage.mirror.snapshot() == data

    assert only(stage.wait(20 * SECOND), ev.ConsultEnded).contact == contact


def test_a_policy_swap_leaves_it_alone() -> None:
    """New limits count it from then on: with one chat at most, Ben takes no chat while he helps."""
    stage = Stage()
    stage.agent("ann")
    contact = stage.connect("ann")
    stage.agent("ben", capacity=2)
    consult(stage, contact, to_agent="ben")
    stage.do(cm.ApplyPolicy(text=Stage(channels={"web": {"limit": 1}}).text))

    assert stage.offered(stage.submit()) == ""


def test_consults_that_are_refused() -> None:
    """Not hers, not connected, nobody named, herself, a stranger, somebody busy, a second one; answers of others."""
    stage, contact = asked()
    stage.agent("cid", on=False)
    waiting = stage.submit()
    assert refusal(consult(stage, contact, "cid", to_agent="ben")) == "not_yours"
    assert refusal(consult(stage, waiting, "", to_agent="ben")) == "wrong_state"
    assert refusal(consult(stage, contact)) == "bad_value"
    assert refusal(consult(stage, contact, to_agent="ben", to_queue="help")) == "bad_value"
    assert refusal(consult(stage, contact, to_queue="nowhere")) == "unknown_queue"
    assert refusal(consult(stage, contact, to_agent="zed")) == "unknown_agent"
    assert refusal(consult(stage, contact, to_agent="ann")) == "wrong_state"
    assert refusal(consult(stage, contact, to_agent="ben")) == "wrong_state"
    for agent, code in (("cid", "not_yours"), ("ann", "not_yours")):
        assert refusal(stage.do(cm.AcceptConsult(tenant=T, contact=contact, agent=agent))) == code
    assert refusal(stage.do(cm.EndConsult(tenant=T, contact=contact, agent="cid"))) == "not_yours"
    assert refusal(stage.say(contact, "agent", "ben")) == "not_yours", "the customer hears Ann alone"
    stage.do(cm.AcceptConsult(tenant=T, contact=contact, agent="ben"))
    assert refusal(stage.do(cm.AcceptConsult(tenant=T, contact=contact, agent="ben"))) == "wrong_state"
    stage.do(cm.EndConsult(tenant=T, contact=contact, agent="ben"))
    stage.accept("ben")
    assert refusal(consult(stage, contact, to_agent="ben")) == "agent_busy"
    assert refusal(consult(stage, contact, to_agent="cid")) == "agent_busy"
    assert refusal(stage.do(cm.EndConsult(tenant=T, contact=contact, agent="ben"))) == "not_yours"


def test_who_is_lost_asks_nobody() -> None:
    """Ann's line is down when a consult in her name comes in: refused, and once she is back she may ask."""
    stage = Stage(domain={"grace_ms": 20_000})
    stage.agent("ann")
    contact = stage.connect("ann")
    stage.agent("ben")
    stage.do(cm.LoseAgent(agent="ann"))

    assert refusal(consult(stage, contact, to_agent="ben")) == "wrong_state"

    stage.do(cm.ReturnAgent(agent="ann"))
    assert "ConsultAsked" in kinds(consult(stage, contact, to_agent="ben"))


def test_a_restart_in_slices_loses_both_before_their_consult_ends() -> None:
    """Ben goes off duty and still helps Ann when the engine falls: he has his grace as she has hers, wherever a slice ends."""
    stage, contact = accepted(slice_units=2)
    stage.agent("cid")
    stage.state("ben", "finishing")
    events = stage.do(cm.StartEngine(epoch=2))
    while len(every(events, ev.AgentLost)) < 2:
        events += stage.expire()
    fallen = Dispatcher.restore(stage.dispatcher.snapshot())

    rest = stage.finish()

    assert [event.agent for event in every(events + rest, ev.AgentLost)] == ["ann", "ben", "cid"]
    assert only(rest, ev.ConsultEnded).contact == contact
    assert kinds(rest).index("ConsultEnded") > kinds(rest).index("AgentLost")
    assert stage.dispatcher.agents["ben"].state == "lost"
    while fallen.is_busy:
        fallen.expire(stage.now)
    assert fallen.snapshot() == stage.dispatcher.snapshot()
