"""Contacts go all the way: from one socket to another and back."""

from __future__ import annotations

import pytest
from trio.testing import MockClock

from tests.server.stage import POLICY, WALL_S, Peer, house


@pytest.mark.parametrize("carrier", ["json", "msgpack", "framed"])
async def test_a_customer_asks_and_a_person_answers(autojump_clock: MockClock, carrier: str) -> None:
    """Ask, offer, accept, talk both ways, close: each side hears its part, in order, over every carrier."""
    async with house() as home:
        ann = await home.agent("ann")
        web: Peer
        if carrier == "framed":
            web = await home.framed("channel", "web")
        else:
            web = await home.websocket("channel", "web", protocol=f"sluice.v1.{carrier}")
        submitted = await web.done(
            "contact.submit", text="你好, is it in stock?", channel="web", external_id="x1", customer="c1"
        )
        assert submitted == {"contact": 1, "state": "queued", "seq": 1}

        offer = await ann.event("offer.made")
        accepted = await ann.done("offer.accept", offer=offer["offer"])
        assert accepted["contact"] == 1
        history = await ann.ask("history", contact=1)
        assert [(row["seq"], row["sender"], row["text"]) for row in history["messages"]] == [
            (1, "customer", "你好, is it in stock?")
        ]
        assert (await web.event("contact.connected"))["agent"] == "ann"

        assert await ann.done("contact.message", contact=1, text="It is.") == {"contact": 1, "seq": 2}
        heard = await web.event("message.added")
        assert (heard["seq"], heard["sender"], heard["text"]) == (2, "agent", "It is.")
        await web.done("contact.message", contact=1, text="Thanks!")
        thanks = await ann.event("message.added")
        while thanks["seq"] < 3:
            thanks = await ann.event("message.added")
        assert (thanks["sender"], thanks["text"]) == ("customer", "Thanks!")

        await ann.done("contact.close", contact=1)
        closed = await web.event("contact.closed")
        assert closed["reason"] == "done"
        assert home.core.counters.crashes == 0


async def test_the_customers_side_hears_nothing_of_the_house(autojump_clock: MockClock) -> None:
    """Offers, steps, reply clocks and wrap-up stay inside; the domain's supervisor hears it all."""
    async with house() as home:
        sue = await home.framed("supervisor", "sue")
        await sue.call({"op": "resume", "streams": {"domain": -1}})
        ann = await home.agent("ann")
        web = await home.framed("channel", "web")
        await web.done("contact.submit", channel="web", customer="c1", text="hi")
        offer = await ann.event("offer.made")
        await ann.done("offer.accept", offer=offer["offer"])
        await ann.done("contact.close", contact=1)
        await web.event("contact.closed")
        await sue.event("contact.closed", "domain")
        to_customer = {event["type"] for push in web.seen("push") for event in push["events"]}
        to_supervisor = {event["type"] for push in sue.seen("push") for event in push["events"]}
        assert to_customer == {"contact.submitted", "message.added", "contact.connected", "contact.closed"}
        assert {"offer.made", "offer.accepted", "reply.started", "agent.defined"} <= to_supervisor


async def test_a_bot_hands_off_to_a_person(autojump_clock: MockClock) -> None:
    """The bot answers first, then passes the contact on: intent and transcript reference go along."""
    async with house() as home:
        bot = await home.agent("robo", capacity=100, kind="bot")
        web = await home.framed("channel", "web")
        await web.done("contact.submit", channel="web", customer="c1", attributes={"first": "bot"}, text="人工")
        offer = await bot.event("offer.made")
        await bot.done("offer.accept", offer=offer["offer"])
        await bot.done("contact.message", contact=1, text="One moment.", automatic=True)
        heard = await web.event("message.added")
        while heard["seq"] < 2:
            heard = await web.event("message.added")
        assert heard["sender"] == "bot"
        await bot.done("contact.transfer", contact=1, intent="refund", reason="asked", transcript="t-17")
        ann = await home.agent("ann")
        await ann.event("offer.made")
        row = await ann.ask("contact", contact=1)
        assert (row["intent"], row["transcript"], row["stage"]) == ("refund", "t-17", "person")


async def test_what_a_submit_is_answered_when_nothing_is_queued(autojump_clock: MockClock) -> None:
    """Deflected, joined and resumed are answers too; a deflected contact's text is not kept."""
    async with house() as home:
        sue = await home.framed("supervisor", "sue")
        web = await home.framed("channel", "web")
        first = await web.done("contact.submit", channel="web", customer="c1", text="one")
        again = await web.done("contact.submit", channel="web", customer="c1", external_id="other", text="two")
        assert (again["contact"], again["state"], again["seq"]) == (first["contact"], "joined", 2)
        await web.done("contact.abandon", contact=first["contact"])
        back = await web.done("contact.submit", channel="web", customer="c1", text="three")
        assert (back["contact"], back["state"], back["seq"]) == (first["contact"], "resumed", 3)
        await sue.done("queue.close", queue="help", reason="lunch")
        away = await web.done("contact.submit", channel="web", customer="c2", text="four")
        assert (away["state"], away["alternative"]) == ("deflected", "message")
        assert "seq" not in away


async def test_a_customer_chooses_to_be_answered_later(autojump_clock: MockClock) -> None:
    """A notice reaches who waits; who does not want to wait is promised an answer, and an agent gets the message."""
    policy = POLICY.replace("[queues.help]\n", "[queues.help]\npromise_ms = 3_600_000\n")
    assert policy != POLICY
    async with house(policy=policy) as home:
        sue = await home.framed("supervisor", "sue")
        web = await home.framed("channel", "web")
        await web.done("contact.submit", channel="web", customer="c1", text="one")
        await sue.done("queue.notice", queue="help", notice="storm", until=(WALL_S + 60) * 1000)
        assert (await web.event("contact.told"))["notice"] == "storm"
        left = await web.done("contact.leave_message", contact=1, kind="call_back")
        assert left["contact"] == 1
        assert left["promised_by"] > 0
        assert (await web.event("contact.message_left"))["kind"] == "call_back"
        ann = await home.agent("ann")
        assert (await ann.event("offer.made"))["contact"] == 1
        late = await web.done("contact.submit", channel="web", customer="c2", text="two")
        assert late["state"] == "queued"


async def test_the_same_submit_with_another_text_is_a_conflict(autojump_clock: MockClock) -> None:
    """A program reuses a command id for another customer's words: it is told, and nothing is stored in silence."""
    async with house() as home:
        web = await home.framed("channel", "web")
        first = await web.done("contact.submit", id="x1", channel="web", customer="c1", text="hello")
        answer = await web.do("contact.submit", id="x1", channel="web", customer="c1", text="OTHER")
        assert (answer["op"], answer["code"]) == ("error", "conflict")
        again = await web.done("contact.submit", id="x1", channel="web", customer="c1", text="hello")
        assert (again["contact"], again["seq"]) == (first["contact"], 1)


async def test_so_is_one_that_was_turned_away_and_comes_with_another_text(autojump_clock: MockClock) -> None:
    """No text of a deflected contact is kept, and yet the id stands for the words it came with."""
    async with house() as home:
        web, sue = await home.framed("channel", "web"), await home.framed("supervisor", "sue")
        await sue.done("queue.close", queue="help", reason="lunch")
        away = await web.done("contact.submit", id="x1", channel="web", customer="c1", text="hello")
        assert away["state"] == "deflected"

        other = await web.do("contact.submit", id="x1", channel="web", customer="c1", text="OTHER")
        silent = await web.do("contact.submit", id="x1", channel="web", customer="c1")
        again = await web.done("contact.submit", id="x1", channel="web", customer="c1", text="hello")

        assert (other["code"], silent["code"], again) == ("conflict", "conflict", away)
