"""The road by simulation: what the twin measures of a case, with its uncertainty."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sim.twin.batches import Budget, one_run
from sim.twin.estimates import Array, Estimate, Rows, TooShort, ratio
from sim.twin.sums import BINS, bin_edges
from sim.validation.cases import FREE_UNIT_MS, Case
from sim.validation.metrics import Metric, parse_metric
from sim.validation.readings import Reader, mark_of
from sim.validation.twin_courses import COURSES
from sim.validation.twin_queues import STEADY, Steady

# Metrics whose last number is a wait at which those who wait are told apart.
BOUNDED = ("SL_all(#)", "SL_exclAbT(#)", "SL_served(#)", "SL_entered(#)", "P(W>#)", "P(W#>#)")
PERCENTILE = "W_q#"
# Of the bins of waits, in ms.
EDGES = np.asarray([bin_edges(place) for place in range(BINS)])
# A unit of fewer milliseconds than this (a second, that is) may hold many events.
COARSE_MS = 60_000


@dataclass(frozen=True)
class Measured:
    """What a run gave. ``length``: of what was measured, in the case's units (0: replications)."""

    estimates: Mapping[str, Estimate]
    too_short: frozenset[str]  # metrics of which the run saw too little
    length: float
    rows: int
    contacts: int


def is_simulated(case: Case) -> bool:
    """Whether the twin can play cases of this kind."""
    return case.kind in STEADY or case.kind in COURSES


def measure(
    case: Case, seed: int, budget: Budget, is_enough: Callable[[Measured], bool] = lambda _measured: True
) -> Measured:
    """Play the case; metrics that cannot be read off are left out. A long run of which what it gave ``is_enough`` says no goes
    on, as far as the budget lets it."""
    if case.unit_ms < COARSE_MS:
        # Nothing in a case's policy is a length: a finer clock changes only how often two things fall on one millisecond.
        case = replace(case, unit_ms=FREE_UNIT_MS)
    if case.kind in STEADY:
        return _steady(case, STEADY[case.kind](case, case.params), seed, budget, is_enough)
    return _course(case, seed, budget)


def _steady(case: Case, steady: Steady, seed: int, budget: Budget, is_enough: Callable[[Measured], bool]) -> Measured:
    metrics = [parse_metric(name) for name in case.expected]
    marks = {mark_of(metric.numbers[-1], case.unit_ms) for metric in metrics if metric.shape in BOUNDED}
    has_percentiles = any(metric.shape == PERCENTILE for metric in metrics)

    def read(rows: Rows) -> Measured:
        return _read(case, steady, metrics, sorted(marks), rows)

    def goes_on(rows: Rows) -> bool:
        return not is_enough(read(rows))

    return read(one_run(steady.model, seed, budget, sorted(marks), histogram=has_percentiles, goes_on=goes_on))


def _read(case: Case, steady: Steady, metrics: Sequence[Metric], marks: Sequence[int], rows: Rows) -> Measured:
    reader = Reader(rows, case.unit_ms, marks, steady.loss)
    readings = steady.readings(reader)
    found: dict[str, Estimate] = {}
    too_short = set()
    for metric in metrics:
        try:
            if metric.shape == PERCENTILE:
                found[metric.name] = _percentile(metric, reader)
            elif metric.shape in readings:
                found[metric.name] = ratio(*readings[metric.shape](*metric.numbers), rows.controls, serial=True)
        except TooShort:
            too_short.add(metric.name)
    contacts = sum(int(rows[f"kind{place}.arrived"].sum()) for place in range(len(steady.model.kinds)))
    return Measured(found, frozenset(too_short), float(rows["time"].sum()) / case.unit_ms, len(rows), contacts)


def _percentile(metric: Metric, reader: Reader) -> Estimate:
    """The wait that this share does not pass, from the histogram of waits.

    Its scatter is that of the share of longer waits, row by row, divided by the waits' density there (sectioning): both
    taken at the percentile found, where enough waits have been seen whatever the exact one is.
    """
    assert reader.rows.histograms is not None, "asked for with the percentiles"
    kinds = range(sum(name.endswith(".arrived") for name in reader.rows.columns))
    ended, share = reader.ended(kinds), metric.numbers[0]
    counts = reader.rows.histograms.sum(axis=0).astype(float)
    longer = (1 - share) * ended.sum()
    if longer >= counts.sum():
        return Estimate(0.0, 0.0, len(ended) - 1)  # so many do not wait at all
    above = np.cumsum(counts[::-1])[::-1]  # in this bin or a higher one
    place = int(np.searchsorted(-above, -longer, side="right")) - 1
    part = (longer - (above[place] - counts[place])) / counts[place]  # of this bin's waits
    low, high = bin_edges(place)
    found = high - part * (high - low)
    rows = reader.rows.histograms.astype(float)
    over = ratio(rows[:, place + 1 :].sum(axis=1) + part * rows[:, place], ended, reader.rows.controls, serial=True)
    density = _density(counts, found) / float(ended.sum())
    wait = float(found + (over.value - (1 - share)) / density)
    return Estimate(wait, over.error / density, over.freedom).scaled(1 / reader.unit_ms)


def _density(counts: Array, wait_ms: float) -> float:
    """Waits per ms about this one: over the bins within 10 % of it."""
    near = (EDGES[:, 0] >= wait_ms * 0.9) & (EDGES[:, 1] <= wait_ms * 1.1)
    if not counts[near].sum():
        raise TooShort(f"nobody waited about {wait_ms:g} ms")
    return float(counts[near].sum()) / float(EDGES[near, 1].max() - EDGES[near, 0].min())


def _course(case: Case, seed: int, budget: Budget) -> Measured:
    rows, readings = COURSES[case.kind](case, case.params, seed, budget)
    found = {}
    for name in case.expected:
        metric = parse_metric(name)
        if metric.shape in readings:
            found[name] = readings[metric.shape](*metric.numbers)
    contacts = int(rows["contacts"].sum()) if "contacts" in rows.columns else 0
    return Measured(found, frozenset(), 0.0, len(rows), contacts)
