"""Estimates: ratios with honest intervals, and what control variates may take away."""

from __future__ import annotations

import numpy as np
import pytest

from sim.twin.estimates import TooShort, ratio


def test_intervals_cover_as_often_as_they_say() -> None:
    """Of 2,000 ratios of known mean, about 95 in 100 intervals hold it: with controls as without."""
    rng = np.random.default_rng(1)
    covered = {"plain": 0, "controlled": 0}
    for _ in range(2_000):
        cause, noise = rng.normal(size=(2, 48))
        under = np.full(48, 10.0)
        over = 30 + 2 * cause + noise
        for name, controls in (("plain", None), ("controlled", cause.reshape(-1, 1))):
            found = ratio(over, under, controls)
            covered[name] += abs(found.value - 3.0) <= found.half_width
    assert all(1_870 <= count <= 1_930 for count in covered.values()), covered


def test_a_control_takes_away_the_scatter_it_explains() -> None:
    """Nine tenths of the variance come from a cause whose mean is known: the interval shrinks to about a third."""
    rng = np.random.default_rng(2)
    cause, noise = rng.normal(size=(2, 400))
    over, under = 5 + 3 * cause + noise, np.ones(400)
    plain, controlled = ratio(over, under), ratio(over, under, cause.reshape(-1, 1))
    assert controlled.half_width == pytest.approx(plain.half_width / np.sqrt(10), rel=0.15)


def test_nothing_seen_is_said() -> None:
    """A share of nobody is no number."""
    with pytest.raises(TooShort):
        ratio(np.zeros(40), np.zeros(40))
