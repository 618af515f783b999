"""An engine that goes down in order: what was taken in is done, nothing else is, and the store is free for the next."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.ports import Answer, Stopped
from engine.store.recovery import catch_up, recover
from tests.driver.stage import CHANNEL, World, contact


async def test_what_was_taken_in_is_done_and_nothing_else(autojump_clock: trio.testing.MockClock) -> None:
    """The disk is slow. Two contacts are under way as the engine drains; a third is told to ask the next engine."""
    world = World()
    answers: list[Answer | Exception] = []
    async with world.engine() as driver, trio.open_nursery() as nursery:
        await driver.submit(contact(0), CHANNEL)
        world.hand.hold()
        driver.post(contact(1), CHANNEL, "c1", b"", answers.append)
        await trio.testing.wait_all_tasks_blocked()
        driver.post(contact(2), CHANNEL, "c2", b"", answers.append)
        drained = trio.Event()

        async def drain() -> None:
            await driver.drain()
            drained.set()

        nursery.start_soon(drain)
        await trio.testing.wait_all_tasks_blocked()
        assert not drained.is_set()
        with pytest.raises(Stopped):
            driver.post(contact(3), CHANNEL, "c3", b"", answers.append)
        world.hand.let_go()
        await drained.wait()
        assert [answer.result["contact"] for answer in answers if isinstance(answer, Answer)] == [2, 3]
        with pytest.raises(Stopped):
            await driver.ask(lambda _: None)
        async with world.engine() as successor:
            assert successor.figures.epoch == 2
            assert (await successor.submit(contact(3), CHANNEL, "c3")).result["contact"] == 4


async def test_no_time_passes_in_an_engine_that_has_drained(autojump_clock: trio.testing.MockClock) -> None:
    """An offer is open as the engine drains: it neither expires nor is made again, the next engine takes it back."""
    world = World()
    async with world.engine() as driver:
        await driver.submit(cm.DefineAgent(cm.AgentProfile("ann", pools=("onsite",))), CHANNEL)
        await driver.submit(cm.SignOn("ann"), CHANNEL)
        await driver.submit(contact(1), CHANNEL)
        last = driver.last_lsn
        await driver.drain()
        await trio.sleep(300)
        assert driver.last_lsn == last
    async with world.engine() as successor:
        records = await successor.read_committed(last, 10)
        told = [type(event) for record in records for event in record.events]
        assert ev.OfferRescinded in told
        assert ev.OfferExpired not in told


async def test_a_successor_that_has_read_the_journal_reads_only_the_rest(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """State read while the first engine goes on, caught up after it: the same state as if recovered from the start."""
    world = World()
    async with world.engine() as driver:
        await driver.submit(contact(1), CHANNEL)
        warm = recover(world.store())
        assert warm is not None
        early = warm.lsn
        await driver.submit(contact(2), CHANNEL)
        assert catch_up(world.store(), warm) == driver.last_lsn - early
        await driver.submit(contact(3), CHANNEL)
        await driver.drain()
    again = recover(world.store())
    assert again is not None
    async with world.engine(warm=warm) as successor:
        assert await successor.ask(lambda dispatcher: sorted(dispatcher.contacts)) == [1, 2, 3]
        assert (warm.lsn, warm.hash) == (again.lsn, again.hash)
