"""Cases in time, as many short runs of the twin: days, pulses, days whose rate is uncertain, endless servers.

A replication's row holds what it added up; its metrics are means over replications, or ratios of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import sqrt
from typing import Any

import numpy as np
from scipy.stats import gamma

from sim.streams import Streams
from sim.theory.lifetimes import Array, Exponential
from sim.twin.batches import Budget, many_runs
from sim.twin.estimates import Estimate, Rows, ratio
from sim.twin.model import Crew, Kind, Model
from sim.twin.play import Play
from sim.validation.cases import Case
from sim.validation.kinds import DayParams, GammaMixedParams, GammaPoissonParams, MmnmParams, MtInfParams, PulseParams
from sim.validation.metrics import parse_metric
from sim.validation.policies import Line, Team, policy_of
from sim.validation.readings import Reader, mark_of, queue_readings
from sim.validation.twin_queues import STEADY

Answers = Mapping[str, Callable[..., Estimate]]
Course = Callable[[Case, Any, int, Budget], tuple[Rows, Answers]]

# From as many as there are on average to the steady state, in means of what is slowest to settle: exp(−12) of the variance
# is missing.
SETTLING = 6.0
# A day is settled when the way there is exp(−this).
SETTLED = 20.0
# A day with an uncertain rate: contacts that are measured, and those before them that are not.
MIXED_CONTACTS, MIXED_SETTLING = 1_500, 700
# Days of a row, one from each stratum of the law of their rate.
STRATA = 16
# Servers enough that one is always free: so many deviations above the largest load.
DEVIATIONS = 8.0
# Days' counts that are drawn: enough for a variance within 5 %.
DAYS_DRAWN = 20_000


def _model(kind: Kind, agents: int, ceiling: int = 0) -> Model:
    """One queue before one crew."""
    return Model(policy_of([Line("q1", ("p1",), ceiling=ceiling)], [Team("p1")]), (kind,), (Crew("p1", agents),))


def _row(play: Play, before: list[int], places: Mapping[str, int]) -> dict[str, float]:
    now = play.row()
    return {name: float(now[place] - before[place]) for name, place in places.items()}


def _drained(play: Play, chunk_ms: int) -> None:
    """Until nobody is left."""
    while play.waiting() or play.busy():
        play.run(play.now + chunk_ms)


def _mean(values: Array) -> Estimate:
    return Estimate(float(values.mean()), float(values.std(ddof=1)) / sqrt(len(values)), len(values) - 1)


# --- a day ----------------------------------------------------------------------------------------------------------


def _day(case: Case, params: DayParams, seed: int, budget: Budget) -> tuple[Rows, Answers]:
    day_ms, rate = round(params.day * case.unit_ms), params.lam / case.unit_ms
    kind = Kind(
        "q1", rate, Exponential(params.mu), case.unit_ms, Exponential(params.theta), end_ms=day_ms
    )  # fmt: skip
    room = params.K - params.n if params.K is not None else 0
    mark = mark_of(params.T, case.unit_ms)
    model = _model(kind, params.n, room)
    # Settled long before its end, a day ends as its later part is on average: more to count than one instant.
    steady_ms = round(_steady_from(params) * case.unit_ms)

    def replay(own: int) -> Mapping[str, float]:
        play = Play(model, own, (mark,))
        before, places = play.row(), {name: place for place, name in enumerate(play.columns())}
        play.run(steady_ms)
        late = play.row()
        play.run(day_ms)
        late_row = _row(play, late, places)
        at_end = {
            "queue_at_end": float(play.waiting()),
            "waits_at_end": float(play.busy() == params.n and not (room and play.waiting() >= room)),
            "queue_late": late_row["kind0.queue"],
            "waited_late": late_row["kind0.waited"],
            "arrived_late": late_row["kind0.arrived"],
        }
        open_hours = _row(play, before, places)["crew0.busy.0"]
        _drained(play, case.unit_ms)
        row = _row(play, before, places)
        return {**row, **at_end, "busy_open": open_hours, "contacts": row["kind0.arrived"]}

    rows = many_runs(replay, seed, budget)
    reader = Reader(rows, case.unit_ms, (mark,))
    served = reader.of((0,), "direct", "served")
    good = reader.good((0,), params.T)
    arrived = reader.arrived((0,))
    return rows, {
        "E_arrivals": lambda: _mean(arrived),
        "E_blocked": lambda: _mean(reader.blocked((0,))),
        "E_abandoned": lambda: _mean(reader.of((0,), "abandoned")),
        "E_served": lambda: _mean(served),
        "E_served_in_T": lambda: _mean(good),
        "SL_served(T)": lambda: ratio(good, served),
        "SL_with_blocked(T)": lambda: ratio(good, arrived),
        "SL_all(T)": lambda: ratio(good, arrived),
        "E_W_served": lambda: ratio(reader.of((0,), "served_wait") / case.unit_ms, served),
        "E_W_entered": lambda: ratio(reader.waits((0,)), reader.ended((0,))),
        "occupancy_during_day": lambda: _mean(rows["busy_open"] / (day_ms * params.n)),
        "P_wait_at_end": lambda: (
            ratio(rows["waited_late"], rows["arrived_late"]) if steady_ms else _mean(rows["waits_at_end"])
        ),
        "E_Lq_at_end": lambda: _mean(rows["queue_late"] / (day_ms - steady_ms) if steady_ms else rows["queue_at_end"]),
    }


def _steady_from(params: DayParams) -> float:
    """From when on, in units, the day does not differ from its steady state by anything to be seen (0: never before it ends).

    The way there shortens like exp(−gap × t); without abandonment the gap of M/M/n is at least that of its busy part or of
    its idle one, with abandonment at least the slower rate of the two.
    """
    spare = sqrt(params.n * params.mu) - sqrt(params.lam)
    gap = min(params.mu, params.theta) if params.theta else min(spare * abs(spare), params.mu)
    settled = SETTLED / gap if gap > 0 else params.day
    return settled if settled < params.day / 2 else 0.0


# --- a pulse --------------------------------------------------------------------------------------------------------


def _pulse(case: Case, params: PulseParams, seed: int, budget: Budget) -> tuple[Rows, Answers]:
    """Those who come within the horizon are followed to their end; the way to the steady start comes before."""
    unit = case.unit_ms
    way = 0.0 if params.start == "empty" else SETTLING / min(params.mu, params.theta)
    begin, end = round(way * unit), round((way + params.horizon) * unit)
    highest = max(params.base, params.peak)
    load = int(min(params.base / params.mu, params.n)) if way else 0
    kind = Kind(
        "q1", highest / unit, Exponential(params.mu), unit, Exponential(params.theta),
        share=lambda at: _pulse_rate(params, at / unit - way) / highest, end_ms=end, present=load,
    )  # fmt: skip
    mark = mark_of(params.T, unit)
    room = params.K - params.n if params.K is not None else 0
    model = _model(kind, params.n, room)
    instants = sorted(
        {parse_metric(name).numbers[0] for name in case.expected if name.startswith(("E_Lq(", "P_wait("))}
    )

    def replay(own: int) -> Mapping[str, float]:
        play = Play(model, own, (mark,))
        places = {name: place for place, name in enumerate(play.columns())}
        play.run(begin)
        before = play.row()
        seen: dict[str, float] = {}
        for t in instants:
            at = begin + round(t * unit)
            play.run(at)
            seen |= {f"queue@{t:g}": float(play.waiting()), f"busy@{t:g}": float(play.busy() == params.n)}
        play.run(end)
        left = _row(play, before, places)["kind0.abandoned"]
        _drained(play, unit)
        row = _row(play, before, places)
        return {**row, **seen, "left_within": left, "contacts": row["kind0.arrived"]}

    rows = many_runs(replay, seed, budget)
    reader = Reader(rows, unit, (mark,))
    arrived = reader.arrived((0,))
    return rows, {
        "E_arrivals": lambda: _mean(arrived),
        "E_abandoned": lambda: _mean(rows["left_within"]),
        "frac_abandoned": lambda: ratio(rows["left_within"], arrived),
        "SL_all_T": lambda: ratio(reader.good((0,), params.T), arrived),
        "E_Lq(#)": lambda t: _mean(rows[f"queue@{t:g}"]),
        "P_wait(#)": lambda t: _mean(rows[f"busy@{t:g}"]),
    }


def _pulse_rate(params: PulseParams, t: Array) -> Array:
    """λ(t), base before the beginning."""
    after = np.maximum(t - params.t2, 0.0)
    fading = np.exp(-after / params.decay) if params.decay else np.where(after > 0, 0.0, 1.0)
    falling = params.base + (params.peak - params.base) * fading
    return np.where(t < params.t1, params.base, np.where(t < params.t2, params.peak, falling))


# --- uncertain days -------------------------------------------------------------------------------------------------


def _gamma_mixed(case: Case, params: GammaMixedParams, seed: int, budget: Budget) -> tuple[Rows, Answers]:
    """Each row is some days, one from each stratum of the rate's law: stationary stretches, all equally long."""
    base = STEADY["mmn_m"](case, MmnmParams(lam=params.lam, mu=params.mu, n=params.n, theta=params.theta))
    kind = base.model.kinds[0]
    numbers = {number for name in case.expected for number in parse_metric(name).numbers}
    marks = tuple(sorted({mark_of(number, case.unit_ms) for number in numbers}))
    measured, settling = round(MIXED_CONTACTS / kind.rate), round(MIXED_SETTLING / kind.rate)

    def stretch(own: int, factor: float) -> dict[str, float]:
        there = min(int(factor * params.lam / params.mu), params.n)
        play = Play(replace(base.model, kinds=(replace(kind, rate=kind.rate * factor, present=there),)), own, marks)
        places = {name: place for place, name in enumerate(play.columns())}
        play.run(settling)
        before = play.row()
        play.run(settling + measured)
        row = _row(play, before, places)
        return {**row, "contacts": row["kind0.arrived"]}

    def replay(own: int) -> Mapping[str, float]:
        draws = Streams(own).stream("days").random(STRATA)
        factors = gamma.ppf((np.arange(STRATA) + draws) / STRATA, params.alpha) / params.alpha
        days = [stretch(own + place, factor) for place, factor in enumerate(factors.tolist())]
        return {name: sum(day[name] for day in days) for name in days[0]}

    rows = many_runs(replay, seed, budget)
    readings = queue_readings(Reader(rows, case.unit_ms, marks), (0,), params.n)
    return rows, {shape: _answer(reading) for shape, reading in readings.items()}


def _answer(reading: Callable[..., tuple[Array, Array]]) -> Callable[..., Estimate]:
    return lambda *numbers: ratio(*reading(*numbers))


def _gamma_poisson(case: Case, params: GammaPoissonParams, seed: int, budget: Budget) -> tuple[Rows, Answers]:
    """Counts alone: nobody is routed. A day's rate is drawn, then who comes in it."""
    rng = Streams(seed).stream("days")
    counts = rng.poisson(params.mean * rng.gamma(params.alpha, 1 / params.alpha, DAYS_DRAWN)).astype(float)
    # Moments of batches of days, so that their scatter is known.
    parts = counts.reshape(50, -1)
    rows = Rows(["mean", "variance"], np.column_stack([parts.mean(axis=1), parts.var(axis=1, ddof=1)]))
    mean, variance = _mean(rows["mean"]), _mean(rows["variance"])
    deviation, dispersion = sqrt(variance.value), variance.value / mean.value
    return rows, {
        "E_N": lambda: mean,
        "Var_N": lambda: variance,
        "SD_N": lambda: Estimate(deviation, variance.error / (2 * deviation), variance.freedom),
        "dispersion": lambda: replace(ratio(rows["variance"], rows["mean"]), value=dispersion),
    }


# --- endless servers ------------------------------------------------------------------------------------------------


def _mt_inf(case: Case, params: MtInfParams, seed: int, budget: Budget) -> tuple[Rows, Answers]:
    """More agents than ever are busy."""
    unit = case.unit_ms
    highest = params.a + abs(params.b)
    agents = int(highest / params.mu + DEVIATIONS * sqrt(highest / params.mu)) + 1
    period = 2 * np.pi / params.omega if params.omega else 1.0
    # Whole periods before the beginning: the sine is where it should be.
    way = 0.0 if params.start == "empty" else np.ceil(2 * SETTLING / params.mu / abs(period)) * abs(period)
    begin = round(way * unit)
    kind = Kind(
        "q1", highest / unit, Exponential(params.mu), unit,
        share=lambda at: (params.a + params.b * np.sin(params.omega * (at - begin) / unit)) / highest,
        present=int(params.a / params.mu) if way else 0,
    )  # fmt: skip
    model = _model(kind, agents)
    instants = sorted({parse_metric(name).numbers[0] for name in case.expected})

    def replay(own: int) -> Mapping[str, float]:
        play = Play(model, own)
        seen = {}
        for t in instants:
            at = begin + round(t * unit)
            play.run(at)
            seen[f"busy@{t:g}"] = float(play.busy() + play.waiting())
        return {**seen, "contacts": float(play.kinds[0].arrived)}

    rows = many_runs(replay, seed, budget)
    return rows, {"m(#)": lambda t: _mean(rows[f"busy@{t:g}"])}


COURSES: Mapping[str, Course] = {
    "day": _day,
    "pulse": _pulse,
    "gamma_mixed": _gamma_mixed,
    "gamma_poisson": _gamma_poisson,
    "mt_inf": _mt_inf,
}
