"""The loop: time, questions, listeners, limits, failures, and its end."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
import trio
import trio.testing

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.events import Event
from engine.ports import Committed, LeaseHeld, LeaseLost, Overloaded, Stopped, StoreError
from engine.store.memory import MemoryStore
from engine.store.verify import verify
from tests.driver.stage import (
    ANN,
    CHANNEL,
    SUPERVISOR,
    Asker,
    BreakingStore,
    World,
    asking,
    contact,
    ends_with,
    sign_on,
)

# --- time -----------------------------------------------------------------------------------------------------------


async def test_an_offer_expires_by_itself(mock_clock: trio.testing.MockClock) -> None:
    """Nobody accepts for 20 s: at its deadline, not before, a record without input says so."""
    world = World()
    async with world.engine() as driver:
        await sign_on(driver)
        await driver.submit(contact(), CHANNEL)
        mock_clock.jump(19.999)
        await trio.testing.wait_all_tasks_blocked()
        assert world.events(ev.OfferExpired) == []
        mock_clock.jump(0.001)
        await trio.testing.wait_all_tasks_blocked()
        last = world.heard[-1]
        assert (last.command, last.principal.role, last.payload) == (None, "engine", b"")
        [expired] = world.events(ev.OfferExpired)
        [made] = world.events(ev.OfferMade)
        assert isinstance(made, ev.OfferMade)
        assert expired.at == last.stamp == made.deadline


async def test_time_that_changes_nothing_is_not_journaled(mock_clock: trio.testing.MockClock) -> None:
    """A minute of pulses: not one record."""
    world = World()
    async with world.engine() as driver:
        before = driver.last_lsn
        for _ in range(60):
            mock_clock.jump(1)
            await trio.testing.wait_all_tasks_blocked()
        assert driver.last_lsn == before


async def test_our_own_lag_never_voids_a_timely_accept(mock_clock: trio.testing.MockClock) -> None:
    """A commit stalls over the deadline; the accept came one millisecond before it and waited: honoured.

    Had it come in the very millisecond of the deadline, it would be too late.
    """
    for early_s, code in ((0.001, ""), (0.0, "offer_expired")):
        world = World()
        async with world.engine() as driver, trio.open_nursery() as nursery:
            await sign_on(driver)
            offered_at = driver.now_ms()
            await driver.submit(contact(1), CHANNEL)
            [offer] = await driver.ask(lambda dispatcher: list(dispatcher.offers))
            world.hand.hold()
            await asking(nursery, driver, contact(2))
            mock_clock.jump(20 - early_s)
            accept = Asker()
            nursery.start_soon(accept.submit, driver, cm.AcceptOffer("ann", offer), ANN)
            await trio.testing.wait_all_tasks_blocked()
            mock_clock.jump(5)
            world.hand.let_go()
            await trio.testing.wait_all_tasks_blocked()
            assert accept.answer.code == code
            assert world.heard[-1].stamp >= offered_at + 20_000 - early_s * 1_000


async def test_stamps_never_go_back(mock_clock: trio.testing.MockClock) -> None:
    """The clock is set back under our feet: the next stamps stay where time was."""
    world = World()
    async with world.engine() as driver:
        mock_clock.jump(10)
        await driver.submit(contact(1), CHANNEL)
        driver._clock.set(5)
        await driver.submit(contact(2), CHANNEL)
        stamps = [record.stamp for record in world.heard]
        assert stamps == sorted(stamps)
        assert driver.now_ms() == stamps[-1]


async def test_time_can_run_faster(mock_clock: trio.testing.MockClock) -> None:
    """At 120 × an offer of 20 s lasts a sixth of a real second."""
    world = World()
    async with world.engine(scale=120.0) as driver:
        await sign_on(driver)
        await driver.submit(contact(), CHANNEL)
        mock_clock.jump(20 / 120)
        await trio.testing.wait_all_tasks_blocked()
        assert len(world.events(ev.OfferExpired)) == 1


async def test_many_deadlines_come_in_slices(mock_clock: trio.testing.MockClock) -> None:
    """600 offers expire at one instant: at most 512 a record, none forgotten, and the journal replays."""
    world = World()
    async with world.engine() as driver:
        for number in range(600):
            await sign_on(driver, f"a{number}")
        for number in range(600):
            await driver.submit(contact(number), CHANNEL)
        mock_clock.jump(20)
        await trio.testing.wait_all_tasks_blocked()
        expiring = [record for record in world.heard if record.command is None]
        assert sum(isinstance(event, ev.OfferExpired) for record in expiring for event in record.events) == 600
        assert len(expiring) >= 2
    assert verify(world.store(), replay=True).problems == []


# --- questions and listeners ----------------------------------------------------------------------------------------


async def test_a_question_sees_committed_state_only(autojump_clock: trio.testing.MockClock) -> None:
    """Asked while a contact is being committed: the answer comes after the commit, and has it."""
    world = World()
    async with world.engine() as driver, trio.open_nursery() as nursery:
        assert await driver.ask(lambda dispatcher: len(dispatcher.contacts)) == 0
        world.hand.hold()
        await asking(nursery, driver, contact())
        seen: list[int] = []

        async def ask() -> None:
            seen.append(await driver.ask(lambda dispatcher: len(dispatcher.contacts)))

        nursery.start_soon(ask)
        await trio.testing.wait_all_tasks_blocked()
        assert seen == []
        world.hand.let_go()
        await trio.testing.wait_all_tasks_blocked()
        assert seen == [1]


async def test_a_question_that_fails_is_its_askers_trouble(autojump_clock: trio.testing.MockClock) -> None:
    """KeyError for one asker, between batches and behind a commit; the engine goes on."""
    world = World()
    async with world.engine() as driver, trio.open_nursery() as nursery:
        with pytest.raises(KeyError):
            await driver.ask(lambda dispatcher: dispatcher.contacts[99])
        world.hand.hold()
        await asking(nursery, driver, contact())
        failed: list[str] = []

        async def ask() -> None:
            try:
                await driver.ask(lambda dispatcher: dispatcher.contacts[99])
            except KeyError as error:
                failed.append(repr(error))

        nursery.start_soon(ask)
        await trio.testing.wait_all_tasks_blocked()
        world.hand.let_go()
        await trio.testing.wait_all_tasks_blocked()
        assert failed == ["KeyError(99)"]
        assert (await driver.submit(contact(2), CHANNEL)).result["contact"] == 2


async def test_listeners_miss_nothing(autojump_clock: trio.testing.MockClock) -> None:
    """Every lsn from the start on, in order, with the command, who asked, and the text; until they are removed."""
    world = World()
    async with world.engine() as driver:
        await driver.submit(contact(), CHANNEL)
        await driver.submit(cm.AddMessage("acme", 1), CHANNEL, "", b"hello")
        assert [record.lsn for record in world.heard] == [1, 2, 3, 4]
        assert [type(record.command) for record in world.heard] == [
            cm.ApplyPolicy,
            cm.StartEngine,
            cm.SubmitContact,
            cm.AddMessage,
        ]
        assert (world.heard[-1].principal, world.heard[-1].payload) == (CHANNEL, b"hello")
        late: list[Committed] = []

        def hear(records: Sequence[Committed]) -> None:
            late.extend(records)

        driver.add_listener(hear)
        await driver.submit(contact(2), CHANNEL)
        driver.remove_listener(hear)
        await driver.submit(contact(3), CHANNEL)
        assert [record.lsn for record in late] == [5]


async def test_what_was_committed_can_be_read_again(autojump_clock: trio.testing.MockClock) -> None:
    """The journal gives back what listeners heard; conversations come by contact; nonsense numbers find nothing."""
    world = World()
    async with world.engine() as driver:
        await driver.submit(contact(1), CHANNEL)
        for text in (b"one", b"two"):
            await driver.submit(cm.AddMessage("acme", 1), CHANNEL, "", text)
        assert await driver.read_committed(0, 100) == world.heard
        assert [record.lsn for record in await driver.read_committed(3, 1)] == [4]
        assert [(seq, record.payload) for seq, record in await driver.read_messages(1, 0, 10)] == [
            (1, b"one"),
            (2, b"two"),
        ]
        assert [seq for seq, _ in await driver.read_messages(1, 1, 10)] == [2]
        for nonsense in (0, -5, 1 << 70):
            assert await driver.read_messages(nonsense, 0, 10) == []
        assert await driver.read_messages(1, 1 << 70, 10) == []


async def test_a_past_state_can_be_rebuilt(autojump_clock: trio.testing.MockClock) -> None:
    """Before and after the contact came; the live state is not touched; an lsn that is not there is refused."""
    world = World()
    async with world.engine() as driver:
        answer = await driver.submit(contact(1), CHANNEL)
        await driver.submit(cm.CloseContact("acme", 1), SUPERVISOR)
        assert list((await driver.rebuild_at(answer.lsn)).contacts) == [1]
        assert list((await driver.rebuild_at(answer.lsn - 1)).contacts) == []
        assert await driver.ask(lambda dispatcher: list(dispatcher.contacts)) == []
        for nonsense in (0, 99):
            with pytest.raises(ValueError, match=f"got {nonsense}, wanted 1 to 4"):
                await driver.rebuild_at(nonsense)


# --- limits ---------------------------------------------------------------------------------------------------------


async def test_a_full_inbox_refuses_before_anything_is_stored(autojump_clock: trio.testing.MockClock) -> None:
    """Three may wait: the third is taken, the fourth is told when to come back; afterwards there is room again."""
    world = World()
    async with world.engine(limits={"inbox_commands": 3}) as driver, trio.open_nursery() as nursery:
        world.hand.hold()
        await asking(nursery, driver, contact(0))
        askers = await asking(nursery, driver, contact(1), contact(2), contact(3), contact(4))
        refused = askers.pop().outcome
        assert isinstance(refused, Overloaded)
        assert refused.retry_after_ms > 0
        world.hand.let_go()
        await trio.testing.wait_all_tasks_blocked()
        assert [asker.answer.result["contact"] for asker in askers] == [2, 3, 4]
        assert (await driver.submit(contact(5), CHANNEL)).result["contact"] == 5


async def test_the_inbox_counts_bytes_too(autojump_clock: trio.testing.MockClock) -> None:
    """Two texts of 600 bytes do not fit into a thousand."""
    world = World()
    async with world.engine(limits={"inbox_bytes": 1_000}) as driver, trio.open_nursery() as nursery:
        await driver.submit(contact(1), CHANNEL)
        world.hand.hold()
        await asking(nursery, driver, contact(2))
        say = cm.AddMessage("acme", 1)
        fits, does_not = Asker(), Asker()
        for asker in (fits, does_not):
            nursery.start_soon(asker.submit, driver, say, CHANNEL, "", b"x" * 600)
            await trio.testing.wait_all_tasks_blocked()
        assert isinstance(does_not.outcome, Overloaded)
        world.hand.let_go()
        await trio.testing.wait_all_tasks_blocked()
        assert fits.answer.result["seq"] == 1


async def test_little_room_on_the_disk_keeps_new_contacts_out(mock_clock: trio.testing.MockClock) -> None:
    """Below the watermark contacts are refused and conversations go on; with room again, contacts come in."""
    world = World()
    store = BreakingStore(world.journal)
    async with world.engine(store) as driver:
        await driver.submit(contact(1), CHANNEL)
        store.free = driver.limits.free_bytes - 1
        mock_clock.jump(1)
        await trio.testing.wait_all_tasks_blocked()
        assert driver.figures.refuses_new_contacts
        with pytest.raises(Overloaded, match="nearly full"):
            await driver.submit(contact(2), CHANNEL)
        assert (await driver.submit(cm.AddMessage("acme", 1), CHANNEL, "", b"still here?")).code == ""
        store.free = driver.limits.free_bytes
        mock_clock.jump(1)
        await trio.testing.wait_all_tasks_blocked()
        assert (await driver.submit(contact(2), CHANNEL)).code == ""


# --- failures and the end -------------------------------------------------------------------------------------------


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
