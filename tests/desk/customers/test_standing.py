"""What the policy sees of a customer: its tier and routing attributes, from the desk and from nobody else; and who is blocked."""

from __future__ import annotations

import trio
import trio.testing

from tests.desk.stage import Archive, desk_house
from tests.server.stage import POLICY

WITHOUT_RULE = POLICY.replace("blocked", "unheard")


async def test_a_tier_given_at_the_desk_chooses_the_queue(
    archive: Archive, autojump_clock: trio.testing.MockClock
) -> None:
    """Gold is no vip here; made vip, the next contact goes to the vip queue, with the language beside it."""
    policy = POLICY.replace('when = {tier = "vip"}', 'when = {tier = "gold"}')
    async with desk_house(archive, policy=policy) as house:
        sue = await house.framed("supervisor", "sue")
        web = await house.framed("channel", "web")
        await web.done("contact.submit", channel="web", external_id="e1", customer="c1")
        await sue.done("customer.tier", customer="c1", tier="gold")
        await sue.done("customer.save", customer="c1", attributes={"language": "zh", "name": "Cai", "wholesale": True})
        again = {"external_id": "e2", "customer": "c1", "shop": "flagship", "attributes": {"page": "home"}}
        await web.done("contact.submit", channel="web", **again)
        row = await sue.ask("contact", contact=2)
        assert row["queue"] == "vip" and row["attributes"] == {"page": "home", "tier": "gold", "language": "zh"}


async def test_a_retried_submit_is_the_same_though_the_desk_learnt_more(
    archive: Archive, autojump_clock: trio.testing.MockClock
) -> None:
    """The answer is lost, the tier changes, the channel sends it again: the first answer."""
    async with desk_house(archive) as house:
        sue = await house.framed("supervisor", "sue")
        web = await house.framed("channel", "web")
        submit = {"channel": "web", "external_id": "e1", "customer": "c1"}
        first = await web.do("contact.submit", id="s1", text="hello", **submit)
        await sue.done("customer.tier", customer="c1", tier="gold")
        web2 = await house.framed("channel", "web")
        assert await web2.do("contact.submit", id="s1", text="hello", **submit) == first
        other = await web2.do("contact.submit", id="s1", text="hello", **{**submit, "customer": "c2"})
        assert other["code"] == "conflict"


async def test_a_customer_cannot_give_itself_a_tier(archive: Archive, autojump_clock: trio.testing.MockClock) -> None:
    """What it says of itself is dropped, on submit and later; its other attributes stay."""
    async with desk_house(archive) as house:
        sue = await house.framed("supervisor", "sue")
        cai = await house.framed("customer", "c1")
        claims = {"tier": "vip", "points": 99_999, "page": "cart"}
        await cai.done("contact.submit", channel="web", external_id="e1", attributes=claims)
        assert (await sue.ask("contact", contact=1))["attributes"] == {"page": "cart"}
        await cai.done("contact.update", contact=1, attributes={"tier": "vip", "page": "help"})
        row = await sue.ask("contact", contact=1)
        assert (row["attributes"], row["queue"]) == ({"page": "help"}, "help")


async def test_a_blocked_customer_is_deflected_by_the_policys_own_rule(
    archive: Archive, autojump_clock: trio.testing.MockClock
) -> None:
    """With the reason and the alternative that the rule names; unblocked, it is let in again."""
    async with desk_house(archive) as house:
        sue = await house.framed("supervisor", "sue")
        web = await house.framed("channel", "web")
        await sue.done("customer.block", customer="c1", reason="threatened Ann")
        answer = await web.done("contact.submit", channel="web", external_id="e1", customer="c1")
        assert (answer["state"], answer["reason"], answer["alternative"]) == ("deflected", "blocked", "message")
        row = await sue.ask("customer", customer="c1")
        assert (row["blocked"], row["blocked_reason"]) == (True, "threatened Ann")
        await sue.done("customer.unblock", customer="c1")
        answer = await web.done("contact.submit", channel="web", external_id="e2", customer="c1")
        assert answer["state"] == "queued"


async def test_where_the_policy_has_no_such_rule_a_blocked_customer_is_refused(
    archive: Archive, autojump_clock: trio.testing.MockClock
) -> None:
    """In words; and on the day when the block ends it is let in."""
    async with desk_house(archive, policy=WITHOUT_RULE) as house:
        sue = await house.framed("supervisor", "sue")
        web = await house.framed("channel", "web")
        until = house.driver.now_ms() + 60_000
        await sue.done("customer.block", customer="c1", reason="spam", until=until)
        answer = await web.do("contact.submit", channel="web", external_id="e1", customer="c1")
        assert (answer["code"], answer["wanted"]) == ("blocked", f"at {until}")
        await trio.sleep(61)
        web = await house.framed("channel", "web")
        answer = await web.done("contact.submit", channel="web", external_id="e1", customer="c1")
        assert answer["state"] == "queued"


async def test_who_is_merged_into_somebody_blocked_is_blocked(
    archive: Archive, autojump_clock: trio.testing.MockClock
) -> None:
    """Another channel is no way round, and what was kept in memory of the other key is forgotten at once."""
    async with desk_house(archive, policy=WITHOUT_RULE) as house:
        sue = await house.framed("supervisor", "sue")
        web = await house.framed("channel", "web")
        assert (await web.done("contact.submit", channel="web", external_id="e0", customer="w1"))["state"] == "queued"
        await sue.done("customer.block", customer="c1", reason="spam")
        await sue.done("customer.merge", customer="c1", other="w1", consent="account")
        again = {"channel": "web", "external_id": "e1", "customer": "w1", "shop": "flagship"}
        answer = await web.do("contact.submit", **again)
        assert answer["code"] == "blocked"
        await sue.done("customer.unmerge", customer="c1", other="w1")
        assert (await web.done("contact.submit", **again))["state"] == "queued"


async def test_a_flood_of_strangers_is_looked_up_together(
    archive: Archive, autojump_clock: trio.testing.MockClock
) -> None:
    """Two hundred new customers at once, one of whom is known: each is taken in as it should be, in a few looks."""
    async with desk_house(archive) as house:
        sue = await house.framed("supervisor", "sue")
        web = await house.framed("channel", "web")
        await sue.done("customer.tier", customer="c77", tier="gold")
        loader = house.core.commands._desk._loader  # type: ignore[union-attr]  # the desk of this house
        looks: list[int] = []
        read = loader._read

        def counted(asked: list[tuple[str, str]]) -> object:
            looks.append(len(asked))
            return read(asked)

        loader._read = counted
        command = {"type": "contact.submit", "channel": "web"}
        frames = [{"op": "do", "id": f"s{n}", "command": {**command, "customer": f"c{n}"}} for n in range(200)]
        await web.send_many(frames)
        for n in range(200):
            answer = await web.answer(f"s{n}")
            assert answer["op"] == "ok"
            if n == 77:
                assert (await sue.ask("contact", contact=answer["result"]["contact"]))["attributes"] == {"tier": "gold"}
        assert sum(looks) == 200 and len(looks) < 20
