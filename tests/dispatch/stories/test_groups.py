"""Capacity of a group of agents, previewed with a count and with an end; and the customer who takes the bot instead."""

from __future__ import annotations

import pytest

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.dispatcher import Dispatcher
from tests.dispatch.stage import SECOND, Stage, every, kinds, only, refusal

T = "acme"


def test_a_team_gets_another_capacity_for_an_hour() -> None:
    """The night team may carry two for a while: whoever waits is theirs in the same step; when it ends they keep what they have."""
    stage = Stage()
    for name, team in (("ann", "night"), ("ben", "day"), ("cid", "night")):
        stage.agent(name, team=team)
    contacts = [stage.submit() for _ in range(6)]
    command = cm.SetGroupCapacity(
        tenant=T, team="night", capacity=2, until=stage.now + 3_600 * SECOND, reason="storm", preview=True
    )
    assert stage.do(command) == []
    assert stage.dispatcher.count_matching(command) == 2

    events = stage.do(cm.SetGroupCapacity(
        tenant=T, team="night", capacity=2, until=stage.now + 3_600 * SECOND, reason="storm", expect_count=2
    ))  # fmt: skip

    assert kinds(events) == [
        "BulkStarted", "CapacityChanged", "OfferMade", "CapacityChanged", "OfferMade", "BulkContinued", "BulkEnded",
    ]  # fmt: skip
    started = only(events, ev.BulkStarted)
    assert (started.action, started.count, started.team, started.capacity) == ("capacity", 2, "night", 2)
    assert {one.reason for one in every(events, ev.CapacityChanged)} == {"storm"}
    assert [stage.offered(contact) for contact in contacts] == ["ann", "ben", "cid", "ann", "cid", ""]
    for name in ("ann", "ben", "cid"):
        stage.accept_all(name)
    stage.wait(3_600 * SECOND)
    assert [stage.dispatcher.agents[name].capacity for name in ("ann", "ben", "cid")] == [1, 1, 1]
    assert stage.dispatcher.agents["ann"].load == 2


def test_a_group_is_a_pool_a_team_or_both() -> None:
    """Of pool onsite and team night together there is one; shared agents are everybody's, another tenant's are not touched."""
    stage = Stage(pools={"onsite": {}, "remote": {}})
    stage.agent("ann", "onsite", team="night")
    stage.agent("ben", "remote", team="night")
    stage.agent("cid", "onsite", team="day", on=False)
    stage.agent("dee", "onsite", team="night", tenant="bell")

    def count(**fields: str) -> int:
        return stage.dispatcher.count_matching(cm.SetGroupCapacity(**{"tenant": T, **fields}))  # type: ignore[arg-type]  # names

    assert (count(pool="onsite", team="night"), count(team="night"), count(pool="onsite")) == (1, 2, 2)
    assert (count(tenant="bell", team="night"), count(tenant="", team="night")) == (3, 3)
    assert (
        refusal(stage.do(cm.SetGroupCapacity(tenant=T, pool="onsite", capacity=3, expect_count=1))) == "count_changed"
    )
    stage.do(cm.SetGroupCapacity(tenant=T, pool="onsite", capacity=3, expect_count=2))
    assert [agent.capacity for agent in stage.dispatcher.agents.values()] == [3, 1, 3, 1]


def test_a_large_group_in_slices_with_a_restore_between() -> None:
    """Forty agents, two or three a call: one signs off, one is removed meanwhile and passed; a restored engine goes on alike."""
    stage = Stage(slice_units=12)
    for number in range(40):
        stage.agent(f"a{number}", on=number != 39)
    stage.finish()
    stage.do(cm.SetGroupCapacity(tenant=T, pool="onsite", capacity=4, expect_count=40))
    assert stage.dispatcher.is_busy
    stage.expire()
    stage.mirror = Dispatcher.restore(stage.dispatcher.snapshot())
    stage.do(cm.RemoveAgent(agent="a39"))
    stage.do(cm.SignOff(agent="a20"))

    events = stage.finish()

    ended = only(events, ev.BulkEnded)
    assert (ended.action, ended.done, ended.passed) == ("capacity", 39, 1)
    assert {agent.capacity for agent in stage.dispatcher.agents.values()} == {4}


def test_the_customer_takes_the_bot_that_was_offered() -> None:
    """Ann is busy, and after ten seconds the bot is offered instead: Li takes it, and it serves at once."""
    steps = [{"name": "instead", "clock": "waited", "after_ms": 10 * SECOND, "offer": ["bot"]}]
    stage = Stage(queues={"help": {"bot_pools": ["bot"], "steps": steps}}, pools={"onsite": {}, "bot": {}})
    stage.bot("robo")
    stage.agent("ann")
    stage.connect("ann")
    contact = stage.submit()
    stage.say(contact)
    assert only(stage.wait(10 * SECOND), ev.AlternativesOffered).alternatives == ("bot",)

    events = stage.do(cm.AskBot(tenant=T, contact=contact))

    assert kinds(events)[:3] == ["ReplyStopped", "ContactSentToBot", "OfferMade"]
    assert stage.contact(contact).agent == "robo"


@pytest.mark.parametrize("state", ["queued", "offered", "held"])
def test_a_waiting_customer_asks_for_a_bot(state: str) -> None:
    """In line, on offer, or while the connection is made: the offer is taken back without blame, and the bot has the contact."""
    stage = Stage(queues={"help": {"bot_pools": ["bot"]}}, pools={"onsite": {}, "bot": {}})
    stage.bot("robo")
    if state != "queued":
        stage.agent("ann")
    contact = stage.submit()
    if state == "held":
        stage.accept("ann", hold=True)
    assert stage.contact(contact).state == state

    events = stage.do(cm.AskBot(tenant=T, contact=contact))

    assert only(events, ev.ContactSentToBot).reason == "customer_asked"
    assert [one.reason for one in every(events, ev.OfferRescinded)] == ([] if state == "queued" else ["sent_to_bot"])
    assert only(events, ev.OfferMade).trigger == "sent_to_bot"
    assert stage.contact(contact).agent == "robo"
    assert refusal(stage.do(cm.AskBot(tenant=T, contact=contact))) == "wrong_state"


def test_who_waits_for_a_bot_already_goes_on_waiting() -> None:
    """All bots are busy: asking for one twice neither moves the contact nor is refused."""
    stage = Stage(queues={"help": {"bot_pools": ["bot"]}}, pools={"onsite": {}, "bot": {}})
    stage.bot("robo", capacity=0)
    contact = stage.submit()
    stage.do(cm.AskBot(tenant=T, contact=contact))
    assert stage.contact(contact).stage == "bot"
    assert stage.do(cm.AskBot(tenant=T, contact=contact)) == []
