"""Fewest people: searches over formulas that improve with each server, and cover by shifts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import floor

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from sim.theory.erlang import ErlangC

MOST_STAFF = 10_000_000


def least_staff(meets: Callable[[int], bool], near: int = 1) -> int:
    """Smallest n ≥ 1 with ``meets(n)``, which must stay true from there on; ``near`` is where the search begins.

    Raises ``ValueError`` when ten million are not enough.
    """
    low, high, step = 0, max(1, near), 1
    while not meets(high):
        low, high, step = high, high + step, 2 * step
        if high > MOST_STAFF:
            raise ValueError(f"no staff up to {MOST_STAFF} meets the target")
    step = 1
    while low == 0 and high - step > 0:
        if not meets(high - step):
            low = high - step
        else:
            high, step = high - step, 2 * step
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if meets(middle) else (middle, high)
    return high


def erlang_c_staff(arrivals: float, service: float, within: float, target: float) -> int:
    """Fewest servers of M/M/n with P(wait ≤ within) ≥ target."""
    stable = floor(arrivals / service) + 1
    return least_staff(
        lambda servers: servers >= stable and ErlangC(arrivals, service, servers).service_level_all(within) >= target,
        stable,
    )


@dataclass(frozen=True)
class Cover:
    """People per start: ``starts[k][i]`` begin a shift of kind k at period i; ``cost`` of all."""

    starts: tuple[tuple[int, ...], ...]
    cost: float


def cover_by_shifts(demand: Sequence[float], lengths: Sequence[int], costs: Sequence[float]) -> Cover:
    """Cheapest shifts that give each period at least its demand; periods and shifts run in a circle.

    ``lengths[k]`` periods, without a gap, at ``costs[k]`` a person. An integer programme, solved to its optimum (HiGHS).
    """
    periods = len(demand)
    if len(lengths) != len(costs) or not lengths:
        raise ValueError(f"as many lengths as costs are needed, got {len(lengths)} and {len(costs)}")
    if any(not 1 <= length <= periods for length in lengths):
        raise ValueError(f"a shift takes 1…{periods} periods, got {list(lengths)}")
    covers = np.zeros((periods, len(lengths) * periods))
    for kind, length in enumerate(lengths):
        for start in range(periods):
            for step in range(length):
                covers[(start + step) % periods, kind * periods + start] = 1
    found = milp(
        np.repeat(np.asarray(costs, dtype=float), periods),
        constraints=LinearConstraint(covers, lb=np.asarray(demand, dtype=float)),
        integrality=np.ones(covers.shape[1]),
        bounds=Bounds(0, np.inf),
    )
    if not found.success:
        raise ValueError(f"no cover found: {found.message}")
    starts = np.rint(found.x).astype(int).reshape(len(lengths), periods)
    cost = sum(price * int(row.sum()) for price, row in zip(costs, starts, strict=True))
    return Cover(tuple(tuple(row) for row in starts.tolist()), float(cost))
