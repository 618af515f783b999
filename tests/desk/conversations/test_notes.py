"""What colleagues write beside a conversation: notes, tags, and how far who has read."""

from __future__ import annotations

from typing import Any

import pytest
import trio.testing

from tests.desk.conversations.stage import note, talking
from tests.desk.stage import Archive, desk_house


async def test_a_note_is_for_colleagues_only(archive: Archive, autojump_clock: trio.testing.MockClock) -> None:
    """The agent notes, the supervisor reads it in the story; the customer's own story and history hold nothing of it."""
    async with desk_house(archive) as house:
        sue, ann, cai = await talking(house)
        await note(ann, "脾气不好 <b>careful</b>")
        lines = (await sue.ask("conversation.story", contact=1))["lines"]
        (found,) = [line for line in lines if line["kind"] == "note"]
        assert (found["text"], found["role"], found["who"]) == ("脾气不好 <b>careful</b>", "agent", "ann")
        for told in (await cai.ask("conversation.story", contact=1), await cai.ask("history", contact=1)):
            assert "careful" not in str(told) and "where is my parcel?" in str(told)
    assert b"careful" not in archive.bytes_of_tables()
    assert archive.check().ok


async def test_tags_on_a_contact(archive: Archive, autojump_clock: trio.testing.MockClock) -> None:
    """Put on and taken off, told to staff; no more than fifty, however often one asks."""
    async with desk_house(archive) as house:
        sue, ann, cai = await talking(house)
        await ann.done("contact.tag", customer="c1", contact=1, add=["refund", "退货"])
        await sue.done("contact.tag", customer="c1", contact=1, remove=["refund"])
        story = await ann.ask("conversation.story", contact=1)
        assert story["tags"] == [{"contact": 1, "tags": ["退货"]}]
        assert [line["reason"] for line in story["lines"] if line["kind"] == "tags"] == ["+refund +退货", "-refund"]
        assert "tags" not in await cai.ask("conversation.story", contact=1)
        for part in range(2):
            answer = await ann.do(
                "contact.tag", customer="c1", contact=1, add=[f"t{part}-{each}" for each in range(25 + part)]
            )
        assert (answer["code"], answer["got"]) == ("too_many", "52")
    assert archive.check().ok


@pytest.mark.parametrize(
    ("command", "code", "what"),
    [
        ({"type": "contact.note", "text": "a\u202eb"}, "bad_value", "contact.note: text"),
        ({"type": "contact.note", "text": "a\u0000b"}, "bad_value", "contact.note: text"),
        ({"type": "contact.note", "text": " "}, "bad_value", "contact.note: text"),
        ({"type": "contact.note", "text": "x" * 4_001}, "bad_value", "contact.note: text"),
        ({"type": "contact.note", "text": "x" * 16_001}, "too_long", "command.text"),
        ({"type": "contact.tag", "add": [f"t{each}" for each in range(1_000)]}, "too_many", "command.add"),
        ({"type": "contact.tag", "add": ["two\nlines"]}, "bad_value", "contact.tag: add: a tag"),
        ({"type": "contact.tag"}, "bad_value", "contact.tag: add, remove"),
        ({"type": "contact.read", "seq": 7}, "bad_value", "contact.read: seq"),
        ({"type": "contact.read", "seq": 1, "reader": "agent/bob"}, "bad_value", "contact.read: reader"),
        ({"type": "contact.note", "text": "x", "customer": "c2"}, "unknown_customer", "contact.note: customer"),
        ({"type": "contact.note", "text": "x", "contact": 9}, "bad_value", "contact.note: contact"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_what_is_not_taken(
    on_disk: Archive, autojump_clock: trio.testing.MockClock, command: dict[str, Any], code: str, what: str
) -> None:
    """Control and bidi characters, a thousand tags, another's customer or contact: named, and nothing is written down."""
    async with desk_house(on_disk) as house:
        _, ann, _ = await talking(house)
        before = house.driver.last_lsn
        answer = await ann.call({"op": "do", "command": {"customer": "c1", "contact": 1, **command}})
        assert (answer["op"], answer["code"], answer["what"]) == ("error", code, what)
        assert house.driver.last_lsn == before


async def test_read_marks_only_go_on(archive: Archive, autojump_clock: trio.testing.MockClock) -> None:
    """Each reader has one mark, the furthest; another agent, who never had the contact, has no say in it."""
    async with desk_house(archive) as house:
        sue, ann, cai = await talking(house)
        bob = await house.agent("bob")
        for text in ("one moment", "it is in Hangzhou"):
            await ann.done("contact.message", contact=1, text=text)
        await cai.done("contact.read", customer="c1", contact=1, seq=3)
        await cai.done("contact.read", customer="c1", contact=1, seq=2)
        await ann.done("contact.read", customer="c1", contact=1, seq=1)
        assert (await bob.do("contact.read", customer="c1", contact=1, seq=1))["code"] == "unknown_customer"
        reads = (await sue.ask("conversation.story", contact=1))["reads"]
        assert [(row["reader"], row["seq"]) for row in reads] == [("agent/ann", 1), ("customer", 3)]
    assert archive.check().ok


async def test_an_erased_customer_leaves_no_note(archive: Archive, autojump_clock: trio.testing.MockClock) -> None:
    """Notes and tags go, under whichever key they were written; who came and when stays, its words do not."""
    async with desk_house(archive) as house:
        sue, ann, _ = await talking(house)
        await ann.done("contact.message", contact=1, text="your parcel is lost, Mr Cai")
        await sue.done("customer.tag", customer="w1", add=["new"])
        await sue.done("customer.merge", customer="w1", other="c1", consent="account")
        await note(ann, "lives in Hangzhou")
        await ann.done("contact.tag", customer="c1", contact=1, add=["angry"])
        await sue.done("customer.erase", customer="c1")
        story = await sue.ask("conversation.story", contact=1)
        said = [line for line in story["lines"] if line["kind"] == "message"]
        assert all(line["erased"] and "text" not in line for line in said) and len(said) == 2
        assert not {"note", "tags"} & {line["kind"] for line in story["lines"]}
        assert "connected" in {line["kind"] for line in story["lines"]} and "tags" not in story
    assert archive.check().ok
