"""Files and sessions within a contact: with the customer's consent, told in the story, gone with the customer."""

from __future__ import annotations

from typing import Any

import pytest
import trio.testing

from tests.desk.conversations.stage import note, talking
from tests.desk.stage import Archive, desk_house

LINK = "https://video.example/room/7"
FILE = {"attachment": "0a" * 16, "content_type": "image/png", "size": 900}


async def test_a_video_session_begins_with_consent_and_ends(
    archive: Archive, autojump_clock: trio.testing.MockClock
) -> None:
    """The customer sees the link while it goes on, the story says who began and ended it; a second one of the kind is refused."""
    async with desk_house(archive) as house:
        sue, ann, cai = await talking(house)
        session = {"customer": "c1", "contact": 1, "session": "s1"}
        bare = await ann.do("session.start", **session, kind="video", link=LINK)
        assert (bare["code"], bare["what"]) == ("bad_value", "session.start: consent")
        forged = await ann.do("session.start", **session, kind="video", link=LINK, consent="opened")
        assert forged["code"] == "bad_value"
        await ann.done("session.start", **session, kind="video", link=LINK, consent="asked")
        (row,) = (await cai.ask("conversation.story", contact=1))["sessions"]
        assert (row["kind"], row["link"], row["consent"]) == ("video", LINK, "asked")
        again = await ann.do("session.start", **session | {"session": "s2"}, kind="video", link=LINK, consent="asked")
        assert again["code"] == "wrong_state"
        await cai.done("session.end", **session)
        assert (await ann.do("session.end", **session))["code"] == "wrong_state"
        story = await sue.ask("conversation.story", contact=1)
        assert [
            (line["kind"], line["role"], line["reason"]) for line in story["lines"] if "session" in line["kind"]
        ] == [
            ("session_started", "agent", "video, asked"),
            ("session_ended", "customer", "video"),
        ]
        assert "link" not in story["sessions"][0]
    assert LINK.encode() not in archive.bytes_of_tables()
    assert archive.check().ok


async def test_a_file_is_a_line_of_the_story(archive: Archive, autojump_clock: trio.testing.MockClock) -> None:
    """The customer sends a picture; both sides see its name and id, and no table holds the name."""
    async with desk_house(archive) as house:
        _, ann, cai = await talking(house)
        await cai.done("attachment.add", customer="c1", contact=1, name="发票 Cai.png", **FILE)
        for peer in (ann, cai):
            lines = (await peer.ask("conversation.story", contact=1))["lines"]
            (file,) = [line for line in lines if line["kind"] == "attachment"]
            assert (file["text"], file["attachment"], file["role"]) == ("发票 Cai.png", FILE["attachment"], "customer")
    assert "发票".encode() not in archive.bytes_of_tables()
    assert archive.check().ok


async def test_all_of_it_goes_with_the_customer(archive: Archive, autojump_clock: trio.testing.MockClock) -> None:
    """Erased right after a note, a file and a session: nothing tells that there were any, here or in tables made anew."""
    async with desk_house(archive) as house:
        sue, ann, cai = await talking(house)
        await ann.done(
            "session.start", customer="c1", contact=1, session="s1", kind="voice", link=LINK, consent="asked"
        )
        await ann.done("session.end", customer="c1", contact=1, session="s1")
        await cai.done("attachment.add", customer="c1", contact=1, name="passport", **FILE)
        await note(ann, "the last line")
        await sue.done("customer.erase", customer="c1")
        story = await sue.ask("conversation.story", contact=1)
        assert {line["kind"] for line in story["lines"]} == {"arrived", "message", "connected"}
        assert "sessions" not in story
    assert archive.check().ok


@pytest.mark.parametrize(
    ("command", "what"),
    [
        ({"type": "attachment.add", **FILE, "attachment": "../x"}, "attachment.add: attachment"),
        ({"type": "attachment.add", **FILE, "content_type": "text/html"}, "attachment.add: content_type"),
        ({"type": "attachment.add", **FILE, "size": 1 << 30}, "attachment.add: size"),
        ({"type": "attachment.add", **FILE, "name": "a\u202egnp.exe"}, "attachment.add: name"),
        ({"type": "session.start", "session": "s", "consent": "asked", "link": "javascript:x"}, "session.start: link"),
        ({"type": "session.start", "session": "", "consent": "asked", "link": LINK}, "session.start: session"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_what_is_not_taken(
    on_disk: Archive, autojump_clock: trio.testing.MockClock, command: dict[str, Any], what: str
) -> None:
    """Named, and nothing is written down."""
    async with desk_house(on_disk) as house:
        _, ann, _ = await talking(house)
        answer = await ann.call({"op": "do", "command": {"customer": "c1", "contact": 1, **command}})
        assert (answer["code"], answer["what"]) == ("bad_value", what) and answer["wanted"]
