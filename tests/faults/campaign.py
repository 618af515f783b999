"""Many schedules, judged: in this process or over several."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from typing import NamedTuple

from tests.faults.checker.promises import broken
from tests.faults.schedule import run_schedule

FIRST_SEED = 1


class Verdict(NamedTuple):
    seed: int
    digest: str
    virtual_s: float
    faults: tuple[str, ...]
    problems: tuple[str, ...]


def judge(seed: int) -> Verdict:
    """A schedule that cannot even be played is a failure as well."""
    try:
        outcome = run_schedule(seed)
    except Exception as error:  # noqa: BLE001  # whatever it is, the seed must be told
        problem = f"the schedule ended with {type(error).__name__}: {error!r}"
        return Verdict(seed, "", 0.0, (), (problem,))
    return Verdict(seed, outcome.digest, outcome.virtual_s, tuple(outcome.faults), tuple(broken(outcome.history)))


def verdicts(seeds: range, processes: int) -> Iterator[Verdict]:
    if processes == 1:
        yield from map(judge, seeds)
        return
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        yield from pool.imap_unordered(judge, seeds, chunksize=8)


def repeat_line(seed: int) -> str:
    return f"make faults N=1 SEED={seed}"
