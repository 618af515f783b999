"""Replies at hand: whose they are, how they are found, and what is filled in."""

from __future__ import annotations

from typing import Any

import pytest
import trio.testing

from tests.desk.conversations.stage import carried_out, talking
from tests.desk.stage import Archive, desk_house
from tests.server.stage import Peer


async def save(peer: Peer, **fields: str) -> None:
    assert (await carried_out(peer, "reply.save", **fields))["op"] == "ok"


async def test_own_before_everybodys(archive: Archive, autojump_clock: trio.testing.MockClock) -> None:
    """The supervisor's are for all, ann's own for ann alone; found by the beginning of a shortcut, then by a piece of the text."""
    async with desk_house(archive) as house:
        sue, ann, _ = await talking(house)
        bob = await house.agent("bob")
        await save(sue, shortcut="hi", text="您好，我是{agent.name}")
        await save(sue, shortcut="bye", text="Bye, hi to your cat")
        await save(sue, shortcut="hi", shop="flagship", text="Welcome to the flagship")
        await save(ann, shortcut="hi", text="Hello, this is Ann")

        async def found(peer: Any, **query: Any) -> list[str]:
            return [row["text"] for row in (await peer.ask("replies", **query))["replies"]]

        assert await found(ann, find="hi") == ["Hello, this is Ann", "您好，我是{agent.name}", "Bye, hi to your cat"]
        assert await found(bob, find="h", shop="flagship", limit=2) == [
            "Welcome to the flagship",
            "您好，我是{agent.name}",
        ]
        assert (await bob.do("reply.remove", shortcut="hi"))["code"] == "wrong_state"
        assert (await carried_out(bob, "reply.save", shortcut="hi", agent="ann", text="x"))["code"] == "bad_value"
        await ann.done("reply.remove", shortcut="hi")
        assert (await ann.ask("reply", customer="c1", contact=1, shortcut="hi"))["text"] == "您好，我是ann"
    assert archive.check().ok


async def test_variables_are_filled_in_once(archive: Archive, autojump_clock: trio.testing.MockClock) -> None:
    """From the customer, the agent, the contact, and what the agent gives; braces in a value stay braces."""
    async with desk_house(archive) as house:
        sue, ann, _ = await talking(house)
        await sue.done("customer.save", customer="c1", attributes={"name": "蔡{agent.id}"})
        text = "{customer.name}, order {order.id} ({contact.id}, {contact.queue}) — {agent.id}"
        await save(sue, shortcut="o", text=text)
        query = {"customer": "c1", "contact": 1, "shortcut": "o"}
        filled = await ann.ask("reply", **query, values={"order.id": "SN1"})
        assert filled["text"] == "蔡{agent.id}, order SN1 (1, help) — ann"
        bare = await ann.call({"op": "ask", "query": {"type": "reply", **query}})
        assert (bare["code"], bare["what"], bare["got"]) == ("bad_value", "{order.id}", "no value")
        wrong = await ann.call({"op": "ask", "query": {"type": "reply", **query, "values": {"customer.name": "Eve"}}})
        assert (wrong["code"], wrong["what"]) == ("bad_value", "values")


@pytest.mark.parametrize(
    ("fields", "got", "wanted"),
    [
        ({"text": "Dear {custmer.name}"}, "{custmer.name}", "{customer.name}"),
        ({"text": "Dear {customer.shoe}"}, "{customer.shoe}", "{customer.key}"),
        ({"text": "<b>hi</b>"}, "a tag at 1", "plain text, no HTML"),
        ({"text": "hi", "shortcut": ""}, "an empty text", "at least one character"),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_an_unknown_variable_is_named(
    on_disk: Archive, autojump_clock: trio.testing.MockClock, fields: dict[str, str], got: str, wanted: str
) -> None:
    """When the reply is saved, and not when a customer waits for it."""
    async with desk_house(on_disk) as house:
        sue = await house.framed("supervisor", "sue")
        answer = await sue.call({"op": "do", "command": {"type": "reply.save", "shortcut": "x", **fields}})
        assert (answer["code"], answer["got"], answer["wanted"]) == ("bad_value", got, wanted)
