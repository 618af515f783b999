"""A customer is forgotten: the keys go, the tables forget, and a crash in between changes nothing of that."""

from __future__ import annotations

import pytest
import trio.testing

from tests.desk.stage import Archive, desk_house


async def test_erased_under_all_its_keys(archive: Archive, autojump_clock: trio.testing.MockClock) -> None:
    """Two merged keys, a block, a subscription: nothing is left but that there was somebody; both keys are destroyed."""
    async with desk_house(archive) as house:
        sue = await house.framed("supervisor", "sue")
        for key in ("c1", "w1"):
            await sue.done("customer.save", customer=key, attributes={"name": "Cai", "points": 1})
            await sue.done("customer.tag", customer=key, add=["vip"])
        await sue.done("customer.block", customer="w1", reason="spam")
        await sue.done("customer.tier", customer="c1", tier="gold")
        await sue.done("customer.merge", customer="c1", other="w1", consent="account")
        await sue.done("customer.erase", customer="w1")
        assert archive.keys.erased == {("acme", "c1"), ("acme", "w1")}
        for key in ("c1", "w1"):
            row = await sue.ask("customer", customer=key)
            assert set(row) == {"customer", "version", "created_at", "changed_at", "erased_at"}
        unknown = await sue.do("customer.erase", customer="nobody")
        assert unknown["code"] == "unknown_customer"
    assert archive.check().ok


async def test_killed_after_the_record_and_before_the_keys_went(
    archive: Archive, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next start finishes it before it takes anything in, and once only."""
    async with desk_house(archive) as house:
        sue = await house.framed("supervisor", "sue")
        await sue.done("customer.save", customer="c1", attributes={"name": "Cai"})
        with monkeypatch.context() as patched:
            patched.setattr(archive.keys, "erase", _power_cut)
            answer = await sue.do("customer.erase", customer="c1")
            assert answer["code"] == "internal"
    assert not archive.keys.erased
    async with desk_house(archive) as house:
        assert archive.keys.erased == {("acme", "c1")}
        archive.keys.erased.clear()
    async with desk_house(archive):
        assert not archive.keys.erased
    assert archive.check().ok


def _power_cut(tenant: str, subject: str) -> None:
    raise RuntimeError("the power is gone")


async def test_whoever_comes_back_is_somebody_new(archive: Archive, autojump_clock: trio.testing.MockClock) -> None:
    """Saved again after the erasure: only that is known."""
    async with desk_house(archive) as house:
        sue = await house.framed("supervisor", "sue")
        await sue.done("customer.save", customer="c1", attributes={"name": "Cai", "points": 8})
        await sue.done("customer.erase", customer="c1")
        await sue.done("customer.save", customer="c1", attributes={"points": 1})
        assert (await sue.ask("customer", customer="c1"))["attributes"] == {"points": 1}
    assert archive.check().ok


async def test_an_erasure_sent_again_leaves_alone_who_has_come_back(
    archive: Archive, autojump_clock: trio.testing.MockClock
) -> None:
    """The answer was lost, the customer is saved anew, the erasure comes again, now and after a restart: the first answer, no more."""
    async with desk_house(archive) as house:
        sue = await house.framed("supervisor", "sue")
        await sue.done("customer.save", customer="c1", attributes={"name": "Cai"})
        first = await sue.do("customer.erase", id="e1", customer="c1")
        await sue.done("customer.save", customer="c1", attributes={"name": "Cai again"})
        sue2 = await house.framed("supervisor", "sue")
        assert await sue2.do("customer.erase", id="e1", customer="c1") == first
        assert (await sue.ask("customer", customer="c1"))["attributes"] == {"name": "Cai again"}
    async with desk_house(archive) as house:
        sue = await house.framed("supervisor", "sue")
        assert await sue.do("customer.erase", id="e1", customer="c1") == first
        assert (await sue.ask("customer", customer="c1"))["attributes"] == {"name": "Cai again"}
    assert archive.check().ok
