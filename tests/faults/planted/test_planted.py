"""The tests are tested: a bug planted into the product breaks a promise that clients can see, and its absence breaks none."""

from __future__ import annotations

import pytest

from tests.faults.campaign import judge, repeat_line
from tests.faults.planted.bugs import BUGS, DRIVER, SESSIONS, STORE, Bug
from tests.faults.planted.finding import find
from tests.faults.planted.found import FOUND_BY


def test_there_are_enough_of_them() -> None:
    """At least twenty, at least twelve of them in driver, store and sessions; each has a name of its own and a seed."""
    assert len(BUGS) >= 20
    assert len(DRIVER) + len(STORE) + len(SESSIONS) >= 12
    assert sorted(bug.name for bug in BUGS) == sorted(FOUND_BY)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_is_found(bug: Bug) -> None:
    """By the seed that found it last; where that means another schedule by now, by any within the budget."""
    with bug.planted():
        problems = judge(FOUND_BY[bug.name]).problems
    assert problems or find(bug.name).seed, f"{bug.name} was not found in {bug.budget} schedules: {bug.story}"


@pytest.mark.parametrize("seed", sorted(set(FOUND_BY.values())), ids=str)
def test_without_the_bug_the_same_seed_breaks_nothing(seed: int) -> None:
    """What found the bugs finds nothing in the product as it is."""
    assert judge(seed).problems == (), repeat_line(seed)
