"""The collector of cyclic garbage: a busy engine is never stopped for a look at everything, a calm one takes the time."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from itertools import count

import pytest
import trio
import trio.testing

from engine.cli import collector


class Ring:
    """Garbage that only the collector finds."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def settings_restored() -> Iterator[None]:
    thresholds = gc.get_threshold()
    gc.collect()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()


def old_garbage() -> weakref.ref[Ring]:
    ring = Ring()
    gone = weakref.ref(ring)
    collector.begin()  # it was there when the engine began, so it is not looked at
    del ring
    return gone


async def test_a_calm_engine_finds_old_garbage(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was decided for ten minutes: all there is is looked at once."""
    monkeypatch.setattr(collector, "_WHOLE_OBJECTS", 10_000_000)  # as many as the tests have loaded
    gone = old_garbage()
    with trio.move_on_after(700):
        await collector.keep(lambda: 7)
    assert gone() is None


async def test_a_busy_engine_is_not_stopped_for_it(autojump_clock: trio.testing.MockClock) -> None:
    """Something is decided every second: what is old stays unseen, what is young is looked at."""
    gone = old_garbage()
    young = weakref.ref(Ring())
    with trio.move_on_after(700):
        await collector.keep(count().__next__)
    assert gone() is not None
    assert young() is None


async def test_a_large_engine_is_not_stopped_either(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look at everything would take longer than an answer may."""
    monkeypatch.setattr(collector, "_WHOLE_OBJECTS", 1)
    gone = old_garbage()
    with trio.move_on_after(700):
        await collector.keep(lambda: 7)
    assert gone() is not None
