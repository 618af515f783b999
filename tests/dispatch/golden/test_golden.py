"""The same inputs and stamps give the same bytes, whatever the process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.policy.compile import compile_policy
from tests.dispatch.golden.history import Day
from tests.dispatch.machine import families
from tests.dispatch.shadow import Shadow
from tests.dispatch.stage import DAWN

ROOT = Path(__file__).parents[3]
STEPS = 6_000
SEED = 20_261_111


def run(hash_seed: str, *restore: str, pure: str = "") -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tests.dispatch.golden.history", str(SEED), str(STEPS), *restore],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "SLUICE_PURE": pure or os.environ.get("SLUICE_PURE", "")},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_long_day_under_two_hash_seeds_and_through_snapshots() -> None:
    """One day, four processes: PYTHONHASHSEED 0 and 1, and restored from a snapshot every 500 and every 7 steps."""
    plain = run("0")

    assert run("1") == plain
    assert run("0", "500") == plain
    assert run("1", "7") == plain


def test_a_long_day_in_small_slices_and_through_snapshots() -> None:
    """Mass effects cut into slices of a few units: restored between any two of them, the day goes on the same."""
    plain = run("0", "0", "7")

    assert run("1", "7", "7") == plain
    assert run("0", "3", "7") == plain


def test_a_long_day_compiled_and_from_source() -> None:
    """The dispatcher decides the same as C and as Python. (Where nothing is compiled, both days are Python.)"""
    assert run("0", "500") == run("0", "500", pure="1")


@pytest.mark.parametrize(("seed", "slice_units"), [(0, 0), (1, 0), (2, 7), (3, 20)])
def test_a_long_day_judged_at_every_step(seed: int, slice_units: int) -> None:
    """Twelve agents and two bots, a thousand steps, everything that may happen: all invariants after each."""
    day = Day(seed, slice_units=slice_units)
    policy = compile_policy(families.policy(day.policies[0]))
    shadow = Shadow(policy, DAWN)
    log = []
    for _ in range(1_000):
        events = day.step()
        log += events
        for event in events:
            shadow.apply(event)
        shadow.check(day.dispatcher)

    assert shadow.submitted + shadow.deflected > 100
    again = Dispatcher(policy, slice_units=slice_units)
    again.apply_events(log)
    mine, other = (msgspec.msgpack.decode(d.snapshot()) for d in (day.dispatcher, again))
    # Time passes without events too; all else is in them.
    mine["now"] = other["now"] = 0
    assert mine == other
