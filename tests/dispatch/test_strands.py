"""Strands: the order in which contacts of a lane are served, whatever order they came in."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from engine.dispatch.strands import MOST, TRIM, ContactKey, Spot, Strands


@dataclass
class Crowd:
    """Contacts that come and go, and the same in a plain list."""

    strands: Strands = field(default_factory=Strands)
    there: list[ContactKey] = field(default_factory=list)

    def come(self, priority: int, start: int, number: int) -> None:
        key = (0, -priority, start, number, Spot(alone=False))
        self.there.append(key)
        self.strands.push(key)

    def go(self, place: int) -> None:
        self.there.pop(place)[4].open = False

    def first(self, refused: frozenset[int] = frozenset()) -> ContactKey | None:
        return min((key for key in self.there if key[3] not in refused), default=None)


def test_those_who_come_in_order_make_one_strand_and_leave_nothing_behind() -> None:
    """A thousand come one after the other and are served so: one strand, and what lies before its head is let go."""
    crowd = Crowd()
    for number in range(1_000):
        crowd.come(0, number, number)
    for _ in range(1_000):
        assert crowd.strands.top() is crowd.there[0]
        crowd.go(0)
    assert crowd.strands.top() is None
    assert (crowd.strands.size, crowd.strands.strands) == (0, [])


def test_who_was_raised_stands_first_in_a_strand_beside() -> None:
    """Half are raised, each after its time: two strands, the raised one first, and never more than that."""
    crowd = Crowd()
    for number in range(400):
        crowd.come(0, number, number)
        if number >= 100:
            crowd.come(1, number - 100, 1_000 + number)
    assert len(crowd.strands.strands) == 2
    assert crowd.strands.top() == min(crowd.there)


def test_whoever_fits_no_strand_is_not_lost() -> None:
    """Each comes before all the others: past the most strands there may be they go to the heap, and are found there."""
    crowd = Crowd()
    for number in range(3 * MOST):
        crowd.come(number, 0, number)
    assert len(crowd.strands.strays) == 2 * MOST
    while crowd.there:
        first = crowd.strands.top()
        assert first is not None
        assert first is crowd.first()
        crowd.go(crowd.there.index(first))


def test_who_left_the_head_half_empty_costs_no_memory() -> None:
    """All but the last leave: one look later the strand has let go of them."""
    crowd = Crowd()
    for number in range(4 * TRIM):
        crowd.come(0, number, number)
    for _ in range(4 * TRIM - 1):
        crowd.go(0)
    assert crowd.strands.top() is crowd.there[0]
    assert len(crowd.strands.strands[0].keys) == crowd.strands.size == 1


@pytest.mark.parametrize("seed", range(40))
def test_any_history_is_served_in_order(seed: int) -> None:
    """Contacts of any priority come, leave, come again with the very key they had; some are refused; now and then it is tidied."""
    rng = np.random.default_rng(seed)
    crowd = Crowd()
    for number in range(400):
        draw = rng.random()
        if draw < 0.5 or not crowd.there:
            crowd.come(int(rng.integers(3 + 10 * (seed % 2))), number - int(rng.integers(20)), number)
        elif draw < 0.7:
            crowd.go(int(rng.integers(len(crowd.there))))
        elif draw < 0.8:
            place = int(rng.integers(len(crowd.there)))
            back = crowd.there[place]
            crowd.go(place)
            crowd.come(-back[1], back[2], back[3])
        elif draw < 0.85:
            crowd.strands.tidy()
            assert crowd.strands.size == len(crowd.there)
        elif draw < 0.95:
            first = crowd.strands.top()
            assert first is crowd.first()
            if first is not None and draw < 0.9:
                crowd.strands.pop()
                crowd.there.remove(first)
        refused = frozenset(key[3] for key in crowd.there if rng.random() < 0.3)
        assert crowd.strands.past(refused) is crowd.first(refused)
        assert sorted(crowd.strands.standing()) == sorted(crowd.there)
    assert crowd.strands.size >= len(crowd.there)
