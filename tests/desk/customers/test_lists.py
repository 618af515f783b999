"""Customers by tag, tier and segment; a customer's history, also a long one."""

from __future__ import annotations

import pytest
import trio.testing

from engine.desk.customers.tables import CUSTOMER_CONTACTS
from tests.desk.stage import Archive, desk_house
from tests.server.stage import FramedPeer, House


async def some_customers(house: House) -> FramedPeer:
    sue = await house.framed("supervisor", "sue")
    for number in range(6):
        await sue.done("customer.save", customer=f"c{number}", attributes={"points": number, "wholesale": number < 2})
    await sue.done("customer.tag", customer="c0", add=["vip", "slow payer"])
    await sue.done("customer.tag", customer="c3", add=["vip"])
    await sue.done("customer.tier", customer="c3", tier="gold")
    await sue.done("customer.tier", customer="c4", tier="gold")
    return sue


async def keys(sue: FramedPeer, **fields: object) -> list[str]:
    return [row["customer"] for row in (await sue.ask("customers", **fields))["customers"]]


async def test_customers_by_tag_tier_and_segment(archive: Archive, autojump_clock: trio.testing.MockClock) -> None:
    """A segment is a rule over tags, tier and open attributes; a profile says in which ones it is."""
    async with desk_house(archive) as house:
        sue = await some_customers(house)
        await sue.done("segment.save", segment="dear", title="重要客户", rule="vip and not 'slow payer'")
        await sue.done("segment.save", segment="trade", rule="@wholesale = true or @tier = 'gold'")
        assert await keys(sue, tag="vip") == ["c0", "c3"]
        assert await keys(sue, tier="gold") == ["c3", "c4"]
        assert await keys(sue, segment="dear") == ["c3"]
        assert await keys(sue, segment="trade") == ["c0", "c1", "c3", "c4"]
        assert await keys(sue, segment="trade", tag="vip") == ["c0", "c3"]
        assert await keys(sue, segment="nobody's") == []
        assert (await sue.ask("customer", customer="c3"))["segments"] == ["dear", "trade"]
        assert [row["segment"] for row in (await sue.ask("segments"))["segments"]] == ["dear", "trade"]
        await sue.done("segment.remove", segment="dear")
        assert (await sue.do("segment.remove", segment="dear"))["code"] == "wrong_state"
    assert archive.check().ok


async def test_pages_follow_each_other(archive: Archive, autojump_clock: trio.testing.MockClock) -> None:
    """Two at a time, each once."""
    async with desk_house(archive) as house:
        sue = await some_customers(house)
        seen, after = [], ""
        while True:
            page = await sue.ask("customers", limit=2, after=after)
            seen += [row["customer"] for row in page["customers"]]
            if not page["more"]:
                break
            after = page["after"]
        assert seen == [f"c{number}" for number in range(6)]


@pytest.mark.parametrize(
    ("rule", "code", "got"),
    [
        ("vip and", "bad_value", ""),
        ("", "bad_value", "a rule for everybody"),
        ("@name = 'Cai'", "not_declared", "personal"),
        ("@shoe = 43", "not_declared", "not declared"),
        ("(" * 500 + "vip" + ")" * 500, "bad_value", ""),
    ],
    ids=["half", "everybody", "personal", "unknown", "deep"],
)
async def test_a_rule_that_cannot_be(
    on_disk: Archive, autojump_clock: trio.testing.MockClock, rule: str, code: str, got: str
) -> None:
    """Refused with its reason: what cannot be read, what is personal, what nobody declared."""
    async with desk_house(on_disk) as house:
        sue = await house.framed("supervisor", "sue")
        answer = await sue.do("segment.save", segment="s", rule=rule)
        assert (answer["code"], got in answer["got"]) == (code, True), answer


async def test_a_thousand_contacts_of_one_customer(archive: Archive, autojump_clock: trio.testing.MockClock) -> None:
    """All in one answer, newest first, by an index; and page by page."""
    async with desk_house(archive) as house:
        sue = await house.framed("supervisor", "sue")
        web = await house.framed("channel", "web")
        await web.done("contact.submit", channel="web", external_id="e", customer="c1")
        desk = archive.tables()
        with desk.writing() as pen:
            for number in range(10, 1_010):
                pen.change(CUSTOMER_CONTACTS, contact=number, tenant="acme", customer="c1", channel="web", queue="help")
        desk.close()
        whole = await sue.ask("customer.history", customer="c1", limit=1_000)
        assert [whole["contacts"][place]["contact"] for place in (0, -1)] == [1_009, 10] and whole["more"]
        page = await sue.ask("customer.history", customer="c1", limit=5, before=12)
        assert [row["contact"] for row in page["contacts"]] == [11, 10, 1] and not page["more"]


async def test_what_became_of_a_contact(archive: Archive, autojump_clock: trio.testing.MockClock) -> None:
    """Served and closed, abandoned, turned away, still open: the history says it in one word each."""
    async with desk_house(archive) as house:
        sue = await house.framed("supervisor", "sue")
        web = await house.framed("channel", "web")
        ann = await house.agent("ann")
        await web.done("contact.submit", channel="web", external_id="e1", customer="c1")
        offer = await ann.event("offer.made")
        await ann.done("offer.accept", offer=offer["offer"])
        await ann.done("contact.close", contact=1, reason="solved")
        await ann.done("agent.set_state", state="paused")
        turned_away = {"channel": "web", "external_id": "e2", "attributes": {"blocked": "yes"}}
        await web.done("contact.submit", customer="c1", **turned_away)
        await web.done("contact.submit", channel="web", external_id="e3", customer="c1", shop="flagship")
        await web.done("contact.submit", channel="web", external_id="e4", customer="c1")
        await web.done("contact.abandon", contact=4)
        rows = (await sue.ask("customer.history", customer="c1"))["contacts"]
        told = [(row["contact"], row.get("outcome", ""), row.get("agent", "")) for row in rows]
        assert told == [
            (4, "abandoned", ""), (3, "", ""), (2, "deflected: blocked", ""), (1, "closed: solved", "ann"),
        ]  # fmt: skip
    assert archive.check().ok
