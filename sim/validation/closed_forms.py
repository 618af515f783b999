"""The road by formula: what theory answers to each kind of case.

A road maps the shape of a metric (# for its numbers, see :mod:`sim.validation.metrics`) to a function of those numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from math import isnan
from typing import Any

from sim.validation import chain_roads, queue_roads, time_roads
from sim.validation.cases import Case, CaseErrors
from sim.validation.kinds import KINDS
from sim.validation.metrics import parse_metric
from sim.validation.roads import Road

ROADS: Mapping[str, Callable[[Any], Road]] = {**queue_roads.ROADS, **chain_roads.ROADS, **time_roads.ROADS}
assert ROADS.keys() == KINDS.keys(), ROADS.keys() ^ KINDS.keys()


@contextmanager
def _of(case: Case) -> Iterator[Road]:
    """The case's road; what the formulas refuse on it is said with the case's name."""
    try:
        yield ROADS[case.kind](case.params)
    except ValueError as error:
        raise CaseErrors([f'case "{case.id}": {error} (kind {case.kind})']) from error


def closed_form(case: Case) -> dict[str, float]:
    """{metric: value} for each metric of the case that its kind's formulas give.

    Raises :class:`CaseErrors` when the parameters do not go together, or leave no steady state.
    """
    with _of(case) as road:
        found = {name: road.value(parse_metric(name)) for name in case.expected}
    return {name: value for name, value in found.items() if value is not None}


def asymptotic_variances(case: Case) -> dict[str, float]:
    """{metric: lim T·Var of its measurement over [0, T]}, T in the case's time units, where the model is a chain.

    The standard error of a run of length T is √(number ÷ T).
    """
    with _of(case) as road:
        found = {name: road.variance(parse_metric(name)) for name in case.expected}
    return {name: value for name, value in found.items() if value is not None and not isnan(value)}


def unknown_metrics(case: Case) -> list[str]:
    """Metrics of the case that no formula of its kind gives."""
    with _of(case) as road:
        return [name for name in case.expected if not road.knows(parse_metric(name))]
