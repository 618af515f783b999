"""The customer falls silent: reminded, asleep, closed, open again; and what the agent's silence does."""

from __future__ import annotations

from typing import Any

import pytest

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.dispatcher import Dispatcher
from tests.dispatch.stage import SECOND, Stage, every, kinds, only, refusal

# A slot is four units: a sleeper holds a quarter of one.
SLOTS = {"web": {"cost": 4, "dormant_cost": 1}}
SILENCE = {"remind_ms": 120_000, "dormant_ms": 60_000, "idle_close_ms": 600_000, "reopen_ms": 3_600_000}


def silent_stage(**queue: Any) -> tuple[Stage, int]:
    """Ann, with one slot, has answered; the customer says nothing from here on."""
    stage = Stage(channels=SLOTS, queues={"help": {**SILENCE, **queue}})
    stage.agent("ann", capacity=4)
    contact = stage.connect("ann")
    stage.say(contact, "agent", "ann")
    return stage, contact


def write(stage: Stage, contact: int) -> list[ev.Event]:
    return stage.say(contact)


def test_reminded_dormant_closed_and_reopened_to_the_same_agent() -> None:
    """remind 2 min, dormant 1 min, close 10 min, reopen 1 h: asleep it holds a quarter of ann's slot; written again, ann has it."""
    stage, contact = silent_stage(wrap_up_ms=30_000)
    ann = stage.dispatcher.agents["ann"]
    stage.agent("ben", capacity=4)

    assert kinds(stage.wait(120 * SECOND)) == ["ContactReminded"]
    assert kinds(stage.wait(60 * SECOND)) == ["ContactSlept"]
    assert (stage.contact(contact).state, ann.load) == ("dormant", 1)
    closed = only(stage.wait(600 * SECOND), ev.ContactClosed)
    assert (closed.reason, closed.by, closed.agent) == ("idle", "clock", "ann")
    assert (ann.load, stage.contact(contact).state) == (0, "closed")

    stage.wait(1_800 * SECOND)
    events = write(stage, contact)

    assert kinds(events) == ["ContactReopened", "MessageAdded", "ReplyStarted", "AffinityBegan", "OfferMade"]
    assert (stage.offered(contact), only(events, ev.OfferMade).waited_ms) == ("ann", 0)


def test_the_sleepers_room_is_used_in_the_same_step() -> None:
    """Capacity of one slot and a quarter: the sleeper leaves a whole slot, and who waited has it at once."""
    stage = Stage(channels=SLOTS, queues={"help": SILENCE})
    stage.agent("ann", capacity=5)
    sleeper = stage.connect("ann")
    stage.say(sleeper, "agent", "ann")
    waiting = stage.submit()
    assert not stage.offered(waiting)

    stage.wait(180 * SECOND)

    assert stage.offered(waiting) == "ann"


def test_the_sleeper_wakes_in_place() -> None:
    """Ann has room for three units more: written to, it wakes with her, and silence counts from the beginning."""
    stage, contact = silent_stage()
    stage.wait(180 * SECOND)

    assert kinds(write(stage, contact)) == ["ContactWoke", "MessageAdded", "ReplyStarted"]

    assert (stage.contact(contact).state, stage.dispatcher.agents["ann"].load) == ("connected", 4)
    assert "ContactReminded" not in kinds(stage.wait(1_000 * SECOND))
    stage.say(contact, "agent", "ann")
    assert kinds(stage.wait(120 * SECOND)) == ["ContactReminded"]


@pytest.mark.parametrize(("last_agent_ms", "taker"), [(60_000, "ann"), (0, "ben")])
def test_the_sleeper_wakes_and_its_agent_is_full(last_agent_ms: int, taker: str) -> None:
    """Ann took another customer beside the sleeper. Awake it waits with its clocks: for ann alone 60 s, or at once for anyone."""
    stage = Stage(channels=SLOTS, queues={"help": {**SILENCE, "last_agent_ms": last_agent_ms}})
    stage.agent("ann", capacity=5)
    sleeper = stage.connect("ann")
    stage.say(sleeper, "agent", "ann")
    stage.wait(180 * SECOND)
    other = stage.connect("ann")
    stage.agent("ben", capacity=4)

    events = write(stage, sleeper)

    assert only(events, ev.ContactRequeued).reason == "woke"
    assert stage.dispatcher.agents["ann"].load <= 5
    stage.wait(10 * SECOND)
    stage.close(other, "ann")
    assert stage.offered(sleeper) == taker


def test_whoever_speaks_in_between_starts_the_silence_anew() -> None:
    """An agent's further word restarts the clock, an automatic one does not, a customer's stops it."""
    stage, contact = silent_stage()
    stage.wait(100 * SECOND)
    stage.say(contact, "agent", "ann")
    assert kinds(stage.wait(119 * SECOND)) == []
    stage.say(contact, "system", automatic=True)
    assert kinds(stage.wait(1 * SECOND)) == ["ContactReminded"]
    write(stage, contact)
    assert not every(stage.wait(3_000 * SECOND), ev.ContactSlept)


def test_an_agents_silence_never_closes() -> None:
    """The customer wrote last and nobody answers for a day: warned and breached, and still open."""
    stage, contact = silent_stage()
    write(stage, contact)

    assert set(kinds(stage.wait(86_400 * SECOND))) == {"ReplyWarned", "ReplyBreached"}

    assert stage.contact(contact).state == "connected"


@pytest.mark.parametrize("left_out", ["remind_ms", "dormant_ms"])
def test_a_stage_left_out(left_out: str) -> None:
    """A stage of 0 is passed over: the next one counts from the one before."""
    stage, _ = silent_stage(**{left_out: 0})
    lengths = {name: ms for name, ms in SILENCE.items() if name not in (left_out, "reopen_ms")}

    events = stage.wait(sum(lengths.values()))

    wanted = {"remind_ms": "ContactReminded", "dormant_ms": "ContactSlept", "idle_close_ms": "ContactClosed"}
    assert kinds(events) == [wanted[name] for name in lengths]


def test_the_customer_comes_again_in_another_channel() -> None:
    """Closed as idle on the web; the same customer writes on WeChat: the same contact opens again and is known there too."""
    stage = Stage(channels={**SLOTS, "wechat": {}}, queues={"help": SILENCE})
    stage.agent("ann", capacity=4)
    contact = stage.connect("ann", customer="li")
    stage.say(contact, "agent", "ann")
    stage.wait(780 * SECOND)

    again = stage.do(
        cm.SubmitContact(
            tenant="acme", channel="wechat", customer="li", shop="flagship", external_id="wx1", source="wechat-gate"
        )
    )

    assert only(again, ev.ContactReopened).contact == contact
    assert stage.offered(contact) == "ann"
    assert stage.contact(contact).joined == (("wechat", "wx1"),)


def test_too_late_is_a_new_contact() -> None:
    """The hour for reopening is over: the contact is forgotten, a message finds nothing, a submission opens another."""
    stage, contact = silent_stage()
    customer = stage.contact(contact).customer
    stage.wait(780 * SECOND)
    assert kinds(stage.wait(3_600 * SECOND)) == ["ContactForgotten"]

    assert refusal(write(stage, contact)) == "contact_gone"
    assert stage.submit(customer=customer) != contact


def test_nothing_else_can_be_done_to_it_while_it_is_closed() -> None:
    """Closed as idle: an agent's word, a move, a transfer or another end are refused as for any contact that is gone."""
    stage, contact = silent_stage()
    stage.wait(780 * SECOND)

    for command in (
        cm.AddMessage(tenant="acme", contact=contact, sender=cm.Sender.AGENT, agent="ann"),
        cm.MoveContact(tenant="acme", contact=contact, queue="help"),
        cm.TransferContact(tenant="acme", contact=contact, agent="ann", to_queue="help"),
        cm.CloseContact(tenant="acme", contact=contact),
        cm.AskPerson(tenant="acme", contact=contact),
        cm.UpdateContact(tenant="acme", contact=contact, attributes={"order": "paid"}),
    ):
        assert refusal(stage.do(command)) == "contact_gone"


def test_reopened_while_its_agent_is_busy() -> None:
    """Ann serves somebody else (last_agent_ms 30 s): the reopened one waits for her alone, then anyone may have it."""
    stage, contact = silent_stage(last_agent_ms=30_000)
    stage.wait(780 * SECOND)
    stage.connect("ann")
    stage.agent("ben", capacity=4)

    write(stage, contact)

    assert not stage.offered(contact)
    assert stage.contact(contact).prefer == "ann"
    events = stage.wait(30 * SECOND)
    assert kinds(events) == ["AffinityEnded", "OfferMade"]
    assert stage.offered(contact) == "ben"


def test_a_restart_in_the_middle_of_silence() -> None:
    """Restored from a snapshot while one sleeps and one may be reopened, the dispatcher goes on in the same bytes."""
    stage, contact = silent_stage()
    stage.wait(780 * SECOND)
    second = stage.connect("ann")
    stage.say(second, "agent", "ann")
    stage.wait(180 * SECOND)

    stage.mirror = Dispatcher.restore(stage.dispatcher.snapshot())
    stage.wait(10 * SECOND)
    write(stage, contact)
    write(stage, second)

    assert stage.contact(second).state == "connected"


# --- the agent's silence ------------------------------------------------------------------------------------------------


def test_accepted_and_never_answered() -> None:
    """unanswered_ms 60 s: ann accepts and never writes; ben has it, it waited before but not with her, and the reply clock ran on."""
    stage = Stage(queues={"help": {"unanswered_ms": 60_000, "decliner_memory_ms": 90_000}})
    contact = stage.submit()
    stage.wait(5 * SECOND)
    stage.agent("ann")
    stage.accept("ann")
    stage.agent("ben")
    stage.say(contact, "agent", "ann", automatic=True)

    events = stage.wait(60 * SECOND)

    assert kinds(events) == ["ContactRequeued", "OfferMade"]
    assert only(events, ev.ContactRequeued).reason == "unanswered"
    assert (stage.offered(contact), only(events, ev.OfferMade).waited_ms) == ("ben", 5 * SECOND)
    assert list(stage.contact(contact).decliners) == ["ann"]
    stage.accept("ben")
    replied = only(stage.say(contact, "agent", "ben"), ev.ReplyStopped)
    assert (replied.took_ms, replied.round) == (65 * SECOND, 1)


def test_who_has_answered_once_keeps_it() -> None:
    """One word of ann's within the minute: the customer's next question may wait for her as long as it takes."""
    stage = Stage(queues={"help": {"unanswered_ms": 60_000}})
    stage.agent("ann")
    contact = stage.connect("ann")
    stage.wait(59 * SECOND)
    stage.say(contact, "agent", "ann")
    write(stage, contact)

    assert not every(stage.wait(600 * SECOND), ev.ContactRequeued)


def test_an_agent_is_not_late_before_the_customer_has_said_anything() -> None:
    """The customer writes five minutes after the connection: ann has the minute from there."""
    stage = Stage(queues={"help": {"unanswered_ms": 60_000}})
    stage.agent("ann")
    contact = stage.connect("ann", opening=False)
    stage.wait(300 * SECOND)
    write(stage, contact)

    assert not every(stage.wait(59 * SECOND), ev.ContactRequeued)
    assert every(stage.wait(1 * SECOND), ev.ContactRequeued)


def test_nobody_else_is_there() -> None:
    """Only ann could have it: it goes back and is offered to her again, with the memory of her silence gone."""
    stage = Stage(queues={"help": {"unanswered_ms": 60_000}})
    stage.agent("ann")
    contact = stage.connect("ann")

    assert kinds(stage.wait(60 * SECOND)) == ["ContactRequeued", "DeclinerForgotten", "OfferMade"]

    assert stage.offered(contact) == "ann"


def test_on_wechat_while_the_web_chat_sleeps() -> None:
    """The customer fell silent on the web and now comes on WeChat: joined to the one open contact, which wakes."""
    stage = Stage(channels={**SLOTS, "wechat": {}}, queues={"help": SILENCE})
    stage.agent("ann", capacity=4)
    contact = stage.connect("ann", customer="li")
    stage.say(contact, "agent", "ann")
    stage.wait(180 * SECOND)

    events = stage.do(
        cm.SubmitContact(tenant="acme", channel="wechat", customer="li", shop="flagship", external_id="wx1")
    )

    assert kinds(events) == ["ContactWoke", "ContactJoined", "ReplyStarted"]
    assert (stage.contact(contact).state, stage.contact(contact).agent) == ("connected", "ann")
    assert stage.contact(contact).joined == (("wechat", "wx1"),)
    assert len(stage.dispatcher.contacts) == 1
