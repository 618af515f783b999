"""The loop: time, questions, listeners, limits."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import trio
import trio.testing

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.events import Event
from engine.ports import Committed, Overloaded
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


async def test_a_deadline_without_consequence_leaves_no_record(
    mock_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Something was due, and nothing came of it: time passes, the journal does not grow, the next deadline is kept."""
    world = World()
    async with world.engine() as driver:
        await sign_on(driver)
        await driver.submit(contact(), CHANNEL)
        expire, calls = Dispatcher.expire, 0

        def idle_at_first(self: Dispatcher, now: int) -> list[Event]:
            nonlocal calls
            calls += 1
            return [] if calls == 1 else expire(self, now)

        monkeypatch.setattr(Dispatcher, "expire", idle_at_first)
        before = driver.last_lsn
        mock_clock.jump(20)
        await trio.testing.wait_all_tasks_blocked()
        assert calls == 2
        assert driver.last_lsn == before + 1


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
    """Half of six places are for new contacts: the fourth is told when to come back; afterwards there is room again."""
    world = World()
    async with world.engine(limits={"inbox_commands": 6}) as driver, trio.open_nursery() as nursery:
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
