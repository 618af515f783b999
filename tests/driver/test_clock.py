"""The clock that the driver stamps with."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from engine.clock import ScaledClock


async def test_time_goes_on_from_where_it_is_set(mock_clock: trio.testing.MockClock) -> None:
    clock = ScaledClock()
    mock_clock.jump(3)
    clock.set(1_000_000)
    assert clock.now_ms() == 1_000_000
    mock_clock.jump(0.25)
    assert clock.now_ms() == 1_000_250


@pytest.mark.parametrize("scale", [0.5, 1.0, 7.3, 120.0])
async def test_it_never_wakes_early(autojump_clock: trio.testing.MockClock, scale: float) -> None:
    """A thousand deadlines at odd places: each sleep ends at its instant or after, and at once when it has passed."""
    clock = ScaledClock(scale)
    clock.set(1_699_999_999_987)
    instant = clock.now_ms()
    for step in range(1, 1_000):
        instant += step % 13
        await clock.sleep_until(instant)
        assert clock.now_ms() >= instant
        assert clock.now_ms() - instant <= 1
    before = trio.current_time()
    await clock.sleep_until(instant - 5_000)
    assert trio.current_time() == before


async def test_an_instant_is_its_milliseconds_beginning(autojump_clock: trio.testing.MockClock) -> None:
    """From the midst of a millisecond the next one is three tenths away, not a whole one."""
    clock = ScaledClock()
    clock.set(1_700_000_000_000)
    await trio.sleep(0.0007)
    before = trio.current_time()
    await clock.sleep_until(1_700_000_000_001)
    assert trio.current_time() - before == pytest.approx(0.0003)


async def test_a_jump_of_float_seconds_is_whole_milliseconds(mock_clock: trio.testing.MockClock) -> None:
    """0.1 s ten times is a second, whatever the floats add up to."""
    clock = ScaledClock()
    clock.set(0)
    for _ in range(10):
        mock_clock.jump(0.1)
    assert clock.now_ms() == 1_000


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_a_speed_must_be_one(scale: float) -> None:
    with pytest.raises(ValueError, match="clock speed"):
        ScaledClock(scale)


async def test_an_unset_clock_starts_at_its_first_reading(mock_clock: trio.testing.MockClock) -> None:
    clock = ScaledClock()
    mock_clock.jump(9)
    assert clock.now_ms() == 0
    mock_clock.jump(1)
    assert clock.now_ms() == 1_000
