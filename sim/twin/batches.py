"""Long runs cut into batches, and many short ones: until the time given for it is used up.

A long run's batches are merged two by two whenever there are twice as many as needed, so however long it is there are
between that many and twice as many, each as long as can be. The first ones, the way from the start, are cut off.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from math import isfinite

import numpy as np

from sim.twin.estimates import Array, Rows
from sim.twin.model import Model
from sim.twin.play import Play
from sim.twin.replications import rows_of, seed_of

LEAST = 40
# Batches cut off at the beginning.
WARM_UP = 2
# Arrivals of the first batches, before any are merged.
FIRST_ARRIVALS = 250


class Budget:
    """How long to go on: so much processor time, or so many contacts, which is the same on every machine."""

    def __init__(self, cpu_s: float = 0.0, contacts: int = 0, least: int = LEAST, most: int = 1) -> None:
        """``least``: replications, whatever they cost. ``most``: times the budget that one long run may take where it is asked to
        go on."""
        self.cpu_s, self.contacts, self.least, self.most = cpu_s, contacts, least, most
        self._times, self._begun_s = 1, 0.0

    def begin(self) -> None:
        self._times, self._begun_s = 1, time.process_time()

    def is_spent(self, contacts: float) -> bool:
        if self.contacts:
            return contacts >= self.contacts * self._times
        return time.process_time() >= self._begun_s + self.cpu_s * self._times

    def double(self) -> bool:
        """Twice as much from here on; False: that is more than may be had."""
        if 2 * self._times > self.most:
            return False
        self._times *= 2
        return True


def one_run(
    model: Model,
    seed: int,
    budget: Budget,
    marks_ms: Sequence[int] = (),
    *,
    histogram: bool = False,
    goes_on: Callable[[Rows], bool] = lambda _rows: False,
) -> Rows:
    """One run (a little longer than its budget where that is too little for its batches).

    ``goes_on``: asked when the budget is used up, of what there is by then; the run is made twice as long where it says so.
    """
    budget.begin()
    play = Play(model, seed, marks_ms, histogram=histogram)
    length = max(1, round(FIRST_ARRIVALS / sum(kind.rate for kind in model.kinds)))
    most = 2 * (LEAST + WARM_UP)
    rows, waits = [play.row()], [play.waits()]
    columns = play.columns()

    def table_of() -> Rows:
        table = np.diff(np.asarray(rows, dtype=object), axis=0)[WARM_UP:].astype(float)
        counted = np.asarray(waits)
        histograms = (counted[1:] - counted[:-1])[WARM_UP:] if histogram else None
        return Rows(columns, table, _controls(model, columns, table), histograms)

    while True:
        play.run(play.now + length)
        rows.append(play.row())
        waits.append(play.waits())
        enough = len(rows) - 1 >= LEAST + WARM_UP
        if enough and budget.is_spent(sum(kind.arrived for kind in play.kinds)):
            found = table_of()
            if not (goes_on(found) and budget.double()):
                return found
        if len(rows) - 1 >= most:
            rows, waits, length = rows[::2], waits[::2], length * 2


def _controls(model: Model, columns: Sequence[str], table: Array) -> Array | None:
    """Arrivals and their work, less what they are on average: where rates do not move."""
    if any(kind.share is not None for kind in model.kinds):
        return None
    time_column = table[:, columns.index("time")]
    arrived, worked = np.zeros(len(table)), np.zeros(len(table))
    for number, kind in enumerate(model.kinds):
        mean_work = kind.work.mean * kind.unit_ms
        if not isfinite(mean_work):
            return None
        came = table[:, columns.index(f"kind{number}.arrived")]
        arrived += came - kind.rate * time_column
        # How much work those who came brought, beside how many they were.
        worked += table[:, columns.index(f"kind{number}.work")] / mean_work - came
    return np.column_stack([arrived, worked])


def many_runs(replay: Callable[[int], Mapping[str, float]], seed: int, budget: Budget) -> Rows:
    """Replications with seeds of their own until the budget is used up, at least the budget's own number.

    Each gives a row; what it says of ``contacts`` counts against the budget.
    """
    budget.begin()
    rows: list[Mapping[str, float]] = []
    seeds = np.random.SeedSequence(seed)
    while len(rows) < budget.least or not budget.is_spent(sum(row["contacts"] for row in rows)):
        rows.append(replay(seed_of(seeds.spawn(1)[0])))
    return rows_of(rows)
