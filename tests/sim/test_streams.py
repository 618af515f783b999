"""Chance comes in named streams: one seed, one run, and no cause moves another."""

from __future__ import annotations

from collections import Counter

import pytest

from sim.streams import Streams, lognormal_ms, lognormals_ms, pick


def test_a_stream_is_the_same_whoever_asked_for_others_before() -> None:
    """Somebody adds a cause and draws from it: the arrivals stay where they were."""
    alone = Streams(7).stream("arrivals", 19).random(5).tolist()
    streams = Streams(7)
    streams.stream("a new cause").random(1000)
    assert streams.stream("arrivals", 19).random(5).tolist() == alone
    assert streams.stream("arrivals", 20).random(5).tolist() != alone
    assert Streams(8).stream("arrivals", 19).random(5).tolist() != alone


def test_a_lognormal_length_has_the_mean_it_was_asked_for() -> None:
    """The mean is that of the lengths, not of their logarithms; sigma 0 is the mean itself."""
    lengths = lognormals_ms(Streams(1).stream("lengths"), 20.0, 0.8, 20_000)
    assert sum(lengths) / len(lengths) == pytest.approx(20_000, rel=0.03)
    assert lognormal_ms(Streams(1).stream("lengths"), 3.0, 0.0) == 3_000
    assert lognormal_ms(Streams(1).stream("lengths"), 0.0, 0.5) == 0
    assert lognormals_ms(Streams(1).stream("lengths"), 0.0, 0.5, 2) == [0, 0]


def test_names_are_picked_by_share() -> None:
    """Shares need not sum to one; a share of nothing is never picked."""
    counts = Counter(pick(Streams(1).stream("names"), ["a", "b", "never"], [3.0, 1.0, 0.0], 4_000))
    assert counts["a"] / 4_000 == pytest.approx(0.75, abs=0.03)
    assert counts["never"] == 0
