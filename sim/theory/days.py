"""A day from opening to the last customer, and a pulse of arrivals, for one pool of a fixed size.

Both carry the number in system of M_t/M/n/K+M forward from its start and read off what becomes of those who arrive: with
first come first served and fixed staff, that depends only on what they find.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import exp, inf

import numpy as np
from scipy.integrate import simpson, solve_ivp

from sim.theory.erlang import abandoning_queue
from sim.theory.lifetimes import Array
from sim.theory.limits import need_count, need_not_negative, need_positive
from sim.theory.transients import LOST, Outcomes, carry, settle

GRID = 241


@dataclass(frozen=True)
class Day:
    """Opens empty, admits ``rates[i]`` arrivals per unit of time for ``lengths[i]``, then serves who is still there.

    ``places``: in system, servers included; None: no limit. ``abandon``: rate of each waiting customer, 0: nobody leaves.
    """

    lengths: tuple[float, ...]
    rates: tuple[float, ...]
    service: float
    servers: int
    places: int | None = None
    abandon: float = 0.0

    def __post_init__(self) -> None:
        if len(self.lengths) != len(self.rates) or not self.lengths:
            raise ValueError(f"as many lengths as rates are needed, got {len(self.lengths)} and {len(self.rates)}")
        need_positive(service=self.service, open=self.length)
        need_not_negative(abandon=self.abandon, slowest=min(self.rates), shortest=min(self.lengths))
        need_count(servers=self.servers)
        if self.places is not None:
            need_count(self.servers, places=self.places)

    @property
    def length(self) -> float:
        """How long it admits arrivals."""
        return sum(self.lengths)

    def _carried(self, places: int) -> tuple[list[Array], Array]:
        """(time spent in each level, by period; distribution at closing)."""
        levels = np.arange(1, places + 1)
        deaths = self.service * np.minimum(levels, self.servers) + self.abandon * np.maximum(levels - self.servers, 0)
        now, spent = np.zeros(places + 1), []
        now[0] = 1.0
        for length, rate in zip(self.lengths, self.rates, strict=True):
            now, time = settle(np.full(places, rate), deaths, now, length)
            spent.append(time)
        return spent, now

    @cached_property
    def _course(self) -> tuple[list[Array], Array]:
        if self.places is not None:
            return self._carried(self.places)
        places = self.servers + 256
        while True:
            spent, end = self._carried(places)
            if max(time[-1] for time in spent) <= LOST * self.length:
                return spent, end
            places *= 2

    @cached_property
    def _found(self) -> Array:
        """Expected arrivals by the level they find."""
        return np.asarray(sum(rate * time for rate, time in zip(self.rates, self._course[0], strict=True)))

    @cached_property
    def _outcomes(self) -> Outcomes:
        return Outcomes(self.servers, self.service, self.abandon, self._found.size - 1 - self.servers)

    def _of_waiting(self, values: Array) -> float:
        return float(self._found[self.servers : -1] @ values)

    @property
    def _at_once(self) -> float:
        return float(self._found[: self.servers].sum())

    @property
    def arrivals(self) -> float:
        """Expected number."""
        return sum(length * rate for length, rate in zip(self.lengths, self.rates, strict=True))

    @property
    def blocked(self) -> float:
        """Expected number that finds every place taken."""
        return float(self._found[-1]) if self.places is not None else 0.0

    @property
    def served(self) -> float:
        """Expected number, those served after closing among them."""
        return self._at_once + self._of_waiting(self._outcomes.served)

    @property
    def abandoned(self) -> float:
        """Expected number that leaves unserved."""
        return self._of_waiting(1 - self._outcomes.served)

    def served_within(self, within: float) -> float:
        """Expected number whose wait is at most this."""
        return self._at_once + self._of_waiting(self._outcomes.served_within(within))

    @property
    def mean_wait_served(self) -> float:
        """Mean wait of those served: the ASA."""
        return self._of_waiting(self._outcomes.wait_if_served) / self.served

    @property
    def mean_wait_entered(self) -> float:
        """Mean time in queue of those not blocked, served or not."""
        return self._of_waiting(self._outcomes.wait) / (self.arrivals - self.blocked)

    @property
    def occupancy(self) -> float:
        """Of the servers, while arrivals are admitted."""
        spent = np.asarray(sum(self._course[0]))
        return float(spent @ np.minimum(np.arange(spent.size), self.servers)) / (self.length * self.servers)

    @property
    def delay_probability_at_end(self) -> float:
        """P(an arrival at closing would have to wait), i.e. all servers busy and a place left."""
        return float(self._course[1][self.servers : -1].sum())

    @property
    def mean_queue_at_end(self) -> float:
        """Mean number waiting at closing."""
        end = self._course[1]
        return float(end @ np.maximum(np.arange(end.size) - self.servers, 0))


@dataclass(frozen=True)
class Pulse:
    """``base`` arrivals per unit of time until ``rise``, ``peak`` until ``fall``, then back towards base.

    The way back is exponential with time constant ``decay`` (0: at once). Starts in the steady state of ``base`` or empty;
    ``abandon`` > 0. Counts run over [0, horizon]; contacts that arrive in it are followed to their end.
    """

    base: float
    peak: float
    rise: float
    fall: float
    decay: float
    service: float
    servers: int
    abandon: float
    horizon: float
    from_empty: bool = False
    places: int | None = None

    def __post_init__(self) -> None:
        need_positive(base=self.base, peak=self.peak, service=self.service, abandon=self.abandon)
        need_not_negative(decay=self.decay, rise=self.rise)
        need_count(servers=self.servers)
        if not self.rise < self.fall < self.horizon:
            raise ValueError(f"rise < fall < horizon is needed, got {self.rise:g}, {self.fall:g}, {self.horizon:g}")

    def rate(self, t: float) -> float:
        """λ(t)."""
        if t < self.rise:
            return self.base
        if t < self.fall:
            return self.peak
        return self._after(t)

    def _after(self, t: float) -> float:
        return self.base + (self.peak - self.base) * exp(-(t - self.fall) / self.decay) if self.decay else self.base

    @cached_property
    def _pieces(self) -> list[tuple[float, float, Callable[[float], float]]]:
        """(from, to, rate) of each smooth piece."""
        pieces: list[tuple[float, float, Callable[[float], float]]] = [
            (0.0, self.rise, lambda _: self.base),
            (self.rise, self.fall, lambda _: self.peak),
            (self.fall, self.horizon, self._after),
        ]
        return [piece for piece in pieces if piece[1] > piece[0]]

    @cached_property
    def _levels(self) -> int:
        """Levels that matter: those of the steady state under the highest rate, which the pulse never exceeds."""
        if self.places is not None:
            return self.places
        return int(abandoning_queue(max(self.base, self.peak), self.service, self.servers, self.abandon).births.size)

    @cached_property
    def _start(self) -> Array:
        start = np.zeros(self._levels + 1)
        if self.from_empty:
            start[0] = 1.0
            return start
        steady = abandoning_queue(self.base, self.service, self.servers, self.abandon).probabilities
        kept = min(start.size, steady.size)
        start[:kept] = steady[:kept]
        return np.asarray(start / start.sum())

    @cached_property
    def _deaths(self) -> Array:
        levels = np.arange(1, self._levels + 1)
        return self.service * np.minimum(levels, self.servers) + self.abandon * np.maximum(levels - self.servers, 0)

    def _carry(self, rate: Callable[[float], float], start: Array, times: Sequence[float]) -> Array:
        ones = np.ones(self._levels)
        return carry(lambda t: rate(t) * ones, self._deaths, start, times)

    @cached_property
    def _course(self) -> list[tuple[Array, Array, Array]]:
        """(times, arrival rates, distributions of the number in system) by smooth piece."""
        now, course = self._start, []
        for start, end, rate in self._pieces:
            at = np.linspace(start, end, GRID)
            carried = self._carry(rate, now, at.tolist())
            course.append((at, np.array([rate(t) for t in at.tolist()]), carried))
            now = carried[-1]
        return course

    def _integral(self, values: Callable[[Array, Array], Array]) -> float:
        return float(sum(simpson(values(rates, carried), x=at) for at, rates, carried in self._course))

    @property
    def _waiting(self) -> Array:
        return np.maximum(np.arange(self._levels + 1) - self.servers, 0).astype(float)

    @property
    def arrivals(self) -> float:
        """Expected number within the horizon."""
        after, swing = self.horizon - self.fall, self.peak - self.base
        fading = self.decay * (1 - exp(-after / self.decay)) if self.decay else 0.0
        return self.base * self.horizon + swing * (self.fall - self.rise + fading)

    @property
    def abandoned(self) -> float:
        """Expected number that leaves within the horizon."""
        return self._integral(lambda _, carried: self.abandon * (carried @ self._waiting))

    def served_within(self, within: float) -> float:
        """Expected number of arrivals of the horizon that are served after at most this wait."""
        outcomes = Outcomes(self.servers, self.service, self.abandon, self._levels - self.servers)
        good = np.concatenate([np.ones(self.servers), outcomes.served_within(within), [0.0]])
        return self._integral(lambda rates, carried: rates * (carried @ good))

    @cached_property
    def longest(self) -> tuple[float, float]:
        """(largest mean queue, when)."""
        best = (-inf, 0.0)
        for at, _, carried in self._course:
            queue = carried @ self._waiting
            place = int(np.argmax(queue))
            best = max(best, (float(queue[place]), float(at[place])), key=lambda found: found[0])
        return best

    def at(self, t: float) -> tuple[float, float]:
        """(mean queue, P(all servers busy)) at t, 0 ≤ t ≤ horizon."""
        if not 0 <= t <= self.horizon:
            raise ValueError(f"t must lie in 0…{self.horizon:g}, got {t:g}")
        place = next(place for place, (_, end, _) in enumerate(self._pieces) if t <= end)
        at, _, carried = self._course[place]
        before = max(0, int(np.searchsorted(at, t)) - 1)
        now = carried[before]
        if t > at[before]:
            now = self._carry(self._pieces[place][2], now, [float(at[before]), t])[-1]
        return float(now @ self._waiting), float(now[self.servers :].sum())

    def fluid(self, times: Sequence[float]) -> list[float]:
        """Number in system in the fluid limit: x' = λ − μ·min(x, n) − θ·(x − n)⁺, from base ÷ service or empty."""
        content, found = 0.0 if self.from_empty else self._fluid_start, dict.fromkeys(times, 0.0)
        for start, end, rate in self._pieces:

            def change(t: float, x: Array, rate: Callable[[float], float] = rate) -> Array:
                over = np.maximum(x - self.servers, 0)
                return np.asarray(rate(t) - self.service * (x - over) - self.abandon * over)

            at = sorted({start, end, *(t for t in times if start <= t <= end)})
            moved = solve_ivp(change, (start, end), [content], t_eval=at, method="LSODA", rtol=1e-10, atol=1e-10)
            found.update({t: float(x) for t, x in zip(at, moved.y[0], strict=True) if t in found})
            content = float(moved.y[0][-1])
        return [found[t] for t in times]

    @property
    def _fluid_start(self) -> float:
        load, servers = self.base / self.service, self.servers
        return load if load <= servers else servers + (self.base - servers * self.service) / self.abandon
