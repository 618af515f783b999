"""Birth–death processes: their steady state, in the logarithm."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from sim.theory.lifetimes import Array


class BirthDeath:
    """Levels 0 … K. ``births[i]``: rate i → i + 1; ``deaths[i]``: rate i + 1 → i; both of length K, all > 0."""

    def __init__(self, births: Array, deaths: Array) -> None:
        self.births = np.asarray(births, dtype=float)
        self.deaths = np.asarray(deaths, dtype=float)
        if self.births.shape != self.deaths.shape or self.births.ndim != 1:
            raise ValueError(f"as many births as deaths are needed, got {self.births.shape} and {self.deaths.shape}")
        if not ((self.births > 0).all() and (self.deaths > 0).all()):
            raise ValueError("every rate must be > 0")

    @cached_property
    def log_weights(self) -> Array:
        """log of each level's probability, relative to the likeliest level."""
        steps = np.concatenate([[0.0], np.cumsum(np.log(self.births / self.deaths))])
        return np.asarray(steps - steps.max())

    @cached_property
    def probabilities(self) -> Array:
        """Steady state, by level."""
        weights = np.exp(self.log_weights)
        return np.asarray(weights / weights.sum())

    @property
    def levels(self) -> Array:
        return np.arange(self.births.size + 1, dtype=float)

    def mean(self, values: Array) -> float:
        """Steady-state mean of a function of the level, given by level."""
        return float(self.probabilities @ values)
