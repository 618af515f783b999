"""Erlang's formulas: known answers, the limits in which they meet, and no breakdown at thousands of servers."""

from __future__ import annotations

from math import exp, inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.theory.abandonment import PatienceQueue, erlang_a
from sim.theory.erlang import ErlangC, LimitedPlaces, abandoning_queue, erlang_b, log_erlang_b
from sim.theory.lifetimes import (
    Balking,
    Deterministic,
    Exponential,
    HyperExponential,
    Lifetime,
    Lognormal,
    Weibull,
)
from sim.theory.limits import Unstable

LOADS = st.floats(0.5, 60)
SERVERS = st.integers(1, 60)


def test_three_lines_for_two_callers() -> None:
    """One caller at a time on average meets two lines: a fifth is turned away, a third waits where waiting is allowed."""
    assert erlang_b(1.0, 2) == pytest.approx(0.2, rel=1e-14)
    assert ErlangC(1.0, 1.0, 2).delay_probability == pytest.approx(1 / 3, rel=1e-14)
    assert erlang_b(5.0, 0) == 1.0


def test_five_thousand_servers_are_as_safe_as_five() -> None:
    """Nothing over- or underflows: a hopeless overload, a deep underload and the edge between them, at 5,000."""
    assert erlang_b(50_000.0, 5_000) == pytest.approx(1 - 5_000 / 50_000, rel=1e-3)
    assert -inf < log_erlang_b(1.0, 5_000) < -30_000
    edge = ErlangC(4_950.0, 1.0, 5_000)
    assert 0.3 < edge.delay_probability < 0.6
    for arrivals in (1.0, 4_950.0, 5_000.0, 8_000.0, 50_000.0):
        model = erlang_a(arrivals, 1.0, 5_000, 0.5)
        levels = abandoning_queue(arrivals, 1.0, 5_000, 0.5)
        assert model.delay_probability == pytest.approx(levels.probabilities[5_000:].sum(), rel=1e-9, abs=1e-15)
        assert 0 <= model.abandonment <= 1
        assert model.mean_queue == pytest.approx(levels.mean((levels.levels - 5_000).clip(min=0)), rel=1e-8, abs=1e-12)


@given(LOADS, SERVERS)
def test_the_wait_without_places_is_the_loss(load: float, servers: int) -> None:
    """As many places as servers: nobody waits, and who is refused is Erlang B."""
    model = LimitedPlaces(load, 1.0, servers, servers)
    assert model.blocked == pytest.approx(erlang_b(load, servers), rel=1e-9)
    assert model.delay_probability == 0
    assert model.mean_wait == 0


@given(st.floats(0.05, 0.9), st.integers(1, 40), st.floats(0.01, 3))
def test_endless_places_are_erlang_c(occupancy: float, servers: int, t: float) -> None:
    """With room for everybody, the limited queue is the endless one, down to the tail of the wait."""
    endless = ErlangC(occupancy * servers, 1.0, servers)
    limited = LimitedPlaces(occupancy * servers, 1.0, servers, servers + 600)
    assert limited.delay_probability == pytest.approx(endless.delay_probability, rel=1e-8)
    assert limited.mean_wait == pytest.approx(endless.mean_wait, rel=1e-8)
    assert limited.wait_tail(t) == pytest.approx(endless.wait_tail(t), rel=1e-6, abs=1e-12)


@given(st.floats(0.05, 0.95), st.integers(1, 80))
def test_patience_without_end_is_erlang_c(occupancy: float, servers: int) -> None:
    """Nobody ever leaves: Erlang A by quadrature says what Erlang C says; with a little impatience, nearly so."""
    patient, endless = erlang_a(occupancy * servers, 1.0, servers, 0.0), ErlangC(occupancy * servers, 1.0, servers)
    assert patient.delay_probability == pytest.approx(endless.delay_probability, rel=1e-9)
    assert patient.mean_wait == pytest.approx(endless.mean_wait, rel=1e-9)
    assert patient.wait_percentile(0.95) == pytest.approx(endless.wait_percentile(0.95), rel=1e-9, abs=1e-12)
    assert patient.abandonment == 0
    nearly = erlang_a(occupancy * servers, 1.0, servers, 1e-7)
    assert nearly.mean_wait == pytest.approx(endless.mean_wait, rel=1e-3)


@given(LOADS, SERVERS, st.floats(0.05, 5))
def test_erlang_a_by_quadrature_is_the_birth_death_process(load: float, servers: int, abandon: float) -> None:
    """Two roads to one answer: the integral over the wait, and the sum over the number in system."""
    model, levels = erlang_a(load, 1.0, servers, abandon), abandoning_queue(load, 1.0, servers, abandon)
    waiting = levels.mean((levels.levels - servers).clip(min=0))
    assert model.delay_probability == pytest.approx(levels.probabilities[servers:].sum(), rel=1e-9)
    assert model.mean_queue == pytest.approx(waiting, rel=1e-9)
    assert model.abandonment == pytest.approx(abandon * waiting / load, rel=1e-9)
    assert model.mean_in_system == pytest.approx(levels.mean(levels.levels), rel=1e-9)


PATIENCES: list[Lifetime] = [
    Exponential(0.7),
    Deterministic(0.8),
    HyperExponential((0.3, 0.7), (4.0, 0.4)),
    Weibull(1.2, 0.6),
    Weibull(0.9, 2.5),
    Lognormal(1.5, 1.2),
    Balking(0.15, Exponential(0.5)),
]


@given(LOADS, SERVERS, st.sampled_from(PATIENCES), st.floats(0.01, 2))
def test_what_holds_for_any_patience(load: float, servers: int, patience: Lifetime, within: float) -> None:
    """Work is conserved, the waits' mean is their tail's integral, and the three service levels keep their order."""
    model = PatienceQueue(load, 1.0, servers, patience)
    levels = [
        model.service_level_all(within),
        model.service_level_excluding(within),
        model.service_level_served(within),
    ]
    assert 0 <= levels[0] <= min(levels[1], levels[2]) <= max(levels) <= 1 + 1e-12
    assert model.occupancy <= 1 + 1e-12
    assert model.mean_in_system == pytest.approx(model.mean_queue + load * (1 - model.abandonment), rel=1e-9)
    served = model.mean_wait_served * (1 - model.abandonment)
    assert served <= model.mean_wait + 1e-12
    assert model.left_within(within) <= model.abandonment + 1e-12
    assert model.service_level_served(1e6) == pytest.approx(1.0, rel=1e-9)
    late = model.served_wait_percentile(0.9)
    assert late == 0 or model.service_level_served(late) == pytest.approx(0.9, abs=1e-9)


def test_mixtures_of_one_rate_are_that_rate() -> None:
    """A hyper-exponential of equal phases and a Weibull of shape 1 are the exponential, and the figures agree."""
    plain = erlang_a(50.0, 1.0, 48, 0.5)
    for patience in (HyperExponential((0.4, 0.6), (0.5, 0.5)), Weibull(2.0, 1.0), Balking(0.0, Exponential(0.5))):
        same = PatienceQueue(50.0, 1.0, 48, patience)
        assert same.abandonment == pytest.approx(plain.abandonment, rel=1e-11)
        assert same.mean_wait_served == pytest.approx(plain.mean_wait_served, rel=1e-11)
        assert same.service_level_excluding(0.1) == pytest.approx(plain.service_level_excluding(0.1), rel=1e-11)


def test_a_narrow_lognormal_is_a_fixed_patience() -> None:
    """Patience that hardly varies: abandonment tends to that of a deterministic one."""
    fixed = PatienceQueue(50.0, 1.0, 48, Deterministic(0.5)).abandonment
    gaps = [abs(PatienceQueue(50.0, 1.0, 48, Lognormal(0.5, sigma)).abandonment - fixed) for sigma in (0.4, 0.1, 0.02)]
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] < 2e-3


def test_the_mean_is_the_tail_summed_up() -> None:
    """The wait's tail, summed in small steps, gives the mean wait that the formula gives."""
    for patience in PATIENCES:
        model = PatienceQueue(30.0, 1.0, 28, patience)
        step = 0.0075
        summed = step * sum(model.wait_tail(step * (count + 0.5)) for count in range(800))
        assert summed == pytest.approx(model.mean_wait, rel=2e-3)


def test_an_endless_queue_is_refused() -> None:
    """As much work as servers and nobody leaves: no steady state, said so; half leaving at once saves it."""
    with pytest.raises(Unstable, match="must be below"):
        ErlangC(5.0, 1.0, 5)
    with pytest.raises(Unstable, match="must be below"):
        _ = erlang_a(5.0, 1.0, 5, 0.0).abandonment
    with pytest.raises(Unstable):
        _ = PatienceQueue(12.0, 1.0, 5, Balking(0.5, Exponential(0.0))).abandonment
    assert PatienceQueue(8.0, 1.0, 5, Balking(0.5, Exponential(0.0))).abandonment > 0.3
    with pytest.raises(ValueError, match=r"servers must be a whole number ≥ 1, got 0"):
        ErlangC(0.5, 1.0, 0)
    with pytest.raises(ValueError, match="shares must sum to 1"):
        HyperExponential((0.5, 0.6), (1.0, 2.0))


def test_percentiles_undo_the_tail() -> None:
    """The wait that 99 in 100 do not exceed is exceeded by one in 100; nobody's median is above zero when few wait."""
    for model in (ErlangC(48.0, 1.0, 50), erlang_a(48.0, 1.0, 50, 0.5)):
        assert model.wait_tail(model.wait_percentile(0.99)) == pytest.approx(0.01, rel=1e-9)
    assert ErlangC(10.0, 1.0, 50).wait_percentile(0.5) == 0
    assert erlang_a(10.0, 1.0, 50, 0.5).wait_percentile(0.5) == 0
    assert ErlangC(48.0, 1.0, 50).wait_tail(1.0) == pytest.approx(0.6944556111968343 * exp(-2.0), rel=1e-9)
