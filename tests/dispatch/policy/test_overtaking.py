"""Overtaking windows are what the dispatcher does: never less, and no more than need be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.policy.compile import compile_policy
from engine.dispatch.policy.compiled import Policy, Queue
from engine.dispatch.policy.overtaking import ClassOf, PoolWindows, overtaking_windows, window_between
from tests.dispatch.stage import policy_text

MINUTE = 60_000


def windows_of(policy: Policy, pool: str = "onsite") -> dict[tuple[str, str], tuple[str, int]]:
    """(A's queue, B's queue) → (kind, ms) for B passing A."""
    (found,) = (one for one in overtaking_windows(policy) if one.pool == pool)
    names = [one.queue for one in found.classes]
    return {(names[one.earlier], names[one.later]): (one.kind, one.window_ms) for one in found.windows}


def two(pool: dict[str, Any] | None = None, *, a: dict[str, Any], b: dict[str, Any]) -> Policy:
    """Queues a and b on pool onsite."""
    pools = {"onsite": pool or {}, "elsewhere": {}}
    return compile_policy(policy_text(queues={"a": a, "b": b}, pools=pools))


SCORE = {"order": "score"}


@pytest.mark.parametrize(
    ("pool", "a", "b", "b_past_a", "a_past_b"),
    [
        # strict: larger priority unbounded, equal first come first served, lower never
        ({}, {}, {}, ("within", 0), ("within", 0)),
        ({}, {}, {"priority": 1}, ("unbounded", 0), ("never", 0)),
        # B is raised above A after 30 s, A never: B passes any A, A passes B only in B's first 30 s
        (
            {},
            {"priority": 1},
            {"steps": [{"after_ms": 30_000, "raise_priority": 2}]},
            ("unbounded", 0),
            ("within", 30_000),
        ),
        # A is raised to B's level after a minute: until then B passes it, from then on they are equal
        (
            {},
            {"steps": [{"after_ms": MINUTE, "raise_priority": 1}]},
            {"priority": 1},
            ("within", MINUTE),
            ("within", 0),
        ),
        # both are raised once: B sooner
        (
            {},
            {"steps": [{"after_ms": MINUTE, "raise_priority": 1}]},
            {"steps": [{"after_ms": 20_000, "raise_priority": 1}]},
            ("within", 40_000),
            ("within", 0),
        ),
        # listed queues pass everybody and are passed by nobody
        ({"listed": ["b"]}, {"priority": 9}, {}, ("unbounded", 0), ("never", 0)),
        ({"listed": ["b", "a"]}, {"priority": 9}, {}, ("unbounded", 0), ("never", 0)),
        # score, equal slopes: the difference of the head starts ÷ slope
        (SCORE, {}, {"boost": 6}, ("within", 6 * MINUTE), ("earlier", 6 * MINUTE)),
        (SCORE, {"slope": 2}, {"boost": 5, "priority": 1, "slope": 2}, ("within", 3 * MINUTE), ("earlier", 3 * MINUTE)),
        (SCORE, {"slope": 0}, {"slope": 0}, ("within", 0), ("within", 0)),
        (SCORE, {"slope": 0}, {"slope": 0, "boost": 1}, ("unbounded", 0), ("never", 0)),
        # the steeper one passes any; the flatter one only with a head start
        (SCORE, {}, {"slope": 2}, ("unbounded", 0), ("within", 0)),
        (SCORE, {"slope": 2}, {"boost": 6}, ("within", 3 * MINUTE), ("unbounded", 0)),
        # A stands still: B grows past it
        (SCORE, {"slope": 0, "boost": 5}, {}, ("unbounded", 0), ("within", 5 * MINUTE)),
    ],
)
def test_two_classes_in_a_pool(
    pool: dict[str, Any],
    a: dict[str, Any],
    b: dict[str, Any],
    b_past_a: tuple[str, int],
    a_past_b: tuple[str, int],
) -> None:
    """The cases of the module's page, one by one."""
    assert windows_of(two(pool, a=a, b=b)) == {("a", "b"): b_past_a, ("b", "a"): a_past_b}


def test_a_step_that_opens_the_pool_is_where_the_line_begins() -> None:
    """Remote people see B from 2 min on, with 2 × 2 = 4 points; A had those after 4 minutes: B came 2 minutes later."""
    steps = [{"after_ms": 2 * MINUTE, "add_pools": ["onsite"]}]
    policy = two(SCORE, a={"slope": 1}, b={"slope": 0.5, "boost": 3, "pools": ["elsewhere"], "steps": steps})
    assert windows_of(policy)["a", "b"] == ("within", 2 * MINUTE)


def test_a_step_without_a_fixed_moment_is_taken_at_its_worst() -> None:
    """B's raise may come at once (nobody on duty), A's may never come."""
    step = {"when_nobody": True, "raise_priority": 5}
    assert windows_of(two(a={}, b={"steps": [step]}))["a", "b"] == ("unbounded", 0)
    assert windows_of(two(a={"steps": [step]}, b={"priority": 1}))["a", "b"] == ("unbounded", 0)


def test_a_step_on_the_age_clock_may_have_come_before_the_wait_began() -> None:
    """B was with a bot for long: its raise is there at once; A came straight to people: its raise takes the full minute."""
    step = {"clock": "age", "after_ms": MINUTE, "raise_priority": 1}
    assert windows_of(two(a={"steps": [step]}, b={"steps": [step]}))["a", "b"] == ("within", MINUTE)


def test_a_class_that_ties_only_where_it_cannot_stand_never_passes() -> None:
    """A holds B's score only from 2 minutes on, when B, which never grows, has been raised past it or is behind."""
    steps = [{"after_ms": 2 * MINUTE, "add_pools": ["onsite"]}]
    policy = two(SCORE, a={"slope": 1, "pools": ["elsewhere"], "steps": steps}, b={"slope": 0, "boost": 2})
    assert windows_of(policy)["a", "b"] == ("within", 0)
    later = [{"after_ms": 3 * MINUTE, "add_pools": ["onsite"]}]
    policy = two(
        SCORE,
        a={"slope": 1, "pools": ["elsewhere"], "steps": steps},
        b={"slope": 0, "boost": 2, "pools": ["elsewhere"], "steps": later},
    )
    assert windows_of(policy)["a", "b"] == ("earlier", MINUTE)


def test_classes_are_what_the_entry_rules_make() -> None:
    """One queue with two priorities is two classes; a bot stage is one of its own; an unreached queue has its own."""
    text = policy_text(
        queues={"help": {"bot_pools": ["bot"]}, "mail": {}},
        pools={"onsite": {}, "bot": {}},
        entry=[{"name": "vip", "when": {"tier": "vip"}, "queue": "help", "priority": 9, "first": "bot"}],
    ).replace('queue = "mail"', 'queue = "help"')
    found = {one.pool: one for one in overtaking_windows(compile_policy(text))}
    assert found["onsite"].classes == (
        ClassOf("help", 9, "person", ("vip",)),
        ClassOf("help", 0, "person", ("to_help", "to_mail", "default")),
        ClassOf("mail", 0, "person", ()),
    )
    assert found["bot"] == PoolWindows("bot", "strict", (ClassOf("help", 9, "bot", ("vip",)),), ())


def test_too_many_pairs_are_counted_and_left_out() -> None:
    """Two hundred queues in one pool: the list stops and says so."""
    policy = compile_policy(policy_text(queues={f"q{n}": {} for n in range(200)}))
    (found,) = overtaking_windows(policy)
    assert (len(found.windows), found.left_out) == (20_000, 200 * 199 - 20_000)


# --- against the dispatcher, and against plain counting -----------------------------------------------------------------

half_minutes = st.integers(0, 8).map(lambda n: n * MINUTE // 2)


@st.composite
def queues(draw: st.DrawFn, *, fixed: bool) -> dict[str, Any]:
    """A queue with up to three steps; ``fixed``: every step has its moment."""
    opens = draw(st.integers(0, 3))
    steps: list[dict[str, Any]] = []
    for number in range(draw(st.integers(0, 3))):
        step = {
            "clock": draw(st.sampled_from(["step", "waited"])),
            "after_ms": draw(half_minutes),
            "raise_priority": draw(st.integers(1, 4)),
        }
        if not fixed:
            step["when_nobody"] = draw(st.booleans())
        if number == opens - 1:
            step["add_pools"] = ["onsite"]
        steps.append(step)
    late = opens and opens <= len(steps)
    return {
        "priority": draw(st.integers(-4, 4)),
        "boost": draw(st.integers(-4, 4)),
        "slope": draw(st.sampled_from([0, 0.5, 1, 2])),
        "pools": ["elsewhere"] if late else ["onsite"],
        "steps": steps,
    }


orders = st.sampled_from([{}, SCORE, SCORE])


@settings(max_examples=60)
@given(orders, queues(fixed=False), queues(fixed=False), half_minutes, half_minutes, half_minutes, st.integers(-1, 1))
def test_the_dispatcher_keeps_to_the_windows(
    pool: dict[str, Any], a: dict[str, Any], b: dict[str, Any], before: int, lag: int, after: int, odd: int
) -> None:
    """A comes, B comes later, then somebody signs on: if B is served first, it came within its window."""
    policy = two(pool, a=a, b=b)
    lag = max(lag + odd, 0)
    dispatcher, dawn = Dispatcher(policy), 1_000_000 + before
    first = _submit(dispatcher, "a", dawn)
    second = _submit(dispatcher, "b", dawn + lag)
    now = dawn + lag + after
    dispatcher.expire(now)
    if not (_in_line(dispatcher, first) and _in_line(dispatcher, second)):
        return
    kind, window_ms = windows_of(policy)["a", "b"]
    dispatcher.handle(cm.DefineAgent(profile=cm.AgentProfile(agent="ann")), now)
    dispatcher.handle(cm.SignOn(agent="ann"), now)
    if dispatcher.contacts[second].agent == "ann":
        assert kind == "unbounded" or (kind == "within" and lag <= window_ms)
    else:
        assert dispatcher.contacts[first].agent == "ann"


def _submit(dispatcher: Dispatcher, queue: str, at: int) -> int:
    command = cm.SubmitContact("acme", "web", queue, queue, "flagship", {"to": queue})
    events = dispatcher.handle(command, at)
    return next(event.contact for event in events if isinstance(event, ev.ContactSubmitted))


def _in_line(dispatcher: Dispatcher, contact: int) -> bool:
    found = dispatcher.contacts[contact]
    queue = dispatcher.policy.queues[found.queue]
    added = [name for step in queue.steps[: found.step] for name in step.add_pools]
    return "onsite" in (*queue.pools, *added)


GRID = MINUTE // 4
HORIZON = 120 * MINUTE


@settings(max_examples=40)
@given(orders, queues(fixed=True), queues(fixed=True))
def test_windows_are_no_wider_than_need_be(pool: dict[str, Any], a: dict[str, Any], b: dict[str, Any]) -> None:
    """Every pair of waiting times on a fine grid is tried: the largest lag with B first is the window, to the grid."""
    policy = two(pool, a=a, b=b)
    kind, window_ms = window_between(
        policy, policy.pools["onsite"], ClassOf("a", a["priority"]), ClassOf("b", b["priority"])
    )
    waited = np.arange(0, HORIZON, GRID)
    value_a, in_a = _values(policy.queues["a"], waited, bool(pool))
    value_b, in_b = _values(policy.queues["b"], waited, bool(pool))
    lag = waited[:, None] - waited[None, :]
    first = (value_b[None, :] > value_a[:, None]) | ((value_b[None, :] == value_a[:, None]) & (lag <= 0))
    lags = lag[first & in_a[:, None] & in_b[None, :]]
    largest = int(lags.max()) if len(lags) else None
    if kind == "never":
        assert largest is None
        return
    assert largest is not None
    if kind == "unbounded":
        # Slopes differ by half at least, and head starts by some 30 points at most.
        assert largest > HORIZON // 4
    else:
        signed = window_ms if kind == "within" else -window_ms
        # On each side the grid may miss the supremum by a cell, and a slope of 0.5 doubles that.
        assert signed - 4 * GRID <= largest <= signed + 1


def _values(
    queue: Queue, waited: np.ndarray[Any, Any], score: bool
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """(points, whether in the line) after each waiting time."""
    points = np.full(waited.shape, float(queue.priority))
    inside = np.full(waited.shape, "onsite" in queue.pools)
    opened = 0
    for step in queue.steps:
        opened = opened + step.after_ms if step.clock == "step" else max(opened, step.after_ms)
        points = points + np.where(waited >= opened, step.raise_priority, 0)
        inside = inside | ((waited >= opened) & ("onsite" in step.add_pools))
    if score:
        points = points + queue.boost + queue.slope * waited / MINUTE
    return points, inside
