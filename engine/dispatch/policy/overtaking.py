"""Overtaking windows: how much later may a contact begin to wait and still be chosen first?

Two classes of contacts meet in a pool. A class is a queue with a priority (as its entry rules give it) in one stage. Let A
have waited ``u`` and B ``v`` when a person of the pool becomes free; B began ``d = u − v`` later. The window of B past A is
the largest ``d`` at which B may still be chosen first while both stand in the pool's line.

**Who is first** (:meth:`engine.dispatch.stands.Stand.key`): the place among the pool's ``listed`` queues; then, in the score
order, the larger score; in the others the larger priority, and among equals the earlier promise due (``promise``) or the
longer queue (``longest_queue``); then who began to wait earlier.

**Listed.** The listed one passes every other, without bound; the other never passes it. (Not where a pool's ``ties`` are what
its queues are listed for.)

**Strict.** ``p(w)`` is the priority after waiting ``w``: it grows at steps with ``raise_priority``. Without such steps:
larger priority unbounded, equal 0 (first come, first served), smaller never. With steps, A holds the priority ``a`` until
its next raise at ``u₁``, and B exceeds ``a`` from ``v₀`` on; then B may be chosen while ``u < u₁`` and ``v ≥ v₀``, so
``d < u₁ − v₀``, and the window is the largest of these over A's levels.

**Score.** ``s(w) = base(w) + slope × w`` with ``base`` = priority with raises + boost, ``w`` in minutes. B is first when
``base_A + slope_A·u < base_B + slope_B·v``. With ``u = v + d`` and constant bases::

    d < ((base_B − base_A) + (slope_B − slope_A)·v) / slope_A          (slope_A > 0)

- equal slopes: ``(base_B − base_A) / slope`` minutes;
- ``slope_B > slope_A``: grows with ``v``, so unbounded (B grows past any A, however early that came);
- ``slope_B < slope_A``: falls with ``v``, so largest when B has just entered the line at ``v₀`` (0, or the step that opens
  the pool to it): ``(base_B − base_A + slope_B·v₀) / slope_A − v₀``;
- ``slope_A = 0``: A stands still, so unbounded as soon as B's score can exceed ``base_A``.

**Promise.** Among equal priorities B is first when it is due earlier, ``target_B − v < target_A − u``, so for
``d < target_A − target_B``. With ``overdue = "last"`` whoever is overdue is passed by all who are not, so without bound.

**Longest queue.** Nobody knows how long the other queue will be: among equal priorities of different queues, unbounded.

**Shares.** Whose turn it is by weight comes before any order: contacts of different tenants (``tenant``) or of different
shops (``shop``) pass each other without bound.

With steps each pair of levels gives the same linear programme on a box ``[u₀, u₁] × [v₀, v₁]``, and the window is the
largest of their optima. A negative window reads: B is first only if it began at least that much *earlier*.

**What is assumed.** Only time spent in the line counts: while a step has yet to open the pool to A, A cannot be passed in it.
Where a step's moment is not fixed (``when_nobody``, or the ``age`` clock) B's steps are taken as early and A's as late as
they can be, so the window is an upper bound; and where shops have targets of their own, A's longest and B's shortest count.
Messages left and released later stand behind all live contacts, and are no class here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple, TypeAlias

import msgspec

from engine.dispatch.policy.compiled import Policy, Pool, Queue, Step

Kind: TypeAlias = Literal["unbounded", "within", "earlier", "never"]
Targets: TypeAlias = dict[str, tuple[int, int]]

MINUTE_MS = 60_000
# Pairs grow with the square of the classes; past this a list helps nobody.
MAX_WINDOWS = 20_000
INF = math.inf


class ClassOf(msgspec.Struct, frozen=True):
    """Contacts that stand alike in a line: a queue, a priority, a stage. ``rules``: the entry rules that give it."""

    queue: str
    priority: int
    stage: Literal["bot", "person"] = "person"
    rules: tuple[str, ...] = ()


class Window(msgspec.Struct, frozen=True):
    """How ``later`` may pass ``earlier``: indexes into the pool's ``classes``.

    ``unbounded``; ``within`` window_ms (0: first come, first served); ``earlier``: only if it began window_ms before;
    ``never``. ``window_ms`` is 0 for unbounded and never.
    """

    earlier: int
    later: int
    kind: Kind
    window_ms: int = 0


class PoolWindows(msgspec.Struct, frozen=True):
    """All ordered pairs of a pool's classes; ``left_out`` of them are not shown, as there are too many."""

    pool: str
    order: str
    classes: tuple[ClassOf, ...]
    windows: tuple[Window, ...]
    left_out: int = 0


class Level(NamedTuple):
    """From ``begin`` to ``end`` waited (ms, end excluded) the class adds ``base`` points to what grows with time."""

    begin: float
    end: float
    base: float


def overtaking_windows(policy: Policy) -> tuple[PoolWindows, ...]:
    """One entry per pool in which contacts wait, in the policy's order.

    A class stands against itself only where it is not first come, first served within (:func:`_passes_itself`).
    """
    classes = list(classes_of(policy))
    found, room, targets = [], MAX_WINDOWS, _targets(policy)
    for pool in policy.pools.values():
        here = [one for one in classes if pool.name in _pools_of(policy.queues[one.queue], one.stage)]
        if not here:
            continue
        pairs = [
            (a, b)
            for a in range(len(here))
            for b in range(len(here))
            if a != b or _passes_itself(policy, pool, here[a], targets)
        ]
        windows = tuple(_window(policy, pool, here, a, b, targets) for a, b in pairs[:room])
        found.append(PoolWindows(pool.name, pool.order, tuple(here), windows, len(pairs) - len(windows)))
        room -= len(windows)
    return tuple(found)


def classes_of(policy: Policy) -> Iterator[ClassOf]:
    """Every class that the entry rules make; a queue that no rule names has one of its own priority."""
    rules: dict[tuple[str, int, Literal["bot", "person"]], list[str]] = {}
    for rule in policy.entry:
        entry = rule.entry
        if not entry.queue:
            continue
        queue = policy.queues[entry.queue]
        priority = queue.priority if entry.priority is None else entry.priority
        rules.setdefault((queue.name, priority, "person"), []).append(entry.rule)
        if entry.first == "bot":
            rules.setdefault((queue.name, priority, "bot"), []).append(entry.rule)
    named = {queue for queue, _, _ in rules}
    for queue in policy.queues.values():
        if queue.name not in named:
            rules[queue.name, queue.priority, "person"] = []
    for (name, priority, stage), names in rules.items():
        yield ClassOf(name, priority, stage, tuple(names))


def _passes_itself(policy: Policy, pool: Pool, one: ClassOf, targets: Targets) -> bool:
    """Whether contacts of one class pass each other: shops' shares or targets differ, or the overdue stand behind."""
    queue = policy.queues[one.queue]
    if _share_apart(policy, pool, queue.tenant, queue.tenant):
        return True
    shortest, longest = targets[one.queue]
    return pool.order == "promise" and (shortest != longest or (pool.overdue == "last" and longest > 0))


def _pools_of(queue: Queue, stage: str) -> tuple[str, ...]:
    if stage == "bot":
        return queue.bot_pools
    return queue.pools + tuple(name for step in queue.steps for name in step.add_pools)


def _window(policy: Policy, pool: Pool, classes: list[ClassOf], earlier: int, later: int, targets: Targets) -> Window:
    kind, window_ms = window_between(policy, pool, classes[earlier], classes[later], targets)
    return Window(earlier, later, kind, window_ms)


def window_between(
    policy: Policy, pool: Pool, earlier: ClassOf, later: ClassOf, targets: Targets | None = None
) -> tuple[Kind, int]:
    """The window, in ms, of ``later`` (B) past ``earlier`` (A); both must draw on the pool.

    ``targets``: queue → the shortest and the longest target of its contacts, where the caller knows them already.
    """
    if _share_apart(policy, pool, policy.queues[earlier.queue].tenant, policy.queues[later.queue].tenant):
        return "unbounded", 0
    ranks = [pool.listed.index(one.queue) if one.queue in pool.listed else len(pool.listed) for one in (earlier, later)]
    if ranks[0] != ranks[1] and pool.ties != "listed":
        return ("unbounded", 0) if ranks[1] < ranks[0] else ("never", 0)
    lag_of = _lag_in(policy, pool, earlier, later, _targets(policy) if targets is None else targets)
    lag = max(
        (
            lag_of(a, b)
            for a in _levels(policy.queues[earlier.queue], earlier, pool, early=False)
            for b in _levels(policy.queues[later.queue], later, pool, early=True)
        ),
        default=-INF,
    )
    if lag == INF:
        return "unbounded", 0
    if lag == -INF:
        return "never", 0
    return ("within", round(lag)) if lag >= 0 else ("earlier", round(-lag))


def _share_apart(policy: Policy, pool: Pool, tenant_a: str, tenant_b: str) -> bool:
    """Whether the two may be served in turns by weight, whatever the order says."""
    if pool.shares == "none":
        return False
    return tenant_a != tenant_b or (
        pool.shares == "shop" and any(one.tenant == tenant_a for one in policy.shops.values())
    )


def _lag_in(
    policy: Policy, pool: Pool, earlier: ClassOf, later: ClassOf, targets: Targets
) -> Callable[[Level, Level], float]:
    """The largest lag between a level of A and one of B, in the pool's order."""
    if pool.order == "promise":
        of_a, of_b = targets[earlier.queue], targets[later.queue]
        if pool.overdue == "last":
            return lambda a, b: _lag_overdue_last(a, of_a, b, of_b)
        return lambda a, b: _lag_equal(a, b, of_a[1] - of_b[0])
    if pool.order == "longest_queue" and (earlier.queue, earlier.stage) != (later.queue, later.stage):
        return lambda a, b: _lag_equal(a, b, INF)
    slope_a = slope_b = 0.0
    if pool.order == "score":
        slope_a, slope_b = policy.queues[earlier.queue].slope, policy.queues[later.queue].slope
    return lambda a, b: _lag(a, slope_a / MINUTE_MS, b, slope_b / MINUTE_MS)


def _targets(policy: Policy) -> Targets:
    """Queue → the shortest and the longest target of its contacts: its own, and those of its tenant's shops."""
    of_shops: dict[str, set[int]] = {}
    for shop in policy.shops.values():
        if shop.target_ms:
            of_shops.setdefault(shop.tenant, set()).add(shop.target_ms)
    found = {}
    for queue in policy.queues.values():
        every = {queue.target_ms} | of_shops.get(queue.tenant, set())
        found[queue.name] = (min(every), max(every))
    return found


def _lag_equal(a: Level, b: Level, limit: float) -> float:
    """Largest ``u − v`` when the larger base is first, and among equal ones B while ``u − v < limit`` (0: came no later)."""
    if b.base != a.base:
        return a.end - b.begin if b.base > a.base else -INF
    return min(limit, a.end - b.begin) if limit > a.begin - b.end else -INF


def _lag_overdue_last(a: Level, targets_a: tuple[int, int], b: Level, targets_b: tuple[int, int]) -> float:
    """As :func:`_lag_equal` by due instants, and among equal bases who is on time passes who is not."""
    if b.base != a.base:
        return _lag_equal(a, b, 0)
    limit = targets_a[1] - targets_b[0]
    in_time_a, in_time_b = a._replace(end=min(a.end, targets_a[1] + 1)), b._replace(end=min(b.end, targets_b[1] + 1))
    late_a, late_b = a._replace(begin=max(a.begin, targets_a[0] + 1)), b._replace(begin=max(b.begin, targets_b[0] + 1))
    lags = [
        _lag_equal(one, other, limit if either else INF)
        for one, other, either in ((in_time_a, in_time_b, True), (late_a, late_b, True), (late_a, in_time_b, False))
        if one.begin < one.end and other.begin < other.end
    ]
    return max(lags, default=-INF)


def _levels(queue: Queue, one: ClassOf, pool: Pool, *, early: bool) -> list[Level]:
    """The class's levels while it stands in the pool's line."""
    base = one.priority + (queue.boost if pool.order == "score" else 0.0)
    entered = 0.0 if one.stage == "bot" or pool.name in queue.pools else INF
    levels = [Level(0.0, INF, base)]
    moment = soonest = 0.0
    for step in queue.steps if one.stage == "person" else ():
        moment = _opens(step, moment, early=early)
        soonest = _opens(step, soonest, early=True)
        base += step.raise_priority
        if pool.name in step.add_pools and entered == INF:
            # In the line from here on: what earlier steps raised is raised already.
            entered = soonest
            levels = [Level(entered, INF, base)]
        elif step.raise_priority:
            levels[-1] = levels[-1]._replace(end=moment)
            levels.append(Level(moment, INF, base))
    return [level for level in levels if level.begin < level.end and level.begin < INF]


def _opens(step: Step, previous: float, *, early: bool) -> float:
    """How long a contact has waited when the step opens, at the earliest or at the latest."""
    if step.when_nobody and (early or not step.after_ms):
        return previous if early else INF
    if step.clock == "step":
        return previous + step.after_ms
    if step.clock == "age" and early:
        return previous  # a long stay with a bot may have used it up
    return max(previous, step.after_ms)


def _lag(a: Level, slope_a: float, b: Level, slope_b: float) -> float:
    """Largest ``u − v`` for ``u`` in A's level and ``v`` in B's at which B is first; −inf when there is none.

    Slopes are points per ms. B is first when its score is larger, or equal and B began no later.
    """
    gap = b.base - a.base
    largest_lead = gap + _times(slope_b, b.end) - slope_a * a.begin
    if largest_lead <= 0:
        return _tie(a, slope_a, b) if largest_lead == 0 and slope_b == 0 else -INF
    if slope_a == 0:
        # A stands still: any `u`, and the smallest `v` with a positive lead.
        return a.end - (b.begin if gap + slope_b * b.begin >= 0 else max(b.begin, -gap / slope_b))

    def latest(v: float) -> float:
        """The largest ``u`` that A may have waited when B has waited ``v``."""
        return min(a.end, (gap + slope_b * v) / slope_a)

    if a.end == b.end == INF and slope_b > slope_a:
        return INF
    # `latest(v) − v` is concave and piecewise linear: its largest value lies at an end of `v`'s range or where the line
    # meets a.end. The range begins where `latest` reaches a.begin.
    candidates = [b.begin, b.end]
    if slope_b > 0:
        reach = [(slope_a * u - gap) / slope_b for u in (a.begin, a.end) if u < INF]
        candidates = [min(max(v, b.begin), b.end) for v in (*candidates, *reach)]
    lags = [latest(v) - v for v in candidates if v < INF and latest(v) > a.begin - 1e-6]
    return max(lags, default=-INF)


def _times(slope: float, length: float) -> float:
    return slope * length if slope else 0.0


def _tie(a: Level, slope_a: float, b: Level) -> float:
    """Equal scores: B is first only if it began no later, so the largest ``u − v`` that is not positive."""
    if b.end <= a.begin:
        return -INF
    last = a.end if slope_a == 0 else a.begin  # with a slope only A's first moment ties
    return min(0.0, last - b.begin)
