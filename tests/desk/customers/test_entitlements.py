"""What customers are entitled to: by tier or by subscription, with dates, and metered."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from tests.desk.stage import Archive, desk_house

DAY_MS = 86_400_000


async def test_a_subscription_runs_from_its_day_to_its_end(
    archive: Archive, autojump_clock: trio.testing.MockClock
) -> None:
    """Subscribed for half a day: used, run out, and then no longer there."""
    async with desk_house(archive) as house:
        sue = await house.framed("supervisor", "sue")
        now = house.driver.now_ms()
        await sue.done("customer.subscribe", customer="c1", entitlement="hotline", until=now + DAY_MS // 2, quota=2)
        overlap = await sue.do("customer.subscribe", customer="c1", entitlement="hotline")
        assert overlap["code"] == "wrong_state"
        await sue.done("customer.use", customer="c1", entitlement="hotline", amount=2)
        more = await sue.do("customer.use", customer="c1", entitlement="hotline")
        assert (more["code"], more["got"], more["wanted"]) == ("wrong_state", "2 used and 1 more", "at most 2")
        row = (await sue.ask("customer", customer="c1"))["entitlements"][0]
        assert (row["used"], row["quota"], row["active"]) == (2, 2, True)
    async with desk_house(archive, start_ms=now + DAY_MS) as house:
        sue = await house.framed("supervisor", "sue")
        assert "active" not in (await sue.ask("customer", customer="c1"))["entitlements"][0]
        late = await sue.do("customer.use", customer="c1", entitlement="hotline")
        assert late["code"] == "wrong_state"
        await sue.done("customer.subscribe", customer="c1", entitlement="hotline")
    assert archive.check().ok


async def test_a_cancelled_subscription_ends_at_once_or_on_its_day(
    archive: Archive, autojump_clock: trio.testing.MockClock
) -> None:
    """Cancelled now: no use any more, and it can be subscribed again."""
    async with desk_house(archive) as house:
        sue = await house.framed("supervisor", "sue")
        await sue.done("customer.subscribe", customer="c1", entitlement="hotline")
        await trio.sleep(5)
        await sue.done("customer.cancel", customer="c1", entitlement="hotline")
        assert (await sue.do("customer.cancel", customer="c1", entitlement="hotline"))["code"] == "wrong_state"
        assert (await sue.do("customer.use", customer="c1", entitlement="hotline"))["code"] == "wrong_state"
        await trio.sleep(5)
        await sue.done("customer.subscribe", customer="c1", entitlement="hotline")
        rows = (await sue.ask("customer", customer="c1"))["entitlements"]
        assert [row.get("active", False) for row in rows] == [False, True]
        assert rows[0]["cancelled_at"] - rows[0]["since"] >= 5_000


async def test_a_tier_brings_its_own_with_its_quota(archive: Archive, autojump_clock: trio.testing.MockClock) -> None:
    """Gold has three returns; after them none, and without gold none at all."""
    async with desk_house(archive) as house:
        sue = await house.framed("supervisor", "sue")
        assert (await sue.do("customer.use", customer="c1", entitlement="returns"))["code"] == "wrong_state"
        await sue.done("customer.tier", customer="c1", tier="gold")
        for _ in range(3):
            await sue.done("customer.use", customer="c1", entitlement="returns")
        assert (await sue.do("customer.use", customer="c1", entitlement="returns"))["got"] == "3 used and 1 more"
        row = (await sue.ask("customer", customer="c1"))["entitlements"][0]
        assert (row["by_tier"], row["used"], row["quota"]) == (True, 3, 3)
        await sue.done("customer.tier", customer="c1", tier="")
        assert "entitlements" not in await sue.ask("customer", customer="c1")
    assert archive.check().ok


async def test_two_uses_at_once_do_not_go_over_the_quota(
    archive: Archive, autojump_clock: trio.testing.MockClock
) -> None:
    """Ten agents use the last three at the same moment: three may."""
    async with desk_house(archive) as house:
        sue = await house.framed("supervisor", "sue")
        await sue.done("customer.tier", customer="c1", tier="gold")
        use = {"type": "customer.use", "customer": "c1", "entitlement": "returns"}
        await sue.send_many([{"op": "do", "id": f"u{n}", "command": use} for n in range(10)])
        answers = [await sue.answer(f"u{n}") for n in range(10)]
        assert sum(answer["op"] == "ok" for answer in answers) == 3


@pytest.mark.parametrize(
    ("type", "fields", "what"),
    [
        ("customer.tier", {"tier": "platinum"}, "customer.tier: tier"),
        ("customer.subscribe", {"entitlement": "unicorn"}, "customer.subscribe: entitlement"),
        ("customer.subscribe", {"entitlement": "hotline", "until": 5}, "customer.subscribe: until"),
        ("customer.subscribe", {"entitlement": "hotline", "since": -1}, "customer.subscribe: since"),
        ("customer.subscribe", {"entitlement": "hotline", "quota": -1}, "customer.subscribe: quota"),
        ("customer.use", {"entitlement": "returns", "amount": 0}, "customer.use: amount"),
        ("customer.use", {"entitlement": "returns", "amount": 10**12}, "customer.use: amount"),
        ("customer.use", {"entitlement": "returns", "tiers": ["gold"]}, "customer.use: tiers, quota"),
        ("customer.cancel", {"entitlement": "returns", "at": 1}, "customer.cancel: at"),
        ("customer.block", {"reason": ""}, "customer.block: reason"),
        ("customer.block", {"reason": "spam", "until": 3}, "customer.block: until"),
    ],
)
async def test_what_makes_no_sense_is_refused(
    on_disk: Archive, autojump_clock: trio.testing.MockClock, type: str, fields: dict[str, object], what: str
) -> None:
    """What, got, wanted; and nothing is written."""
    async with desk_house(on_disk) as house:
        sue = await house.framed("supervisor", "sue")
        before = house.driver.last_lsn
        answer = await sue.do(type, customer="c1", **fields)
        assert (answer["op"], answer["what"]) == ("error", what) and answer["wanted"]
        assert house.driver.last_lsn == before
