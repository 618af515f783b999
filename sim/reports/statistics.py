"""Means over independent runs with their 95 % intervals, and paired differences of runs that met the same customers.

With n runs the half-width is t(0.975, n − 1) · s / √n (Student), s the runs' standard deviation. Runs in which there was nothing
to measure are left out; of fewer than two there is no half-width.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import isnan, nan, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from sim.twin.estimates import CONFIDENCE

Array = NDArray[np.float64]


class Mean(NamedTuple):
    """``half_width`` is nan of fewer than two runs, ``value`` of none; ``runs``: that had something to measure."""

    value: float
    half_width: float
    runs: int

    @property
    def is_known(self) -> bool:
        return not isnan(self.value)

    @property
    def differs(self) -> bool:
        """Whether the interval leaves 0 out."""
        return self.half_width < abs(self.value)


NOTHING = Mean(nan, nan, 0)


def mean_of(values: Sequence[float] | Array) -> Mean:
    """nan among the values: nothing to measure in that run."""
    found = np.asarray(values, dtype=float)
    found = found[~np.isnan(found)]
    runs = len(found)
    if not runs:
        return NOTHING
    value = float(found.mean())
    if runs < 2:
        return Mean(value, nan, runs)
    return Mean(value, t_quantile(runs - 1) * float(found.std(ddof=1)) / sqrt(runs), runs)


def paired(before: Sequence[float] | Array, after: Sequence[float] | Array) -> Mean:
    """after − before, run by run; runs in which either had nothing are left out. Raises ValueError for unequal numbers."""
    if len(before) != len(after):
        raise ValueError(f"pairs: got {len(before)} and {len(after)} runs, wanted as many of both")
    return mean_of(np.asarray(after, dtype=float) - np.asarray(before, dtype=float))


@lru_cache(maxsize=1024)
def t_quantile(freedom: int) -> float:
    return float(student.ppf(0.5 + CONFIDENCE / 2, freedom))
