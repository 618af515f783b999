"""Agents with several chats at once: pools whose agents' speed depends on how many they have.

The remaining work of an agent's chats is exponential and shared out evenly (processor sharing), so that an agent with j
chats ends one at rate ``rates[j]``, whatever their age (Luo & Zhang 2013; Tezcan & Zhang 2014). State: how many agents of
each pool have 0, 1, … k chats, then waiting customers by class.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from sim.theory.class_queues import LABELS, ClassQueues, State, moved
from sim.theory.lifetimes import Array
from sim.theory.limits import need_count, need_not_negative, need_positive, need_same_length


class Routing(Enum):
    """Which agent of a pool gets the next chat."""

    LEAST_BUSY = "LBF"
    MOST_BUSY = "MBF"


@dataclass(frozen=True)
class ChatPool:
    """``rates[j]``: total rate of an agent with j chats, j = 0 … k (``rates[0]`` is 0).

    ``order``: which class a freed place takes, first to last; None: by number.
    """

    agents: int
    rates: tuple[float, ...]
    routing: Routing = Routing.LEAST_BUSY
    order: tuple[int, ...] | None = None

    @property
    def places(self) -> int:
        """Chats that one agent can have."""
        return len(self.rates) - 1


@dataclass(frozen=True)
class ChatModel(ClassQueues):
    """``pool_orders[c]``: the pools that class c tries, first to last.

    ``abandon_in_service``: rate at which each customer in a chat leaves it.
    """

    arrivals: tuple[float, ...]
    abandon: tuple[float, ...]
    pools: tuple[ChatPool, ...]
    pool_orders: tuple[tuple[int, ...], ...]
    abandon_in_service: float = 0.0

    def __post_init__(self) -> None:
        self._check_rates()
        need_same_length(arrivals=self.arrivals, pool_orders=self.pool_orders)
        need_not_negative(abandon_in_service=self.abandon_in_service)
        for pool in self.pools:
            need_count(agents=pool.agents, places=pool.places)
            if pool.rates[0] != 0:
                raise ValueError(f"an agent without chats ends none: rates[0] must be 0, got {pool.rates[0]!r}")
            for rate in pool.rates[1:]:
                need_positive(rate=rate)

    @cached_property
    def _starts(self) -> tuple[int, ...]:
        """Where each pool's levels begin in a state."""
        starts, at = [], 0
        for pool in self.pools:
            starts.append(at)
            at += len(pool.rates)
        return tuple(starts)

    @cached_property
    def start(self) -> State:
        idle = [count for pool in self.pools for count in (pool.agents, *(0,) * pool.places)]
        return (*idle, *(0,) * len(self.arrivals))

    def _taker(self, state: State, pool: int) -> int | None:
        """The level of the agent that gets this pool's next chat."""
        levels = range(self.pools[pool].places)
        if self.pools[pool].routing is Routing.MOST_BUSY:
            levels = levels[::-1]
        return next((level for level in levels if state[self._starts[pool] + level]), None)

    def admit(self, state: State, served: int) -> State | None:
        for pool in self.pool_orders[served]:
            level = self._taker(state, pool)
            if level is not None:
                at = self._starts[pool] + level
                return moved(state, (at, -1), (at + 1, 1))
        return None

    def _following(self, state: State, pool: int) -> int | None:
        order = self.pools[pool].order or range(len(self.arrivals))
        queues = state[self.queue_at :]
        return next((served for served in order if queues[served] and pool in self.pool_orders[served]), None)

    def completions(self, state: State) -> Iterator[tuple[State, float, int]]:
        for pool, start in enumerate(self._starts):
            following = self._following(state, pool)
            for level, rate in enumerate(self.pools[pool].rates):
                agents = state[start + level]
                if not level or not agents:
                    continue
                ended = (
                    moved(state, (self.queue_at + following, -1))
                    if following is not None
                    else moved(state, (start + level, -1), (start + level - 1, 1))
                )
                yield ended, agents * rate, self.done(pool)
                yield ended, agents * level * self.abandon_in_service, self.done(pool) + 1

    def done(self, pool: int) -> int:
        """Label of the chats that this pool ends; one more: that their customers leave."""
        return LABELS * len(self.arrivals) + 2 * pool

    def agents_at(self, pool: int, level: int) -> Array:
        """Agents of this pool with so many chats, by state."""
        return self.chain.values(lambda state: state[self._starts[pool] + level])

    def chats(self, pool: int) -> Array:
        """Chats in this pool, by state."""
        start, levels = self._starts[pool], len(self.pools[pool].rates)
        return self.chain.values(lambda state: sum(level * state[start + level] for level in range(levels)))

    def mean_chats(self, pool: int) -> float:
        """Mean number of chats in this pool."""
        return self.chain.mean(self.chats(pool))

    def level_share(self, pool: int, level: int) -> float:
        """Share of this pool's agents that have so many chats."""
        return self.chain.mean(self.agents_at(pool, level)) / self.pools[pool].agents

    def slot_occupancy(self, pool: int) -> float:
        """Mean chats ÷ places for chats."""
        return self.mean_chats(pool) / (self.pools[pool].agents * self.pools[pool].places)

    def throughput(self, pool: int) -> float:
        """Chats brought to their end by this pool per unit of time."""
        return self.chain.flow(self.done(pool))

    def lost_in_service(self, pool: int) -> float:
        """Customers that leave a chat of this pool, per unit of time."""
        return self.chain.flow(self.done(pool) + 1)

    def mean_session(self, pool: int) -> float:
        """Mean time that a customer spends in a chat of this pool."""
        return self.mean_chats(pool) / (self.throughput(pool) + self.lost_in_service(pool))

    def session_variance(self, pool: int) -> float:
        """lim T·Var of the mean time in a chat of this pool, measured over [0, T] as chats × T ÷ chats ended."""
        return self.chain.ratio_variance([], (self.done(pool), self.done(pool) + 1), self.chats(pool))


def chat_pool(
    *,
    arrivals: float,
    abandon: float,
    agents: int,
    rates: tuple[float, ...],
    routing: Routing = Routing.LEAST_BUSY,
    abandon_in_service: float = 0.0,
) -> ChatModel:
    """One class, one pool."""
    return ChatModel((arrivals,), (abandon,), (ChatPool(agents, rates, routing),), ((0,),), abandon_in_service)
