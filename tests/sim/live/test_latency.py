"""Latencies are real milliseconds, and the word on whether a speed is honest rests on them."""

from __future__ import annotations

import pytest

from engine.dispatch.policy.compile import compile_policy
from sim.live.commands import DRAIN_S, PLAY_S, SPEED
from sim.live.latency import HONEST_SHARE, Latencies, Measured
from sim.scenario import clock_ms
from tests.sim.stage import shop


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


def test_the_default_play_is_short_has_its_trouble_and_stays_honest() -> None:
    """With both p99 at 25 ms, as on a busy small machine, the default speed leaves the waits true; the carrier's trouble
    begins and ends before the doors close; setting out, draining and verifying have fifteen seconds left of three minutes."""
    measured = Measured()
    measured.offers.add(25)
    measured.acks.add(25)
    scenario = shop()
    offer_ms = min(queue.offer_ms for queue in compile_policy(scenario.policy_text).queues.values())
    assert measured.distortion(SPEED, offer_ms) < HONEST_SHARE
    trouble = scenario.day.surges[0]
    begins_ms = (clock_ms(trouble.at) or 0) - scenario.at_ms
    assert 0 < begins_ms < begins_ms + trouble.for_s * 1000 < PLAY_S * SPEED * 1000
    assert PLAY_S + DRAIN_S <= 165
