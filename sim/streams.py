"""Named random streams: one seed gives one run, and each cause draws from its own stream.

A stream is the child that ``SeedSequence.spawn`` would make, but found by name instead of by order: asking for one more
stream, or drawing more from another, moves nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from zlib import crc32

import numpy as np


class Streams:
    """All streams of one seed.

    >>> Streams(7).stream("arrivals", 19).random() == Streams(7).stream("arrivals", 19).random()
    True
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def stream(self, *cause: str | int) -> np.random.Generator:
        """The generator of this cause, always from its beginning. Ints must be ≥ 0."""
        key = tuple(crc32(part.encode()) if isinstance(part, str) else part for part in cause)
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(self.seed, spawn_key=key)))


def lognormal_ms(draws: np.random.Generator, mean_s: float, sigma: float) -> int:
    """One lognormal length in ms with this mean and log-deviation."""
    return round(draws.lognormal(log(mean_s) - sigma * sigma / 2, sigma) * 1000) if mean_s > 0 else 0


def lognormals_ms(draws: np.random.Generator, mean_s: float, sigma: float, n: int) -> list[int]:
    """``n`` of them."""
    if mean_s <= 0:
        return [0] * n
    lengths = draws.lognormal(log(mean_s) - sigma * sigma / 2, sigma, n) * 1000
    return [round(length) for length in lengths.tolist()]


def pick(draws: np.random.Generator, names: Sequence[str], shares: Sequence[float], n: int) -> list[str]:
    """``n`` names by share; the shares need not sum to 1."""
    edges = np.cumsum(np.asarray(shares, dtype=float))
    places = np.searchsorted(edges, draws.random(n) * edges[-1], side="right")
    return [names[place] for place in places.tolist()]
