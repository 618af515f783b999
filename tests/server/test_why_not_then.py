"""Why not an agent, asked of a contact that no longer waits: answered for the moment right before its last offer, or its
end; refused where it never waited."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from tests.server.stage import POLICY as HOUSE
from tests.server.stage import house

POLICY = """
[policy]
name = "two"
[tenants.acme]
[channels.web]
[pools.onsite]
[pools.remote]
[pools.bot]
[queues.help]
tenant = "acme"
pools = ["onsite"]
bot_pools = ["bot"]
[[entry]]
name = "bots first"
queue = "help"
first = "bot"
"""


async def test_handed_over_and_offered_in_one_record(autojump_clock: MockClock) -> None:
    """The bot hands over, Ann is offered it at once; Bo of the remote pool hears of the people's pools, not the bots'."""
    async with house(policy=POLICY) as home:
        bot = await home.agent("robo", kind="bot")
        ann = await home.agent("ann")
        await home.agent("bo", pools=["remote"])
        sue = await home.framed("supervisor", "sue")
        web = await home.framed("channel", "web")
        await web.done("contact.submit", channel="web", customer="c1", text="hello")
        to_bot = await bot.event("offer.made")
        await bot.done("offer.accept", offer=to_bot["offer"])
        await bot.done("contact.transfer", contact=1)
        offer = await ann.event("offer.made")
        told = [await sue.ask("explain", contact=1, why_not="bo", story=False)]
        await ann.done("offer.accept", offer=offer["offer"])
        told.append(await sue.ask("explain", contact=1, why_not="bo", story=False))
        await ann.done("contact.close", contact=1)
        told.append(await sue.ask("explain", contact=1, why_not="bo", story=False))
        assert told == [told[0]] * 3
        assert told[0]["now"]["state"] == "queued"
        assert told[0]["now"]["verdict"]["reasons"] == [{"code": "pool", "got": "remote", "wanted": "onsite"}]


async def test_a_contact_that_left_before_anybody_was_offered_it(autojump_clock: MockClock) -> None:
    """Nobody in its pool, then the customer goes: why not Bo is answered for the moment before, also once it is forgotten."""
    async with house(policy=HOUSE) as home:
        await home.agent("bo", pools=["bot"], kind="bot")
        sue = await home.framed("supervisor", "sue")
        web = await home.framed("channel", "web")
        await web.done("contact.submit", channel="web", customer="c1")
        waiting = await sue.ask("explain", contact=1, why_not="bo", story=False)
        await web.done("contact.abandon", contact=1)
        left = await sue.ask("explain", contact=1, why_not="bo", story=False)
        assert left["now"]["state"] == "queued" and left["as_of"]
        assert left["now"]["verdict"] == waiting["now"]["verdict"]
        await trio.sleep(301)
        late = await home.framed("supervisor", "late")
        assert await late.ask("explain", contact=1, why_not="bo", story=False) == left


async def test_a_deflected_contact_never_waited(autojump_clock: MockClock) -> None:
    """Turned away at the door: its story is told, and why not Ann is a typed error, not silence."""
    async with house(policy=HOUSE) as home:
        await home.agent("ann")
        sue = await home.framed("supervisor", "sue")
        web = await home.framed("channel", "web")
        await web.done("contact.submit", channel="web", customer="c1", attributes={"blocked": "yes"})
        assert (await sue.ask("explain", contact=1))["story"][0]["events"][0]["type"] == "contact.deflected"
        refused = await sue.call({"op": "ask", "query": {"type": "explain", "contact": 1, "why_not": "ann"}})
        assert (refused["code"], refused["what"], refused["got"]) == ("bad_value", "query.why_not", "ann")
        assert refused["message"] == "a deflected contact never waited for an agent"
