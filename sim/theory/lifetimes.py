"""Lengths of time as distributions: how patient customers are, how long service takes.

Each knows its survival function, its distribution function (kept apart: 1 − survival loses the small ones), and the mean
of min(X, x), i.e. the survival function's integral from 0 to x, all over arrays. ``breaks`` are the points a quadrature
must not step over: jumps, and a ladder towards 0 where the density is not smooth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, inf, log
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import gamma, gammainc, gammaincc, ndtr

from sim.theory.limits import need_not_negative, need_positive, need_share

Array = NDArray[np.float64]

# Halvings of the scale at which a density that is rough at 0 is cut into panels.
LADDER = 48


class Lifetime(Protocol):
    """A length of time X ≥ 0."""

    @property
    def mean(self) -> float: ...

    @property
    def breaks(self) -> tuple[float, ...]: ...

    def survival(self, x: Array) -> Array:
        """P(X > x)."""
        ...

    def distribution(self, x: Array) -> Array:
        """P(X ≤ x)."""
        ...

    def capped_mean(self, x: Array) -> Array:
        """E min(X, x)."""
        ...


@dataclass(frozen=True)
class Exponential:
    """At this rate; a rate of 0 never ends."""

    rate: float

    def __post_init__(self) -> None:
        need_not_negative(rate=self.rate)

    @property
    def mean(self) -> float:
        return 1 / self.rate if self.rate else inf

    @property
    def breaks(self) -> tuple[float, ...]:
        return ()

    def survival(self, x: Array) -> Array:
        return np.exp(-self.rate * x)

    def distribution(self, x: Array) -> Array:
        return -np.expm1(-self.rate * x)

    def capped_mean(self, x: Array) -> Array:
        return -np.expm1(-self.rate * x) / self.rate if self.rate else np.asarray(x, dtype=float)


@dataclass(frozen=True)
class Deterministic:
    """Always this long. Who is served at the very instant is served."""

    value: float

    def __post_init__(self) -> None:
        need_positive(value=self.value)

    @property
    def mean(self) -> float:
        return self.value

    @property
    def breaks(self) -> tuple[float, ...]:
        return (self.value,)

    def survival(self, x: Array) -> Array:
        return np.where(x < self.value, 1.0, 0.0)

    def distribution(self, x: Array) -> Array:
        return np.where(x < self.value, 0.0, 1.0)

    def capped_mean(self, x: Array) -> Array:
        return np.minimum(x, self.value)


@dataclass(frozen=True)
class HyperExponential:
    """With probability ``shares[i]`` exponential at ``rates[i]``; the shares sum to 1."""

    shares: tuple[float, ...]
    rates: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.shares) != len(self.rates) or not self.shares:
            raise ValueError(f"as many shares as rates are needed, got {len(self.shares)} and {len(self.rates)}")
        for share, rate in zip(self.shares, self.rates, strict=True):
            need_share(share=share)
            need_positive(rate=rate)
        if abs(sum(self.shares) - 1) > 1e-9:
            raise ValueError(f"shares must sum to 1, got {sum(self.shares)!r}")

    @property
    def mean(self) -> float:
        return sum(share / rate for share, rate in zip(self.shares, self.rates, strict=True))

    @property
    def breaks(self) -> tuple[float, ...]:
        return tuple(1 / rate for rate in self.rates)

    def _mix(self, parts: Sequence[Array]) -> Array:
        return np.asarray(sum(share * part for share, part in zip(self.shares, parts, strict=True)))

    def survival(self, x: Array) -> Array:
        return self._mix([np.exp(-rate * x) for rate in self.rates])

    def distribution(self, x: Array) -> Array:
        return self._mix([-np.expm1(-rate * x) for rate in self.rates])

    def capped_mean(self, x: Array) -> Array:
        return self._mix([-np.expm1(-rate * x) / rate for rate in self.rates])


@dataclass(frozen=True)
class Weibull:
    """P(X > x) = exp(−(x/scale)^shape); a shape below 1: who has waited long waits on."""

    scale: float
    shape: float

    def __post_init__(self) -> None:
        need_positive(scale=self.scale, shape=self.shape)

    @property
    def mean(self) -> float:
        return self.scale * float(gamma(1 + 1 / self.shape))

    @property
    def breaks(self) -> tuple[float, ...]:
        return tuple(self.scale * 2.0 ** (2 - step) for step in range(LADDER))

    def survival(self, x: Array) -> Array:
        return np.exp(-((x / self.scale) ** self.shape))

    def distribution(self, x: Array) -> Array:
        return -np.expm1(-((x / self.scale) ** self.shape))

    def capped_mean(self, x: Array) -> Array:
        return np.asarray(self.mean * gammainc(1 / self.shape, (x / self.scale) ** self.shape))


@dataclass(frozen=True)
class Lognormal:
    """With this mean of X and this standard deviation of log X."""

    mean: float
    sigma_log: float

    def __post_init__(self) -> None:
        need_positive(mean=self.mean, sigma_log=self.sigma_log)

    @property
    def median(self) -> float:
        return self.mean * exp(-(self.sigma_log**2) / 2)

    @property
    def breaks(self) -> tuple[float, ...]:
        return tuple(self.median * exp(self.sigma_log * step / 2) for step in range(-16, 17))

    def _score(self, x: Array) -> Array:
        with np.errstate(divide="ignore"):
            return np.asarray((np.log(x) - log(self.median)) / self.sigma_log)

    def survival(self, x: Array) -> Array:
        return np.asarray(ndtr(-self._score(x)))

    def distribution(self, x: Array) -> Array:
        return np.asarray(ndtr(self._score(x)))

    def capped_mean(self, x: Array) -> Array:
        score = self._score(x)
        return np.asarray(x * ndtr(-score) + self.mean * ndtr(score - self.sigma_log))


@dataclass(frozen=True)
class Gamma:
    """With this mean and this squared coefficient of variation."""

    mean: float
    cv2: float

    def __post_init__(self) -> None:
        need_positive(mean=self.mean, cv2=self.cv2)

    @property
    def breaks(self) -> tuple[float, ...]:
        return tuple(self.mean * 2.0 ** (2 - step) for step in range(LADDER))

    def survival(self, x: Array) -> Array:
        return np.asarray(gammaincc(1 / self.cv2, x / (self.mean * self.cv2)))

    def distribution(self, x: Array) -> Array:
        return np.asarray(gammainc(1 / self.cv2, x / (self.mean * self.cv2)))

    def capped_mean(self, x: Array) -> Array:
        return np.asarray(self.mean * gammainc(1 + 1 / self.cv2, x / (self.mean * self.cv2)) + x * self.survival(x))


@dataclass(frozen=True)
class Balking:
    """A share leaves at once when it would have to wait; the others are as patient as ``others`` says."""

    share: float
    others: Lifetime

    def __post_init__(self) -> None:
        need_share(share=self.share)

    @property
    def mean(self) -> float:
        return (1 - self.share) * self.others.mean

    @property
    def breaks(self) -> tuple[float, ...]:
        return self.others.breaks

    def survival(self, x: Array) -> Array:
        return (1 - self.share) * self.others.survival(x)

    def distribution(self, x: Array) -> Array:
        return self.share + (1 - self.share) * self.others.distribution(x)

    def capped_mean(self, x: Array) -> Array:
        return (1 - self.share) * self.others.capped_mean(x)
