"""Rates that move: days, pulses, waves, offered load; and staff found by search."""

from __future__ import annotations

from math import exp, sqrt

import numpy as np
import pytest

from sim.theory.abandonment import erlang_a
from sim.theory.days import Day, Pulse
from sim.theory.erlang import ErlangC, LimitedPlaces
from sim.theory.lifetimes import Deterministic, Exponential, Lognormal
from sim.theory.offered_load import SineLoad, busy_probability, piecewise_load, staff_by_load, staff_for_delay
from sim.theory.qed import beta_for, garnett, garnett_abandonment, halfin_whitt, square_root_staff
from sim.theory.staffing import cover_by_shifts, erlang_c_staff, least_staff
from sim.theory.transients import Outcomes, carry, settle
from sim.theory.uncertain_days import DayCounts, MixedErlangA, over_days
from sim.theory.waves import exact_staff, iterative_staff


def test_a_long_day_is_the_steady_state() -> None:
    """After thousands of services the start is forgotten: a day's figures are Erlang's, with and without abandonment."""
    day, steady = Day((8_000.0,), (4.0,), 0.5, 10), ErlangC(4.0, 0.5, 10)
    assert day.served_within(0.5) / day.arrivals == pytest.approx(steady.service_level_all(0.5), rel=1e-3)
    assert day.mean_wait_served == pytest.approx(steady.mean_wait, rel=3e-3)
    leaving, model = Day((8_000.0,), (6.0,), 0.5, 10, None, 0.3), erlang_a(6.0, 0.5, 10, 0.3)
    assert leaving.abandoned / leaving.arrivals == pytest.approx(model.abandonment, rel=1e-3)
    assert leaving.mean_wait_entered == pytest.approx(model.mean_wait, rel=1e-3)
    assert leaving.mean_wait_served == pytest.approx(model.mean_wait_served, rel=1e-3)
    assert leaving.served_within(0.5) / leaving.arrivals == pytest.approx(model.service_level_all(0.5), rel=1e-3)
    full = Day((8_000.0,), (6.0,), 0.5, 10, 14)
    assert full.blocked / full.arrivals == pytest.approx(LimitedPlaces(6.0, 0.5, 10, 14).blocked, rel=1e-3)


def test_a_day_in_pieces_is_the_day() -> None:
    """Cut in three at the same rate, nothing changes; everybody who comes is served, blocked or gone."""
    whole, cut = Day((300.0,), (5.0,), 0.5, 9, 20, 0.2), Day((50.0, 130.0, 120.0), (5.0, 5.0, 5.0), 0.5, 9, 20, 0.2)
    assert cut.served == pytest.approx(whole.served, rel=1e-10)
    assert cut.mean_queue_at_end == pytest.approx(whole.mean_queue_at_end, rel=1e-10)
    assert whole.served + whole.blocked + whole.abandoned == pytest.approx(1_500.0, rel=1e-10)
    idle_morning = Day((100.0, 100.0), (0.0, 5.0), 0.5, 9)
    assert idle_morning.served == pytest.approx(500.0, rel=1e-10)
    assert idle_morning.mean_wait_served == pytest.approx(Day((100.0,), (5.0,), 0.5, 9).mean_wait_served, rel=1e-9)


def test_who_is_found_waiting_decides() -> None:
    """Behind nobody, at the head of the line: served with probability nμ ÷ (nμ + θ), after that long on average."""
    outcomes = Outcomes(4, 0.5, 0.3, 3)
    assert outcomes.served[0] == pytest.approx(2.0 / 2.3, rel=1e-14)
    assert outcomes.wait[0] == pytest.approx(1 / 2.3, rel=1e-14)
    assert outcomes.served_within(1.0)[0] == pytest.approx(2.0 / 2.3 * (1 - exp(-2.3)), rel=1e-12)
    assert outcomes.served_within(200.0) == pytest.approx(outcomes.served, rel=1e-12)
    assert outcomes.served_within(0.0) == pytest.approx([0, 0, 0])


def test_two_roads_forward_in_time() -> None:
    """Uniformisation and the differential equation carry a queue to the same place."""
    births, deaths = np.full(30, 3.0), 0.5 * np.minimum(np.arange(1, 31), 5)
    start = np.eye(31)[0]
    exact, spent = settle(births, deaths, start, 7.0)
    assert exact == pytest.approx(carry(lambda _: births, deaths, start, [0.0, 7.0])[-1], abs=1e-8)
    assert spent.sum() == pytest.approx(7.0, rel=1e-12)
    later, _ = settle(births, deaths, exact, 5_000.0)
    again, _ = settle(births, deaths, later, 5_000.0)
    assert again == pytest.approx(later, abs=1e-14)


def test_a_pulse_that_changes_nothing() -> None:
    """Peak equal to base: the steady state stays, in counts and at every moment; the fluid stands still."""
    flat = Pulse(20.0, 20.0, 10.0, 20.0, 5.0, 0.5, 40, 0.3, 60.0)
    model = erlang_a(20.0, 0.5, 40, 0.3)
    assert flat.abandoned / flat.arrivals == pytest.approx(model.abandonment, rel=1e-7)
    assert flat.served_within(0.4) / flat.arrivals == pytest.approx(model.service_level_all(0.4), rel=1e-7)
    assert flat.at(33.3)[0] == pytest.approx(model.mean_queue, rel=1e-7)
    assert flat.at(20.0)[1] == pytest.approx(model.delay_probability, rel=1e-7)
    assert flat.fluid([0.0, 15.0, 60.0]) == pytest.approx([40.0, 40.0, 40.0], rel=1e-9)


def test_a_pulse_is_missed_by_its_average() -> None:
    """Four hundred places, three times the arrivals for half an hour: the average rate foresees a third of the losses."""
    pulse = Pulse(40.0, 120.0, 10.0, 40.0, 30.0, 1 / 6, 400, 0.5, 150.0)
    average = erlang_a(pulse.arrivals / 150.0, 1 / 6, 400, 0.5)
    assert pulse.abandoned / pulse.arrivals == pytest.approx(0.205, abs=1e-3)
    assert average.abandonment < 0.09
    assert pulse.longest[1] == pytest.approx(40.0, abs=0.2)
    dropped = Pulse(40.0, 120.0, 10.0, 40.0, 0.0, 1 / 6, 400, 0.5, 150.0)
    assert dropped.arrivals == pytest.approx(40.0 * 150 + 80 * 30)
    assert dropped.rate(41.0) == 40.0
    assert dropped.abandoned < pulse.abandoned


def test_the_load_of_endless_servers() -> None:
    """A wave's load lags behind it and swings less; pieces of one rate rise to the rate × the mean service."""
    wave = SineLoad(100.0, 20.0, 1.0, 1.0)
    assert max(wave.load(t / 50) for t in range(315)) == pytest.approx(100 + 20 / sqrt(2), abs=0.01)
    assert wave.load(1.0) < wave.rate(1.0)
    started = SineLoad(100.0, 20.0, 1.0, 1.0, from_empty=True)
    assert started.load(0.0) == pytest.approx(0.0, abs=1e-12)
    assert started.load(40.0) == pytest.approx(wave.load(40.0), rel=1e-9)
    pieces = piecewise_load([0.0, 10.0, 20.0], [3.0, 6.0], Exponential(0.5), [0.0, 10.0, 15.0, 40.0])
    assert pieces[1] == pytest.approx(6.0 * (1 - exp(-5)), rel=1e-12)
    assert pieces[2] == pytest.approx(6.0 * (exp(-2.5) - exp(-7.5)) + 12.0 * (1 - exp(-2.5)), rel=1e-12)
    assert pieces[0] == 0
    fixed = piecewise_load([0.0, 10.0], [3.0], Deterministic(2.0), [1.0, 5.0, 11.0, 13.0])
    assert fixed == pytest.approx([3.0, 6.0, 3.0, 0.0])
    settled = piecewise_load([0.0, 500.0], [3.0], Lognormal(2.0, 0.9), [500.0])
    assert settled == pytest.approx([6.0], rel=1e-6)


def test_a_wave_of_staff_keeps_the_delay_level() -> None:
    """People leave as fast as they are served: the iteration finds the exact staff; else it still keeps to its target."""
    wave = SineLoad(30.0, 9.0, 1.0, 1.0)
    found = iterative_staff(wave, 1.0, 0.3, moments=48)
    for moment in range(0, 48, 7):
        t = float(found.times[moment])
        assert abs(found.at(t)[0] - exact_staff(wave, 0.3, t)[0]) <= 1
    patient = iterative_staff(wave, 0.4, 0.3, moments=32)
    assert (patient.delay <= 0.3).all()
    assert (patient.delay > 0.15).all()
    assert sum(patient.staff) / 32 > sum(found.staff) / 48
    assert (
        busy_probability(12.0, staff_for_delay(12.0, 0.1))
        <= 0.1
        < busy_probability(12.0, staff_for_delay(12.0, 0.1) - 1)
    )


def test_staff_by_the_load_of_the_moment() -> None:
    """No load needs nobody; a steady load needs what Erlang A asks for it."""
    staff = staff_by_load([0.0, 48.0], 1.0, 0.5, lambda model: model.delay_probability <= 0.2)
    assert staff[0] == 0
    assert erlang_a(48.0, 1.0, staff[1], 0.5).delay_probability <= 0.2
    assert erlang_a(48.0, 1.0, staff[1] - 1, 0.5).delay_probability > 0.2


def test_thousands_of_servers_tend_to_the_limits() -> None:
    """Halfin–Whitt and Garnett: at 2,500 servers the formulas are within a few per cent of the exact models."""
    load, beta = 2_500.0, 0.7
    servers = square_root_staff(load, beta)
    exact_beta = (servers - load) / sqrt(load)
    assert ErlangC(load, 1.0, servers).delay_probability == pytest.approx(halfin_whitt(exact_beta), rel=0.02)
    model = erlang_a(load, 1.0, servers, 0.4)
    assert model.delay_probability == pytest.approx(garnett(exact_beta, 0.4), rel=0.02)
    assert model.abandonment * sqrt(servers) == pytest.approx(garnett_abandonment(exact_beta, 0.4), rel=0.03)
    assert garnett(beta, 1e-9) == pytest.approx(halfin_whitt(beta), rel=1e-3)
    assert garnett(beta_for(0.2, 0.4), 0.4) == pytest.approx(0.2, rel=1e-9)
    assert halfin_whitt(beta_for(0.2)) == pytest.approx(0.2, rel=1e-9)


def test_the_search_finds_the_least() -> None:
    """From far below, far above or on the spot, the same fewest staff; an impossible target is said to be one."""
    for least in (1, 2, 57, 4_000):
        for near in (1, least, 9_999):
            assert least_staff(lambda servers, least=least: servers >= least, near) == least
    with pytest.raises(ValueError, match="no staff up to"):
        least_staff(lambda _: False)
    fewest = erlang_c_staff(20.0, 0.2, 1 / 3, 0.8)
    assert ErlangC(20.0, 0.2, fewest).service_level_all(1 / 3) >= 0.8
    assert ErlangC(20.0, 0.2, fewest - 1).service_level_all(1 / 3) < 0.8


def test_shifts_cover_every_hour() -> None:
    """A peak of three hours among shifts of two: four shifts, each hour covered; a short one is bought where it is cheaper."""
    demand = [0, 2, 2, 2, 0, 0]
    found = cover_by_shifts(demand, [2], [1.0])
    on = [found.starts[0][hour] + found.starts[0][hour - 1] for hour in range(6)]
    assert all(people >= wanted for people, wanted in zip(on, demand, strict=True))
    assert found.cost == 4
    assert cover_by_shifts(demand, [2, 1], [1.0, 0.4]).cost == pytest.approx(2.4)
    assert cover_by_shifts([2, 0, 0, 0, 0, 2], [2], [1.0]).starts == ((0, 0, 0, 0, 0, 2),)
    with pytest.raises(ValueError, match="a shift takes 1…6 periods"):
        cover_by_shifts(demand, [7], [1.0])


def test_uncertain_days_lose_more() -> None:
    """The busy days weigh more: mixed abandonment exceeds that of the mean day, and tends to it as days become alike."""
    plain = erlang_a(48.0, 1.0, 50, 0.5)
    rough, smooth = (MixedErlangA(48.0, 1.0, 50, 0.5, alpha) for alpha in (10.0, 1e5))
    assert rough.per_contact(lambda day: day.abandonment)[0] > 2 * plain.abandonment
    assert smooth.per_contact(lambda day: day.abandonment)[0] == pytest.approx(plain.abandonment, rel=1e-2)
    assert rough.per_time(lambda day: day.mean_queue)[0] > plain.mean_queue
    assert rough.per_contact(lambda day: day.arrivals / 48.0)[0] == pytest.approx(1.1, rel=1e-9)
    assert over_days(3.0, lambda factor: [1.0, factor, factor**2]) == pytest.approx([1.0, 1.0, 4 / 3], rel=1e-9)
    assert DayCounts(100.0, 25.0).dispersion == pytest.approx(5.0)
