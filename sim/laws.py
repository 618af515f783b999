"""Lengths of time drawn by a scenario's laws, in whole milliseconds.

>>> from sim.scenario import Length
>>> lengths_ms(Length(2.5), np.random.default_rng(1), 2)
[2500, 2500]
"""

from __future__ import annotations

from collections.abc import Callable
from math import log

import numpy as np
from numpy.typing import NDArray

from sim.scenario.tables import Length

Array = NDArray[np.float64]
# Longer than any run: who is this patient waits to the end of it.
LONGEST_S = 400 * 86_400.0


def lengths_ms(length: Length, draws: np.random.Generator, n: int) -> list[int]:
    """``n`` of them."""
    found: list[int] = np.rint(lengths_s(length, draws, n) * 1000).astype(np.int64).tolist()
    return found


def length_ms(length: Length, draws: np.random.Generator) -> int:
    """One: for the usual law without an array."""
    if length.kind == "lognormal" and not length.balk:
        mean_s, sigma = length.mean_s, length.sigma
        if mean_s <= 0:
            return 0
        if not sigma:
            return round(mean_s * 1000)
        return round(draws.lognormal(log(mean_s) - sigma * sigma / 2, sigma) * 1000)
    return lengths_ms(length, draws, 1)[0]


def lengths_s(length: Length, draws: np.random.Generator, n: int) -> Array:
    """``n`` of them, in seconds; nothing longer than :data:`LONGEST_S`."""
    found = _LAWS[length.kind](length, draws, n)
    if length.balk:
        found = np.where(draws.random(n) < length.balk, 0.0, found)
    return np.minimum(found, LONGEST_S)


def _lognormal(length: Length, draws: np.random.Generator, n: int) -> Array:
    mean, sigma = length.mean_s, length.sigma
    if mean <= 0 or not sigma:
        return np.full(n, max(0.0, mean))
    return draws.lognormal(log(mean) - sigma * sigma / 2, sigma, n)


def _hyperexponential(length: Length, draws: np.random.Generator, n: int) -> Array:
    means, edges = np.asarray(length.means_s, dtype=float), np.cumsum(length.shares)
    places = np.minimum(np.searchsorted(edges, draws.random(n), side="right"), len(means) - 1)
    return np.asarray(draws.exponential(1.0, n) * means[places])


def _empirical(length: Length, draws: np.random.Generator, n: int) -> Array:
    values: Array = np.asarray(length.values_s, dtype=float)
    return np.asarray(draws.choice(values, n))


def _survival(length: Length, draws: np.random.Generator, n: int) -> Array:
    """By the curve's inverse, straight between its points; beyond the last one at the rate up to there."""
    seconds = np.asarray([0.0, *(point[0] for point in length.survival)])
    shares = np.asarray([1.0, *(point[1] for point in length.survival)])
    u = draws.random(n)
    inside: Array = np.asarray(np.interp(-u, -shares, seconds))
    last_s, last = float(seconds[-1]), float(shares[-1])
    if last <= 0:
        return inside
    rate = -log(last) / last_s if last < 1 and last_s > 0 else 0.0
    with np.errstate(divide="ignore"):
        beyond = last_s - np.log(u / last) / rate if rate else np.full(n, np.inf)
    return np.where(u < last, beyond, inside)


_LAWS: dict[str, Callable[[Length, np.random.Generator, int], Array]] = {
    "lognormal": _lognormal,
    "exponential": lambda length, draws, n: draws.exponential(length.mean_s, n),
    "deterministic": lambda length, draws, n: np.full(n, length.mean_s),
    "gamma": lambda length, draws, n: draws.gamma(1 / length.cv2, length.mean_s * length.cv2, n),
    "weibull": lambda length, draws, n: draws.weibull(length.shape, n) * length.scale_s,
    "hyperexponential": _hyperexponential,
    "empirical": _empirical,
    "survival": _survival,
}


def spread(length: Length, grid_s: float, bins: int) -> Array:
    """The share that falls so many bins behind, of what happens anywhere within one: by 200,000 draws of a fixed seed."""
    draws = np.random.default_rng(1)
    n = 200_000
    later = lengths_s(length, draws, n) + draws.random(n) * grid_s
    counts = np.bincount(np.minimum(later / grid_s, bins).astype(np.int64), minlength=bins + 1)
    return np.asarray(counts[:bins] / n)
