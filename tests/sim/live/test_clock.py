"""One accelerated clock for engine and actors, and a timeline that keeps the order of instants."""

from __future__ import annotations

import trio
import trio.testing

from sim.live.clock import SharedClock, Timeline


async def test_the_latest_reading_of_the_engines_clock_counts(autojump_clock: trio.testing.MockClock) -> None:
    """Each welcome is old by the time it took; the least old one is the nearest. A later, staler one moves nothing."""
    clock = SharedClock(60.0)
    clock.sync(1_000_000)
    await trio.sleep(1)
    assert clock.now_ms() == 1_060_000
    clock.sync(1_060_300)
    assert clock.now_ms() == 1_060_300
    clock.sync(1_059_000)
    assert clock.now_ms() == 1_060_300
    assert clock.real_s(30_000) == 0.5


async def test_the_pace_may_change_and_time_goes_on_from_where_it_was(autojump_clock: trio.testing.MockClock) -> None:
    """From 60 × to 1 × without a jump; a clock that has started again is read anew, though it be behind."""
    clock = SharedClock(60.0)
    clock.sync(1_000_000)
    await trio.sleep(1)
    clock.change(1.0)
    assert clock.now_ms() == 1_060_000
    await trio.sleep(2)
    assert clock.now_ms() == 1_062_000 and clock.real_s(1_000) == 1.0
    clock.set(1_050_000)
    assert clock.now_ms() == 1_050_000


async def test_calls_come_in_the_order_of_their_instants(autojump_clock: trio.testing.MockClock) -> None:
    """Asked for in any order, some of them from within a call; equal instants in the order asked for."""
    clock = SharedClock(10.0)
    clock.sync(0)
    timeline, heard = Timeline(clock), []

    def hear(word: str) -> None:
        heard.append((word, clock.now_ms()))
        if word == "b":
            timeline.after(500, hear, "b+500")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(timeline.run)
        for instant, word in ((9_000, "c"), (1_000, "a"), (5_000, "b"), (5_000, "b2"), (-5, "late")):
            timeline.at(instant, hear, word)
        await trio.sleep(2)
        nursery.cancel_scope.cancel()
    assert [word for word, _ in heard] == ["late", "a", "b", "b2", "b+500", "c"]
    # The last float before an instant may round it up by a millisecond; never before it.
    assert all(0 <= at - due <= 1 for (_, at), due in zip(heard[1:], (1_000, 5_000, 5_000, 5_500, 9_000), strict=True))


async def test_a_paused_timeline_keeps_everything_for_later(autojump_clock: trio.testing.MockClock) -> None:
    """Nothing is called while it is paused; afterwards all that fell due, and its lag is known."""
    clock = SharedClock(1.0)
    clock.sync(0)
    timeline, heard = Timeline(clock), []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(timeline.run)
        timeline.pause()
        timeline.at(100, heard.append, "due")
        await trio.sleep(3)
        assert heard == []
        timeline.resume()
        await trio.testing.wait_all_tasks_blocked()
        assert heard == ["due"]
        nursery.cancel_scope.cancel()
    assert timeline.lag_ms > 2_000
