"""Both dispatchers play the same generated histories, and say the same, event for event."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import pytest

from tests.reference_dispatcher import known
from tests.reference_dispatcher.comparing import Difference, compare
from tests.reference_dispatcher.exercised import SELDOM, Exercised
from tests.reference_dispatcher.shrinking import smallest

HISTORIES = 600


@dataclass
class Played:
    """What became of the histories, and how often each thing was seen."""

    unknown: list[Difference] = field(default_factory=list)
    known: Counter[str] = field(default_factory=Counter)
    exercised: Exercised = field(default_factory=Exercised)


@pytest.fixture(scope="module")
def played() -> Played:
    outcome = Played()
    for seed in range(HISTORIES):
        found = compare(seed, outcome.exercised)
        if found is not None and known.of(found):
            outcome.known[known.of(found)] += 1
        elif found is not None:
            outcome.unknown.append(found)
    return outcome


def test_both_dispatchers_say_the_same(played: Played) -> None:
    """Six hundred histories, every field of every event and every next deadline; a failure is one line and a small story."""
    if played.unknown:
        seeds = [difference.history.seed for difference in played.unknown]
        pytest.fail(f"{len(seeds)} differ: {seeds}\n\n{smallest(played.unknown[0]).told()}", pytrace=False)


def test_what_is_known_ends_few_histories(played: Played) -> None:
    """A decided difference ends its history; were it many, little would be compared behind it."""
    assert sum(played.known.values()) <= HISTORIES // 20, played.known


def test_everything_is_exercised(played: Played) -> None:
    """Each key of a policy, each command that has a rule, each event, trigger, choice, order, effect and refusal is seen."""
    assert set(played.exercised.missing()) <= set(SELDOM)
