"""The kinds of reference cases and their parameters, named as in the files.

Further fields of a case's ``params`` (its time unit, remarks) are left alone. Rates are per the case's time unit.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

Rate = Annotated[float, msgspec.Meta(gt=0)]
Patience = Annotated[float, msgspec.Meta(ge=0)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Count = Annotated[int, msgspec.Meta(ge=1)]
Rates = Annotated[tuple[Rate, ...], msgspec.Meta(min_length=1)]
Patiences = Annotated[tuple[Patience, ...], msgspec.Meta(min_length=1)]
Levels = Annotated[tuple[Annotated[float, msgspec.Meta(ge=0)], ...], msgspec.Meta(min_length=2)]
Order = tuple[Count, ...]


class Params(msgspec.Struct, frozen=True):
    """What a kind is given."""


class ErlangBParams(Params, frozen=True):
    """M/G/n/n: offered load and servers."""

    a: Rate
    n: Count


class MmnParams(Params, frozen=True):
    """M/M/n: arrival rate, service rate, servers."""

    lam: Rate
    mu: Rate
    n: Count


class MmnkParams(MmnParams, frozen=True):
    """M/M/n/K: ``K`` places in system."""

    K: Count


class MmnmParams(MmnParams, frozen=True):
    """Erlang A: ``theta``, rate at which each waiting customer leaves."""

    theta: Patience


class MmngParams(MmnParams, frozen=True):
    """M/M/n+G: ``patience`` is a table with a ``dist``."""

    patience: dict[str, Any]


class GammaMixedParams(MmnmParams, frozen=True):
    """Erlang A on days whose rate is Gamma with shape ``alpha``."""

    alpha: Rate


class PriorityParams(Params, frozen=True):
    """Classes in order of priority, one service rate."""

    lams: Rates
    mu: Rate
    n: Count


class PriorityAbandonParams(PriorityParams, frozen=True):
    """The same with abandonment by class."""

    thetas: Patiences


class PoolParams(Params, frozen=True):
    """One pool: agents, and service rates by class."""

    n: Count
    mu_by_class: dict[str, Rate]


class SkillsParams(Params, frozen=True):
    """Classes and pools, numbered from 1; ``reserve`` has names like ``class1_pool2``."""

    lams: Rates
    thetas: Patiences
    pools: Annotated[tuple[PoolParams, ...], msgspec.Meta(min_length=1)]
    arrival_pool_order: dict[str, Order]
    freed_agent_order: dict[str, Order | Literal["LQF"]] | Literal["LQF"]
    reserve: dict[str, Annotated[int, msgspec.Meta(ge=0)]] = {}


class ChatPoolParams(Params, frozen=True):
    """``N`` agents with up to ``k`` chats each; an agent with j chats works at ``total_rate_by_level[j]`` in all."""

    N: Count
    k: Count
    total_rate_by_level: Levels
    lam: Rate
    theta: Patience
    in_service_abandon_rate: Patience = 0.0
    routing: Literal["LBF", "MBF"] = "LBF"


class ChatSkillsParams(Params, frozen=True):
    """Two chat pools: class 1 goes to A, then B; class 2 to B, whose freed places it takes first."""

    nA: Count
    nB: Count
    k: Count
    total_rate_by_level: Levels
    lams: Annotated[tuple[Rate, ...], msgspec.Meta(min_length=2, max_length=2)]
    thetas: Annotated[tuple[Patience, ...], msgspec.Meta(min_length=2, max_length=2)]
    routing: Literal["LBF", "MBF"] = "LBF"


class PsLossParams(Params, frozen=True):
    """One agent who shares its attention; who finds all places taken goes away."""

    total_rate_by_level: Levels
    lam: Rate


class Mg1PsParams(Params, frozen=True):
    """One agent who shares its attention without a limit."""

    lam: Rate
    mean_work: Rate


class Mg1Params(Params, frozen=True):
    """``cv2`` or ``sigma_log`` (lognormal service) says how much the service varies."""

    lam: Rate
    mean: Rate
    cv2: Patience | None = None
    sigma_log: Patience | None = None


class RetrialParams(MmnParams, frozen=True):
    """Blocked customers come back at rate ``nu`` with probability ``p_retry``."""

    nu: Rate
    p_retry: Share


class GammaPoissonParams(Params, frozen=True):
    """A day's count: Poisson with a Gamma factor of shape ``alpha``."""

    mean: Rate
    alpha: Rate


class MtInfParams(Params, frozen=True):
    """Arrivals at a + b·sin(omega·t), endless servers."""

    a: Rate
    b: float
    omega: float
    mu: Rate
    start: Literal["infinite past", "empty"] = "infinite past"


class IsaParams(Params, frozen=True):
    """The same wave; staff for a delay probability of ``alpha``."""

    a: Rate
    b: float
    omega: Rate
    mu: Rate
    theta: Rate
    alpha: Share


class DayParams(MmnParams, frozen=True):
    """``day``: how long arrivals are admitted, from empty; ``T``: the wait that counts as good."""

    T: Rate
    day: Rate
    K: Count | None = None
    theta: Patience = 0.0


class PulseParams(Params, frozen=True):
    """``lam`` of the file puts the shape into words; ``K`` is the number of places in system."""

    n: Count
    base: Rate
    peak: Rate
    t1: Patience
    t2: Rate
    decay: Patience
    mu: Rate
    theta: Rate
    horizon: Rate
    T: Rate
    start: Literal["stationary", "empty"] = "stationary"
    K: Count | None = None


class MinStaffParams(Params, frozen=True):
    """With ``theta``, customers leave and the target is a share of all arrivals."""

    mu: Rate
    T: Patience
    target: Share
    theta: Patience = 0.0


class QedParams(Params, frozen=True):
    """All is in the metrics' names."""


class ShiftCoverParams(Params, frozen=True):
    """``costs``: of one person by length of shift in hours; without it, those that the files so far put into words."""

    demand: Annotated[tuple[Patience, ...], msgspec.Meta(min_length=1)]
    costs: dict[str, Rate] = msgspec.field(default_factory=lambda: {"8": 8.0, "4": 4.6})


KINDS: dict[str, type[Params]] = {
    "erlang_b": ErlangBParams,
    "mmn": MmnParams,
    "mmnk": MmnkParams,
    "mmn_m": MmnmParams,
    "mmn_g": MmngParams,
    "gamma_mixed": GammaMixedParams,
    "mmn_priority": PriorityParams,
    "mmn_priority_m": PriorityAbandonParams,
    "skills": SkillsParams,
    "chat_pool": ChatPoolParams,
    "chat_skills": ChatSkillsParams,
    "ps_loss": PsLossParams,
    "mg1_ps": Mg1PsParams,
    "mg1": Mg1Params,
    "retrial": RetrialParams,
    "gamma_poisson": GammaPoissonParams,
    "mt_inf": MtInfParams,
    "isa": IsaParams,
    "day": DayParams,
    "pulse": PulseParams,
    "min_staff": MinStaffParams,
    "qed": QedParams,
    "shift_cover": ShiftCoverParams,
}
