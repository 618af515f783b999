"""Many lengths in little room: marks are exact, quantiles within their stated error, parts add up."""

from __future__ import annotations

from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.measures.lengths import MARKS_MS, QUANTILE_ERROR, Lengths, lengths_of

values = st.lists(
    st.integers(0, 40 * 86_400_000) | st.sampled_from([m + d for m in MARKS_MS for d in (-1, 0, 1)]), max_size=60
)


@given(values, st.sampled_from([0.0, 0.01, 0.5, 0.9, 0.95, 0.99, 1.0]))
def test_marks_are_exact_and_quantiles_within_their_error(lengths: list[int], share: float) -> None:
    """Against the sorted list itself (nearest rank)."""
    held = lengths_of(lengths)
    assert (held.count, held.total, held.longest) == (len(lengths), sum(lengths), max(lengths, default=0))
    for mark in MARKS_MS:
        assert held.within(mark) == sum(length <= mark for length in lengths)
    ranked = sorted(lengths)
    if not ranked:
        assert held.quantile_ms(share) == held.mean_ms == -1.0
    elif ranked[-1] <= 32 * 86_400_000:
        exact = ranked[next(i for i in range(len(ranked)) if (i + 1) >= len(ranked) * share - 1e-9)]
        assert held.quantile_ms(share) == pytest.approx(exact, rel=QUANTILE_ERROR, abs=0.5)


@given(values, values)
def test_two_halves_add_to_the_whole(first: list[int], second: list[int]) -> None:
    """And a histogram copied as for another process (``__reduce__``) is the same one."""
    held = lengths_of(first)
    held.merge(deepcopy(lengths_of(second)))
    assert held == lengths_of([*first, *second])


def test_room_is_bounded_whatever_comes() -> None:
    """A million different lengths need fewer than nine hundred bins."""
    held = Lengths()
    for length in range(0, 1_000_000_000, 100_003):
        held.add(length)
    assert len(held.bins) < 900


def test_what_is_no_mark_is_not_told_apart() -> None:
    """Asking for it is a fault that names the marks; histograms with other marks do not add up."""
    with pytest.raises(ValueError, match="within 7000 ms is not told apart, only within 5000, 10000"):
        Lengths().within(7_000)
    assert lengths_of([6_999, 7_000, 7_001], (7_000,)).within(7_000) == 2
    with pytest.raises(ValueError, match="do not add"):
        Lengths().merge(Lengths((7_000,)))
