"""Cases with a steady state as runs of the twin: a policy, kinds of contacts, crews, and how its metrics are read off."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sim.theory.lifetimes import Deterministic, Exponential, Gamma, Lifetime, Lognormal
from sim.twin.model import Crew, Kind, Model, Retry
from sim.validation.cases import Case
from sim.validation.chain_roads import RESERVE
from sim.validation.kinds import (
    ChatPoolParams,
    ChatSkillsParams,
    ErlangBParams,
    Mg1Params,
    Mg1PsParams,
    MmngParams,
    MmnkParams,
    MmnmParams,
    MmnParams,
    PriorityAbandonParams,
    PriorityParams,
    PsLossParams,
    RetrialParams,
    SkillsParams,
)
from sim.validation.policies import Line, Team, policy_of
from sim.validation.queue_roads import patience_of
from sim.validation.readings import Reader, Reading, chat_readings, class_readings, pool_readings, queue_readings

PATIENT = Exponential(0.0)
# Less than half a millisecond: would not wait.
GONE = Deterministic(1e-12)
# Places of an agent who shares without a limit.
ENDLESS_PLACES = 100_000
CHOICES = {"LBF": "least_loaded", "MBF": "most_loaded"}


@dataclass(frozen=True)
class Steady:
    """A model to be run for long, and its metrics by shape."""

    model: Model
    readings: Callable[[Reader], Mapping[str, Reading]]
    loss: bool = False


class NotSimulated(ValueError):
    """The case is right, and there is no way to play it."""


def _kind(case: Case, name: str, lam: float, work: Lifetime, patience: Lifetime) -> Kind:
    """As many are there at the beginning as are served at once on average: the way to the steady state is short."""
    rate = lam / case.unit_ms
    return Kind(name, rate, work, case.unit_ms, patience, present=int(lam * work.mean))


def _one_queue(
    case: Case, lam: float, work: Lifetime, n: int, patience: Lifetime, *, ceiling: int = 0, loss: bool = False
) -> Steady:
    model = Model(
        policy_of([Line("q1", ("p1",), ceiling=ceiling)], [Team("p1")]),
        (_kind(case, "q1", lam, work, patience),),
        (Crew("p1", n),),
    )
    return Steady(model, lambda reader: queue_readings(reader, (0,), n), loss)


def _erlang_b(case: Case, params: ErlangBParams) -> Steady:
    return _one_queue(case, params.a, Exponential(1.0), params.n, GONE, loss=True)


def _mmn(case: Case, params: MmnParams) -> Steady:
    return _one_queue(case, params.lam, Exponential(params.mu), params.n, PATIENT)


def _mmnk(case: Case, params: MmnkParams) -> Steady:
    """Places to wait are the queue's ceiling; where there are none, nobody has the patience to."""
    room = params.K - params.n
    if not room:
        return _one_queue(case, params.lam, Exponential(params.mu), params.n, GONE, loss=True)
    return _one_queue(case, params.lam, Exponential(params.mu), params.n, PATIENT, ceiling=room)


def _mmn_m(case: Case, params: MmnmParams) -> Steady:
    return _one_queue(case, params.lam, Exponential(params.mu), params.n, Exponential(params.theta))


def _mmn_g(case: Case, params: MmngParams) -> Steady:
    return _one_queue(case, params.lam, Exponential(params.mu), params.n, patience_of(params.patience))


def _mg1(case: Case, params: Mg1Params) -> Steady:
    if params.sigma_log:
        work: Lifetime = Lognormal(params.mean, params.sigma_log)
    elif params.cv2:
        work = Gamma(params.mean, params.cv2)
    else:
        work = Deterministic(params.mean)
    return _one_queue(case, params.lam, work, 1, PATIENT)


def _retrial(case: Case, params: RetrialParams) -> Steady:
    steady = _one_queue(case, params.lam, Exponential(params.mu), params.n, GONE, loss=True)
    retry = Retry(params.p_retry, case.unit_ms / params.nu)
    return replace(steady, model=replace(steady.model, retry=retry))


def _priorities(case: Case, params: PriorityParams) -> Steady:
    """The first class has the highest priority."""
    count = len(params.lams)
    thetas = params.thetas if isinstance(params, PriorityAbandonParams) else (0.0,) * count
    lines = [Line(f"q{place + 1}", ("p1",), priority=count - place) for place in range(count)]
    kinds = [
        _kind(case, line.name, lam, Exponential(params.mu), Exponential(theta))
        for line, lam, theta in zip(lines, params.lams, thetas, strict=True)
    ]
    model = Model(policy_of(lines, [Team("p1")]), tuple(kinds), (Crew("p1", params.n),))
    everybody = range(count)

    def readings(reader: Reader) -> Mapping[str, Reading]:
        return {
            **queue_readings(reader, everybody, params.n),
            **class_readings(reader, count),
            **pool_readings(reader, everybody, (params.n,)),
        }

    return Steady(model, readings)


def _team(params: SkillsParams, number: int) -> Team:
    """A pool whose agents turn to classes in this order, and are kept back from some."""
    name, orders = f"p{number}", params.freed_agent_order
    order = orders if isinstance(orders, str) else orders[str(number)]
    kept = {}
    for text, agents in params.reserve.items():
        match = RESERVE.fullmatch(text)
        assert match is not None, "read by the closed form before"
        if int(match[2]) == number and agents:
            kept[int(match[1])] = agents
    if len(set(kept.values())) > 1:
        raise NotSimulated(f"pool {number} keeps agents back by class, and a policy keeps one number for all")
    classes = [int(text) for text in params.pools[number - 1].mu_by_class]
    owners = tuple(f"q{served}" for served in classes if served not in kept) if kept else ()
    if kept and not owners:
        raise NotSimulated(f"pool {number} keeps agents back from every class, and a policy's pool has owners")
    return Team(
        name,
        # Of equally long queues the class with the lower number comes first, as in the chain, which knows no waits.
        listed=tuple(f"q{served}" for served in (sorted(classes) if isinstance(order, str) else order)),
        order="longest_queue" if isinstance(order, str) else "strict",
        owners=owners,
        reserve=next(iter(kept.values()), 0),
    )


def _skills(case: Case, params: SkillsParams) -> Steady:
    count = len(params.lams)
    lines = [
        Line(f"q{served}", tuple(f"p{pool}" for pool in params.arrival_pool_order[str(served)]))
        for served in range(1, count + 1)
    ]
    teams = [_team(params, number) for number in range(1, len(params.pools) + 1)]
    crews = [
        Crew(f"p{number}", pool.n, pace=tuple(pool.mu_by_class.get(str(place + 1), 0.0) for place in range(count)))
        for number, pool in enumerate(params.pools, 1)
    ]
    kinds = [
        _kind(case, line.name, lam, Exponential(1.0), Exponential(theta))
        for line, lam, theta in zip(lines, params.lams, params.thetas, strict=True)
    ]
    kinds = [replace(kind, present=0) for kind in kinds]
    agents = [pool.n for pool in params.pools]

    def readings(reader: Reader) -> Mapping[str, Reading]:
        return {**class_readings(reader, count), **pool_readings(reader, range(count), agents)}

    return Steady(Model(policy_of(lines, teams), tuple(kinds), tuple(crews)), readings)


def _chat_pool(case: Case, params: ChatPoolParams) -> Steady:
    model = Model(
        policy_of([Line("q1", ("p1",))], [Team("p1", choice=CHOICES[params.routing])]),
        (_kind(case, "q1", params.lam, Exponential(1.0), Exponential(params.theta)),),
        (Crew("p1", params.N, params.total_rate_by_level),),
        leave_rate=params.in_service_abandon_rate / case.unit_ms,
    )

    def readings(reader: Reader) -> Mapping[str, Reading]:
        one = queue_readings(reader, (0,), params.N)
        return {**one, **chat_readings(reader, 0, (0,), params.N, params.k)}

    return Steady(model, readings)


def _chat_skills(case: Case, params: ChatSkillsParams) -> Steady:
    """Class 1 goes to A, then B; class 2 to B, whose freed places it takes first."""
    choice = CHOICES[params.routing]
    lines = [Line("q1", ("a", "b")), Line("q2", ("b",))]
    teams = [Team("a", choice=choice), Team("b", choice=choice, listed=("q2", "q1"))]
    crews = tuple(Crew(name, n, params.total_rate_by_level) for name, n in (("a", params.nA), ("b", params.nB)))
    kinds = tuple(
        _kind(case, line.name, lam, Exponential(1.0), Exponential(theta))
        for line, lam, theta in zip(lines, params.lams, params.thetas, strict=True)
    )

    def readings(reader: Reader) -> Mapping[str, Reading]:
        found = class_readings(reader, 2)
        for crew, letter in enumerate("AB"):
            of_pool = chat_readings(reader, crew, (0, 1), crews[crew].agents, params.k)
            for ending in (f"_{letter}", f"_pool{letter}", letter):
                found |= {f"{name}{ending}": reading for name, reading in of_pool.items()}
        return found

    return Steady(Model(policy_of(lines, teams), kinds, crews), readings)


def _ps_loss(case: Case, params: PsLossParams) -> Steady:
    """Whoever would have to wait goes to the bot, and is gone from here."""
    places = len(params.total_rate_by_level) - 1
    model = Model(
        policy_of([Line("q1", ("p1",))], [Team("p1")]),
        (_kind(case, "q1", params.lam, Exponential(1.0), GONE),),
        (Crew("p1", 1, params.total_rate_by_level),),
    )
    return Steady(model, lambda reader: chat_readings(reader, 0, (0,), 1, places), loss=True)


def _mg1_ps(case: Case, params: Mg1PsParams) -> Steady:
    model = Model(
        policy_of([Line("q1", ("p1",))], [Team("p1")]),
        (_kind(case, "q1", params.lam, Exponential(1 / params.mean_work), PATIENT),),
        (Crew("p1", 1, places=ENDLESS_PLACES),),
    )
    return Steady(model, lambda reader: queue_readings(reader, (0,), 1))


STEADY: Mapping[str, Callable[[Case, Any], Steady]] = {
    "erlang_b": _erlang_b,
    "mmn": _mmn,
    "mmnk": _mmnk,
    "mmn_m": _mmn_m,
    "mmn_g": _mmn_g,
    "mg1": _mg1,
    "retrial": _retrial,
    "mmn_priority": _priorities,
    "mmn_priority_m": _priorities,
    "skills": _skills,
    "chat_pool": _chat_pool,
    "chat_skills": _chat_skills,
    "ps_loss": _ps_loss,
    "mg1_ps": _mg1_ps,
}
