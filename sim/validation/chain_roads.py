"""Models with several classes, pools or chats, solved as Markov chains."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from sim.theory.chats import ChatModel, ChatPool, Routing, chat_pool
from sim.theory.class_queues import ClassQueues
from sim.theory.priorities import priorities_with_abandonment
from sim.theory.retrials import Retrials
from sim.theory.skills import Pool, SkillModel
from sim.validation.kinds import (
    ChatPoolParams,
    ChatSkillsParams,
    PoolParams,
    PriorityAbandonParams,
    RetrialParams,
    SkillsParams,
)
from sim.validation.roads import Answer, Road, classes

RESERVE = re.compile(r"class(\d+)_pool(\d+)")


def _by_class(model: ClassQueues) -> tuple[dict[str, Answer], dict[str, Answer]]:
    count = len(model.arrivals)
    values = classes(
        count,
        {
            "P_wait_class#": model.delay_probability,
            "P_abandon_class#": model.abandonment,
            "E_W_class#": model.mean_wait,
            "E_Lq_class#": model.mean_queue,
        },
    )
    values["AVAR_total_Lq"] = lambda: model.chain.variance(model.all_queues())
    variances = classes(
        count,
        {
            "P_wait_class#": model.delay_variance,
            "P_abandon_class#": model.abandonment_variance,
            "E_W_class#": model.wait_variance,
            "E_Lq_class#": lambda place: model.chain.variance(model.queue(place)),
        },
    )
    return values, variances


def _skills(model: SkillModel) -> Road:
    values, variances = _by_class(model)
    pools = len(model.pools)
    values |= classes(pools, {"util_pool#": model.occupancy})
    values["busy_pool#_class#"] = lambda pool, served: model.busy_with(int(pool) - 1, int(served) - 1)
    variances |= classes(
        pools, {"util_pool#": lambda pool: model.chain.variance(model.busy(pool) / model.pools[pool].servers)}
    )
    return Road(values, variances)


def _priorities(params: PriorityAbandonParams) -> Road:
    model = priorities_with_abandonment(params.lams, params.mu, params.n, params.thetas)
    road = _skills(model)
    # All classes wait alike before one pool.
    values = {**road.values, "P_wait": lambda: model.delay_probability(0), "util": lambda: model.occupancy(0)}
    variances = {**road.variances, "util": lambda: model.chain.variance(model.busy(0) / params.n)}
    return Road(values, variances)


def _pool(params: SkillsParams, number: int, pool: PoolParams) -> Pool:
    orders = params.freed_agent_order
    if not isinstance(orders, str) and str(number) not in orders:
        raise ValueError(f"freed_agent_order: pool {number} is missing, got {sorted(orders)}")
    order = orders if isinstance(orders, str) else orders[str(number)]
    rates = tuple(pool.mu_by_class.get(str(place + 1), 0.0) for place in range(len(params.lams)))
    return Pool(pool.n, rates, None if isinstance(order, str) else tuple(place - 1 for place in order))


def _reserve(params: SkillsParams) -> dict[tuple[int, int], int]:
    found = {}
    for name, agents in params.reserve.items():
        match = RESERVE.fullmatch(name)
        if match is None:
            raise ValueError(f"reserve: names must read class1_pool2, got {name!r}")
        found[int(match[1]) - 1, int(match[2]) - 1] = agents
    return found


def _skills_case(params: SkillsParams) -> Road:
    orders = []
    for number in range(1, len(params.lams) + 1):
        if str(number) not in params.arrival_pool_order:
            raise ValueError(f"arrival_pool_order: class {number} is missing, got {sorted(params.arrival_pool_order)}")
        orders.append(tuple(pool - 1 for pool in params.arrival_pool_order[str(number)]))
    pools = tuple(_pool(params, number, pool) for number, pool in enumerate(params.pools, 1))
    return _skills(SkillModel(params.lams, params.thetas, pools, tuple(orders), _reserve(params)))


def _levels(rates: tuple[float, ...], k: int) -> tuple[float, ...]:
    if len(rates) != k + 1:
        raise ValueError(f"total_rate_by_level needs a rate for 0…{k} chats, got {len(rates)} rates")
    return rates


def _of_pool(model: ChatModel, pool: int) -> tuple[dict[str, Answer], dict[str, Answer]]:
    """What a chat pool shows; names without a pool's own ending."""
    agents, places = model.pools[pool].agents, model.pools[pool].places
    variance = model.chain.variance
    values: dict[str, Answer] = {
        "E_chats_in_service": lambda: model.mean_chats(pool),
        "E_session_time": lambda: model.mean_session(pool),
        "slot_util": lambda: model.slot_occupancy(pool),
        "P_agent_idle": lambda: model.level_share(pool, 0),
        "P_agent_level#": lambda level: model.level_share(pool, int(level)),
        "throughput": lambda: model.throughput(pool),
    }
    variances: dict[str, Answer] = {
        "E_chats_in_service": lambda: variance(model.chats(pool)),
        "E_session_time": lambda: model.session_variance(pool),
        "slot_util": lambda: variance(model.chats(pool) / (agents * places)),
        "P_agent_idle": lambda: variance(model.agents_at(pool, 0) / agents),
        "P_agent_level#": lambda level: variance(model.agents_at(pool, int(level)) / agents),
        "throughput": lambda: variance(None, {model.done(pool): 1.0}),
    }
    return values, variances


def _chat_pool(params: ChatPoolParams) -> Road:
    model = chat_pool(
        arrivals=params.lam,
        abandon=params.theta,
        agents=params.N,
        rates=_levels(params.total_rate_by_level, params.k),
        routing=Routing(params.routing),
        abandon_in_service=params.in_service_abandon_rate,
    )
    values, variances = _of_pool(model, 0)
    values |= {
        "P_wait": lambda: model.delay_probability(0),
        "P_abandon_queue": lambda: model.abandonment(0),
        "P_abandon_service": lambda: model.lost_in_service(0) / params.lam,
        "E_W": lambda: model.mean_wait(0),
        "E_Lq": lambda: model.mean_queue(0),
        "AVAR_Lq": lambda: model.chain.variance(model.queue(0)),
    }
    variances |= {
        "P_wait": lambda: model.delay_variance(0),
        "P_abandon_queue": lambda: model.abandonment_variance(0),
        "E_W": lambda: model.wait_variance(0),
        "E_Lq": lambda: model.chain.variance(model.queue(0)),
    }
    return Road(values, variances)


def _chat_skills(params: ChatSkillsParams) -> Road:
    rates, routing = _levels(params.total_rate_by_level, params.k), Routing(params.routing)
    pools = (ChatPool(params.nA, rates, routing), ChatPool(params.nB, rates, routing, order=(1, 0)))
    model = ChatModel(params.lams, params.thetas, pools, ((0, 1), (1,)))
    values, variances = _by_class(model)
    for pool, letter in enumerate("AB"):
        of_pool, scatter = _of_pool(model, pool)
        for ending in (f"_{letter}", f"_pool{letter}", f"{letter}"):
            values |= {f"{name}{ending}": answer for name, answer in of_pool.items()}
            variances |= {f"{name}{ending}": answer for name, answer in scatter.items()}
    return Road(values, variances)


def _retrial(params: RetrialParams) -> Road:
    model = Retrials(params.lam, params.mu, params.n, params.nu, params.p_retry)
    values: dict[str, Answer] = {
        "P_first_attempt_blocked": lambda: model.first_blocked,
        "E_orbit": lambda: model.mean_orbit,
        "P_lost": lambda: model.lost,
        "util": lambda: model.occupancy,
        "retrial_rate": lambda: model.retrial_rate,
    }
    variances: dict[str, Answer] = {
        "P_first_attempt_blocked": model.first_blocked_variance,
        "E_orbit": lambda: model.chain.variance(model.orbit),
        "P_lost": model.lost_variance,
        "util": lambda: model.chain.variance(model.busy / params.n),
        "retrial_rate": model.retrial_rate_variance,
    }
    return Road(values, variances)


ROADS: Mapping[str, Callable[[Any], Road]] = {
    "mmn_priority_m": _priorities,
    "skills": _skills_case,
    "chat_pool": _chat_pool,
    "chat_skills": _chat_skills,
    "retrial": _retrial,
}
