"""Looks for a planted bug with the general schedules and the general checker."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tests.faults.campaign import FIRST_SEED, judge
from tests.faults.planted.bugs import BUGS


class Found(NamedTuple):
    """``seed`` 0: not within the budget. ``schedules``: how many were played."""

    name: str
    seed: int
    schedules: int
    problem: str


def find(name: str) -> Found:
    """From the first seed on, until a promise is broken or the budget is used up."""
    bug = next(bug for bug in BUGS if bug.name == name)
    with bug.planted():
        for played in range(1, bug.budget + 1):
            seed = FIRST_SEED + played - 1
            if problems := judge(seed).problems:
                return Found(name, seed, played, problems[0])
    return Found(name, 0, bug.budget, "")


def find_all(names: Iterable[str], processes: int) -> Iterator[Found]:
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        yield from pool.imap(find, names)
