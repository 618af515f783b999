"""The road by simulation: what the twin measures of a case, with its uncertainty."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from sim.twin.batches import Budget, one_run
from sim.twin.estimates import Estimate, Rows, TooShort, ratio
from sim.twin.sums import bin_edges
from sim.validation.cases import FREE_UNIT_MS, Case
from sim.validation.metrics import Metric, parse_metric
from sim.validation.readings import Reader, mark_of
from sim.validation.twin_courses import COURSES
from sim.validation.twin_queues import STEADY, Steady

# Metrics whose last number is a wait at which those who wait are told apart.
BOUNDED = ("SL_all(#)", "SL_exclAbT(#)", "SL_served(#)", "SL_entered(#)", "P(W>#)", "P(W#>#)")
PERCENTILE = "W_q#"
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


def measure(case: Case, seed: int, budget: Budget) -> Measured:
    """Play the case; metrics that cannot be read off are left out."""
    if case.unit_ms < COARSE_MS:
        # Nothing in a case's policy is a length: a finer clock changes only how often two things fall on one millisecond.
        case = replace(case, unit_ms=FREE_UNIT_MS)
    if case.kind in STEADY:
        return _steady(case, STEADY[case.kind](case, case.params), seed, budget)
    return _course(case, seed, budget)


def _steady(case: Case, steady: Steady, seed: int, budget: Budget) -> Measured:
    metrics = [parse_metric(name) for name in case.expected]
    marks = {mark_of(metric.numbers[-1], case.unit_ms) for metric in metrics if metric.shape in BOUNDED}
    percentiles = [metric for metric in metrics if metric.shape == PERCENTILE]
    marks |= {mark_of(case.expected[metric.name], case.unit_ms) for metric in percentiles}
    rows = one_run(steady.model, seed, budget, sorted(marks), histogram=bool(percentiles))
    reader = Reader(rows, case.unit_ms, sorted(marks), steady.loss)
    readings = steady.readings(reader)
    found: dict[str, Estimate] = {}
    too_short = set()
    for metric in metrics:
        try:
            if metric.shape == PERCENTILE:
                found[metric.name] = _percentile(case, metric, reader)
            elif metric.shape in readings:
                found[metric.name] = ratio(*readings[metric.shape](*metric.numbers), rows.controls, serial=True)
        except TooShort:
            too_short.add(metric.name)
    contacts = sum(int(rows[f"kind{place}.arrived"].sum()) for place in range(len(steady.model.kinds)))
    return Measured(found, frozenset(too_short), float(rows["time"].sum()) / case.unit_ms, len(rows), contacts)


def _percentile(case: Case, metric: Metric, reader: Reader) -> Estimate:
    """The share of waits up to the exact value scatters as the share does; turned into a wait by the waits' density.

    So the test is the share's own: nothing is asked of the density but the width of the interval.
    """
    exact, share = case.expected[metric.name], metric.numbers[0]
    kinds = range(sum(name.endswith(".arrived") for name in reader.rows.columns))
    over = reader.good(kinds, exact) + reader.within(kinds, "left", exact)
    below = ratio(over, reader.ended(kinds), reader.rows.controls, serial=True)
    if not exact:  # fewer wait than that: there is a share to be sure of, and no density
        return Estimate(0.0 if below.value >= share else 1.0, 0.0, below.freedom)
    density = _density(reader.rows, exact * reader.unit_ms, float(reader.ended(kinds).sum())) * reader.unit_ms
    return Estimate(exact - (below.value - share) / density, below.error / density, below.freedom)


def _density(rows: Rows, wait_ms: float, ended: float) -> float:
    """Of all waits per ms about this one: over the bins within 10 % of it."""
    assert rows.histogram is not None, "asked for with the percentiles"
    edges = np.asarray([bin_edges(place) for place in range(len(rows.histogram))])
    near = (edges[:, 0] >= wait_ms * 0.9) & (edges[:, 1] <= wait_ms * 1.1)
    if not rows.histogram[near].sum():
        raise TooShort(f"nobody waited about {wait_ms:g} ms")
    width = float(edges[near, 1].max() - edges[near, 0].min())
    # The histogram holds the way from the start too: the share of those who waited is the rows' own.
    waited = float(rows["kind0.served"].sum() + rows["kind0.abandoned"].sum())
    return float(rows.histogram[near].sum()) / max(float(rows.histogram.sum()), 1.0) * waited / ended / width


def _course(case: Case, seed: int, budget: Budget) -> Measured:
    rows, readings = COURSES[case.kind](case, case.params, seed, budget)
    found = {}
    for name in case.expected:
        metric = parse_metric(name)
        if metric.shape in readings:
            found[name] = readings[metric.shape](*metric.numbers)
    contacts = int(rows["contacts"].sum()) if "contacts" in rows.columns else 0
    return Measured(found, frozenset(), 0.0, len(rows), contacts)
