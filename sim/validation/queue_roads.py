"""Formulas for one queue before one pool."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from math import exp, nan, prod
from typing import Any

import msgspec
import numpy as np

from sim.theory.abandonment import PatienceQueue, erlang_a
from sim.theory.birth_death import BirthDeath
from sim.theory.erlang import ErlangC, LimitedPlaces, abandoning_queue, erlang_b
from sim.theory.lifetimes import Balking, Deterministic, Exponential, HyperExponential, Lifetime, Lognormal, Weibull
from sim.theory.priorities import Priorities, priorities_with_abandonment
from sim.theory.queue_runs import QueueRun
from sim.theory.sharing import EndlessSharing, OneByOne, SharedAgent, lognormal_variation, waiting_variances
from sim.theory.skills import SkillModel
from sim.theory.transients import Outcomes
from sim.theory.uncertain_days import DayCounts, MixedErlangA
from sim.validation.kinds import (
    ErlangBParams,
    GammaMixedParams,
    GammaPoissonParams,
    Mg1Params,
    Mg1PsParams,
    MmngParams,
    MmnkParams,
    MmnmParams,
    MmnParams,
    PriorityParams,
    PsLossParams,
)
from sim.validation.roads import Answer, Road, classes


def _run(run: QueueRun) -> dict[str, Answer]:
    return {
        "P_wait": run.delay,
        "P_wait_entered": run.delay,
        "P_abandon": run.abandonment,
        "P_block": run.blocked,
        "E_W": run.wait,
        "E_W_entered": run.wait,
        "E_W_given_wait": run.wait_of_waiting,
        "E_Lq": run.queue,
        "E_N": run.number,
        "util": run.occupancy,
    }


def _waiting(model: ErlangC | PatienceQueue) -> dict[str, Answer]:
    return {
        "P_wait": lambda: model.delay_probability,
        "P_abandon": lambda: model.abandonment,
        "E_W": lambda: model.mean_wait,
        "E_W_served": lambda: model.mean_wait_served,
        "E_W_given_wait": lambda: model.mean_wait_of_waiting,
        "E_Lq": lambda: model.mean_queue,
        "E_N": lambda: model.mean_in_system,
        "util": lambda: model.occupancy,
        "SL_all(#)": model.service_level_all,
        "SL_exclAbT(#)": model.service_level_excluding,
        "SL_served(#)": model.service_level_served,
        "W_q#": model.wait_percentile,
        "P(W>#)": model.wait_tail,
    }


def _with_variance_metrics(values: dict[str, Answer], run: QueueRun) -> Road:
    return Road({**values, "AVAR_N": run.number, "AVAR_Lq": run.queue}, _run(run))


def _erlang_b(params: ErlangBParams) -> Road:
    blocked = erlang_b(params.a, params.n)
    process = BirthDeath(np.full(params.n, params.a), np.arange(1, params.n + 1, dtype=float))
    values: dict[str, Answer] = {
        "P_block": lambda: blocked,
        "util": lambda: params.a * (1 - blocked) / params.n,
        "E_N": lambda: params.a * (1 - blocked),
    }
    return Road(values, _run(QueueRun(process, params.n)))


def _mmn(params: MmnParams) -> Road:
    model = ErlangC(params.lam, params.mu, params.n)
    run = QueueRun(model.process(), params.n)
    road = _with_variance_metrics(_waiting(model), run)
    found = _found_variances(run, params, 0.0)

    def percentile(share: float) -> float:
        """That of the share of waits up to it, by the density there."""
        wait = model.wait_percentile(share)
        density = model.delay_probability * model.spare * exp(-model.spare * wait)
        return found(wait) / density**2

    return Road(road.values, {**road.variances, "SL_all(#)": found, "W_q#": percentile})


def _found_variances(run: QueueRun, params: MmnParams, abandon: float) -> Callable[[float], float]:
    """Of the share that is served within a time.

    Counted is how likely that is for whoever comes, given how many are there. What chance adds for one customer beyond
    that is nothing to the swings of a busy queue, but it is left out.
    """
    waiting = run.process.levels.size - params.n
    outcomes = Outcomes(params.n, params.mu, abandon, waiting)

    def variance(within: float) -> float:
        good = np.concatenate([np.ones(params.n), outcomes.served_within(within)])
        return float(run.level(good))

    return variance


def _mmnk(params: MmnkParams) -> Road:
    model = LimitedPlaces(params.lam, params.mu, params.n, params.K)
    values: dict[str, Answer] = {
        "P_block": lambda: model.blocked,
        "P_wait": lambda: model.delay_probability,
        "P_wait_entered": lambda: model.delay_probability,
        "E_W": lambda: model.mean_wait,
        "E_W_entered": lambda: model.mean_wait,
        "E_W_given_wait": lambda: model.mean_wait / model.delay_probability,
        "E_Lq": lambda: model.mean_queue,
        "E_N": lambda: model.mean_in_system,
        "util": lambda: model.occupancy,
        "SL_entered(#)": model.service_level_entered,
        "SL_served(#)": model.service_level_entered,
        "SL_all(#)": model.service_level_all,
    }
    return _with_variance_metrics(values, QueueRun(model.process(), params.n))


def _mmn_m(params: MmnmParams) -> Road:
    if not params.theta:
        return _mmn(params)
    model = erlang_a(params.lam, params.mu, params.n, params.theta)
    process = abandoning_queue(params.lam, params.mu, params.n, params.theta)
    run = QueueRun(process, params.n, params.theta)
    road = _with_variance_metrics(_waiting(model), run)
    return Road(road.values, {**road.variances, "SL_all(#)": _found_variances(run, params, params.theta)})


PATIENCE: Mapping[str, Callable[[Mapping[str, Any]], Lifetime]] = {
    "deterministic": lambda of: Deterministic(of["value"]),
    "exponential": lambda of: Exponential(of["theta"]),
    "hyperexp": lambda of: HyperExponential(_shares(of["p"], len(of["rates"])), tuple(of["rates"])),
    "lognormal": lambda of: Lognormal(of["mean"], of["sigma_log"]),
    "weibull": lambda of: Weibull(of["scale"], of["shape"]),
    "balk+exp": lambda of: Balking(of["p_balk"], Exponential(of["theta"])),
}


def _shares(given: float | list[float], count: int) -> tuple[float, ...]:
    """One share for the first of two phases, or all of them."""
    shares = tuple(given) if isinstance(given, list | tuple) else (given,)
    return shares if len(shares) == count else (*shares, 1 - sum(shares))


def patience_of(table: Mapping[str, Any]) -> Lifetime:
    """The law that a case's ``patience`` describes; ``ValueError`` says what is missing or unknown."""
    name = str(table.get("dist", ""))
    if name not in PATIENCE:
        raise ValueError(f"patience.dist must be one of {', '.join(PATIENCE)}; got {name!r}")
    try:
        return PATIENCE[name](table)
    except KeyError as error:
        raise ValueError(f"patience of dist {name!r}: {error.args[0]} is missing, got {sorted(table)}") from error
    except TypeError as error:
        raise ValueError(
            f"patience of dist {name!r} needs numbers, got {msgspec.json.encode(table).decode()}"
        ) from error


def _mmn_g(params: MmngParams) -> Road:
    return Road(_waiting(PatienceQueue(params.lam, params.mu, params.n, patience_of(params.patience))))


def _gamma_mixed(params: GammaMixedParams) -> Road:
    model = MixedErlangA(params.lam, params.mu, params.n, params.theta, params.alpha)

    def per_contact(measure: Callable[[PatienceQueue], float]) -> Answer:
        return lambda: model.per_contact(measure)[0]

    def level(measure: Callable[[PatienceQueue, float], float]) -> Answer:
        return lambda within: model.per_contact(lambda day: measure(day, within))[0]

    return Road(
        {
            "P_wait": per_contact(lambda day: day.delay_probability),
            "P_abandon": per_contact(lambda day: day.abandonment),
            "E_W": per_contact(lambda day: day.mean_wait),
            "E_Lq": lambda: model.per_time(lambda day: day.mean_queue)[0],
            "E_N": lambda: model.per_time(lambda day: day.mean_in_system)[0],
            "util": lambda: model.per_time(lambda day: day.occupancy)[0],
            "SL_all(#)": level(lambda day, within: day.service_level_all(within)),
        }
    )


def _priorities(params: PriorityParams) -> Road:
    model = Priorities(params.lams, params.mu, params.n)
    count = len(params.lams)
    values: dict[str, Answer] = {
        "P_wait": lambda: model.delay_probability,
        "E_W_all": lambda: model.together.mean_wait,
        "E_Lq": lambda: model.together.mean_queue,
        "util": lambda: model.together.occupancy,
        "P(W#>#)": lambda number, t: model.wait_tail(int(number) - 1, t),
    }
    run = QueueRun(model.together.process(), params.n)
    variances: dict[str, Answer] = {
        "P_wait": run.delay, "E_W_all": run.wait, "E_Lq": run.queue, "util": run.occupancy
    }  # fmt: skip
    variances |= classes(count, _scatter_by_class(params))
    return Road(values | classes(count, {"E_W_class#": model.mean_wait, "E_Lq_class#": model.mean_queue}), variances)


def _scatter_by_class(params: PriorityParams) -> dict[str, Callable[[int], float]]:
    """From the chain of the queues by class; NaN where that is no small one, or of more classes than two."""

    @cache
    def model() -> SkillModel | None:
        if len(params.lams) > 2:
            return None
        chain = priorities_with_abandonment(params.lams, params.mu, params.n, (0.0,) * len(params.lams))
        try:
            _ = chain.chain
        except ValueError:
            return None
        return chain

    def wait(place: int) -> float:
        found = model()
        return nan if found is None else found.wait_variance(place)

    def queue(place: int) -> float:
        found = model()
        return nan if found is None else found.chain.variance(found.queue(place))

    return {"E_W_class#": wait, "E_Lq_class#": queue}


def _ps_loss(params: PsLossParams) -> Road:
    model = SharedAgent(params.lam, params.total_rate_by_level)
    process, run = model.process, QueueRun(model.process, len(params.total_rate_by_level) - 1)
    values: dict[str, Answer] = {
        "P_overflow_to_bot": lambda: model.turned_away,
        "E_chats": lambda: model.mean_chats,
        "E_session_time": lambda: model.mean_session,
        "P_agent_idle": lambda: float(process.probabilities[0]),
        "P_agent_level#": lambda level: float(process.probabilities[int(level)]),
        "throughput": lambda: params.lam * (1 - model.turned_away),
    }
    variances: dict[str, Answer] = {
        "P_overflow_to_bot": run.blocked,
        "E_chats": run.number,
        "E_session_time": run.time_in_system,
        "P_agent_idle": lambda: run.level(np.where(process.levels == 0, 1.0, 0.0)),
    }
    return Road(values, variances)


def _mg1_ps(params: Mg1PsParams) -> Road:
    model = EndlessSharing(params.lam, params.mean_work)
    values: dict[str, Answer] = {
        "E_T": lambda: model.mean_time, "E_N": lambda: model.mean_number, "P_idle": lambda: 1 - model.load
    }  # fmt: skip
    # Played with exponential work: the number there is that of M/M/1.
    run = QueueRun(ErlangC(params.lam, 1 / params.mean_work, 1).process(), 1)
    return Road(values, {"E_T": run.time_in_system, "E_N": run.number, "P_idle": run.occupancy})


def _mg1(params: Mg1Params) -> Road:
    if params.cv2 is None and params.sigma_log is None:
        raise ValueError("mg1 needs cv2 or sigma_log, got neither")
    variation = params.cv2 if params.cv2 is not None else lognormal_variation(params.sigma_log or 0.0)
    model = OneByOne(params.lam, params.mean, variation)
    return Road(
        {
            "P_wait": lambda: model.load,
            "util": lambda: model.load,
            "P_idle": lambda: 1 - model.load,
            "E_W": lambda: model.mean_wait,
            "E_W_given_wait": lambda: model.mean_wait_of_waiting,
            "E_T": lambda: model.mean_time,
            "E_Lq": lambda: model.mean_queue,
            "E_N": lambda: model.mean_number,
        },
        _scatter_of_one(params),
    )


def _scatter_of_one(params: Mg1Params) -> dict[str, Answer]:
    """As the twin plays it: lognormal, or Gamma with this variation."""
    if params.sigma_log:
        growth = [exp(params.sigma_log**2 * power * (power - 1) / 2) for power in (1, 2, 3, 4)]
    else:
        growth = [prod(1 + step * (params.cv2 or 0.0) for step in range(power)) for power in (1, 2, 3, 4)]
    scatter = waiting_variances(params.lam, [params.mean**power * of for power, of in enumerate(growth, 1)])
    return {
        "E_W": lambda: scatter["wait"],
        "E_T": lambda: scatter["time"],
        "E_Lq": lambda: scatter["queue"],
        "E_N": lambda: scatter["number"],
    }


def _gamma_poisson(params: GammaPoissonParams) -> Road:
    counts = DayCounts(params.mean, params.alpha)
    return Road(
        {
            "E_N": lambda: counts.mean,
            "Var_N": lambda: counts.variance,
            "SD_N": lambda: counts.deviation,
            "dispersion": lambda: counts.dispersion,
        }
    )


ROADS: Mapping[str, Callable[[Any], Road]] = {
    "erlang_b": _erlang_b,
    "mmn": _mmn,
    "mmnk": _mmnk,
    "mmn_m": _mmn_m,
    "mmn_g": _mmn_g,
    "gamma_mixed": _gamma_mixed,
    "mmn_priority": _priorities,
    "ps_loss": _ps_loss,
    "mg1_ps": _mg1_ps,
    "mg1": _mg1,
    "gamma_poisson": _gamma_poisson,
}
