"""Why not an agent, asked of a contact that no longer waits: answered for the moment right before its last offer."""

from __future__ import annotations

from trio.testing import MockClock

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
