"""Small Markov chains in continuous time: found state by state, solved as sparse linear systems.

Besides the steady state: the asymptotic variance of what a run of the model measures, from the Poisson equation. For an
additive functional A(T) = ∫ r(X) dt + Σ g(move) with mean rate m, h solves Q h = −(r + Σ q·g − m), and

    lim Var A(T) ÷ T = Σ_i π_i Σ_j q_ij (g_ij + h_j − h_i)²

(the quadratic variation of the martingale A(T) − mT + h(X_T); Asmussen, Applied Probability and Queues, I.7 and V).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from functools import cached_property
from math import ceil, log
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_matrix
from scipy.sparse.linalg import splu

from sim.theory.lifetimes import Array

S = TypeVar("S", bound=Hashable)
Ints = NDArray[np.int64]

# A model of more states than this is no small chain: a sparse LU of it takes minutes and gigabytes.
MOST_STATES = 200_000


class Chain:
    """A finite irreducible chain given by its moves.

    ``sources``, ``targets``, ``rates``, ``labels``: one entry per move; a move from a state to itself changes nothing but
    may be counted. ``probabilities`` when the steady state is known already.
    """

    def __init__(
        self, *, sources: Ints, targets: Ints, rates: Array, labels: Ints, size: int, probabilities: Array | None = None
    ) -> None:
        self.sources, self.targets, self.rates, self.labels, self.size = sources, targets, rates, labels, size
        if probabilities is not None:
            self.probabilities = probabilities

    @property
    def _reference(self) -> int:
        return int(np.argmax(self.probabilities)) if "probabilities" in self.__dict__ else 0

    @cached_property
    def generator(self) -> csc_matrix:
        """Q, rows sum to 0."""
        rows = np.concatenate([self.sources, self.sources])
        columns = np.concatenate([self.targets, self.sources])
        return csc_matrix((np.concatenate([self.rates, -self.rates]), (rows, columns)), shape=(self.size, self.size))

    @cached_property
    def _factors(self) -> tuple[int, NDArray[np.bool_], Any]:
        """(reference state, the others, LU of Qᵗ over the others).

        Diagonal pivots: an M-matrix needs no others, and the fill is half of what column ordering leaves.
        """
        reference = self._reference
        others = np.ones(self.size, dtype=bool)
        others[reference] = False
        inner = self.generator[others][:, others].T.tocsc()
        return reference, others, splu(inner, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0)

    @cached_property
    def probabilities(self) -> Array:
        """Steady state, by state."""
        if self.size == 1:
            return np.ones(1)
        reference, others, factors = self._factors
        row = np.asarray(self.generator[[reference]].todense()).ravel()[others]
        weights = np.ones(self.size)
        weights[others] = factors.solve(-row)
        return np.asarray(weights / weights.sum())

    @property
    def residual(self) -> float:
        """Largest imbalance of a state in the solution, relative to the total flow: how exact the solution is."""
        flow = np.abs(self.generator.T @ self.probabilities).max()
        return float(flow / (self.probabilities @ -self.generator.diagonal()))

    def mean(self, values: Array) -> float:
        """Steady-state mean of a function of the state, given by state."""
        return float(self.probabilities @ values)

    def flow(self, label: int) -> float:
        """Moves of this label per unit of time."""
        chosen = self.labels == label
        return float(self.probabilities[self.sources[chosen]] @ self.rates[chosen])

    def variance(self, rate: Array | None = None, counts: Mapping[int, float] | None = None) -> float:
        """lim T·Var of the time average over [0, T] of ``rate`` (by state) plus ``counts`` (by label of move)."""
        gains = np.zeros(self.rates.size)
        for label, gain in (counts or {}).items():
            gains[self.labels == label] = gain
        total = np.zeros(self.size) if rate is None else np.array(rate, dtype=float)
        np.add.at(total, self.sources, self.rates * gains)
        mean = self.mean(total)
        if self.size == 1:
            bias = np.zeros(1)
        else:
            _, others, factors = self._factors
            bias = np.zeros(self.size)
            bias[others] = factors.solve(-(total - mean)[others], trans="T")
        jumps = gains + bias[self.targets] - bias[self.sources]
        return float((self.probabilities[self.sources] * self.rates) @ (jumps * jumps))

    def ratio_variance(self, counted: Iterable[int], among: Iterable[int], rate: Array | None = None) -> float:
        """lim T·Var of a ratio measured over [0, T]: (moves labelled ``counted`` + the integral of ``rate``) ÷ moves
        labelled ``among``: a share, or a mean time by Little's law."""
        counted, among = tuple(counted), tuple(among)
        below = sum(map(self.flow, among))
        above = sum(map(self.flow, counted)) + (0.0 if rate is None else self.mean(rate))
        counts = dict.fromkeys(among, -above / below)
        for label in counted:
            counts[label] = counts.get(label, 0.0) + 1
        return self.variance(rate, counts) / below**2


class Explored(Chain, Generic[S]):
    """A chain found by following moves from one state; ``states[i]`` is the state numbered i."""

    def __init__(self, start: S, moves: Callable[[S], Iterable[tuple[S, float, int]]]) -> None:
        """``moves(state)`` gives (next state, rate, label) of each move; a rate of 0 is no move."""
        numbers: dict[S, int] = {start: 0}
        self.states: list[S] = [start]
        sources, targets, rates, labels = [], [], [], []
        for number, state in enumerate(self.states):
            for following, rate, label in moves(state):
                if rate <= 0:
                    continue
                target = numbers.get(following)
                if target is None:
                    target = numbers[following] = len(self.states)
                    self.states.append(following)
                sources.append(number)
                targets.append(target)
                rates.append(rate)
                labels.append(label)
            if len(self.states) > MOST_STATES:
                raise ValueError(f"a small chain has at most {MOST_STATES} states, this one has more")
        super().__init__(
            sources=np.array(sources, dtype=np.int64),
            targets=np.array(targets, dtype=np.int64),
            rates=np.array(rates, dtype=float),
            labels=np.array(labels, dtype=np.int64),
            size=len(self.states),
        )

    def values(self, of: Callable[[S], float]) -> Array:
        """A function of the state as the array that :meth:`mean` and :meth:`variance` take."""
        return np.array([of(state) for state in self.states], dtype=float)


C = TypeVar("C", bound=Chain)


def widened(
    build: Callable[[tuple[int, ...]], C], caps: tuple[int, ...], cut: Callable[[int], int], lost: float = 1e-12
) -> C:
    """The chain of models with endless queues: ``build(caps)``, with caps raised until nearly nothing is cut.

    ``cut(i)`` is the label of the moves that the i-th cap stops (moves of a state to itself); caps whose such flow
    exceeds ``lost`` of the whole flow grow, by as much as a geometric tail would need, at most by half.
    """
    while True:
        chain = build(caps)
        whole = float(chain.probabilities @ -chain.generator.diagonal())
        shares = [chain.flow(cut(place)) / whole for place in range(len(caps))]
        grown = tuple(
            _grown(cap, share, lost) if share > lost else cap for cap, share in zip(caps, shares, strict=True)
        )
        if grown == caps:
            return chain
        caps = grown


def _grown(cap: int, share: float, lost: float) -> int:
    needed = log(lost) / log(share) if share < 1 else 2.0
    return ceil(cap * min(1.5, max(1.08, needed)))
