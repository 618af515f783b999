"""What a run has measured, with its uncertainty: ratios of sums over batches or replications, and Student's t.

A row holds what one batch (or replication) added up. A measure is a ratio of two columns; its scatter is that of the
rows' deviations from it (delta method). Known means of what went in (arrivals, work) take part of the scatter away:
control variates by least squares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

Array = NDArray[np.float64]

CONFIDENCE = 0.95
# Fewer rows to each control than this, and the fit costs more than it saves.
ROWS_TO_A_CONTROL = 8


class TooShort(ValueError):
    """A run that has seen nothing of what is asked for."""


@dataclass(frozen=True)
class Rows:
    """``table[i, j]``: what row i added up of column j. ``controls[:, j]``: inputs less what they are on average.
    ``histograms[i]``: waits of row i by the bins of :mod:`sim.twin.sums`, where they were counted."""

    columns: Sequence[str]
    table: Array
    controls: Array | None = None
    histograms: NDArray[np.int64] | None = None
    _places: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._places.update({name: place for place, name in enumerate(self.columns)})

    def __len__(self) -> int:
        return int(self.table.shape[0])

    def __getitem__(self, name: str) -> Array:
        return np.asarray(self.table[:, self._places[name]])

    def total(self, names: Sequence[str]) -> Array:
        """The columns' sum, row by row."""
        return np.asarray(sum((self[name] for name in names), np.zeros(len(self))))


@dataclass(frozen=True)
class Estimate:
    """A measured value; ``error`` is its standard error with so many degrees of ``freedom``."""

    value: float
    error: float
    freedom: int

    @property
    def half_width(self) -> float:
        """Of the 95 % confidence interval."""
        return float(student.ppf(0.5 + CONFIDENCE / 2, self.freedom)) * self.error

    def p_value(self, exact: float) -> float:
        """Two-sided: how likely so large a deviation is by chance if ``exact`` is right."""
        if not self.error:
            return 1.0 if self.value == exact else 0.0
        return float(2 * student.sf(abs(self.value - exact) / self.error, self.freedom))

    def scaled(self, factor: float) -> Estimate:
        return Estimate(self.value * factor, self.error * abs(factor), self.freedom)


def ratio(over: Array, under: Array, controls: Array | None = None, *, serial: bool = False) -> Estimate:
    """Σ over ÷ Σ under; :class:`TooShort` when there is nothing under it.

    ``serial``: rows are batches of one run, neighbours of each other; else they are independent.
    """
    rows = len(over)
    if rows < 2 or not under.sum() > 0:
        raise TooShort("nothing to measure")
    value = float(over.sum() / under.sum())
    left = (over - value * under) / under.mean()
    shift, spread, freedom = 0.0, 1 / rows, rows - 1
    if controls is not None and rows >= ROWS_TO_A_CONTROL * max(controls.shape[1], 1):
        left, shift, spread, freedom = _controlled(left, controls)
    error = sqrt(float(left @ left) / freedom * spread)
    return Estimate(value + shift, error * (_stretch(left) if serial else 1.0), freedom)


def _controlled(deviations: Array, controls: Array) -> tuple[Array, float, float, int]:
    """Least squares of the deviations on the controls: what is left of them, how far off the whole is, by the controls,
    the variance of that in those of what is left, and its degrees of freedom."""
    rows = len(deviations)
    scale = controls.std(axis=0)
    design = np.column_stack([np.ones(rows), controls[:, scale > 0] / scale[scale > 0]])
    fitted, _, rank, _ = np.linalg.lstsq(design, deviations, rcond=None)
    spread = float(np.linalg.pinv(design.T @ design)[0, 0])
    return deviations - design @ fitted, float(fitted[0]), spread, rows - int(rank)


def _stretch(left: Array) -> float:
    """How much larger the error is when neighbours are alike (autoregressive of order one).

    Batches of a long run are as good as independent; those of a run that was too short say so here. Likeness that may be
    chance counts too: 1,500 runs of M/M/1 at 90 % held the mean queue in 94.0 % of the intervals so, in 92.9 % without any.
    """
    total = float(left @ left)
    alike = float(left[1:] @ left[:-1]) / total if total else 0.0
    alike = min(max(alike, 0.0), 0.99)
    return sqrt((1 + alike) / (1 - alike))
