"""Trio on a clock that jumps from deadline to deadline, with the scheduler's own chance drawn from a seed."""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable
from typing import TypeVar, TypeVarTuple

import trio
import trio.testing
from trio._core import _run

T = TypeVar("T")
Args = TypeVarTuple("Args")


def run_in_virtual_time(seed: int, function: Callable[[*Args], Awaitable[T]], *args: *Args) -> T:
    """Trio's switch for a seeded scheduler is private, and Hypothesis uses it the same way."""
    deterministic = _run._ALLOW_DETERMINISTIC_SCHEDULING
    _run._ALLOW_DETERMINISTIC_SCHEDULING = True  # type: ignore[misc]
    _run._r.seed(seed)
    collecting = gc.isenabled()
    gc.disable()
    try:
        return trio.run(function, *args, clock=trio.testing.MockClock(autojump_threshold=0))
    finally:
        _run._ALLOW_DETERMINISTIC_SCHEDULING = deterministic  # type: ignore[misc]
        if collecting:
            gc.enable()
