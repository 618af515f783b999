"""What is known of a customer: saved, tagged, asked for; refused in words where it is not right."""

from __future__ import annotations

import pytest
import trio.testing

from tests.desk.stage import Archive, desk_house
from tests.server.stage import house


async def test_what_was_saved_is_seen_at_once(archive: Archive, autojump_clock: trio.testing.MockClock) -> None:
    """A supervisor saves and tags; the next question shows both, and a null takes an attribute away."""
    async with desk_house(archive) as house:
        sue = await house.framed("supervisor", "sue")
        await sue.done("customer.save", customer="c1", attributes={"name": "蔡华", "points": 7})
        await sue.done("customer.tag", customer="c1", add=["vip", "批发"])
        row = await sue.ask("customer", customer="c1")
        assert row["attributes"] == {"name": "蔡华", "points": 7} and row["tags"] == ["vip", "批发"]
        await sue.done("customer.save", customer="c1", attributes={"name": None})
        assert (await sue.ask("customer", customer="c1"))["attributes"] == {"points": 7}


async def test_a_retry_gets_the_first_answer_though_things_have_moved_on(
    archive: Archive, autojump_clock: trio.testing.MockClock
) -> None:
    """Saved from version 0, and the answer is lost: sent again it is the same answer, and no conflict of versions."""
    async with desk_house(archive) as house:
        sue = await house.framed("supervisor", "sue")
        save = {"customer": "c1", "attributes": {"points": 1}, "expect_version": 0}
        first = await sue.do("customer.save", id="s1", **save)
        assert first["op"] == "ok"
        sue2 = await house.framed("supervisor", "sue")
        again = await sue2.do("customer.save", id="s1", **save)
        assert again == first
        stale = await sue2.do("customer.save", id="s2", **save)
        assert (stale["code"], stale["got"], stale["wanted"]) == ("version_conflict", "0", str(first["lsn"]))
        other = await sue2.do("customer.save", id="s1", customer="c1", attributes={"points": 2}, expect_version=0)
        assert other["code"] == "conflict"


async def test_two_who_save_from_one_version_do_not_both_win(
    archive: Archive, autojump_clock: trio.testing.MockClock
) -> None:
    """Sent in one breath: one is saved, the other is told that it saw an old version."""
    async with desk_house(archive) as house:
        sue = await house.framed("supervisor", "sue")
        command = {"type": "customer.save", "customer": "c1", "expect_version": 0}
        await sue.send_many(
            [
                {"op": "do", "id": f"p{points}", "command": {**command, "attributes": {"points": points}}}
                for points in (1, 2)
            ]
        )
        answers = [await sue.answer("p1"), await sue.answer("p2")]
        assert sorted(answer["op"] for answer in answers) == ["error", "ok"]


@pytest.mark.parametrize(
    ("command", "code", "what"),
    [
        ({"attributes": {"shoe_size": 43}}, "not_declared", "customer.save: attributes.shoe_size"),
        ({"attributes": {"points": "many"}}, "bad_value", "customer.save: attributes.points"),
        ({"attributes": {"points": -1}}, "bad_value", "customer.save: attributes.points"),
        ({"attributes": {"wholesale": 1}}, "bad_value", "customer.save: attributes.wholesale"),
        ({"attributes": {"language": "fr"}}, "bad_value", "customer.save: attributes.language"),
        ({"attributes": {"birthday": "2026-02-30"}}, "bad_value", "customer.save: attributes.birthday"),
        ({"attributes": {"name": "Eve\u202e"}}, "bad_value", "customer.save: attributes.name"),
        ({"attributes": {"name": "a\u0000b"}}, "bad_value", "customer.save: attributes.name"),
        ({"attributes": {"name": "x" * 501}}, "bad_value", "customer.save: attributes.name"),
        ({"attributes": {}}, "bad_value", "customer.save: attributes"),
        ({"attributes": {"points": 1}, "personal": ["points"]}, "bad_value", "customer.save: personal"),
        ({"customer": "", "attributes": {"points": 1}}, "bad_value", "customer.save: customer"),
        ({"customer": "k" * 257, "attributes": {"points": 1}}, "bad_value", "customer.save: customer"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_what_is_not_declared_or_no_plain_text_is_refused(
    on_disk: Archive, autojump_clock: trio.testing.MockClock, command: dict[str, object], code: str, what: str
) -> None:
    """What, got and wanted; nothing is saved, and the journal is as long as before."""
    async with desk_house(on_disk) as house:
        sue = await house.framed("supervisor", "sue")
        before = house.driver.last_lsn
        answer = await sue.do("customer.save", **{"customer": "c1", **command})
        assert (answer["op"], answer["code"], answer["what"]) == ("error", code, what)
        assert answer["wanted"] and "Eve" not in answer["got"]
        assert house.driver.last_lsn == before


async def test_a_thousand_tags_are_too_many(on_disk: Archive, autojump_clock: trio.testing.MockClock) -> None:
    """At once the frame is refused, little by little the fifty-first tag."""
    async with desk_house(on_disk) as house:
        sue = await house.framed("supervisor", "sue")
        at_once = await sue.do("customer.tag", customer="c1", add=[f"t{n}" for n in range(1_000)])
        assert at_once["code"] == "too_many"
        await sue.done("customer.tag", customer="c1", add=[f"t{n}" for n in range(50)])
        more = await sue.do("customer.tag", customer="c1", add=["one more"])
        assert (more["code"], more["got"]) == ("too_many", "51")
        await sue.done("customer.tag", customer="c1", add=["one more"], remove=["t0"])


async def test_an_agent_sees_those_whom_it_serves_and_nobody_else(
    archive: Archive, autojump_clock: trio.testing.MockClock
) -> None:
    """From the very accept on, and still after the end; a stranger looks like nobody."""
    async with desk_house(archive) as house:
        ann = await house.agent("ann")
        cai = await house.framed("customer", "c1")
        stranger = await ann.call({"op": "ask", "query": {"type": "customer", "customer": "c1"}})
        assert stranger["code"] == "unknown_customer"
        await cai.done("contact.submit", channel="web", external_id="e1", text="hello")
        offer = await ann.event("offer.made")
        await ann.done("offer.accept", offer=offer["offer"])
        await ann.done("customer.save", customer="c1", attributes={"points": 3})
        await ann.done("contact.close", contact=1)
        assert (await ann.ask("customer", customer="c1"))["attributes"] == {"points": 3}
        other = await ann.do("customer.save", customer="c2", attributes={"points": 3})
        assert other["code"] == "unknown_customer"


async def test_a_customer_sees_itself_and_saves_nothing(
    on_disk: Archive, autojump_clock: trio.testing.MockClock
) -> None:
    """Its own profile, and no other's; what is written of it others write."""
    async with desk_house(on_disk) as house:
        sue = await house.framed("supervisor", "sue")
        await sue.done("customer.save", customer="c1", attributes={"name": "Cai"})
        cai = await house.framed("customer", "c1")
        assert (await cai.ask("customer", customer="c1"))["attributes"] == {"name": "Cai"}
        other = await cai.call({"op": "ask", "query": {"type": "customer", "customer": "c2"}})
        assert other["code"] == "unknown_customer"
        assert (await cai.do("customer.save", customer="c1", attributes={"name": "X"}))["code"] == "forbidden"


async def test_another_tenants_customer_is_another_customer(
    on_disk: Archive, autojump_clock: trio.testing.MockClock
) -> None:
    """One key in two tenants: two profiles, and nobody reaches over."""
    async with desk_house(on_disk) as house:
        sue = await house.framed("supervisor", "sue")
        bob = await house.framed("supervisor", "bob", tenant="bolt")
        await sue.done("customer.save", customer="c1", attributes={"name": "Cai"})
        assert (await bob.ask("customer", customer="c1")) == {"customer": "c1"}
        assert (await bob.do("customer.save", tenant="acme", customer="c1", attributes={"points": 1}))["code"] == (
            "forbidden"
        )


async def test_without_a_desk_it_says_so(autojump_clock: trio.testing.MockClock) -> None:
    """Commands and questions of the desk are known, and not supported here."""
    async with house() as engine:
        sue = await engine.framed("supervisor", "sue")
        done = await sue.do("customer.tag", customer="c1", add=["vip"])
        asked = await sue.call({"op": "ask", "query": {"type": "customer", "customer": "c1"}})
        assert [done["code"], asked["code"]] == ["not_supported", "not_supported"]
        assert done["wanted"] == "sluice serve --desk"
