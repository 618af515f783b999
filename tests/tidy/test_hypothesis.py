"""A random test that fails says so in time."""

from __future__ import annotations

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture import engine as conjecture


def test_shrinking_is_given_up_when_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """With no time at all a failure is told nearly as it was found: Hypothesis still reads the limit where it is set."""
    assert conjecture.MAX_SHRINKING_SECONDS < 300, "tests/conftest.py sets it"
    runs_of_failures = 0

    @settings(database=None, derandomize=True, phases=[Phase.generate, Phase.shrink], print_blob=False)
    @given(st.lists(st.integers(0, 10_000), min_size=20))
    def never_large(numbers: list[int]) -> None:
        nonlocal runs_of_failures
        if sum(numbers) > 50_000:
            runs_of_failures += 1
            raise ValueError("too large")

    monkeypatch.setattr(conjecture, "MAX_SHRINKING_SECONDS", 0)
    with pytest.raises(ValueError, match="too large"):
        never_large()

    assert runs_of_failures < 12
