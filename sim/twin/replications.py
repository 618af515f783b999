"""The same run with other seeds, over the cores: each replication is a task for a process, each gives one row."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from sim.processes import workers
from sim.twin.estimates import Rows

# Replications a process is sent at once: sending one costs less than a millisecond.
CHUNK = 1

# A seed → what that run added up, by name. Sent to other processes: a function of a module, or a partial of one.
Task = Callable[[int], Mapping[str, float]]


def seeds_of(seed: int, count: int) -> list[int]:
    """Seeds of replications: the first ``count`` children of this seed, the same however many follow."""
    return [seed_of(child) for child in np.random.SeedSequence(seed).spawn(count)]


def seed_of(child: np.random.SeedSequence) -> int:
    """A child as a number, which is all that a run is given."""
    return int(child.generate_state(1, np.uint64)[0])


def replicate(task: Task, seed: int, count: int, processes: int = 1) -> Rows:
    """``count`` independent rows, in the order of their seeds whatever finishes first."""
    seeds = seeds_of(seed, count)
    if processes < 2:
        return rows_of([task(own) for own in seeds])
    with workers(processes) as pool:
        return rows_of(list(pool.map(task, seeds, chunksize=CHUNK)))


def rows_of(found: list[Mapping[str, float]]) -> Rows:
    columns = list(found[0])
    return Rows(columns, np.asarray([[row[name] for name in columns] for row in found], dtype=float))
