"""One story: what a customer said on every channel, to bots and people, and what was done beside it, read back in one order."""

from __future__ import annotations

from typing import Any

import trio.testing

from tests.desk.conversations.stage import note
from tests.desk.stage import Archive, desk_house
from tests.server.stage import POLICY, Frame, Peer

WITH_WECHAT = POLICY.replace("[channels.web]", "[channels.web]\n[channels.wechat]").replace(
    "[queues.help]", "[queues.help]\npromise_ms = 86400000"
)


async def accept(peer: Peer) -> int:
    offer = await peer.event("offer.made")
    await peer.done("offer.accept", offer=offer["offer"])
    return int(offer["contact"])


def told(story: Frame) -> list[tuple[Any, ...]]:
    """Contact, what, who in which role, and the words or the reason."""
    return [
        (
            line["contact"],
            line["kind"],
            line.get("role", ""),
            line.get("who", ""),
            line.get("text", line.get("reason", "")),
        )
        for line in story["lines"]
    ]


async def test_two_channels_a_bot_a_hand_off_a_transfer_and_an_offline_message(
    archive: Archive, autojump_clock: trio.testing.MockClock
) -> None:
    """Cai asks the bot on the web, is handed to ann, passed to bob; writes later from WeChat and leaves a message. One story."""
    async with desk_house(archive, policy=WITH_WECHAT) as house:
        sue = await house.framed("supervisor", "sue")
        max_ = await house.agent("max", kind="bot")
        cai = await house.framed("customer", "c1")
        await cai.done(
            "contact.submit", channel="web", external_id="e1", attributes={"first": "bot"}, text="我的快递在哪里？"
        )
        assert await accept(max_) == 1
        await max_.done("contact.message", contact=1, text="请问订单号是多少？")
        await cai.done("contact.message", contact=1, text="人工")
        ann = await house.agent("ann")
        await max_.done("contact.transfer", contact=1, intent="parcel")
        assert await accept(ann) == 1
        await note(ann, "third time this week")
        await ann.done("contact.message", contact=1, text="您好")
        bob = await house.agent("bob")
        await ann.done("contact.transfer", contact=1, to_agent="bob", reason="knows couriers")
        assert await accept(bob) == 1
        await bob.done("contact.message", contact=1, text="It is in Hangzhou.")
        await bob.done("contact.close", contact=1)
        for agent in (ann, bob):
            await agent.done("agent.sign_off")
        wechat = await house.framed("channel", "wx")
        await wechat.done("contact.submit", channel="wechat", external_id="w1", customer="wx-77", text="还没到，请回电")
        await wechat.done("contact.leave_message", contact=2, kind="message")
        await sue.done("customer.merge", customer="c1", other="wx-77", consent="account")
        story = await sue.ask("conversation.story", contact=2)
    assert told(story) == [
        (1, "arrived", "", "", "bot"),
        (1, "message", "customer", "", "我的快递在哪里？"),
        (1, "connected", "bot", "max", ""),
        (1, "message", "bot", "max", "请问订单号是多少？"),
        (1, "message", "customer", "", "人工"),
        (1, "handed_off", "bot", "max", "parcel"),
        (1, "connected", "agent", "ann", ""),
        (1, "note", "agent", "ann", "third time this week"),
        (1, "message", "agent", "ann", "您好"),
        (1, "transferred", "agent", "ann", "knows couriers"),
        (1, "connected", "agent", "bob", ""),
        (1, "message", "agent", "bob", "It is in Hangzhou."),
        (1, "closed", "agent", "bob", "done"),
        (2, "arrived", "", "", "person"),
        (2, "message", "customer", "", "还没到，请回电"),
        (2, "left_message", "", "", "message"),
    ]
    assert [line["who"] for line in story["lines"] if line.get("ai")] == ["max"]
    assert [(row["contact"], row["channel"], row["customer"]) for row in story["contacts"]] == [
        (2, "wechat", "wx-77"),
        (1, "web", "c1"),
    ]
    assert archive.check().ok


async def test_before_the_first_word_the_agent_sees_what_was(
    archive: Archive, autojump_clock: trio.testing.MockClock
) -> None:
    """Accepted, and nothing said yet: last week's words are there; page by page it is the same story, each line once."""
    async with desk_house(archive) as house:
        ann = await house.agent("ann")
        web = await house.framed("channel", "web")
        for place in (1, 2, 3):
            await web.done(
                "contact.submit", channel="web", external_id=f"e{place}", customer="c1", text=f"question {place}"
            )
            assert await accept(ann) == place
            if place < 3:
                await ann.done("contact.message", contact=place, text=f"answer {place}")
                await ann.done("contact.close", contact=place)
        whole = await ann.ask("conversation.story", customer="c1")
        assert [line["text"] for line in whole["lines"] if line["kind"] == "message"] == [
            "question 1",
            "answer 1",
            "question 2",
            "answer 2",
            "question 3",
        ]
        alone = await ann.ask("conversation.story", contact=2, alone=True)
        assert {line["contact"] for line in alone["lines"]} == {2} and len(alone["contacts"]) == 1
        pieces: list[Frame] = []
        page: Frame = {"more": True, "lines": []}
        while page.get("more"):
            before = page["lines"][0]["lsn"] if page["lines"] else 0
            page = await ann.ask("conversation.story", customer="c1", limit=4, before=before)
            pieces = page["lines"] + pieces
        assert pieces == whole["lines"]


async def test_whose_story_it_is_not(archive: Archive, autojump_clock: trio.testing.MockClock) -> None:
    """An agent who never had the customer, another customer, another tenant: as if there were no such contact."""
    async with desk_house(archive) as house:
        ann = await house.agent("ann")
        cai = await house.framed("customer", "c1")
        await cai.done("contact.submit", channel="web", external_id="e1", text="hello")
        assert await accept(ann) == 1
        strangers = [
            await house.agent("bob"),
            await house.framed("customer", "c2"),
            await house.framed("supervisor", "sol", tenant="bolt"),
        ]
        for peer in strangers:
            answer = await peer.call({"op": "ask", "query": {"type": "conversation.story", "contact": 1}})
            assert answer["code"] == "unknown_customer", answer


async def test_a_customer_who_sends_a_hundred_messages_a_second_blocks_nobody(
    archive: Archive, autojump_clock: trio.testing.MockClock
) -> None:
    """What was acknowledged is in the story, all of it and in order; what was too much was refused; others go on."""
    async with desk_house(archive) as house:
        ann = await house.agent("ann")
        eve = await house.framed("customer", "eve")
        await eve.done("contact.submit", channel="web", external_id="e1", text="0")
        assert await accept(ann) == 1
        command = {"type": "contact.message", "contact": 1}
        await eve.send_many(
            [{"op": "do", "id": f"m{place}", "command": command, "text": str(place)} for place in range(1, 101)]
        )
        cai = await house.framed("customer", "c1")
        await cai.done("contact.submit", channel="web", external_id="e2", text="hello")
        assert await accept(ann) == 2
        answers = [await eve.answer(f"m{place}") for place in range(1, 101)]
        taken = [str(place) for place, answer in enumerate(answers, 1) if answer["op"] == "ok"]
        refused = {answer["code"] for answer in answers if answer["op"] != "ok"}
        assert refused <= {"rate_limited", "overloaded"} and refused and taken
        story = await ann.ask("conversation.story", contact=1, alone=True, limit=500)
        assert [line["text"] for line in story["lines"] if line["kind"] == "message"] == ["0", *taken]
