"""Closed forms against the exact values of a file: how far apart they may be, and which are further."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sim.validation.cases import Case

# Relative, unless the case says how exact its own answer is.
EXACT = 1e-9
# Of numbers that should be 0.
NOTHING = 1e-12
# A chain cut at its edge is off by so many times the probability found at the edge; a variance, which weighs long
# queues by their square, by more.
EDGE, EDGE_OF_VARIANCE = 20, 2_000
# The grid on which the largest value of a course was looked for.
GRID_TIME = 1e-3

ABOUT = re.compile(r"about (\d[\d.]*e-\d+)")
EDGE_MASS = re.compile(r"edge mass (\d[\d.]*e-\d+)")


def tolerance(case: Case, metric: str) -> float:
    """Absolute error allowed to this metric's closed form, read from what the case says of its own precision."""
    wanted = abs(case.expected[metric])
    about, edge = ABOUT.search(case.precision), EDGE_MASS.search(case.formula)
    relative = float(about[1]) if about else EXACT
    if edge:
        times = EDGE_OF_VARIANCE if metric.startswith("AVAR") else EDGE
        relative = max(relative, times * float(edge[1]))
    if metric.startswith("time_of_"):
        return GRID_TIME
    if "interpolation" in case.precision and "(" in metric:
        # Read off a line between two points of a grid: off by the grid's error where the course bends most.
        of = metric.split("(")[0]
        wanted = max(abs(value) for name, value in case.expected.items() if name.split("(")[0] == of)
    return max(relative * wanted, NOTHING)


def disagreements(case: Case, got: Mapping[str, float]) -> list[str]:
    """A line for each metric of ``got`` that is further than :func:`tolerance` from the case's own value."""
    return [
        f"{case.id} {metric}: got {value!r}, wanted {case.expected[metric]!r} ± {tolerance(case, metric):.1e}"
        for metric, value in got.items()
        if not abs(value - case.expected[metric]) <= tolerance(case, metric)
    ]
