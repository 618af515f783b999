"""What every chain with queues by class shares: how a state holds the queues, where they are cut, what is read off."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import cached_property

from sim.theory.chains import Explored, widened
from sim.theory.lifetimes import Array
from sim.theory.limits import need_not_negative, need_positive, need_same_length

State = tuple[int, ...]
# Labels of moves: LABELS × class + one of these.
ENTERED, WAITED, LEFT, SERVED, CUT = range(5)
LABELS = 5
FIRST_CAP = 24


def moved(state: State, *changes: tuple[int, int]) -> State:
    """The state with each (place, by) added."""
    changed = list(state)
    for place, by in changes:
        changed[place] += by
    return tuple(changed)


class ClassQueues(ABC):
    """Classes are numbered from 0; the last places of a state are the lengths of their queues.

    ``arrivals`` and ``abandon`` are rates by class.
    """

    arrivals: tuple[float, ...]
    abandon: tuple[float, ...]

    def _check_rates(self) -> int:
        classes = need_same_length(arrivals=self.arrivals, abandon=self.abandon)
        for arrivals, abandon in zip(self.arrivals, self.abandon, strict=True):
            need_positive(arrivals=arrivals)
            need_not_negative(abandon=abandon)
        return classes

    @property
    @abstractmethod
    def start(self) -> State:
        """Nobody there."""

    @abstractmethod
    def admit(self, state: State, served: int) -> State | None:
        """The state once an arrival of this class has begun service, None when it has to wait."""

    @abstractmethod
    def completions(self, state: State) -> Iterator[tuple[State, float, int]]:
        """(next state, rate, label) of each end of service; the freed place is given on."""

    @property
    def queue_at(self) -> int:
        """Where the queues begin in a state."""
        return len(self.start) - len(self.arrivals)

    def _moves(self, state: State, caps: tuple[int, ...]) -> Iterator[tuple[State, float, int]]:
        queues = self.queue_at
        for served, rate in enumerate(self.arrivals):
            entered = self.admit(state, served)
            if entered is not None:
                yield entered, rate, LABELS * served + ENTERED
                continue
            waiting = moved(state, (queues + served, 1))
            fits = sum(queue / cap for queue, cap in zip(waiting[queues:], caps, strict=True)) <= 1 + 1e-12
            yield (waiting, rate, LABELS * served + WAITED) if fits else (state, rate, LABELS * served + CUT)
        for served, rate in enumerate(self.abandon):
            if state[queues + served]:
                left = moved(state, (queues + served, -1))
                yield left, rate * state[queues + served], LABELS * served + LEFT
        yield from self.completions(state)

    @cached_property
    def chain(self) -> Explored[State]:
        """All states, the queues cut where together they hold next to nothing."""
        return widened(
            lambda caps: Explored(self.start, lambda state: self._moves(state, caps)),
            (FIRST_CAP,) * len(self.arrivals),
            lambda place: LABELS * place + CUT,
        )

    @property
    def cut(self) -> float:
        """Share of arrivals lost to the cut: the size of the error made."""
        lost = sum(self.chain.flow(LABELS * place + CUT) for place in range(len(self.arrivals)))
        return lost / sum(self.arrivals)

    def queue(self, place: int) -> Array:
        """Length of this class's queue, by state."""
        return self.chain.values(lambda state: state[self.queue_at + place])

    def all_queues(self) -> Array:
        """Everybody who waits, by state."""
        return self.chain.values(lambda state: sum(state[self.queue_at :]))

    def delay_probability(self, place: int) -> float:
        """P(an arrival of this class does not start service at once)."""
        return self.chain.flow(LABELS * place + WAITED) / self.arrivals[place]

    def mean_queue(self, place: int) -> float:
        """Mean number of this class waiting."""
        return self.chain.mean(self.queue(place))

    def mean_wait(self, place: int) -> float:
        """Mean time in queue of all arrivals of this class, served or not."""
        return self.mean_queue(place) / self.arrivals[place]

    def abandonment(self, place: int) -> float:
        """Share of this class's arrivals that leave the queue unserved."""
        return self.abandon[place] * self.mean_wait(place)

    def _arriving(self, place: int) -> tuple[int, int]:
        return LABELS * place + ENTERED, LABELS * place + WAITED

    def delay_variance(self, place: int) -> float:
        """lim T·Var of the share that waits, measured over [0, T]."""
        return self.chain.ratio_variance([LABELS * place + WAITED], self._arriving(place))

    def abandonment_variance(self, place: int) -> float:
        """lim T·Var of the share that leaves, measured over [0, T]."""
        return self.chain.ratio_variance([LABELS * place + LEFT], self._arriving(place))

    def wait_variance(self, place: int) -> float:
        """lim T·Var of the mean time in queue of this class's arrivals, measured over [0, T]."""
        return self.chain.ratio_variance([], self._arriving(place), self.queue(place))
