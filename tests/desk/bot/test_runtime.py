"""The bot at work in the engine: it answers, looks up, hands on, and goes on where a killed one stopped."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from engine.desk.bot.brain import Brain
from engine.desk.bot.loading import load_brain
from engine.desk.bot.runtime import BotRunner, LookUp, Seat
from engine.desk.bot.turns import LookedUp, Lookup
from engine.store.memory import JournalInMemory
from tests.server.stage import FramedPeer, House, house, inline

FOLDER = Path(__file__).parents[3] / "examples" / "desk"
ASK = {"channel": "web", "customer": "c1", "attributes": {"first": "bot"}}


@pytest.fixture(scope="module")
def brain() -> Brain:
    return load_brain(FOLDER)


@asynccontextmanager
async def with_bot(
    brain: Brain, journal: JournalInMemory | None = None, look_up: LookUp | None = None
) -> AsyncIterator[House]:
    async with house(journal) as found, trio.open_nursery() as nursery:
        runner = BotRunner(found.driver, brain, Seat("bot", "acme"), inline, lambda: "2026-12-01", look_up)
        await nursery.start(runner.run)
        yield found
        nursery.cancel_scope.cancel()


async def lines(peer: FramedPeer, contact: int = 1) -> list[tuple[str, str]]:
    """Who wrote what, when all that is to be written is."""
    await trio.testing.wait_all_tasks_blocked()
    rows: list[dict[str, Any]] = (await peer.ask("history", contact=contact))["messages"]
    return [(row["sender"], row["text"]) for row in rows]


async def state_of(peer: FramedPeer, contact: int = 1) -> str:
    return str((await peer.ask("contact", contact=contact))["state"])


async def test_a_question_is_answered_by_the_bot_and_marked_as_its_own(
    brain: Brain, autojump_clock: trio.testing.MockClock
) -> None:
    async with with_bot(brain) as found:
        web = await found.framed("channel", "web")
        await web.done("contact.submit", **ASK, text="运费怎么算")
        (_, asked), (who, answer) = await lines(web)
        assert (asked, who) == ("运费怎么算", "bot") and "运费" in answer
        await web.done("contact.message", contact=1, text="谢谢")
        assert [who for who, _ in await lines(web)] == ["customer", "bot"] * 2


async def test_who_asks_for_a_person_gets_one_who_reads_what_was_said(
    brain: Brain, autojump_clock: trio.testing.MockClock
) -> None:
    async with with_bot(brain) as found:
        web, ann = await found.framed("channel", "web"), await found.agent("ann")
        await web.done("contact.submit", **ASK, text="how much is shipping")
        await web.done("contact.message", contact=1, text="I want to talk to a human")
        offer = await ann.event("offer.made")
        await ann.done("offer.accept", offer=offer["offer"])
        assert [who for who, _ in await lines(ann)] == ["customer", "bot", "customer", "bot"]
        await web.done("contact.message", contact=1, text="are you there?")
        assert (await lines(ann))[-1] == ("customer", "are you there?")


async def test_a_killed_bot_goes_on_and_says_nothing_twice(
    brain: Brain, autojump_clock: trio.testing.MockClock
) -> None:
    """What came while it was away is answered; what was answered is not answered again."""
    journal = JournalInMemory()
    async with with_bot(brain, journal) as found:
        web = await found.framed("channel", "web")
        await web.done("contact.submit", **ASK, text="运费怎么算")
        before = await lines(web)
    async with house(journal) as found:
        web = await found.framed("channel", "web")
        await web.done("contact.message", contact=1, text="怎么开发票")
    async with with_bot(brain, journal) as found:
        web = await found.framed("channel", "web")
        after = await lines(web)
        assert after[:2] == before and [who for who, _ in after[2:]] == ["customer", "bot"]
        assert "发票" in after[3][1]


async def test_many_messages_at_once_get_one_answer(brain: Brain, autojump_clock: trio.testing.MockClock) -> None:
    """A customer who floods is read to the end and does not make the bot flood back."""
    async with with_bot(brain) as found:
        web = await found.framed("channel", "web")
        await web.done("contact.submit", **ASK, text="你好")
        await lines(web)
        frames = [{"type": "contact.message", "contact": 1} for _ in range(50)]
        await web.send_many(
            [{"op": "do", "id": f"f{n}", "command": frame, "text": "在吗"} for n, frame in enumerate(frames)]
        )
        said = await lines(web)
        assert len([who for who, _ in said if who == "customer"]) == 51
        assert len([who for who, _ in said if who == "bot"]) < 10


async def test_an_order_is_looked_up_for_the_customer_who_asks(
    brain: Brain, autojump_clock: trio.testing.MockClock
) -> None:
    asked: list[tuple[str, str, Lookup]] = []

    async def look_up(tenant: str, customer: str, lookup: Lookup) -> LookedUp:
        asked.append((tenant, customer, lookup))
        return LookedUp("missing")

    async with with_bot(brain, look_up=look_up) as found:
        web = await found.framed("channel", "web")
        await web.done("contact.submit", **ASK, text="查一下订单 SN20261201001")
        said = await lines(web)
        assert [(tenant, customer) for tenant, customer, _ in asked] == [("acme", "c1")]
        assert said[-1][0] == "bot"


@pytest.mark.parametrize("trouble", ["slow", "broken"])
async def test_a_shop_that_does_not_answer_leaves_nobody_with_the_bot(
    brain: Brain, autojump_clock: trio.testing.MockClock, trouble: str
) -> None:
    async def look_up(_tenant: str, _customer: str, _lookup: Lookup) -> LookedUp:
        if trouble == "broken":
            raise RuntimeError("a fault of ours")
        await trio.sleep_forever()
        raise AssertionError("not reached")

    async with with_bot(brain, look_up=look_up) as found:
        web, ann = await found.framed("channel", "web"), await found.agent("ann")
        await web.done("contact.submit", **ASK, text="查一下订单 SN20261201001")
        with trio.fail_after(5):
            assert (await ann.event("offer.made"))["contact"] == 1
