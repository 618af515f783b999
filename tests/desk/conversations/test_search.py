"""Search over what was said, in Chinese and English: whose words are found by whom, and that no word is on the disk."""

from __future__ import annotations

from typing import Any

import pytest
import trio.testing

from tests.desk.conversations.stage import talking
from tests.desk.stage import Archive, desk_house
from tests.server.stage import Peer


async def found(peer: Peer, find: str, **rest: Any) -> list[str]:
    return [hit["text"] for hit in (await peer.ask("conversation.search", find=find, **rest))["hits"]]


async def test_chinese_and_english_newest_first(archive: Archive, autojump_clock: trio.testing.MockClock) -> None:
    """All words of the question, in any order; forms of a word are one word; and nothing of it can be read in the tables."""
    async with desk_house(archive) as house:
        sue, ann, cai = await talking(house)
        await cai.done("contact.message", contact=1, text="我要退款，耳机坏了")
        await ann.done("contact.message", contact=1, text="Refunds are paid back within three days")
        await ann.done("contact.message", contact=1, text="请问耳机的订单号是多少？退款会原路返回")
        assert await found(sue, "耳机 退款") == ["请问耳机的订单号是多少？退款会原路返回", "我要退款，耳机坏了"]
        assert await found(ann, "REFUND days") == ["Refunds are paid back within three days"]
        assert await found(sue, "parcels") == ["where is my parcel?"]
        assert await found(sue, "退货") == []
    stored = archive.bytes_of_tables()
    assert not any(word.encode() in stored for word in ("退款", "Refund", "refund", "parcel"))
    assert archive.check().ok


async def test_one_finds_only_what_one_may_see(archive: Archive, autojump_clock: trio.testing.MockClock) -> None:
    """An agent what was said in its own contacts, a supervisor what was said in its tenant; a bot and a customer may not look."""
    async with desk_house(archive) as house:
        _, ann, cai = await talking(house)
        bob = await house.agent("bob")
        bolt = await house.framed("supervisor", "sol", tenant="bolt")
        assert await found(ann, "parcel") == ["where is my parcel?"]
        assert await found(bob, "parcel") == [] and await found(bolt, "parcel") == []
        for peer in (cai, await house.agent("max", kind="bot")):
            answer = await peer.call({"op": "ask", "query": {"type": "conversation.search", "find": "parcel"}})
            assert answer["code"] == "forbidden"


async def test_who_is_erased_is_not_found(archive: Archive, autojump_clock: trio.testing.MockClock) -> None:
    """Nor are the blinded words kept; whoever comes back afterwards is found again."""
    async with desk_house(archive) as house:
        sue, _, cai = await talking(house)
        assert await found(sue, "parcel")
        await sue.done("customer.erase", customer="c1")
        assert await found(sue, "parcel") == []
        await cai.done("contact.message", contact=1, text="a new parcel")
        assert await found(sue, "parcel") == ["a new parcel"]
    assert archive.check().ok


async def test_page_by_page(archive: Archive, autojump_clock: trio.testing.MockClock) -> None:
    """Each hit once, newest first, also within one contact."""
    async with desk_house(archive) as house:
        sue, ann, _ = await talking(house)
        for place in range(5):
            await ann.done("contact.message", contact=1, text=f"parcel {place}")
        seen: list[str] = []
        page: dict[str, Any] = {"more": True}
        while page["more"]:
            before = {name: page[name] for name in ("before_contact", "before_seq") if name in page}
            page = await sue.ask("conversation.search", find="parcel", limit=2, **before)
            seen += [hit["text"] for hit in page["hits"]]
        assert seen == [f"parcel {place}" for place in (4, 3, 2, 1, 0)] + ["where is my parcel?"]


@pytest.mark.parametrize("find", ["", "的", "the", "x\u202ey", "款" * 201])
async def test_nothing_to_look_for(on_disk: Archive, autojump_clock: trio.testing.MockClock, find: str) -> None:
    """Said so, and with what would be right."""
    async with desk_house(on_disk) as house:
        sue = await house.framed("supervisor", "sue")
        answer = await sue.call({"op": "ask", "query": {"type": "conversation.search", "find": find}})
        assert answer["code"] == "bad_value" and answer["what"] == "find" and answer["wanted"]
