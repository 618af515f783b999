"""The road by formula: what theory answers to each kind of case.

A road maps the shape of a metric (# for its numbers, see :mod:`sim.validation.metrics`) to a function of those numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sim.validation import chain_roads, queue_roads, time_roads
from sim.validation.cases import Case
from sim.validation.kinds import KINDS
from sim.validation.metrics import parse_metric
from sim.validation.roads import Road

ROADS: Mapping[str, Callable[[Any], Road]] = {**queue_roads.ROADS, **chain_roads.ROADS, **time_roads.ROADS}
assert ROADS.keys() == KINDS.keys(), ROADS.keys() ^ KINDS.keys()


def closed_form(case: Case) -> dict[str, float]:
    """{metric: value} for each metric of the case that its kind's formulas give."""
    road = ROADS[case.kind](case.params)
    found = {name: road.value(parse_metric(name)) for name in case.expected}
    return {name: value for name, value in found.items() if value is not None}


def asymptotic_variances(case: Case) -> dict[str, float]:
    """{metric: lim T·Var of its measurement over [0, T]}, T in the case's time units, where the model is a chain.

    The standard error of a run of length T is √(number ÷ T).
    """
    road = ROADS[case.kind](case.params)
    found = {name: road.variance(parse_metric(name)) for name in case.expected}
    return {name: value for name, value in found.items() if value is not None}


def unknown_metrics(case: Case) -> list[str]:
    """Metrics of the case that no formula of its kind gives."""
    road = ROADS[case.kind](case.params)
    return [name for name in case.expected if not road.knows(parse_metric(name))]
