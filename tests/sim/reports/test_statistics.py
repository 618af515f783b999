"""Means over runs, their intervals, and differences of pairs."""

from __future__ import annotations

from math import isnan, nan, sqrt

import numpy as np
import pytest

from sim.reports.statistics import mean_of, paired


def test_a_mean_of_three_runs_by_hand() -> None:
    """1, 2, 3: mean 2, s = 1, t(0.975, 2) = 4.3027, so ± 2.484; a run with nothing to measure is left out."""
    found = mean_of([1.0, nan, 2.0, 3.0])
    assert (found.value, found.runs) == (2.0, 3)
    assert found.half_width == pytest.approx(4.302652729911275 / sqrt(3))


def test_of_one_run_there_is_no_interval_and_of_none_no_mean() -> None:
    """Said as nan, never as 0."""
    assert mean_of([5.0]).value == 5.0 and isnan(mean_of([5.0]).half_width)
    assert not mean_of([nan]).is_known and not mean_of([5.0]).differs


def test_pairs_see_what_two_means_do_not() -> None:
    """Runs that scatter by 10 and differ by 1 each: the paired interval leaves 0 out, the means' intervals overlap."""
    draws = np.random.default_rng(4)
    before = draws.normal(100, 10, 12)
    after = before + 1 + draws.normal(0, 0.2, 12)
    both = paired(before, after)
    assert both.differs and both.value == pytest.approx(1, abs=0.3)
    assert mean_of(before).half_width > 3
    with pytest.raises(ValueError, match="got 1 and 2 runs"):
        paired([1.0], [1.0, 2.0])
