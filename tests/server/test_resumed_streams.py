"""What fault schedules found about streams and dying stores, told one by one."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from engine.ports import StoreError
from engine.store.sealing import KeyRing, KeysInMemory
from tests.server.stage import house


async def test_what_gathered_since_welcome_comes_once(autojump_clock: MockClock) -> None:
    """Ann is offered a contact between her welcome and her resume: the replay tells of it, and nothing does a second time."""
    async with house() as home:
        ann = await home.agent("ann")
        last = ann.seen("push")[-1]["offset"]
        await ann.vanish()
        await home.empty_of(ann)
        back = await home.framed("agent", "ann")
        web = await home.framed("channel", "web")
        await web.done("contact.submit", channel="web", customer="c1")
        await back.send({"op": "resume", "id": "r", "streams": {"agent:ann": last}})
        await back.event("offer.made")
        await back.ask("streams")
        await trio.sleep(3)
        offsets = [push["offset"] for push in back.seen("push")]
        assert offsets == sorted(set(offsets))


async def test_a_tenants_supervisor_hears_of_the_whole_domain(autojump_clock: MockClock) -> None:
    """Nobody of the tenant has written yet: she hears of the new policy all the same, at once and when she resumes."""
    async with house() as home:
        sue = await home.framed("supervisor", "sue")
        await sue.call({"op": "resume", "streams": {"domain": 0}})
        assert (await sue.event("policy.applied"))["offset"] == 1
        assert (await sue.event("engine.started"))["epoch"] == 1


async def test_an_erased_text_is_told_as_erased_and_what_happened_stays(autojump_clock: MockClock) -> None:
    """To who was there it was plain; who resumes later hears that something was said, by whom and when, and not what."""
    sealer = KeyRing(KeysInMemory(), bytes(32))
    async with house(sealer=sealer) as home:
        web = await home.framed("channel", "web")
        contact = (await web.done("contact.submit", channel="web", customer="c1", text="我是王小明"))["contact"]
        await web.done("contact.message", contact=contact, text="电话 13800138000")
        live = [await web.event("message.added") for _ in range(2)]
        assert [said["text"] for said in live] == ["我是王小明", "电话 13800138000"]
        sealer.erase("acme", "c1")
        back = await home.framed("channel", "web")
        await back.call({"op": "resume", "streams": {"channel:web": 0}})
        assert [await back.event("message.added") for _ in live] == [{**said, "text": ""} for said in live]
        erased = {push["offset"] for push in back.seen("push") if push.get("erased")}
        assert erased >= {said["offset"] for said in live}


async def test_a_command_that_meets_a_failed_store_is_refused(autojump_clock: MockClock) -> None:
    """The engine is over and its sockets still speak: an error that says send it again, and no connection crashes."""
    async with house() as home:
        web = await home.framed("channel", "web")
        home.driver._over = StoreError("the disk is gone")
        answer = await web.do("contact.submit", channel="web", customer="c1")
        assert (answer["op"], answer["code"]) == ("error", "store_failed")
        assert home.core.counters.crashes == 0
