"""The real driver, store, wire and server in virtual time, on a disk and wires that fail: every promise is kept."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.faults.campaign import FIRST_SEED, judge, repeat_line
from tests.faults.regressions import FOUND

# A slice of what `make faults N=…` plays: as many as fit some twenty seconds of one core.
SLICE = 60
_CHUNK = 20


@pytest.mark.parametrize("first", range(FIRST_SEED, FIRST_SEED + SLICE, _CHUNK))
def test_whatever_goes_wrong_nothing_promised_is_broken(first: int) -> None:
    """Crashes, torn writes, cut wires, second owners, jumping clocks; then calm, and everybody compares notes."""
    failed = {}
    for seed in range(first, first + _CHUNK):
        verdict = judge(seed)
        if verdict.problems:
            failed[repeat_line(seed)] = verdict.problems[:3]
    assert failed == {}


@pytest.mark.parametrize("seed", sorted(FOUND), ids=str)
def test_what_once_went_wrong_stays_right(seed: int) -> None:
    """Each schedule that ever broke a promise is played again."""
    assert judge(seed).problems == (), f"{FOUND[seed]}; {repeat_line(seed)}"


def test_one_seed_is_one_schedule() -> None:
    """Played in another process, under another hash seed, every frame comes at the same instant with the same bytes."""
    said = [
        subprocess.run(
            [sys.executable, "-m", "tests.faults", "--count", "1", "--seed", "18"],
            env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    ]
    traces = [line for text in said for line in text.splitlines() if line.startswith("trace ")]
    assert len(traces) == 2
    assert traces[0] == traces[1]
