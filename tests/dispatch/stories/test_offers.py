"""An offer's whole life: accept, decline, expiry with RONA, hold, rescind, and the races between them."""

from __future__ import annotations

from typing import Any

import pytest

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from tests.dispatch.stage import SECOND, Stage, every, kinds, only, refusal


def stage_with(**queue: Any) -> Stage:
    return Stage(queues={"help": {"offer_ms": 20_000, **queue}})


def test_a_whole_life_in_the_order_it_happened() -> None:
    """Submit, offer, accept, close, wrap-up: each event once, capacity held until wrap-up has ended."""
    stage = stage_with(wrap_up_ms=30_000)
    stage.agent("ann")
    contact = stage.submit(opening=False)
    stage.wait(2 * SECOND)
    stage.accept("ann")
    stage.wait(60 * SECOND)
    closed = stage.close(contact, "ann")
    assert kinds(closed) == ["ContactClosed", "WrapUpStarted"]
    assert stage.contact(contact).state == "wrap_up"
    assert stage.dispatcher.agents["ann"].load == 1

    stage.wait(10 * SECOND)
    ended = stage.do(cm.EndWrapUp(agent="ann", contact=contact))

    assert kinds(ended) == ["WrapUpEnded"]
    assert contact not in stage.dispatcher.contacts
    assert stage.dispatcher.agents["ann"].load == 0
    assert kinds(stage.log)[2:] == [
        "ContactSubmitted", "OfferMade", "OfferAccepted", "ContactConnected", "ContactClosed", "WrapUpStarted",
        "WrapUpEnded",
    ]  # fmt: skip
    assert only(stage.log, ev.ContactConnected).waited_ms == 2 * SECOND


def test_wrap_up_ends_by_itself_and_the_next_contact_is_chosen_in_the_same_step() -> None:
    """The clerk forgets to end the wrap-up: at its deadline it ends, and the waiting contact is offered at once."""
    stage = stage_with(wrap_up_ms=30_000)
    stage.agent("ann")
    first = stage.connect("ann")
    second = stage.submit()
    stage.close(first, "ann")
    assert stage.offered(second) == ""

    stage.wait(30 * SECOND - 1)
    assert stage.offered(second) == ""
    ended = stage.wait(1)

    assert kinds(ended) == ["WrapUpEnded", "OfferMade"]
    assert only(ended, ev.WrapUpEnded).by != "agent"
    assert stage.offered(second) == "ann"


def test_without_wrap_up_the_next_contact_is_chosen_when_the_last_one_closes() -> None:
    """No wrap-up in this queue: close and next offer are one step."""
    stage = stage_with(wrap_up_ms=0)
    stage.agent("ann")
    first = stage.connect("ann")
    second = stage.submit()

    closed = stage.close(first, "ann")

    assert kinds(closed)[-1] == "OfferMade"
    assert stage.offered(second) == "ann"
    assert first not in stage.dispatcher.contacts


def test_the_only_agent_declines_the_only_contact_and_is_asked_again() -> None:
    """One agent, one contact, one decline: asked again after the back-off, as nobody else could; never stuck, never a loop."""
    stage = stage_with(decliner_memory_ms=60_000, decline_back_off_ms=5_000)
    stage.agent("ann")
    contact = stage.submit()

    stage.decline("ann")

    assert stage.offered(contact) == "", "asked again in the same breath: an endless loop of asking"
    stage.wait(5 * SECOND - 1)
    assert stage.offered(contact) == ""
    stage.wait(1)
    assert stage.offered(contact) == "ann"
    assert len(every(stage.log, ev.OfferMade)) == 2


def test_the_only_agent_declines_without_back_off() -> None:
    """No back-off is set: she is free for other contacts at once, and asked for this one when the memory expires."""
    stage = stage_with(decliner_memory_ms=60_000, decline_back_off_ms=0)
    stage.agent("ann")
    contact = stage.submit()
    assert only(stage.decline("ann"), ev.OfferDeclined).forget_at == stage.now + 60 * SECOND

    stage.wait(60 * SECOND - 1)
    assert stage.offered(contact) == ""
    happened = stage.wait(1)

    assert only(happened, ev.DeclinerForgotten).agent == "ann"
    assert stage.offered(contact) == "ann"


def test_decliner_memory_without_back_off_holds_until_it_expires() -> None:
    """Ann and Ben decline in turn, without back-off: nobody is asked twice before the memory ends, then at once."""
    stage = stage_with(decliner_memory_ms=30_000, decline_back_off_ms=0)
    stage.agent("ann")
    stage.agent("ben")
    contact = stage.submit()
    first = stage.offered(contact)
    stage.decline(first)
    second = stage.offered(contact)
    assert {first, second} == {"ann", "ben"}, "the other agent is free and has not declined"
    stage.decline(second)
    assert stage.offered(contact) == ""

    stage.wait(30 * SECOND)

    assert stage.offered(contact) == first


def test_decliner_memory_yields_when_the_other_eligible_agent_leaves() -> None:
    """Ann declined and Ben is busy; Ben goes home, so nobody else is eligible: Ann is asked again before her memory ends."""
    stage = stage_with(decliner_memory_ms=3_600_000)
    stage.agent("ann")
    contact = stage.submit()
    stage.agent("ben")
    busy = stage.connect("ben")
    assert stage.offered(contact) == "ann"
    stage.decline("ann")
    assert stage.offered(contact) == ""
    stage.close(busy, "ben")
    assert stage.offered(contact) == "ben"

    events = stage.do(cm.SignOff(agent="ben"))

    assert only(events, ev.DeclinerForgotten).why == "yielded"
    assert stage.offered(contact) == "ann"


@pytest.mark.parametrize("rona", ["not_ready", "back_off", "lower_capacity"])
def test_offer_expires_and_the_next_agent_has_the_contact_in_the_same_instant(rona: str) -> None:
    """Ann lets an offer expire: she gets the queue's RONA effect, Ben gets the contact in the same millisecond."""
    stage = stage_with(rona=rona, rona_return_ms=45_000)
    stage.agent("ann", capacity=2)
    contact = stage.submit()
    stage.wait(7 * SECOND)
    stage.agent("ben")

    happened = stage.wait(20 * SECOND)

    expired, offer = only(happened, ev.OfferExpired), only(happened, ev.OfferMade)
    assert (expired.agent, expired.effect, expired.at - stage.dawn) == ("ann", rona, 20 * SECOND)
    assert (offer.contact, offer.agent, offer.at) == (contact, "ben", expired.at)
    assert offer.waited_ms == 20 * SECOND, "its clocks went on"
    assert offer.deadline == expired.at + 20 * SECOND
    ann = stage.dispatcher.agents["ann"]
    assert ann.load == 0
    assert (ann.state == "not_ready") == (rona == "not_ready")
    assert (ann.capacity < 2) == (rona == "lower_capacity")
    assert (ann.back_off_until > 0) == (rona == "back_off")


@pytest.mark.parametrize("rona", ["not_ready", "back_off", "lower_capacity"])
def test_rona_ends_by_itself(rona: str) -> None:
    """Ann missed one; rona_return_ms later she is as before without touching a button, and has the waiting contact."""
    stage = stage_with(rona=rona, rona_return_ms=45_000, decliner_memory_ms=1_000)
    stage.agent("ann", capacity=1)
    contact = stage.submit()
    stage.wait(20 * SECOND)
    assert len(every(stage.log, ev.OfferExpired)) == 1

    if rona != "lower_capacity":
        stage.wait(45 * SECOND - 1)
        assert stage.offered(contact) == "", rona
        stage.wait(1)
    else:
        stage.wait(45 * SECOND)

    ann = stage.dispatcher.agents["ann"]
    assert (ann.state, ann.capacity, ann.back_off_until) == ("available", 1, 0)
    assert stage.offered(contact) == "ann"


def test_an_accept_in_the_very_millisecond_of_the_expiry_is_too_late() -> None:
    """Offer until 20.000: an accept stamped 20.000 is refused with offer_expired, and the expiry stands."""
    stage = stage_with()
    stage.agent("ann")
    contact = stage.submit()
    offer = stage.offer_to("ann")
    stage.lag(20 * SECOND)

    events = stage.do(cm.AcceptOffer(agent="ann", offer=offer))

    assert refusal(events) == "offer_expired"
    assert isinstance(events[0], ev.OfferExpired)
    assert stage.contact(contact).state == "queued"


def test_an_accept_stamped_a_millisecond_earlier_but_read_late_is_honoured() -> None:
    """Offer until 20.000: the accept was stamped 19.999 and the driver reads it at 25.000. It counts."""
    stage = stage_with()
    stage.agent("ann")
    contact = stage.submit()
    deadline = stage.dispatcher.offers[stage.offer_to("ann")].deadline
    stage.lag(25 * SECOND)

    events = stage.accept("ann", at=deadline - 1)

    assert kinds(events) == ["OfferAccepted", "ContactConnected"]
    assert stage.contact(contact).state == "connected"
    assert "OfferExpired" not in kinds(stage.expire())


def test_two_accepts_of_one_offer() -> None:
    """The button was clicked twice: the first connects, the second is refused and changes nothing."""
    stage = stage_with()
    stage.agent("ann")
    contact = stage.submit()
    offer = stage.offer_to("ann")
    stage.accept("ann")

    events = stage.do(cm.AcceptOffer(agent="ann", offer=offer))

    assert refusal(events) in ("offer_gone", "wrong_state", "unknown_offer")
    assert stage.contact(contact).state == "connected"


def test_somebody_else_accepts_my_offer() -> None:
    """Ben answers the offer made to Ann: not_yours, and Ann can still accept."""
    stage = stage_with()
    stage.agent("ann")
    contact = stage.submit()
    stage.agent("ben")

    assert refusal(stage.do(cm.AcceptOffer(agent="ben", offer=stage.offer_to("ann")))) == "not_yours"

    stage.accept("ann")
    assert stage.contact(contact).agent == "ann"


def test_hold_then_complete() -> None:
    """Ann says yes and her line is being made: no expiry meanwhile, then complete connects with the wait so far."""
    stage = stage_with(hold_ms=60_000)
    stage.agent("ann")
    contact = stage.submit()
    stage.wait(5 * SECOND)

    held = stage.accept("ann", hold=True)

    assert kinds(held) == ["OfferAccepted"]
    assert only(held, ev.OfferAccepted).hold_until == stage.now + 60 * SECOND
    assert stage.contact(contact).state == "held"
    stage.wait(40 * SECOND)
    assert stage.contact(contact).state == "held", "the offer's own deadline no longer counts"
    offer = stage.offer_to("ann")

    connected = stage.do(cm.CompleteAccept(agent="ann", offer=offer))

    assert only(connected, ev.ContactConnected).waited_ms == 45 * SECOND


def test_a_held_offer_cannot_be_answered_again() -> None:
    """Ann has said yes with hold: a second yes and a no are refused, and the hold goes on."""
    stage = stage_with()
    stage.agent("ann")
    contact = stage.submit()
    offer = stage.offer_to("ann")
    stage.accept("ann", hold=True)

    assert refusal(stage.do(cm.AcceptOffer(agent="ann", offer=offer))) == "wrong_state"
    assert refusal(stage.do(cm.DeclineOffer(agent="ann", offer=offer))) == "wrong_state"

    assert stage.contact(contact).state == "held"


def test_hold_then_fail() -> None:
    """Ann says yes but her line fails: no blame for her, and the contact goes to Ben with its clocks in the same step."""
    stage = stage_with(hold_ms=60_000)
    stage.agent("ann")
    contact = stage.submit()
    stage.accept("ann", hold=True)
    stage.agent("ben")
    stage.wait(5 * SECOND)

    failed = stage.do(cm.FailAccept(agent="ann", offer=stage.offer_to("ann"), reason="no line"))

    assert only(failed, ev.OfferRescinded).reason == "failed"
    offer = only(failed, ev.OfferMade)
    assert offer.contact == contact
    assert offer.waited_ms == 5 * SECOND
    assert stage.dispatcher.agents["ann"].state == "available"
    assert stage.dispatcher.agents["ann"].load + stage.dispatcher.agents["ben"].load == 1


def test_a_hold_that_nobody_completes_ends() -> None:
    """The hold runs out: the contact is not lost but waits or is offered again, with its clocks."""
    stage = stage_with(hold_ms=60_000)
    stage.agent("ann")
    contact = stage.submit()
    stage.accept("ann", hold=True)
    held = stage.offer_to("ann")

    stage.wait(60 * SECOND)

    assert stage.contact(contact).state != "held"
    assert stage.contact(contact).waited_ms(stage.now) == 60 * SECOND
    assert refusal(stage.do(cm.CompleteAccept(agent="ann", offer=held))) in ("offer_gone", "offer_expired")


def test_a_customer_who_leaves_during_an_offer_takes_the_offer_along() -> None:
    """The customer hangs up while Ann's phone rings: rescinded without blame, and Ann has the next contact at once."""
    stage = stage_with()
    stage.agent("ann")
    first, second = stage.submit(), stage.submit()
    offer = stage.offer_to("ann")
    stage.wait(3 * SECOND)

    left = stage.abandon(first, silent=True)

    assert only(left, ev.OfferRescinded).reason == "abandoned"
    assert only(left, ev.ContactAbandoned).waited_ms == 3 * SECOND
    assert stage.offered(second) == "ann"
    assert stage.dispatcher.agents["ann"].state == "available"
    assert refusal(stage.do(cm.AcceptOffer(agent="ann", offer=offer))) == "offer_gone"


def test_auto_accept_connects_in_the_step_that_offers() -> None:
    """An agent with auto-accept: offer, accept and connection are one batch."""
    stage = stage_with()
    stage.agent("ann", auto_accept=True)

    contact = stage.submit(opening=False)

    assert kinds(stage.log)[-4:] == ["ContactSubmitted", "OfferMade", "OfferAccepted", "ContactConnected"]
    assert only(stage.log, ev.OfferAccepted).automatic
    assert stage.contact(contact).state == "connected"
    assert not stage.dispatcher.offers


def test_back_off_after_a_decline_keeps_the_agent_from_other_contacts_too() -> None:
    """Ann declines with 10 s of back-off: the next contact waits, and is hers after exactly 10 s."""
    stage = stage_with(decline_back_off_ms=10_000, decliner_memory_ms=3_600_000)
    stage.agent("ann")
    stage.submit()
    stage.decline("ann")
    other = stage.submit()

    stage.wait(10 * SECOND - 1)
    assert stage.offered(other) == ""
    happened = stage.wait(1)

    assert only(happened, ev.BackOffEnded).agent == "ann"
    assert stage.offers_to("ann") != []


def test_a_contact_nobody_takes_is_never_lost() -> None:
    """Twenty offers expire one after the other: the contact is still there, waiting, with all its time."""
    stage = stage_with(rona="back_off", rona_return_ms=1_000, decliner_memory_ms=1_000, offer_ms=5_000)
    stage.agent("ann")
    contact = stage.submit()

    stage.wait(300 * SECOND)

    assert stage.contact(contact).state in ("queued", "offered")
    assert stage.contact(contact).waited_ms(stage.now) == 300 * SECOND


def test_an_offer_says_why_it_was_made() -> None:
    """Arrival, freed agent, sign-on: the offer names its trigger, choice, order, pool and policy."""
    stage = stage_with()
    stage.agent("ann")
    stage.submit()
    arrival = only(stage.log, ev.OfferMade)
    assert arrival.trigger == "arrival"
    assert (arrival.choice, arrival.order, arrival.pool) == ("longest_idle", "strict", "onsite")
    assert arrival.policy == stage.dispatcher.policy.version
    assert arrival.rank, "the winner's sort key"
    first = stage.contact(1)
    stage.accept("ann")
    stage.submit()

    freed = only(stage.close(first.contact, "ann"), ev.OfferMade)

    assert freed.trigger == "freed"
