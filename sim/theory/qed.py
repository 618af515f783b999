"""The quality-and-efficiency-driven regime: n = a + β√a servers for a load of a erlangs, a large."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, pi, sqrt

from scipy.special import erfcx

from sim.theory.limits import need_positive, need_share


def hazard(x: float) -> float:
    """Hazard rate of the standard normal law, φ(x) ÷ (1 − Φ(x))."""
    return sqrt(2 / pi) / float(erfcx(x / sqrt(2)))


def halfin_whitt(beta: float) -> float:
    """Limit of P(wait > 0) without abandonment, β > 0 (Halfin & Whitt 1981)."""
    need_positive(beta=beta)
    return 1 / (1 + beta / hazard(-beta))


def garnett(beta: float, ratio: float) -> float:
    """Limit of P(wait > 0) with abandonment, any β; ``ratio`` = abandonment rate ÷ service rate > 0.

    [1 + √(θ/μ) h(β√(μ/θ)) ÷ h(−β)]⁻¹ (Garnett, Mandelbaum & Reiman 2002).
    """
    need_positive(ratio=ratio)
    return 1 / (1 + sqrt(ratio) * hazard(beta / sqrt(ratio)) / hazard(-beta))


def garnett_abandonment(beta: float, ratio: float) -> float:
    """Limit of √n · P(abandon): [√ratio · h(β/√ratio) − β] × P(wait > 0), from the same source."""
    return (sqrt(ratio) * hazard(beta / sqrt(ratio)) - beta) * garnett(beta, ratio)


def beta_for(delay: float, ratio: float = 0.0) -> float:
    """The β at which the limit of P(wait > 0) is ``delay``, 0 < delay < 1; a ratio of 0: nobody leaves."""
    need_share(delay=delay)
    limit: Callable[[float], float] = (lambda beta: garnett(beta, ratio)) if ratio else halfin_whitt
    low, high = (-8.0, 8.0) if ratio else (1e-12, 8.0)
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if limit(middle) > delay else (low, middle)
    return high


def square_root_staff(load: float, beta: float) -> int:
    """⌈a + β√a⌉, at least 1."""
    need_positive(load=load)
    return max(1, ceil(load + beta * sqrt(load)))
