"""More comes than can be done: what gives way, in which order, and what clients are told."""

from __future__ import annotations

import json
from typing import Any

import msgpack
import pytest
import trio
from trio.testing import MockClock

from engine.wire.codec import Encoding, decode, id_of_submit
from engine.wire.errors import WireError
from tests.server.stage import House, house


def held_back(home: House, monkeypatch: pytest.MonkeyPatch, rate_per_s: float) -> None:
    """The engine has found out that it can take in so many new contacts a second."""
    monkeypatch.setattr(home.driver._admission, "rate_per_s", rate_per_s)
    home.driver.figures.admitted_per_s = rate_per_s


async def test_in_a_flood_new_contacts_give_way_and_conversations_go_on(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A channel floods: some contacts come in, the others hear when to come back; ann accepts, talks and closes all the same."""
    async with house() as home:
        ann = await home.agent("ann")
        web = await home.framed("channel", "web")
        await web.done("contact.submit", channel="web", customer="c0")
        offer = (await ann.event("offer.made"))["offer"]
        held_back(home, monkeypatch, 5.0)
        flood = [
            {"op": "do", "id": f"f{n}", "command": {"type": "contact.submit", "channel": "web", "customer": f"f{n}"}}
            for n in range(100)
        ]
        await web.send_many(flood)
        answers = [await web.answer(frame["id"]) for frame in flood]
        refused = [answer for answer in answers if answer["op"] == "error"]
        assert 90 <= len(refused) < 100
        assert {answer["code"] for answer in refused} == {"overloaded"}
        assert all(answer["retry_after_ms"] > 0 for answer in refused)
        assert home.core.counters.refused_frames["overloaded"] == len(refused)
        assert home.driver.figures.contacts_shed == len(refused)
        await ann.done("offer.accept", offer=offer)
        await web.done("contact.message", contact=1, text="are you there")
        await ann.done("contact.close", contact=1)
        await trio.sleep(30)
        again = await web.do("contact.submit", id=refused[0]["id"], channel="web", customer=refused[0]["id"])
        assert again["op"] == "ok", "the same id goes through later"


@pytest.mark.parametrize(
    "frame",
    [
        {
            "op": "do",
            "id": "a",
            "command": {"type": "contact.submit", "channel": "web", "attributes": {"x": "y"}},
            "text": "hi",
        },
        {"op": "do", "command": {"type": "contact.submit"}, "id": "b"},
    ],
)
def test_a_new_contact_is_known_without_reading_it(frame: dict[str, Any]) -> None:
    """Enough of the frame is read to refuse it by its id, in both encodings."""

    assert id_of_submit(json.dumps(frame).encode(), Encoding.JSON) == frame["id"]
    assert id_of_submit(msgpack.packb(frame), Encoding.MSGPACK) == frame["id"]


@pytest.mark.parametrize(
    "data",
    [
        b'{"op":"do","id":"a","command":{"type":"contact.message","contact":1},"text":"contact.submit"}',
        b'{"op":"ask","id":"a","query":{"type":"queues"}}',
        b'{"op":"do","id":"' + b"x" * 2000 + b'","command":{"type":"contact.submit"}}',
        b'{"op":"do","id":7,"command":{"type":"contact.submit"}}',
        b"not JSON",
        b"\xff\xfe",
    ],
)
def test_whatever_else_it_is_goes_the_usual_way(data: bytes) -> None:
    """No id, no short way: other commands, questions, nonsense are read whole and answered as ever."""
    assert id_of_submit(data, Encoding.JSON) == ""
    if b"contact.message" not in data and b"queues" not in data:
        with pytest.raises(WireError):
            decode(data, Encoding.JSON)


async def test_questions_wait_when_commands_have_to(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine is late: a wallboard's question is put off with ``retry_after_ms``; where a stream stands is told still."""
    async with house() as home:
        sue = await home.framed("supervisor", "sue")
        monkeypatch.setattr(home.driver, "lateness_ms", lambda: 300.0)
        put_off = await sue.call({"op": "ask", "query": {"type": "queues"}})
        assert put_off["code"] == "overloaded"
        assert put_off["retry_after_ms"] > 0
        assert (await sue.call({"op": "ask", "query": {"type": "streams"}}))["op"] == "ok"
        monkeypatch.undo()
        assert (await sue.call({"op": "ask", "query": {"type": "queues"}}))["op"] == "ok"
