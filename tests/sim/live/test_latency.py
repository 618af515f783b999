"""Latencies are real milliseconds, and the word on whether a speed is honest rests on them."""

from __future__ import annotations

import pytest

from sim.live.latency import HONEST_SHARE, Latencies, Measured


def test_quantiles_are_right_within_two_per_cent() -> None:
    """A thousand values from one to a thousand; nothing measured is -1; what is off the scale is at its end."""
    latencies = Latencies()
    assert latencies.quantile(0.5) == -1
    for ms in range(1, 1_001):
        latencies.add(ms)
    assert latencies.quantile(0.5) == pytest.approx(500, rel=0.021)
    assert latencies.quantile(0.99) == pytest.approx(990, rel=0.021)
    latencies.add(1e9)
    assert latencies.quantile(1.0) > 100_000


def test_a_speed_is_dishonest_when_latency_eats_the_offer() -> None:
    """Ten real ms there and ten back: at 30 × that is 3 % of a 20 s offer, at 60 × it is 6 % and must be said."""
    measured = Measured()
    for _ in range(100):
        measured.offers.add(10)
        measured.acks.add(10)
    assert measured.distortion(30, 20_000) == pytest.approx(0.03, rel=0.03)
    assert measured.distortion(30, 20_000) < HONEST_SHARE < measured.distortion(60, 20_000)
