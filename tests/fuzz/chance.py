"""Draws for the fuzzer: one seed, one run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")


class Chance:
    """A named stream of draws. Draws in blocks: one number from numpy at a time would cost more than a mutation."""

    def __init__(self, *seed: int) -> None:
        self._stream = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))
        self._block: list[float] = []

    def unit(self) -> float:
        """In [0, 1)."""
        if not self._block:
            self._block = self._stream.random(4096).tolist()
        return self._block.pop()

    def below(self, limit: int) -> int:
        """0 … limit − 1."""
        return int(self.unit() * limit)

    def within(self, low: int, high: int) -> int:
        """Both ends included."""
        return low + self.below(high - low + 1)

    def one_of(self, things: Sequence[T]) -> T:
        return things[self.below(len(things))]

    def happens(self, share: float) -> bool:
        return self.unit() < share

    def noise(self, size: int) -> bytes:
        return bytes(self.below(256) for _ in range(size))
