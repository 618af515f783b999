"""How an engine ends: told to, failed by its store, by another engine, by itself; and what outlives a failed snapshot."""

from __future__ import annotations

from itertools import pairwise

import pytest
import trio
import trio.testing

from engine.dispatch import commands as cm
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.events import Event
from engine.ports import LeaseHeld, LeaseLost, Stopped, StoreError
from engine.store.memory import MemoryStore
from tests.driver.stage import (
    CHANNEL,
    Asker,
    BreakingStore,
    World,
    asking,
    contact,
    ends_with,
    sign_on,
)


async def test_a_failed_commit_ends_everything_unacked(autojump_clock: trio.testing.MockClock) -> None:
    """The second commit after the start fails: those in it, those behind it and a question all learn it; no retry."""
    world = World()
    store = BreakingStore(world.journal, fail_at=3)
    askers: list[Asker] = []
    with ends_with(StoreError):
        async with trio.open_nursery() as outside, world.engine(store) as driver:
            assert (await driver.submit(contact(1), CHANNEL)).lsn == 3
            world.hand.hold()
            askers += await asking(outside, driver, contact(2), contact(3), contact(4))
            world.hand.let_go()
            await trio.sleep_forever()
    assert [type(asker.outcome) for asker in askers] == [StoreError] * 3
    assert store.asked == 3, "not tried again"
    assert [record.lsn for record in world.heard] == [1, 2, 3]
    with pytest.raises(StoreError, match="the disk is gone"):
        await driver.submit(contact(5), CHANNEL)
    with pytest.raises(StoreError):
        await driver.ask(lambda dispatcher: 1)


async def test_a_question_behind_a_failed_commit_is_not_answered(autojump_clock: trio.testing.MockClock) -> None:
    """It waited for committed state; there will be none."""
    world = World()
    outcomes: list[str] = []
    with ends_with(StoreError):
        async with trio.open_nursery() as outside, world.engine(BreakingStore(world.journal, fail_at=2)) as driver:

            async def ask() -> None:
                try:
                    await driver.ask(lambda dispatcher: 1)
                except StoreError as error:
                    outcomes.append(str(error))

            world.hand.hold()
            await asking(outside, driver, contact(1))
            outside.start_soon(ask)
            await trio.testing.wait_all_tasks_blocked()
            world.hand.let_go()
            await trio.sleep_forever()
    assert outcomes == ["the disk is gone"]


async def test_our_own_bug_stops_the_engine(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dispatcher raises: nothing of the batch is committed, everybody in it is told, and the bug itself comes out."""
    world = World()
    handle = Dispatcher.handle

    def buggy(self: Dispatcher, command: cm.Command, stamp: int) -> list[Event]:
        if isinstance(command, cm.CloseContact):
            raise ZeroDivisionError("a bug")
        return handle(self, command, stamp)

    monkeypatch.setattr(Dispatcher, "handle", buggy)
    askers: list[Asker] = []
    with ends_with(ZeroDivisionError):
        async with trio.open_nursery() as outside, world.engine() as driver:
            world.hand.hold()
            askers += await asking(outside, driver, contact(1), contact(2), cm.CloseContact("acme", 1), contact(3))
            world.hand.let_go()
            await trio.sleep_forever()
    assert askers[0].answer.result["contact"] == 1, "its batch was committed before"
    assert [type(asker.outcome) for asker in askers[1:]] == [Stopped] * 3
    assert "ZeroDivisionError" in str(askers[1].outcome)
    assert len(world.journal.records) == 3


async def test_stopping_finishes_what_was_begun(autojump_clock: trio.testing.MockClock) -> None:
    """Stopped in the middle of a commit: that one is acked, those behind it are told to ask the next engine."""
    world = World()
    askers: list[Asker] = []
    async with trio.open_nursery() as outside, world.engine() as driver:
        world.hand.hold()
        askers += await asking(outside, driver, contact(1), contact(2))

        async def let_go_later() -> None:
            await trio.sleep(1)
            world.hand.let_go()

        outside.start_soon(let_go_later)
    assert askers[0].answer.result["contact"] == 1
    assert isinstance(askers[1].outcome, Stopped)
    assert len(world.journal.records) == 3
    assert not world.journal.held, "the lease is free"


async def test_an_idle_engine_keeps_its_lease_and_a_stalled_one_loses_it(
    mock_clock: trio.testing.MockClock,
) -> None:
    """Renewed each second while idle; then another takes the journal: the next pulse finds out, and the engine ends."""
    world = World()

    def boot() -> int:
        return int(trio.current_time() * 1_000)

    with ends_with(LeaseLost):
        async with world.engine(MemoryStore(world.journal, boot_ms=boot)):
            for _ in range(20):
                mock_clock.jump(1)
                await trio.testing.wait_all_tasks_blocked()
            other = MemoryStore(world.journal, boot_ms=boot)
            with pytest.raises(LeaseHeld):
                other.open()
            MemoryStore(world.journal, boot_ms=lambda: boot() + 10_000).open()
            mock_clock.jump(1)
            await trio.sleep_forever()


async def test_the_second_engine_does_not_start(autojump_clock: trio.testing.MockClock) -> None:
    """The journal is held: starting raises LeaseHeld itself, and harms the first in no way."""
    world = World()
    async with world.engine() as driver:
        with ends_with(LeaseHeld):
            async with world.engine():
                pass
        assert (await driver.submit(contact(), CHANNEL)).code == ""


async def test_figures_are_kept(autojump_clock: trio.testing.MockClock) -> None:
    """The hooks see each decision and each commit; the counters agree with the journal."""
    world = World()
    decided: list[float] = []
    committed: list[float] = []
    async with world.engine() as driver:
        driver.figures.observe_decide_s = decided.append
        driver.figures.observe_commit_s = committed.append
        await sign_on(driver)
        await driver.submit(contact(), CHANNEL)
        await trio.sleep(25)
        assert len(decided) >= 4
        assert len(committed) == driver.figures.commits - 1
        assert all(seconds >= 0 for seconds in decided + committed)
        assert (driver.figures.last_lsn, driver.figures.epoch) == (driver.last_lsn, 1)
        assert driver.figures.free_bytes > 0


# --- snapshots ------------------------------------------------------------------------------------------------------


async def test_a_snapshot_is_begun_every_so_many_records(autojump_clock: trio.testing.MockClock) -> None:
    """Every 5 records, never two at once, and the loop does not wait for it."""
    world = World()
    begun: list[int] = []
    finish = trio.Event()

    async def take() -> None:
        begun.append(len(world.journal.records))
        await finish.wait()

    async with world.engine(limits={"snapshot_records": 5}, take_snapshot=take) as driver:
        for number in range(12):
            await driver.submit(contact(number), CHANNEL)
        await trio.testing.wait_all_tasks_blocked()
        assert begun == [5]
        finish.set()
        for number in range(12, 24):
            await driver.submit(contact(number), CHANNEL)
        await trio.testing.wait_all_tasks_blocked()
        assert len(begun) == 4
        assert all(later - earlier >= 5 for earlier, later in pairwise(begun))


async def test_after_a_snapshot_there_is_a_rest(autojump_clock: trio.testing.MockClock) -> None:
    """It took ten seconds: for twenty more none is begun, however many records came; then one is."""
    world = World()
    begun_s: list[float] = []

    async def take() -> None:
        begun_s.append(trio.current_time())
        await trio.sleep(10)

    async with world.engine(limits={"snapshot_records": 5, "snapshot_rest": 2.0}, take_snapshot=take) as driver:
        for number in range(80):
            await driver.submit(contact(number), CHANNEL)
            await trio.sleep(0.5)
    assert begun_s[1] - begun_s[0] == pytest.approx(30, abs=1)


async def test_a_snapshot_that_fails_is_shown_and_survived(autojump_clock: trio.testing.MockClock) -> None:
    """The child cannot write: the figures say so, the engine serves on."""
    world = World()

    async def take() -> None:
        raise OSError("no room for it")

    async with world.engine(limits={"snapshot_records": 3}, take_snapshot=take) as driver:
        for number in range(9):
            await driver.submit(contact(number), CHANNEL)
        await trio.testing.wait_all_tasks_blocked()
        assert driver.figures.snapshots_failed >= 2
        assert driver.figures.snapshot_problem == "OSError: no room for it"
