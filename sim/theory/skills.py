"""Several classes, several pools: V, N and W models as Markov chains, small enough to solve exactly.

State: busy agents by (pool, rate served at), then waiting customers by class; classes that a pool serves at one rate need
not be told apart. An arrival goes to the first pool of its class's order that has an agent to spare; a freed agent takes the
first class of its pool's order that waits (or the longest queue), if the reserve lets that class in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from sim.theory.class_queues import SERVED, ClassQueues, State, moved
from sim.theory.lifetimes import Array
from sim.theory.limits import Unstable, need_count, need_same_length


@dataclass(frozen=True)
class Pool:
    """``service[c]``: rate at which one agent serves class c, 0 when it cannot.

    ``order``: which class a freed agent takes, first to last; None: the longest queue, the lower class on a tie.
    """

    servers: int
    service: tuple[float, ...]
    order: tuple[int, ...] | None = None


@dataclass(frozen=True)
class SkillModel(ClassQueues):
    """Classes and pools are numbered from 0.

    ``arrivals``, ``abandon``: rates by class; ``pool_orders[c]``: the pools that class c tries; ``reserve[(c, p)]``: idle
    agents of pool p that class c leaves to others, on arrival and from the queue.
    """

    arrivals: tuple[float, ...]
    abandon: tuple[float, ...]
    pools: tuple[Pool, ...]
    pool_orders: tuple[tuple[int, ...], ...]
    reserve: Mapping[tuple[int, int], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        classes = self._check_rates()
        need_same_length(arrivals=self.arrivals, pool_orders=self.pool_orders)
        for number, pool in enumerate(self.pools):
            need_count(servers=pool.servers)
            if len(pool.service) != classes:
                raise ValueError(f"a pool needs {classes} service rates, one per class, got {len(pool.service)}")
            for place in pool.order or ():
                if not 0 <= place < classes or pool.service[place] <= 0:
                    raise ValueError(f"freed agents of pool {number} take class {place}, which it does not serve")
        for place, order in enumerate(self.pool_orders):
            for pool_place in order:
                if not 0 <= pool_place < len(self.pools) or self.pools[pool_place].service[place] <= 0:
                    raise ValueError(f"class {place} goes to pool {pool_place}, which does not serve it")
        if not any(self.abandon) and sum(self.arrivals) >= sum(p.servers * max(p.service) for p in self.pools):
            raise Unstable(f"arrivals {sum(self.arrivals):g} exceed what all servers can do, and nobody leaves")

    @cached_property
    def _slots(self) -> tuple[tuple[int, float], ...]:
        """(pool, rate) of each place of the state that counts busy agents."""
        return tuple(
            (number, rate)
            for number, pool in enumerate(self.pools)
            for rate in sorted({rate for rate in pool.service if rate > 0})
        )

    @cached_property
    def start(self) -> State:
        return (0,) * (len(self._slots) + len(self.arrivals))

    def _slot(self, pool: int, served: int) -> int:
        return self._slots.index((pool, self.pools[pool].service[served]))

    def _busy(self, state: State, pool: int) -> int:
        return sum(state[place] for place, (of, _) in enumerate(self._slots) if of == pool)

    def _lets_in(self, state: State, pool: int, served: int) -> bool:
        return self.pools[pool].servers - self._busy(state, pool) > self.reserve.get((served, pool), 0)

    def _entered_pool(self, state: State, served: int) -> int | None:
        return next((pool for pool in self.pool_orders[served] if self._lets_in(state, pool, served)), None)

    def admit(self, state: State, served: int) -> State | None:
        pool = self._entered_pool(state, served)
        return None if pool is None else moved(state, (self._slot(pool, served), 1))

    def _next_class(self, state: State, pool: int) -> int | None:
        """Whom an agent just freed (no longer counted busy in ``state``) takes."""
        queues = state[self.queue_at :]
        order = self.pools[pool].order
        if order is None:
            served = [place for place, rate in enumerate(self.pools[pool].service) if rate > 0]
            order = tuple(sorted(served, key=lambda place: (-queues[place], place)))
        return next((place for place in order if queues[place] and self._lets_in(state, pool, place)), None)

    def completions(self, state: State) -> Iterator[tuple[State, float, int]]:
        for place, (pool, rate) in enumerate(self._slots):
            if state[place]:
                freed = moved(state, (place, -1))
                following = self._next_class(freed, pool)
                if following is not None:
                    freed = moved(freed, (self.queue_at + following, -1), (self._slot(pool, following), 1))
                yield freed, rate * state[place], SERVED

    def busy(self, pool: int) -> Array:
        """Busy agents of this pool, by state."""
        return self.chain.values(lambda state: self._busy(state, pool))

    def occupancy(self, pool: int) -> float:
        """Mean busy agents of this pool ÷ its agents."""
        return self.chain.mean(self.busy(pool)) / self.pools[pool].servers

    def busy_with(self, pool: int, served: int) -> float:
        """Mean number of this pool's agents that serve this class: what enters it of the class × its mean service."""
        rate = self.pools[pool].service[served]
        return self._entries(pool, served) / rate if rate > 0 else 0.0

    def _entries(self, pool: int, served: int) -> float:
        """Customers of this class that this pool begins to serve, per unit of time."""
        chain, total = self.chain, 0.0
        for state, probability in zip(chain.states, chain.probabilities.tolist(), strict=True):
            if self._entered_pool(state, served) == pool:
                total += probability * self.arrivals[served]
            for place, (of, rate) in enumerate(self._slots):
                if of == pool and state[place] and self._next_class(moved(state, (place, -1)), pool) == served:
                    total += probability * rate * state[place]
        return total
