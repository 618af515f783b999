"""Customers leave, come back, and come twice."""

from __future__ import annotations

import pytest

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from tests.dispatch.stage import SECOND, Stage, kinds, only, refusal


def stage_with_window() -> Stage:
    return Stage(queues={"help": {"abandon_window_ms": 300_000}})


@pytest.mark.parametrize("same", ["customer", "external id"])
def test_back_inside_the_window_and_in_the_old_place(same: str) -> None:
    """Waited 60 s, gone for 100 s, back: again in front of who came meanwhile; the time away does not count as waited."""
    stage = stage_with_window()
    contact = stage.submit(customer="eve", external_id="e1")
    stage.wait(60 * SECOND)
    left = only(stage.abandon(contact, silent=True), ev.ContactAbandoned)
    assert (left.waited_ms, left.silent, left.resume_until) == (60 * SECOND, True, stage.now + 300 * SECOND)
    assert stage.contact(contact).state == "abandoned"
    stage.wait(50 * SECOND)
    meanwhile = stage.submit()
    stage.wait(50 * SECOND)

    events = stage.do(
        cm.SubmitContact(
            tenant="acme", channel="web", shop="flagship", customer="eve",
            external_id="e1" if same == "external id" else "e2",
        )
    )  # fmt: skip

    assert only(events, ev.ContactResumed).contact == contact
    assert "ContactSubmitted" not in kinds(events)
    assert stage.contact(contact).waited_ms(stage.now) == 60 * SECOND
    stage.agent("ann", capacity=2)
    assert stage.offers_to("ann") == [contact, meanwhile]


def test_back_after_the_window_is_a_new_contact() -> None:
    """The window closes to the millisecond: the old contact is forgotten and a new number is given."""
    stage = stage_with_window()
    contact = stage.submit(customer="eve")
    stage.abandon(contact)
    stage.wait(300 * SECOND - 1)
    assert contact in stage.dispatcher.contacts

    happened = stage.wait(1)

    assert only(happened, ev.ContactForgotten).contact == contact
    assert stage.submit(customer="eve") != contact


def test_resuming_goes_straight_to_a_free_agent() -> None:
    """Ann became free meanwhile: the customer who comes back is offered in the same step."""
    stage = stage_with_window()
    contact = stage.submit(customer="eve")
    stage.abandon(contact)
    stage.agent("ann")
    assert not stage.offers_to("ann"), "nobody is offered who has left"

    stage.do(cm.SubmitContact(tenant="acme", channel="web", shop="flagship", customer="eve", external_id="e2"))

    assert stage.offered(contact) == "ann"


def test_abandoning_twice_or_when_connected_is_refused() -> None:
    """Who has left cannot leave, and who is being served closes instead."""
    stage = stage_with_window()
    stage.agent("ann")
    served = stage.connect("ann")
    gone = stage.submit()
    stage.abandon(gone)
    before = stage.dispatcher.snapshot()

    assert refusal(stage.abandon(gone)) == "wrong_state"
    assert refusal(stage.abandon(served)) == "wrong_state"

    assert stage.dispatcher.snapshot() == before


@pytest.mark.parametrize("state", ["queued", "offered", "connected"])
def test_a_second_contact_of_the_same_customer_and_shop_joins(state: str) -> None:
    """The customer opens the window twice: one contact, one place, one agent."""
    stage = Stage()
    if state != "queued":
        stage.agent("ann")
    contact = stage.submit(customer="eve", external_id="e1")
    if state == "connected":
        stage.accept("ann")
    assert stage.contact(contact).state == state

    again = stage.submit(customer="eve", external_id="e2")

    assert again == contact
    joined = stage.log[-1]
    assert isinstance(joined, ev.ContactJoined)
    assert joined.external_id == "e2"
    assert len(stage.dispatcher.contacts) == 1


def test_on_wechat_while_the_web_chat_is_open() -> None:
    """Ann serves the web chat when the customer writes on WeChat: joined, one contact known in both, and ann owes a reply."""
    stage = Stage(channels={"web": {}, "wechat": {}})
    stage.agent("ann")
    contact = stage.connect("ann", customer="eve", external_id="e1", source="web-gate")
    stage.say(contact, "agent", "ann")

    events = stage.do(
        cm.SubmitContact(
            tenant="acme", channel="wechat", shop="flagship", customer="eve", external_id="wx1", source="wechat-gate"
        )
    )

    assert [type(event) for event in events] == [ev.ContactJoined, ev.ReplyStarted]
    found = stage.contact(contact)
    assert (found.source, found.also, found.joined) == ("web-gate", ("wechat-gate",), (("wechat", "wx1"),))
    assert (found.agent, len(stage.dispatcher.contacts)) == ("ann", 1)


def test_another_shop_or_another_customer_does_not_join() -> None:
    """The same person at the outlet is another matter, and so is a contact without a customer key."""
    stage = Stage()
    first = stage.submit(customer="eve")

    others = {stage.submit(customer="eve", shop="outlet"), stage.submit(customer=""), stage.submit(customer="")}

    assert len(others | {first}) == 4


def test_several_per_customer_when_the_policy_allows() -> None:
    """The policy says so: two contacts of one customer stand side by side."""
    stage = Stage(domain={"several_per_customer": True})

    assert stage.submit(customer="eve") != stage.submit(customer="eve")


def test_a_closed_contact_is_not_joined() -> None:
    """The matter is over, in wrap-up even: the customer's next contact is a new one."""
    stage = Stage(queues={"help": {"wrap_up_ms": 60_000}})
    stage.agent("ann")
    contact = stage.connect("ann", customer="eve")
    stage.close(contact, "ann")
    assert stage.contact(contact).state == "wrap_up"

    assert stage.submit(customer="eve") != contact


def test_a_waiting_customer_closes_the_matter() -> None:
    """Solved meanwhile: closing a waiting or offered contact ends it for good and frees the agent."""
    stage = Stage()
    stage.agent("ann")
    offered, queued = stage.submit(), stage.submit()

    stage.close(queued)
    events = stage.close(offered)

    assert "OfferRescinded" in kinds(events)
    assert not stage.dispatcher.contacts
    assert stage.dispatcher.agents["ann"].load == 0


def test_two_were_left_and_the_newer_one_is_taken_up_again() -> None:
    """Several per customer: both of hers were abandoned; who comes back gets the newer one's place, then the older one's."""
    stage = Stage(domain={"several_per_customer": True})
    older, newer = stage.submit(customer="eve"), stage.submit(customer="eve")
    stage.abandon(older)
    stage.abandon(newer)
    again = cm.SubmitContact(tenant="acme", channel="web", shop="flagship", customer="eve")

    assert only(stage.do(again), ev.ContactResumed).contact == newer
    stage.close(newer)

    assert only(stage.do(again), ev.ContactResumed).contact == older
