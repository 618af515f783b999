"""Customers, one story each: what they are told, what they do, and when they go."""

from __future__ import annotations

import msgspec
import pytest

from engine.dispatch import commands as cmd
from engine.dispatch import events as ev
from engine.dispatch.commands import Sender
from sim.actors.customers import Customer, Phase
from sim.actors.deeds import Deed, Do, Wake
from sim.arrivals import Plan, Round
from sim.phrases import is_farewell, is_unsolved

PLAN = Plan(
    number=1, at_ms=0, external_id="x-1", customer="c-1", channel="web", mail=False, shop="flagship", topic="refund",
    language="en", requires="english", attributes={"topic": "refund"}, contained=True, asks_person=False, bot_rounds=1,
    patience_ms=90_000, silent=False, found_out_ms=30_000, nudge=False, ends_itself=False, words=0,
    rounds=(Round(10_000, 1), Round(20_000, 2)),
)  # fmt: skip


def _customer(**changes: object) -> Customer:
    customer = Customer(msgspec.structs.replace(PLAN, **changes), "maple", ["refund"])
    customer.arrive()
    return customer


def _submitted(stage: str) -> ev.ContactSubmitted:
    return ev.ContactSubmitted(0, 7, "maple", "web", "x-1", "c-1", "flagship", "refund", "refund", stage, 0, "", {})


def _connected(agent: str = "ann") -> ev.ContactConnected:
    return ev.ContactConnected(1, 7, agent, 0)


def _said(sender: Sender, seq: int = 2) -> ev.MessageAdded:
    return ev.MessageAdded(2, 7, seq, sender, "ann")


def _wake(deeds: list[Deed], what: str) -> Wake:
    return next(deed for deed in deeds if isinstance(deed, Wake) and deed.what == what)


def _commands(deeds: list[Deed]) -> list[cmd.Command]:
    return [deed.command for deed in deeds if isinstance(deed, Do)]


def _rouse(customer: Customer, wake: Wake) -> list[Deed]:
    return customer.woken(wake.what, wake.of, wake.guard)


def test_a_customer_arrives_with_a_question_and_all_that_routing_may_know() -> None:
    """The submit carries channel, shop, attributes and need; the text beside it says what it is about."""
    [deed] = Customer(PLAN, "maple", ["refund"]).arrive()
    assert isinstance(deed, Do) and isinstance(deed.command, cmd.SubmitContact)
    assert (deed.command.external_id, deed.command.requires, deed.command.shop) == ("x-1", "english", "flagship")
    assert "refund" in deed.text


def test_content_with_the_bots_answer_the_customer_thanks_it() -> None:
    """One answer is enough: a farewell, and nothing more to say."""
    customer = _customer()
    customer.heard(_submitted("bot"))
    assert customer.phase == Phase.BOT
    [first] = customer.heard(_said(Sender.BOT))
    assert isinstance(first, Wake) and first.in_ms == 5_000
    [question] = _rouse(customer, first)
    assert isinstance(question, Do) and not is_farewell(question.text)
    [second] = customer.heard(_said(Sender.BOT))
    assert isinstance(second, Wake)
    [thanks] = _rouse(customer, second)
    assert isinstance(thanks, Do) and is_farewell(thanks.text)
    assert customer.phase == Phase.CONTENT
    customer.heard(ev.ContactClosed(3, 7, "solved"))
    assert customer.phase == Phase.DONE


def test_not_helped_the_customer_says_so_and_waits_for_a_person_with_patience_running() -> None:
    """The bot's answer was no use; its hand-off starts the wait."""
    customer = _customer(contained=False)
    customer.heard(_submitted("bot"))
    [turn] = customer.heard(_said(Sender.BOT))
    assert isinstance(turn, Wake)
    [complaint] = _rouse(customer, turn)
    assert isinstance(complaint, Do) and is_unsolved(complaint.text)
    deeds = customer.heard(ev.ContactTransferred(4, 7, "bot-1", "refund", "person", 0, "", hand_off=True))
    assert _wake(deeds, "patience").in_ms == 90_000
    assert customer.phase == Phase.WAITING


def test_whoever_asks_for_a_person_uses_the_button() -> None:
    """At the bot's first word: contact.ask_person, no text that a bot could misread."""
    customer = _customer(asks_person=True)
    customer.heard(_submitted("bot"))
    [turn] = customer.heard(_said(Sender.BOT))
    assert isinstance(turn, Wake)
    assert [type(command) for command in _commands(_rouse(customer, turn))] == [cmd.AskPerson]


def test_patience_ends_and_the_customer_says_goodbye() -> None:
    """Nobody came in ninety seconds: the contact is abandoned, aloud."""
    customer = _customer()
    patience = _wake(customer.heard(_submitted("person")), "patience")
    [leaving] = _commands(_rouse(customer, patience))
    assert leaving == cmd.AbandonContact(contact=7)


def test_patience_starts_again_once_somebody_is_there() -> None:
    """Connected after a while: the old patience no longer counts, the new one ends in a close, not in an abandon."""
    customer = _customer()
    old = _wake(customer.heard(_submitted("person")), "patience")
    new = _wake(customer.heard(_connected()), "patience")
    assert _rouse(customer, old) == []
    [leaving] = _commands(_rouse(customer, new))
    assert leaving == cmd.CloseContact(contact=7, reason="customer_left")


def test_some_who_left_come_back_under_the_same_id_and_wait_on_in_their_old_place() -> None:
    """Out of patience, back a minute later: submitted again, resumed, patience anew; whoever leaves twice stays away."""
    customer = _customer(back_after_ms=60_000)
    customer.heard(_submitted("person"))
    left = ev.ContactAbandoned(90_000, 7, 90_000, False, 390_000)
    [back] = customer.heard(left)
    assert isinstance(back, Wake) and (back.what, back.in_ms) == ("come_back", 60_000)
    assert customer.phase == Phase.AWAY
    [again] = _rouse(customer, back)
    assert isinstance(again, Do) and isinstance(again.command, cmd.SubmitContact) and again.text
    assert (again.command.external_id, again.command.customer) == ("x-1", "c-1")
    customer.submitted(7)
    patience = _wake(customer.heard(ev.ContactResumed(150_000, 7, "x-1")), "patience")
    assert customer.phase == Phase.WAITING
    assert _commands(_rouse(customer, patience)) == [cmd.AbandonContact(contact=7)]
    assert customer.heard(left) == [] and customer.phase == Phase.DONE
    assert _rouse(customer, back) == []


def test_back_too_late_it_is_a_new_contact() -> None:
    """The window had closed: another number, and the customer goes on as that one."""
    customer = _customer(back_after_ms=900_000)
    customer.heard(_submitted("person"))
    [back] = customer.heard(ev.ContactAbandoned(90_000, 7, 90_000, True, 390_000))
    assert isinstance(back, Wake)
    _rouse(customer, back)
    customer.submitted(8)
    anew = ev.ContactSubmitted(1, 8, "maple", "web", "x-1", "c-1", "", "refund", "refund", "person", 0, "", {})
    patience = _wake(customer.heard(anew), "patience")
    assert _commands(_rouse(customer, patience)) == [cmd.AbandonContact(contact=8)]


def test_most_who_left_stay_away() -> None:
    """No plan to come back: it is over."""
    customer = _customer()
    customer.heard(_submitted("person"))
    assert customer.heard(ev.ContactAbandoned(90_000, 7, 90_000, False, 390_000)) == []
    assert customer.phase == Phase.DONE


def test_a_silent_customer_is_gone_and_found_out_later() -> None:
    """The app is closed without a word; only when its channel notices is the contact abandoned, as silent."""
    customer = _customer(silent=True)
    patience = _wake(customer.heard(_submitted("person")), "patience")
    [found_out] = _rouse(customer, patience)
    assert isinstance(found_out, Wake) and found_out.in_ms == 30_000
    assert customer.phase == Phase.GONE
    assert customer.heard(_connected()) == customer.heard(_said(Sender.AGENT)) == []
    assert _commands(_rouse(customer, found_out)) == [cmd.AbandonContact(contact=7, silent=True)]


def test_leaving_in_the_instant_of_being_connected_is_said_to_the_person() -> None:
    """The abandon came too late (wrong_state): the customer closes instead. A silent one says nothing."""
    customer = _customer()
    customer.heard(_submitted("person"))
    [close] = _commands(customer.refused(cmd.AbandonContact(contact=7), "wrong_state"))
    assert close == cmd.CloseContact(contact=7, reason="customer_left")
    assert customer.refused(cmd.AbandonContact(contact=7, silent=True), "wrong_state") == []
    assert customer.refused(cmd.AbandonContact(contact=7), "contact_gone") == []


def test_a_talk_with_a_person_goes_round_by_round() -> None:
    """Two rounds: a burst of two messages after the first reply, thanks after the second."""
    customer = _customer()
    customer.heard(_submitted("person"))
    customer.heard(_connected())
    turn = _wake(customer.heard(_said(Sender.AGENT)), "write")
    assert turn.in_ms == 10_000
    line, more = _rouse(customer, turn)
    assert isinstance(line, Do) and isinstance(more, Wake)
    assert len(_commands(_rouse(customer, more))) == 1
    last = _wake(customer.heard(_said(Sender.AGENT, 4)), "write")
    assert _rouse(customer, more) == [], "an answer has come: the rest of the burst is not sent"
    [thanks] = _rouse(customer, last)
    assert isinstance(thanks, Do) and is_farewell(thanks.text)
    assert customer.heard(_said(Sender.AGENT, 5)) == [], "the house's last word is not answered"


def test_some_end_the_chat_themselves() -> None:
    """Content, and the window is closed: contact.close by the customer."""
    customer = _customer(ends_itself=True, rounds=(Round(1_000, 1),))
    customer.heard(_submitted("person"))
    customer.heard(_connected())
    turn = _wake(customer.heard(_said(Sender.AGENT)), "write")
    assert _commands(_rouse(customer, turn)) == [cmd.CloseContact(contact=7, reason="solved")]


def test_a_mail_has_no_patience_and_is_not_answered_back() -> None:
    """Nobody sits before a mail: no patience, no nudge, no thanks."""
    customer = _customer(mail=True, channel="email", nudge=True, rounds=(Round(1_000, 1),))
    assert customer.heard(_submitted("person")) == []
    patience = _wake(customer.heard(_connected()), "patience")
    assert _rouse(customer, patience) == []
    turn = _wake(customer.heard(_said(Sender.AGENT)), "write")
    assert _rouse(customer, turn) == []


def test_those_who_wait_write_again() -> None:
    """A nudge after a while, unless somebody came."""
    customer = _customer(nudge=True)
    nudge = _wake(customer.heard(_submitted("person")), "nudge")
    assert len(_commands(_rouse(customer, nudge))) == 1
    customer.heard(_connected())
    assert _rouse(customer, nudge) == []


@pytest.mark.parametrize("event", [ev.ContactRequeued(3, 7, "ann", "agent_lost")])
def test_a_lost_agent_makes_the_customer_wait_again(event: ev.Event) -> None:
    """The agent's line is dead and grace is over: patience runs anew. In the bot stage a requeue means nothing."""
    customer = _customer()
    customer.heard(_submitted("person"))
    customer.heard(_connected())
    customer.heard(_said(Sender.AGENT))
    assert _wake(customer.heard(event), "patience").in_ms == 90_000
    with_bot = _customer()
    with_bot.heard(_submitted("bot"))
    assert with_bot.heard(event) == []


def test_a_deflected_customer_does_nothing_more() -> None:
    """Turned away with an alternative: it is over."""
    customer = _customer()
    customer.heard(ev.ContactDeflected(1, 7, "maple", "web", "x-1", "c-1", "", "", "blocked", "blocked", "message"))
    assert customer.phase == Phase.DONE
    assert customer.woken("patience", 7, 1) == []
