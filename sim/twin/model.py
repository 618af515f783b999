"""What a run of the twin is given: kinds of contacts, crews of agents, and the policy that brings them together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.dispatch.policy.compiled import Policy
from sim.theory.lifetimes import Exponential, Lifetime
from sim.twin.shifts import ALWAYS, Span

TENANT, CHANNEL = "house", "line"
# The attribute by which a policy's entry rules tell kinds apart.
KIND = "kind"

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Kind:
    """Contacts of one kind, by their place in :attr:`Model.kinds`.

    ``rate``: arrivals per ms, of which ``share`` (by instant, in ms) really come; ``work`` and ``patience`` are laws in
    units of ``unit_ms``. Who has no patience at all leaves when it would have to wait. ``present``: how many are there
    when the run begins.
    """

    name: str
    rate: float
    work: Lifetime
    unit_ms: float
    patience: Lifetime = field(default_factory=lambda: Exponential(0.0))
    share: Callable[[Array], Array] | None = None
    end_ms: float = float("inf")
    present: int = 0


@dataclass(frozen=True)
class Crew:
    """Agents of one pool who are alike.

    ``speeds[j]``: work that an agent with j contacts does per ms, shared evenly among them; ``pace[k]``: how fast work of
    kind k goes here. An agent takes ``len(speeds) - 1`` contacts at once, or ``places`` at the last speed. ``shifts``: when
    they are there, in ms.
    """

    pool: str
    agents: int
    speeds: tuple[float, ...] = (0.0, 1.0)
    pace: tuple[float, ...] = ()
    places: int = 0
    shifts: tuple[Span, ...] = ALWAYS

    @property
    def capacity(self) -> int:
        return self.places or len(self.speeds) - 1


@dataclass(frozen=True)
class Retry:
    """Whoever is turned away comes back with probability ``share`` after an exponential time of this mean."""

    share: float
    mean_ms: float


@dataclass(frozen=True)
class Model:
    """A whole run. ``leave_rate``: per ms, of customers who leave while they are served.

    ``accepts``: agents accept each offer at once by a command of their own; else the engine accepts for them.
    """

    policy: Policy
    kinds: tuple[Kind, ...]
    crews: tuple[Crew, ...]
    leave_rate: float = 0.0
    retry: Retry | None = None
    accepts: bool = True
