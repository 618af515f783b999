"""Models whose rates or staff move in time, and the questions that are answered by search."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from sim.theory.abandonment import erlang_a
from sim.theory.days import Day, Pulse
from sim.theory.offered_load import SineLoad
from sim.theory.qed import garnett, halfin_whitt
from sim.theory.staffing import cover_by_shifts, erlang_c_staff, least_staff
from sim.theory.waves import Staffed, exact_staff, iterative_staff
from sim.validation.kinds import (
    DayParams,
    IsaParams,
    MinStaffParams,
    MtInfParams,
    PulseParams,
    QedParams,
    ShiftCoverParams,
)
from sim.validation.roads import Answer, Road


def _mt_inf(params: MtInfParams) -> Road:
    wave = SineLoad(params.a, params.b, params.omega, params.mu, from_empty=params.start == "empty")
    return Road({"m(#)": wave.load})


def _isa(params: IsaParams) -> Road:
    wave = SineLoad(params.a, params.b, params.omega, params.mu)

    @cache
    def staffed() -> Staffed:
        return iterative_staff(wave, params.theta, params.alpha)

    def at(t: float) -> tuple[int, float]:
        return exact_staff(wave, params.alpha, t) if params.theta == params.mu else staffed().at(t)

    return Road({"s(#)": lambda t: at(t)[0], "Pdelay(#)": lambda t: at(t)[1], "m(#)": wave.load})


def _day(params: DayParams) -> Road:
    model = Day((params.day,), (params.lam,), params.mu, params.n, params.K, params.theta)
    within = params.T
    return Road(
        {
            "E_arrivals": lambda: model.arrivals,
            "E_blocked": lambda: model.blocked,
            "E_abandoned": lambda: model.abandoned,
            "E_served": lambda: model.served,
            "E_served_in_T": lambda: model.served_within(within),
            "SL_served(T)": lambda: model.served_within(within) / model.served,
            "SL_with_blocked(T)": lambda: model.served_within(within) / model.arrivals,
            "SL_all(T)": lambda: model.served_within(within) / model.arrivals,
            "E_W_served": lambda: model.mean_wait_served,
            "E_W_entered": lambda: model.mean_wait_entered,
            "occupancy_during_day": lambda: model.occupancy,
            "P_wait_at_end": lambda: model.delay_probability_at_end,
            "E_Lq_at_end": lambda: model.mean_queue_at_end,
        }
    )


def _pulse(params: PulseParams) -> Road:
    model = Pulse(
        base=params.base,
        peak=params.peak,
        rise=params.t1,
        fall=params.t2,
        decay=params.decay,
        service=params.mu,
        servers=params.n,
        abandon=params.theta,
        horizon=params.horizon,
        from_empty=params.start == "empty",
        places=params.K,
    )
    return Road(
        {
            "E_arrivals": lambda: model.arrivals,
            "E_abandoned": lambda: model.abandoned,
            "frac_abandoned": lambda: model.abandoned / model.arrivals,
            "SL_all_T": lambda: model.served_within(params.T) / model.arrivals,
            "max_E_Lq": lambda: model.longest[0],
            "time_of_max": lambda: model.longest[1],
            "E_Lq(#)": lambda t: model.at(t)[0],
            "P_wait(#)": lambda t: model.at(t)[1],
            "fluid_x(#)": lambda t: model.fluid([t])[0],
        }
    )


def _min_staff(params: MinStaffParams) -> Road:
    def without(*numbers: float) -> float:
        return erlang_c_staff(numbers[-1], params.mu, params.T, params.target)

    def with_abandonment(*numbers: float) -> float:
        def meets(servers: int) -> bool:
            model = erlang_a(numbers[-1], params.mu, servers, params.theta)
            return model.service_level_all(params.T) >= params.target

        return least_staff(meets, round(numbers[-1] / params.mu))

    # The title repeats the parameters; its last number is the arrival rate.
    values: dict[str, Answer] = {"ErlangC #/#, AHT # min, lam=#/min": without, "lam=#": without}
    if params.theta:
        values = {"ErlangA #/#, AHT # min, lam=#/min": with_abandonment, "lam=#": with_abandonment}
    return Road(values)


def _qed(_: QedParams) -> Road:
    return Road({"theta/mu=# beta=#": lambda ratio, beta: garnett(beta, ratio), "beta=#": halfin_whitt})


def _shift_cover(params: ShiftCoverParams) -> Road:
    def fewest(length: float) -> float:
        return cover_by_shifts(params.demand, [int(length)], [1.0]).cost

    def cheapest(*lengths: float) -> float:
        costs = [params.costs[f"{length:g}"] for length in lengths]
        return cover_by_shifts(params.demand, [int(length) for length in lengths], costs).cost

    return Road({"min_agents_#h": fewest, "min_cost_#h": cheapest, "min_cost_#h_#h": cheapest})


ROADS: Mapping[str, Callable[[Any], Road]] = {
    "mt_inf": _mt_inf,
    "isa": _isa,
    "day": _day,
    "pulse": _pulse,
    "min_staff": _min_staff,
    "qed": _qed,
    "shift_cover": _shift_cover,
}
