"""Customers come as the profile says, the same for the same seed, and whatever the window."""

from __future__ import annotations

from collections import Counter
from math import sqrt

import msgspec
import pytest

from sim.arrivals import Plan, arrivals, mean_arrivals
from sim.scenario import DAY_MS, HALF_HOUR_MS, Scenario, clock_ms
from sim.streams import Streams
from tests.sim.stage import shop

HOUR_MS = 2 * HALF_HOUR_MS


def _plans(scenario: Scenario, begin_ms: int, end_ms: int) -> list[Plan]:
    return list(arrivals(scenario, Streams(scenario.seed), begin_ms, end_ms))


def test_one_seed_gives_one_day_and_another_another() -> None:
    """Two runs meet the very same customers; another seed meets others."""
    first = _plans(shop(seed=3), 10 * HOUR_MS, 11 * HOUR_MS)
    assert first == _plans(shop(seed=3), 10 * HOUR_MS, 11 * HOUR_MS)
    assert first != _plans(shop(seed=4), 10 * HOUR_MS, 11 * HOUR_MS)


def test_where_play_begins_changes_nobody() -> None:
    """Start twelve minutes later and the customers who come after are the same, but for their numbers."""
    whole = _plans(shop(), 10 * HOUR_MS, 11 * HOUR_MS)
    late = _plans(shop(), 10 * HOUR_MS + 720_000, 11 * HOUR_MS)
    kept = [plan for plan in whole if plan.at_ms >= 10 * HOUR_MS + 720_000]
    assert [plan.external_id for plan in late] == [plan.external_id for plan in kept]
    assert [(plan.at_ms, plan.rounds, plan.patience_ms) for plan in late] == [
        (plan.at_ms, plan.rounds, plan.patience_ms) for plan in kept
    ]
    assert [plan.number for plan in late] == list(range(1, len(late) + 1))


def test_a_day_has_its_volume_and_its_shape() -> None:
    """Over many days, each of its own Gamma factor, the mean is the profile's and the days differ by more than chance."""
    scenario = shop(volume=2_000)
    base = [len(_plans(shop(volume=2_000, seed=seed), 14 * HOUR_MS, 15 * HOUR_MS)) for seed in range(150)]
    mean = mean_arrivals(scenario, 14 * HOUR_MS, 15 * HOUR_MS)
    variance = mean + mean * mean / scenario.day.day_alpha
    assert sum(base) / len(base) == pytest.approx(mean, abs=4 * sqrt(variance / len(base)))
    spread = sum((n - mean) ** 2 for n in base) / len(base)
    assert spread == pytest.approx(variance, rel=0.6)
    assert mean_arrivals(scenario, 0, DAY_MS) == pytest.approx(2_000, rel=0.02)


def test_a_surge_adds_its_topic_and_only_in_its_minutes() -> None:
    """At a quarter to ten a carrier's tracking fails: three quarters of the ordinary rate on top, about that one thing."""
    surge = shop().day.surges[0]
    begin = clock_ms(surge.at)
    assert begin is not None
    end = begin + surge.for_s * 1000
    plans = _plans(shop(), 9 * HOUR_MS, 11 * HOUR_MS)
    about = [plan.at_ms for plan in plans if plan.topic == surge.topic]
    assert about and min(about) >= begin and max(about) < end
    rest = [plan for plan in plans if plan.topic != surge.topic and begin <= plan.at_ms < end]
    assert len(about) / len(rest) == pytest.approx(surge.adds, rel=0.15)


def test_some_would_come_back_and_nothing_else_about_anybody_depends_on_it() -> None:
    """A fifth has the temper for it; a scenario without it has the very same customers otherwise."""
    scenario = shop(volume=20_000)
    never = msgspec.structs.replace(scenario.customers, comes_back=0.0)
    plans = _plans(scenario, 10 * HOUR_MS, 12 * HOUR_MS)
    without = _plans(msgspec.structs.replace(scenario, customers=never), 10 * HOUR_MS, 12 * HOUR_MS)
    backs = [plan.back_after_ms for plan in plans if plan.back_after_ms >= 0]
    assert len(backs) / len(plans) == pytest.approx(0.2, abs=0.03)
    assert sum(backs) / len(backs) == pytest.approx(90_000, rel=0.15)
    assert [msgspec.structs.replace(plan, back_after_ms=-1, returns=0) for plan in plans] == without


def test_double_eleven_opens_at_eight_times_with_a_spike_in_its_first_minute() -> None:
    """The first half hour is the day's tallest, its first minute twice as tall."""
    plans = _plans(shop(day="double11", volume=200_000), 0, HALF_HOUR_MS)
    first = sum(plan.at_ms < 60_000 for plan in plans)
    later = sum(plan.at_ms >= 60_000 for plan in plans) / 29
    assert later == pytest.approx(384, rel=0.35)
    assert first / later == pytest.approx(2.0, rel=0.15)


def test_customers_are_as_the_file_says() -> None:
    """Channels, shops, temper and patience have their shares and means; a mail is one round."""
    scenario = shop()
    plans = _plans(scenario, 9 * HOUR_MS, 14 * HOUR_MS)
    n = len(plans)
    channels = Counter(plan.channel for plan in plans)
    for name, channel in scenario.channels.items():
        assert channels[name] / n == pytest.approx(channel.share, abs=0.015)
    vips = sum(plan.attributes.get("tier") == "vip" for plan in plans) / n
    assert vips == pytest.approx(scenario.tiers["vip"].share, abs=0.005)
    assert all(len(plan.rounds) == 1 for plan in plans if plan.mail)
    assert sum(len(p.rounds) for p in plans if not p.mail) / n == pytest.approx(scenario.customers.rounds, rel=0.05)
    assert all(plan.requires == ("english" if plan.language == "en" else "") for plan in plans)
    assert sum(plan.patience_ms for plan in plans) / n == pytest.approx(407_000, rel=0.05)


def test_past_midnight_the_day_repeats() -> None:
    """A window over midnight goes on with the next day's first half hour."""
    plans = _plans(shop(day="double11", volume=20_000), 23 * HOUR_MS + HALF_HOUR_MS, 24 * HOUR_MS + HALF_HOUR_MS)
    before = sum(plan.at_ms < DAY_MS for plan in plans)
    assert before and len(plans) - before > before
