"""A scenario in the twin: played once, or over and over with other seeds on several cores."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import as_completed
from contextlib import contextmanager
from functools import partial
from typing import TypeAlias

from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.policy.compile import compile_policy
from sim.arrivals import Plan, arrivals
from sim.casting import cast
from sim.faults import disturbances
from sim.processes import workers
from sim.scenario import Scenario
from sim.streams import Streams
from sim.twin.listening import FoldMaker, Listener, Played, Replication
from sim.twin.replications import seeds_of
from sim.twin.stage import Stage

# The run is looked at this often in scenario time: for its progress, and whether anybody is still there.
LOOK_MS = 60_000

# (share of the scenario's time that has been played, processor seconds so far)
Progress: TypeAlias = Callable[[float, float], None]


def play(
    scenario: Scenario,
    seed: int,
    listeners: Sequence[Listener] = (),
    *,
    policy_text: str | None = None,
    progress: Progress | None = None,
    dispatcher: Dispatcher | None = None,
    comes: Callable[[Plan], bool] | None = None,
) -> Played:
    """One run from ``scenario.at_ms``; see :mod:`sim.twin` for what listeners are told. ``dispatcher``: a fresh one to be
    looked at afterwards. ``policy_text``: played from beginning to end, in place of all that the scenario names. ``comes``: who
    of the customers does (None: all of them)."""
    begun = time.process_time()
    policy = compile_policy(scenario.policy_text if policy_text is None else policy_text)
    origin = scenario.origin_ms
    begin, end = origin + scenario.at_ms, origin + scenario.end_ms
    stage = Stage(scenario, dispatcher or Dispatcher(policy), listeners, begin)
    streams = Streams(seed)
    last = end + scenario.drain_ms
    stage.open(policy.text)
    for actor in cast(scenario, streams, policy, last - origin):
        stage.enter(actor)
    stage.disturb(each._replace(at_ms=origin + each.at_ms) for each in disturbances(scenario, streams))
    if policy_text is None:
        stage.swap((origin + swap.at_ms, swap.policy_text) for swap in scenario.swaps)
    stage.expect(_coming(scenario, streams, origin, comes))
    instant = begin
    with _without_collector():
        for instant in looks(begin, end, last):
            stage.env.run(instant)
            if progress is not None:
                progress((instant - begin) / (end - begin), time.process_time() - begun)
            if instant >= end and not stage.customers:
                break
    return Played(
        scenario=scenario.name,
        seed=seed,
        origin_ms=origin,
        begin_ms=begin,
        warm_ms=begin + scenario.warm_up_ms,
        end_ms=end,
        until_ms=instant,
        seconds=time.process_time() - begun,
        counts=_counts(stage),
    )


def looks(begin: int, end: int, last: int) -> Iterator[int]:
    """Instants at which it is seen how far a run is; from ``end`` on, whether anybody is still there."""
    instant = begin
    while instant < last:
        instant = min(instant + LOOK_MS, end if instant < end else last)
        yield instant


@contextmanager
def _without_collector() -> Iterator[None]:
    """Nothing here goes round in circles: what is let go is freed at once, and the collector would only walk over all
    who are there, again and again (a third of the time with ten thousand of them)."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _coming(
    scenario: Scenario, streams: Streams, origin: int, comes: Callable[[Plan], bool] | None
) -> Iterator[tuple[int, Plan]]:
    for plan in arrivals(scenario, streams, scenario.at_ms, scenario.end_ms):
        if comes is None or comes(plan):
            yield origin + plan.at_ms, plan


def _counts(stage: Stage) -> dict[str, int]:
    """Events by type, refusals by command and code, and who came or is still there."""
    return {
        "arrived": stage.arrived,
        "open": stage.still_there,
        **{kind.__name__: count for kind, count in sorted(stage.counts.items(), key=lambda each: each[0].__name__)},
        **{f"refused: {name}": count for name, count in sorted(stage.refusals.items())},
    }


def replicate(
    scenario: Scenario,
    reps: int,
    processes: int = 1,
    folds: Sequence[FoldMaker] = (),
    *,
    seed: int | None = None,
    policy_text: str | None = None,
    told: Callable[[Replication], None] | None = None,
    progress: Progress | None = None,
) -> list[Replication]:
    """``reps`` runs with seeds of their own, in their order; ``told`` hears of each as it ends, ``progress`` (in one process
    only) how far each is."""
    seeds = seeds_of(scenario.seed if seed is None else seed, reps)
    one = partial(_replication, scenario, tuple(folds), policy_text)
    found: list[Replication] = []
    if processes < 2 or reps < 2:
        for place, own in enumerate(seeds):
            found.append(one(place, own, progress))
            if told is not None:
                told(found[-1])
        return found
    with workers(min(processes, reps)) as pool:
        for done in as_completed([pool.submit(one, place, own) for place, own in enumerate(seeds)]):
            found.append(done.result())
            if told is not None:
                told(found[-1])
    return sorted(found, key=lambda each: each.place)


def _replication(
    scenario: Scenario,
    folds: tuple[FoldMaker, ...],
    policy_text: str | None,
    place: int,
    seed: int,
    progress: Progress | None = None,
) -> Replication:
    made = [fold(scenario, seed) for fold in folds]
    played = play(scenario, seed, [fold.hear for fold in made], policy_text=policy_text, progress=progress)
    return Replication(place, played, tuple(fold.result(played) for fold in made))
