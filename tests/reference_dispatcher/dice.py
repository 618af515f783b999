"""Draws of one stream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

V = TypeVar("V")


class Dice:
    """One cause's own draws: more of another's do not move them."""

    def __init__(self, sequence: np.random.SeedSequence) -> None:
        self.rng = np.random.default_rng(sequence)

    def pick(self, values: Sequence[V]) -> V:
        return values[int(self.rng.random() * len(values))]

    def flip(self, share: float = 0.5) -> bool:
        return bool(self.rng.random() < share)

    def below(self, most: int) -> int:
        return int(self.rng.random() * most)
