"""The engine inside another trio program."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import trio
import trio.testing

import engine as door
from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.commands import AgentProfile
from engine.embedding import AgentHere, Delivery, Engine
from engine.ports import Committed, StoreError
from tests.driver.stage import CHANNEL, POLICY, SUPERVISOR, BreakingStore, World, contact, ends_with


async def test_a_contact_from_end_to_end() -> None:
    """Ten lines of an embedding program: an agent, a customer, a few words, and an answer to why."""
    async with door.open_engine(POLICY) as engine, engine.agent(door.AgentProfile("ann")) as ann:
        answer = await engine.submit(contact(1), CHANNEL)
        number = answer.result["contact"]
        assert isinstance(number, int)
        assert (await engine.explain(number)).agent == "ann"
        async for delivery in ann:
            match delivery.event:
                case ev.OfferMade(offer=offer):
                    assert not (await ann.accept(offer)).code
                    await ann.say(number, "hello, how can I help?")
                    await engine.submit(cm.AddMessage("acme", number), CHANNEL, payload="你好".encode())
                case ev.MessageAdded(sender="customer"):
                    assert delivery.payload.decode() == "你好"
                    await ann.close(number)
                case ev.ContactClosed():
                    break
        assert await engine.ask(lambda dispatcher: list(dispatcher.contacts)) == []


async def test_why_is_told_in_sentences_too(autojump_clock: trio.testing.MockClock) -> None:
    """Ann Lee has the contact; why not Bo, who is on a break; in both languages, by the names of their profiles."""
    world = World()
    async with world.engine() as driver:
        engine = Engine(driver)
        ann, bo = AgentProfile("ann", name="Ann Lee"), AgentProfile("bo", name="Bo Tan")
        async with engine.agent(ann) as agent, engine.agent(bo, "not_ready"):
            await engine.submit(contact(1), CHANNEL)
            await agent.accept(1)
            now, policy = await engine.tell(1)
            assert now == "Now: with Ann Lee." and policy.startswith("Policy: ")
            told = await engine.tell(1, "bo")
            assert told[:2] == [now, policy] and told[2] == "Bo Tan cannot take it, because:", told
            assert "现在：由 Ann Lee 接待。" in await engine.tell(1, language="zh-CN")
            with pytest.raises(KeyError):
                await engine.tell(99)


async def test_an_agent_hears_what_concerns_it_and_nothing_else(autojump_clock: trio.testing.MockClock) -> None:
    """Two agents, a contact each; ann transfers hers away and hears no more of it."""
    world = World()
    heard: list[ev.Event] = []

    async def listen(agent: AgentHere) -> None:
        async for delivery in agent:
            assert isinstance(delivery, Delivery)
            heard.append(delivery.event)

    async with world.engine() as driver, trio.open_nursery() as nursery:
        engine = Engine(driver)
        async with engine.agent(AgentProfile("ann")) as ann, engine.agent(AgentProfile("ben", capacity=2)) as ben:
            nursery.start_soon(listen, ann)
            await engine.submit(contact(1))
            await engine.submit(contact(2))
            offers = await engine.ask(lambda dispatcher: {o.agent: o for o in dispatcher.offers.values()})
            assert (await ann.accept(offers["ann"].offer)).code == ""
            assert (await ben.decline(offers["ben"].offer, "lunch")).code == ""
            assert (await ben.set_state("paused")).code == ""
            mine = offers["ann"].contact
            await engine.submit(cm.AddMessage("acme", mine), payload=b"hello")
            assert (await ann.transfer(mine, to_queue="help", reason="not my field")).code == ""
            assert (await ann.set_state("paused")).code == ""
            await engine.submit(cm.AddMessage("acme", mine), payload=b"anybody there?")
            await trio.testing.wait_all_tasks_blocked()
            kinds = [type(event) for event in heard]
            assert kinds.count(ev.MessageAdded) == 1, "not what was said after the transfer"
            assert {event.agent for event in heard if isinstance(event, ev.OfferMade)} == {"ann"}
            assert ev.ContactTransferred in kinds
            nursery.cancel_scope.cancel()


async def test_an_agent_goes_on_after_a_restart(autojump_clock: trio.testing.MockClock) -> None:
    """Killed in the middle of a talk, started again: ann has her contact back, and hears what its customer writes."""
    world = World()
    async with world.engine() as driver:
        for command in (cm.DefineAgent(AgentProfile("ann")), cm.SignOn("ann"), contact(1), cm.AcceptOffer("ann", 1)):
            assert (await driver.submit(command, SUPERVISOR)).code == ""
    async with world.engine() as driver:
        engine = Engine(driver)
        async with engine.agent("ann") as ann:
            await engine.submit(cm.AddMessage("acme", 1), payload=b"still there?")
            with trio.fail_after(60):
                async for delivery in ann:
                    if isinstance(delivery.event, ev.MessageAdded):
                        assert delivery.payload == b"still there?"
                        break
            assert (await ann.say(1, "I am")).code == ""


async def test_an_agent_signs_off_on_leaving(autojump_clock: trio.testing.MockClock) -> None:
    """At the end of its block the agent goes, and its contact waits again; an error in the block changes nothing."""
    world = World()
    async with world.engine() as driver:
        engine = Engine(driver)
        with ends_with(KeyError):
            async with engine.agent(AgentProfile("ann")) as ann:
                await engine.submit(contact(1))
                assert (await ann.accept(1)).code == ""
                raise KeyError("my own trouble")
        assert await engine.ask(lambda dispatcher: dispatcher.agents["ann"].state) == "offline"
        assert await engine.ask(lambda dispatcher: dispatcher.contacts[1].state) == "queued"


async def test_an_agent_outlives_its_engine_by_a_moment(autojump_clock: trio.testing.MockClock) -> None:
    """The store fails while the agent works: what comes out is the store's error, not the failed sign-off."""
    world = World()
    with ends_with(StoreError, "the disk is gone"):
        async with (
            world.engine(BreakingStore(world.journal, fail_at=4)) as driver,
            Engine(driver).agent(AgentProfile("ann")),
        ):
            with pytest.raises(StoreError):
                await driver.submit(contact(1), CHANNEL)


async def test_wrap_up_ends_by_hand(autojump_clock: trio.testing.MockClock) -> None:
    """A queue with wrap-up: after the close the agent still holds the contact, until it says that it is done."""
    world = World()
    async with world.engine(policy=POLICY.replace("offer_ms", "wrap_up_ms = 60000\noffer_ms")) as driver:
        engine = Engine(driver)
        async with engine.agent(AgentProfile("ann")) as ann:
            await engine.submit(contact(1))
            for answer in (await ann.accept(1), await ann.close(1), await ann.end_wrap_up(1)):
                assert answer.code == ""
            assert await engine.ask(lambda dispatcher: dict(dispatcher.contacts)) == {}


async def test_an_unknown_agent_cannot_sign_on(autojump_clock: trio.testing.MockClock) -> None:
    world = World()
    async with world.engine() as driver:
        with pytest.raises(ValueError, match=r"agent\.sign_on"):
            async with Engine(driver).agent("nobody"):
                raise AssertionError("signed on")


async def test_a_subscriber_can_begin_in_the_past(autojump_clock: trio.testing.MockClock) -> None:
    """After record 0: all of history, then what comes, without a seam."""
    world = World()
    async with world.engine() as driver:
        engine = Engine(driver)
        for number in range(3):
            await engine.submit(contact(number))
        seen: list[int] = []
        with engine.subscribe(after_lsn=0) as records:
            async for record in records:
                seen.append(record.lsn)
                if record.lsn == 4:
                    await engine.submit(contact(9))
                if record.lsn == 6:
                    break
        assert seen == [1, 2, 3, 4, 5, 6]


async def test_a_slow_subscriber_misses_nothing(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory holds five records for it, forty come while it is busy: the rest is read from the journal."""
    monkeypatch.setattr("engine.embedding._BUFFER", 5)
    monkeypatch.setattr("engine.embedding._CHUNK", 7)
    world = World()
    async with world.engine() as driver:
        engine = Engine(driver)
        with engine.subscribe() as records:
            for number in range(40):
                await engine.submit(contact(number))
            seen: list[Committed] = []
            async for record in records:
                seen.append(record)
                if len(seen) == 20:
                    for number in range(40, 60):
                        await engine.submit(contact(number))
                if len(seen) == 60:
                    break
        assert [record.lsn for record in seen] == list(range(3, 63))
        assert seen == world.heard[2:]


async def test_a_subscription_ends_with_the_engine() -> None:
    """The program's own task goes on after the engine: its loop ends by itself."""
    seen: list[int] = []

    async def listen(engine: Engine, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        with engine.subscribe() as records:
            task_status.started()
            async for record in records:
                seen.append(record.lsn)

    async with trio.open_nursery() as nursery, door.open_engine(POLICY) as engine:
        await nursery.start(listen, engine)
        await engine.submit(contact(1), SUPERVISOR)
    assert seen == [3]


async def test_a_policy_may_be_a_file(tmp_path: Path) -> None:
    """A Path, or a string of one line, names a file; text with lines is the policy itself."""
    file = tmp_path / "policy.toml"
    file.write_text(POLICY)
    for policy in (file, str(file), POLICY):
        async with door.open_engine(policy) as engine:
            assert await engine.ask(lambda dispatcher: dispatcher.policy.text) == POLICY
    with pytest.raises(door.PolicyErrors):
        async with door.open_engine("[policy]\nname = 3"):
            raise AssertionError("started")


def test_the_door_loads_nothing_until_it_is_used() -> None:
    """``import engine`` in a fresh process: no trio, no database, no codec; then each name finds its home."""
    program = """
import sys
import engine
heavy = {"trio", "apsw", "msgspec", "click", "websockets", "starlette"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
assert set(engine.__all__) <= set(dir(engine))
for name in engine.__all__:
    assert getattr(engine, name) is not None, name
try:
    engine.nonsense
except AttributeError as error:
    assert "nonsense" in str(error)
else:
    raise AssertionError("found nonsense")
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[2])
