"""An engine ends, another begins: what is carried over, what is taken back, and how time goes on."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.policy.problems import PolicyErrors
from engine.driver import PolicyRefused
from engine.ports import Corrupt, StoreError
from engine.store.memory import MemoryStore
from engine.store.recovery import recover, take_snapshot
from engine.store.verify import verify
from tests.driver.stage import ANN, CHANNEL, NOON, POLICY, SUPERVISOR, BreakingStore, World, contact, ends_with, sign_on

HOUR = 3_600_000


async def test_the_first_records_of_a_store(autojump_clock: trio.testing.MockClock) -> None:
    """A fresh store begins at the wall clock with its policy, whole, and with the engine's start."""
    world = World()
    async with world.engine() as driver:
        assert driver.last_lsn == 2
        applied, started = world.events()
        assert isinstance(applied, ev.PolicyApplied)
        assert applied.text == POLICY
        assert started == ev.EngineStarted(NOON, 1, 0)
        assert {record.stamp for record in world.heard} == {NOON}


async def test_open_offers_are_rescinded_and_nobody_is_blamed(mock_clock: trio.testing.MockClock) -> None:
    """Down for an hour with an offer open and a conversation on: no RONA, no decliner, the contact waits first in line;

    the agents are lost with their grace before them, and the one who returns gets the contact offered again.
    """
    world = World()
    async with world.engine() as driver:
        await sign_on(driver, "ann")
        await driver.submit(contact(1), CHANNEL)
        [offer] = await driver.ask(lambda dispatcher: list(dispatcher.offers))
        await sign_on(driver, "ben", capacity=1)
        await driver.submit(contact(2), CHANNEL)
        [talking] = [
            number for number in await driver.ask(lambda dispatcher: list(dispatcher.offers)) if number != offer
        ]
        await driver.submit(cm.AcceptOffer("ben", talking), ANN)
        ended_at = driver.now_ms()
    world.heard.clear()
    world.wall += HOUR

    async with world.engine() as driver:
        [record] = world.heard
        assert record.command == cm.StartEngine(2, HOUR)
        assert record.stamp == ended_at + HOUR
        kinds = [type(event) for event in record.events]
        assert kinds[0] is ev.EngineStarted
        assert ev.OfferExpired not in kinds
        [rescinded] = world.events(ev.OfferRescinded)
        assert isinstance(rescinded, ev.OfferRescinded)
        assert (rescinded.offer, rescinded.reason, rescinded.agent) == (offer, "restart", "ann")
        waiting = await driver.ask(lambda dispatcher: dispatcher.contacts[1])
        assert (waiting.state, waiting.decliners, waiting.waited_ms(record.stamp)) == ("queued", {}, HOUR)
        lost = [event for event in record.events if isinstance(event, ev.AgentLost)]
        assert {event.agent for event in lost} == {"ann", "ben"}
        assert all(event.grace_until > record.stamp for event in lost)
        await driver.submit(cm.ReturnAgent("ann"), SUPERVISOR)
        [made] = [event for event in world.events(ev.OfferMade) if isinstance(event, ev.OfferMade)]
        assert (made.contact, made.agent) == (1, "ann")
    assert verify(world.store(), replay=True).problems == []


async def test_idle_time_counts_as_time(mock_clock: trio.testing.MockClock) -> None:
    """Nothing happened for two hours, then the engine was away for one minute: the contact has waited all of it."""
    world = World()
    async with world.engine() as driver:
        await driver.submit(contact(1), CHANNEL)
        submitted = world.heard[-1].stamp
        for _ in range(4):
            mock_clock.jump(HOUR / 2_000)
            world.wall += HOUR // 2
            await trio.testing.wait_all_tasks_blocked()
    world.wall += 60_000
    async with world.engine():
        assert world.heard[-1].command == cm.StartEngine(2, 60_000)
        assert world.heard[-1].stamp == submitted + 2 * HOUR + 60_000


@pytest.mark.parametrize(
    ("moved", "scale", "down_ms"),
    [(-HOUR, 1.0, 0), (30 * HOUR, 1.0, 24 * HOUR), (0, 1.0, 0), (1_000, 60.0, 60_000), (HOUR, 60.0, 24 * HOUR)],
)
async def test_absence_is_read_from_the_wall_clock_within_bounds(
    autojump_clock: trio.testing.MockClock, moved: int, scale: float, down_ms: int
) -> None:
    """Set back: no absence. Beyond a day: a day. On an accelerated clock the absence is as long as it would have been."""
    world = World()
    async with world.engine(scale=scale) as driver:
        ended_at = driver.now_ms()
    world.wall += moved
    async with world.engine(scale=scale):
        assert world.heard[-1].command == cm.StartEngine(2, down_ms)
        assert world.heard[-1].stamp - ended_at - down_ms in range(int(scale) + 1)


async def test_the_wall_clock_changes_nothing_while_running(mock_clock: trio.testing.MockClock) -> None:
    """Somebody sets it back a year, and forward two: stamps go on as if nothing were."""
    world = World()
    async with world.engine() as driver:
        for year in (-1, 2):
            world.wall += year * 365 * 24 * HOUR
            mock_clock.jump(1)
            await driver.submit(contact(year), CHANNEL)
        assert [record.stamp - NOON for record in world.heard[-2:]] == [1_000, 2_000]


async def test_the_same_policy_is_not_applied_again(autojump_clock: trio.testing.MockClock) -> None:
    """Started with the text it already has, and with no text at all: only EngineStarted is recorded."""
    world = World()
    async with world.engine():
        pass
    for policy in (POLICY, ""):
        world.heard.clear()
        async with world.engine(policy=policy):
            assert [type(event) for event in world.events()] == [ev.EngineStarted]


async def test_another_policy_is_applied_after_the_start(autojump_clock: trio.testing.MockClock) -> None:
    """The file changed while the engine was down: an input like any other, after EngineStarted."""
    world = World()
    async with world.engine():
        pass
    world.heard.clear()
    changed = POLICY.replace("offer_ms = 20000", "offer_ms = 5000")
    async with world.engine(policy=changed) as driver:
        assert [type(event) for event in world.events()] == [ev.EngineStarted, ev.PolicyApplied]
        assert await driver.ask(lambda dispatcher: dispatcher.policy.queues["help"].offer_ms) == 5_000
    async with world.engine(policy="") as driver:
        assert await driver.ask(lambda dispatcher: dispatcher.policy.text) == changed, "the journal's last one"


async def test_a_bad_policy_does_not_touch_the_store(autojump_clock: trio.testing.MockClock) -> None:
    world = World()
    with ends_with(PolicyErrors):
        async with world.engine(policy="[policy]\nname = 5\n"):
            pass
    assert (world.journal.epoch, world.journal.records) == (0, [])


async def test_a_policy_that_the_state_cannot_live_under_is_refused(autojump_clock: trio.testing.MockClock) -> None:
    """It compiles, but forgets a tenant with open contacts: refused at the start, on record; the old one still works."""
    world = World()
    async with world.engine() as driver:
        await driver.submit(contact(1), CHANNEL)
    with ends_with(PolicyRefused, "acme"):
        async with world.engine(policy=POLICY.replace("acme", "other")):
            pass
    async with world.engine() as driver:
        assert await driver.ask(lambda dispatcher: list(dispatcher.contacts)) == [1]


async def test_a_new_store_needs_a_policy(autojump_clock: trio.testing.MockClock) -> None:
    world = World()
    with ends_with(StoreError, "needs a policy"):
        async with world.engine(policy=""):
            pass
    async with world.engine() as driver:
        assert driver.last_lsn == 2, "the failed start left nothing behind"


async def test_a_start_cut_short_begins_again(autojump_clock: trio.testing.MockClock) -> None:
    """The very first commit fails: the journal is empty, and the next engine begins it."""
    world = World()
    with ends_with(StoreError, "the disk is gone"):
        async with world.engine(BreakingStore(world.journal, fail_at=1)):
            pass
    async with world.engine() as driver:
        assert (driver.last_lsn, driver.figures.epoch) == (2, 2)


async def test_a_journal_that_cannot_be_read_to_its_end_stops_the_start(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The store says its last record is another than the one found by reading."""
    world = World()
    async with world.engine() as driver:
        await driver.submit(contact(1), CHANNEL)

    class Forgetful(MemoryStore):
        def read(self, after_lsn, limit):  # type: ignore[no-untyped-def]  # as the port
            return [record for record in super().read(after_lsn, limit) if record.lsn < 3]

    with ends_with(Corrupt, "ends at record 3, but can be read to 2"):
        async with world.engine(Forgetful(world.journal, boot_ms=lambda: 0)):
            pass


async def test_many_short_lives_make_one_history(mock_clock: trio.testing.MockClock) -> None:
    """Five engines, a snapshot after the third: each goes on where the last stopped; replay tells the same story."""
    world = World()
    for life in range(5):
        async with world.engine() as driver:
            await sign_on(driver, f"a{life}")
            await driver.submit(contact(life), CHANNEL, f"k{life}")
            mock_clock.jump(7)
            world.wall += 7_000
            await trio.testing.wait_all_tasks_blocked()
            assert driver.figures.epoch == life + 1
            state = await driver.ask(lambda dispatcher: dispatcher.snapshot())
        if life == 2:
            take_snapshot(world.store())
        found = recover(world.store())
        assert found is not None
        assert found.dispatcher.snapshot() == state
        world.wall += 3_000
    stamps = [record.stamp for record in world.heard]
    assert stamps == sorted(stamps)
    assert [record.lsn for record in world.heard] == list(range(1, len(world.heard) + 1))
    assert verify(world.store(), replay=True).problems == []
