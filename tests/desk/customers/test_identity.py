"""One person on several channels: merged with consent, taken apart again as if nothing had been, never over tenants."""

from __future__ import annotations

from typing import Any

import pytest
import trio.testing

from tests.desk.stage import Archive, desk_house
from tests.server.stage import FramedPeer, House

ACCOUNT = {"consent": "account"}


async def two_customers(house: House) -> FramedPeer:
    """c1 is on the web, w1 on WeChat; both have written and have a profile."""
    sue = await house.framed("supervisor", "sue")
    web = await house.framed("channel", "web")
    for customer in ("c1", "w1"):
        await web.done("contact.submit", channel="web", external_id=f"e-{customer}", customer=customer)
    await sue.done("customer.save", customer="c1", attributes={"name": "Cai", "points": 5})
    await sue.done("customer.tag", customer="c1", add=["web"])
    await sue.done("customer.save", customer="w1", attributes={"name": "小蔡", "language": "zh"})
    await sue.done("customer.tag", customer="w1", add=["wechat"])
    await sue.done("customer.tier", customer="w1", tier="gold")
    return sue


async def profile(sue: FramedPeer, customer: str) -> dict[str, Any]:
    return await sue.ask("customer", customer=customer)


async def test_merged_they_are_one_and_unmerged_what_they_were(
    archive: Archive, autojump_clock: trio.testing.MockClock
) -> None:
    """The kept one has the last word, tags and contacts come together; taken apart each has what it had."""
    async with desk_house(archive) as house:
        sue = await two_customers(house)
        before = {key: await profile(sue, key) for key in ("c1", "w1")}
        await sue.done("customer.merge", customer="c1", other="w1", consent="asked", contact=2)
        one = await profile(sue, "w1")
        assert one == await profile(sue, "c1")
        assert one["customer"] == "c1" and one["attributes"] == {"name": "Cai", "points": 5, "language": "zh"}
        assert (one["tags"], one["tier"], one["contacts"]) == (["web", "wechat"], "gold", 2)
        (key,) = one["keys"]
        assert (key["customer"], key["into"], key["how"], key["consent"], key["contact"], key["by"]) == (
            "w1", "c1", "merge", "asked", 2, "supervisor/sue",
        )  # fmt: skip
        history = await sue.ask("customer.history", customer="c1")
        assert [row["contact"] for row in history["contacts"]] == [2, 1]
        await sue.done("customer.unmerge", customer="c1", other="w1")
        for name, was in before.items():
            now = await profile(sue, name)
            when = ("version", "changed_at")
            assert {k: v for k, v in now.items() if k not in when} == {k: v for k, v in was.items() if k not in when}
    assert archive.check().ok


async def test_what_is_saved_under_either_key_is_the_one_customers(
    archive: Archive, autojump_clock: trio.testing.MockClock
) -> None:
    """Two writers who saw the same version under different names: one of them is told."""
    async with desk_house(archive) as house:
        sue = await two_customers(house)
        await sue.done("customer.merge", customer="c1", other="w1", **ACCOUNT)
        version = (await profile(sue, "w1"))["version"]
        frames = [
            {"type": "customer.save", "customer": key, "attributes": {"points": 9}, "expect_version": version}
            for key in ("c1", "w1")
        ]
        await sue.send_many([{"op": "do", "id": f["customer"], "command": f} for f in frames])
        answers = [await sue.answer("c1"), await sue.answer("w1")]
        assert sorted(answer["op"] for answer in answers) == ["error", "ok"]
        assert (await profile(sue, "c1"))["attributes"]["points"] == 9


async def test_a_chain_of_merges_comes_apart_where_it_was_joined(
    archive: Archive, autojump_clock: trio.testing.MockClock
) -> None:
    """a ← b ← c: taking b out takes c with it, and c still belongs to b."""
    async with desk_house(archive) as house:
        sue = await house.framed("supervisor", "sue")
        for key in "abc":
            await sue.done("customer.tag", customer=key, add=[f"tag {key}"])
        await sue.done("customer.merge", customer="b", other="c", **ACCOUNT)
        await sue.done("customer.merge", customer="a", other="b", **ACCOUNT)
        assert (await profile(sue, "c"))["tags"] == ["tag a", "tag b", "tag c"]
        wrong = await sue.do("customer.unmerge", customer="a", other="a")
        assert wrong["code"] == "wrong_state"
        await sue.done("customer.unmerge", customer="a", other="b")
        assert (await profile(sue, "a"))["tags"] == ["tag a"]
        assert (await profile(sue, "c"))["tags"] == ["tag b", "tag c"] and (await profile(sue, "c"))["customer"] == "b"
    assert archive.check().ok


@pytest.mark.parametrize(
    ("command", "code", "got"),
    [
        ({"other": "w1"}, "bad_value", "none"),
        ({"other": "w1", "consent": "asked"}, "bad_value", "0"),
        ({"other": "w1", "consent": "asked", "contact": 77}, "bad_value", "77"),
        ({"other": "c1", "consent": "account"}, "wrong_state", "one customer already"),
        ({"other": "stranger", "consent": "account"}, "unknown_customer", "stranger"),
        ({"other": "theirs", "consent": "account"}, "unknown_customer", "theirs"),
        ({"other": "", "consent": "account"}, "bad_value", "an empty text"),
        ({"other": "w1", "consent": "guessed"}, "bad_value", "guessed"),
    ],
    ids=["no consent", "asked nowhere", "asked elsewhere", "itself", "nobody", "another tenant's", "empty", "guessed"],
)
async def test_a_merge_that_may_not_be(
    on_disk: Archive, autojump_clock: trio.testing.MockClock, command: dict[str, Any], code: str, got: str
) -> None:
    """Refused in words; another tenant's customer looks like nobody."""
    async with desk_house(on_disk) as house:
        sue = await two_customers(house)
        bob = await house.framed("supervisor", "bob", tenant="bolt")
        await bob.done("customer.tag", customer="theirs", add=["bolt's"])
        answer = await sue.do("customer.merge", customer="c1", **command)
        assert (answer["code"], got in answer["got"]) == (code, True), answer
        assert (await profile(bob, "theirs"))["tags"] == ["bolt's"]


async def test_a_channels_key_is_linked_to_the_customer(
    archive: Archive, autojump_clock: trio.testing.MockClock
) -> None:
    """The agent asks in the contact; from then on what comes under that key is this customer's, for the policy too."""
    async with desk_house(archive) as house:
        ann = await house.agent("ann")
        sue = await house.framed("supervisor", "sue")
        web = await house.framed("channel", "web")
        await sue.done("customer.tier", customer="c1", tier="gold")
        await web.done("contact.submit", channel="web", external_id="e1", customer="c1")
        offer = await ann.event("offer.made")
        await ann.done("offer.accept", offer=offer["offer"])
        link = {"customer": "c1", "channel": "web", "key": "openid-7", "consent": "asked", "contact": 1}
        await ann.done("customer.link", **link)
        again = await ann.do("customer.link", **link)
        assert again["code"] == "wrong_state"
        await web.done("contact.submit", channel="web", external_id="e2", customer="openid-7")
        row = await sue.ask("contact", contact=2)
        assert row["attributes"] == {"tier": "gold"}
        assert (await profile(sue, "openid-7"))["keys"][0]["channel"] == "web"
        taken = await sue.do("customer.link", customer="c2", channel="web", key="c1", consent="account")
        assert taken["code"] == "wrong_state" and "profile" in taken["got"]


async def test_an_agent_merges_only_those_whom_it_serves(
    on_disk: Archive, autojump_clock: trio.testing.MockClock
) -> None:
    """One of the two is a stranger to it: the other's profile is not to be had this way."""
    async with desk_house(on_disk) as house:
        sue = await two_customers(house)
        ann = await house.agent("ann", capacity=1)
        offer = await ann.event("offer.made")
        await ann.done("offer.accept", offer=offer["offer"])
        answer = await ann.do("customer.merge", customer="c1", other="w1", **ACCOUNT)
        assert answer["code"] == "unknown_customer"
        assert "keys" not in await profile(sue, "c1")
