"""Overtaking windows of the orders by promise and by queue length, of overdue contacts, and of shares."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.dispatch.policy.compile import compile_policy
from engine.dispatch.policy.compiled import Policy
from engine.dispatch.policy.overtaking import ClassOf, overtaking_windows, window_between
from tests.dispatch.stage import policy_text

MINUTE = 60_000
UNBOUNDED, NEVER = ("unbounded", 0), ("never", 0)


def two(pool: dict[str, Any], a: dict[str, Any], b: dict[str, Any]) -> Policy:
    """Queues a and b on pool onsite."""
    text = policy_text(queues={"a": a, "b": b}, pools={"onsite": pool, "elsewhere": {}})
    return compile_policy(text)


def windows(policy: Policy, a: int = 0, b: int = 0) -> tuple[tuple[str, int], tuple[str, int]]:
    """(B past A, A past B)."""
    pool, first, second = policy.pools["onsite"], ClassOf("a", a), ClassOf("b", b)
    return window_between(policy, pool, first, second), window_between(policy, pool, second, first)


PROMISE = {"order": "promise"}
LAST = {"order": "promise", "overdue": "last"}
LONGEST = {"order": "longest_queue"}
ONE, THREE = {"target_ms": MINUTE}, {"target_ms": 3 * MINUTE}
RAISED = [{"after_ms": MINUTE, "raise_priority": 1}]


@pytest.mark.parametrize(
    ("pool", "a", "b", "b_past_a", "a_past_b"),
    [
        # three minutes promised to A, one to B: B may come two minutes later
        (PROMISE, THREE, ONE, ("within", 2 * MINUTE), ("earlier", 2 * MINUTE)),
        (PROMISE, ONE, ONE, ("within", 0), ("within", 0)),
        # priority goes before the promise
        (PROMISE, {**ONE, "priority": 1}, ONE, NEVER, UNBOUNDED),
        # A is raised above B after a minute: until then B has its two minutes, but A waits at most one
        (PROMISE, {**THREE, "steps": RAISED}, ONE, ("within", MINUTE), UNBOUNDED),
        # who is overdue is passed by everybody who is not
        (LAST, THREE, ONE, UNBOUNDED, UNBOUNDED),
        (LAST, ONE, ONE, UNBOUNDED, UNBOUNDED),
        (LAST, {**ONE, "priority": 1}, ONE, NEVER, UNBOUNDED),
        # nobody knows how long the other queue will be
        (LONGEST, {}, {}, UNBOUNDED, UNBOUNDED),
        (LONGEST, {"priority": 1}, {}, NEVER, UNBOUNDED),
        (LONGEST, {"steps": RAISED}, {}, ("within", MINUTE), UNBOUNDED),
        ({**LONGEST, "listed": ["b"]}, {}, {}, UNBOUNDED, NEVER),
        # listed for ties alone: still the longer one goes first
        ({**LONGEST, "listed": ["b"], "ties": "listed"}, {}, {}, UNBOUNDED, UNBOUNDED),
        ({**PROMISE, "listed": ["a"]}, THREE, ONE, NEVER, UNBOUNDED),
    ],
)
def test_two_classes_in_a_pool(
    pool: dict[str, Any], a: dict[str, Any], b: dict[str, Any], b_past_a: tuple[str, int], a_past_b: tuple[str, int]
) -> None:
    """The cases of the module's page, one by one."""
    assert windows(two(pool, a, b), a.get("priority", 0), b.get("priority", 0)) == (b_past_a, a_past_b)


def test_a_longest_queue_is_first_come_first_served_within_itself() -> None:
    """Two priorities of one queue: length says nothing, priority all."""
    policy = two(LONGEST, {}, {})
    pool, plain, vip = policy.pools["onsite"], ClassOf("a", 0), ClassOf("a", 1)
    assert (window_between(policy, pool, plain, vip), window_between(policy, pool, vip, plain)) == (UNBOUNDED, NEVER)
    assert window_between(policy, pool, plain, plain) == ("within", 0)
    assert window_between(policy, pool, plain, ClassOf("a", 0, "bot")) == UNBOUNDED


def test_a_shop_with_a_target_of_its_own_widens_the_window() -> None:
    """The flagship's contacts are promised half a minute in whatever queue: B's may come two and a half minutes later."""
    text = policy_text(queues={"a": THREE, "b": ONE}, pools={"onsite": PROMISE})
    text = text.replace("[shops.flagship]\n", "[shops.flagship]\ntarget_ms = 30_000\n")
    assert windows(compile_policy(text))[0] == ("within", 150_000)


def test_shares_come_before_the_order() -> None:
    """Tenants in turns, whatever the priorities; with one tenant the order speaks, unless its shops take turns."""
    bell = {"tenant": "bell", "priority": 9}
    assert windows(two({"shares": "tenant"}, {}, bell), 0, 9) == (UNBOUNDED, UNBOUNDED)
    assert windows(two({"shares": "tenant"}, {}, {"priority": 9}), 0, 9) == (UNBOUNDED, NEVER)
    assert windows(two({"shares": "shop"}, {}, {"priority": 9}), 0, 9) == (UNBOUNDED, UNBOUNDED)
    assert windows(two({"shares": "shop"}, {"tenant": "bell"}, bell), 0, 9) == (UNBOUNDED, NEVER)


@pytest.mark.parametrize(
    ("pool", "target_ms", "kind"),
    [
        ({}, 0, None),
        (PROMISE, 0, None),
        (LAST, 0, "unbounded"),
        (PROMISE, 30_000, "within"),
        ({"shares": "shop"}, 0, "unbounded"),
        ({"shares": "tenant"}, 0, None),
    ],
)
def test_a_class_that_passes_itself_is_told(pool: dict[str, Any], target_ms: int, kind: str | None) -> None:
    """First come, first served within a class: unless the overdue stand behind, or its shops' targets or turns differ."""
    text = policy_text(queues={"a": ONE}, pools={"onsite": pool}, shops={"flagship": {"target_ms": target_ms}})
    itself = [one for one in overtaking_windows(compile_policy(text))[0].windows if one.earlier == one.later]
    assert [one.kind for one in itself] == ([kind] if kind else [])


# --- against plain counting ---------------------------------------------------------------------------------------------

GRID = MINUTE // 4
HORIZON = 40 * MINUTE
# Points of the grid on which waiting times are tried: some lie between a target and a raise half a step of GRID later.
FINE = GRID // 5

quarters = st.integers(4, 24).map(lambda n: n * GRID)


@st.composite
def queues(draw: st.DrawFn) -> dict[str, Any]:
    """A queue with a target and up to two raises, or one that comes to the pool by a step."""
    opens = draw(st.integers(0, 2))
    steps: list[dict[str, Any]] = []
    for number in range(draw(st.integers(0, 2))):
        step: dict[str, Any] = {"after_ms": draw(quarters), "raise_priority": draw(st.integers(1, 2))}
        if number == opens - 1:
            step["add_pools"] = ["onsite"]
        steps.append(step)
    late = 0 < opens <= len(steps)
    return {
        "priority": draw(st.integers(-1, 1)),
        "target_ms": draw(quarters),
        "pools": ["elsewhere"] if late else ["onsite"],
        "steps": steps,
    }


def _values(policy: Policy, name: str, waited: Any) -> tuple[Any, Any]:
    """Priority, and whether it stands in the pool's line, after so long."""
    queue = policy.queues[name]
    value, inside = np.full(len(waited), queue.priority), np.full(len(waited), "onsite" in queue.pools)
    moment = 0
    for step in queue.steps:
        moment += step.after_ms
        value = value + np.where(waited >= moment, step.raise_priority, 0)
        if "onsite" in step.add_pools:
            inside = waited >= moment
    return value, inside


OVERDUE_BEFORE_IT_RISES = {
    "priority": 0,
    "target_ms": MINUTE,
    "pools": ["onsite"],
    "steps": [{"after_ms": 75_000, "raise_priority": 1}],
}
IN_TIME = {"priority": 0, "target_ms": MINUTE, "pools": ["onsite"], "steps": []}


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([PROMISE, LAST]), queues(), queues())
@example(LAST, OVERDUE_BEFORE_IT_RISES, IN_TIME)
def test_windows_by_promise_are_what_counting_says(pool: dict[str, Any], a: dict[str, Any], b: dict[str, Any]) -> None:
    """Every pair of waiting times on a fine grid is tried: the largest lag with B first is the window, to the grid."""
    # Between two points of the grid, so that nobody is due at the very instant.
    a, b = ({**draft, "target_ms": draft["target_ms"] + GRID // 2} for draft in (a, b))
    policy = two({**pool}, a, b)
    kind, window_ms = windows(policy, a["priority"], b["priority"])[0]
    waited = np.arange(0, HORIZON, FINE)
    value_a, in_a = _values(policy, "a", waited)
    value_b, in_b = _values(policy, "b", waited)
    late_a, late_b = waited > a["target_ms"], waited > b["target_ms"]
    if pool is PROMISE:
        late_a, late_b = np.zeros_like(late_a), np.zeros_like(late_b)
    lag = waited[:, None] - waited[None, :]
    due = (b["target_ms"] - waited[None, :]) - (a["target_ms"] - waited[:, None])
    earlier = (due < 0) | ((due == 0) & (lag <= 0))
    first = (value_b[None, :] > value_a[:, None]) | (
        (value_b[None, :] == value_a[:, None])
        & ((late_a[:, None] & ~late_b[None, :]) | ((late_a[:, None] == late_b[None, :]) & earlier))
    )
    lags = lag[first & in_a[:, None] & in_b[None, :]]
    largest = int(lags.max()) if len(lags) else None
    if kind == "never":
        assert largest is None
    elif kind == "unbounded":
        assert largest is not None and largest >= HORIZON - 16 * MINUTE
    else:
        said = window_ms if kind == "within" else -window_ms
        assert largest is not None and said - 2 * GRID <= largest <= said
