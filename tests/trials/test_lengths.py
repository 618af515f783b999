"""Lengths of time as people type them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.trials.lengths import MAX_MS, find_length, shown_length


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("0s", 0),
        ("10s", 10_000),
        ("1.5s", 1_500),
        ("250ms", 250),
        ("2m", 120_000),
        ("1m30s", 90_000),
        ("90s", 90_000),
        ("2h", 7_200_000),
        ("1d1h1m1s1ms", 90_061_001),
        ("7d", MAX_MS),
    ],
)
def test_a_length_is_read(text: str, ms: int) -> None:
    """From days down to milliseconds, each unit once and in this order."""
    assert find_length(text) == ms


@pytest.mark.parametrize(
    "text", ["", "10", "s", "10 s", "-1s", "30s1m", "1m1m", "1.5m", "8d", "1.2345s", "ten", "１s "]
)
def test_what_is_no_length_is_not_guessed(text: str) -> None:
    """No unit, a sign, a wrong order, too long: none of them has a reading."""
    assert find_length(text) is None


@given(st.integers(0, MAX_MS))
def test_what_is_shown_can_be_typed(ms: int) -> None:
    """A report's lengths go back into a cases file unchanged."""
    assert find_length(shown_length(ms)) == ms
