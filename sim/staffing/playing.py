"""Days of the twin for staffing: what each target comes to, and how much of its people's capacity each team uses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType

import msgspec

from engine.dispatch.commands import Command
from engine.dispatch.events import Event
from engine.dispatch.policy.compile import compile_policy
from engine.measures.contacts import QUEUE
from engine.measures.definitions import MEASURES, Terms
from engine.measures.rows import ContactRow
from engine.measures.sheet import HALF_HOUR_MS, Measures, Sheet
from sim.arrivals import Plan
from sim.processes import workers
from sim.scenario import DAY_MS, Scenario
from sim.staffing.judging import Figures
from sim.staffing.requirement import Requirement, staffed
from sim.staffing.targets import Target
from sim.twin.listening import Played
from sim.twin.scenes import play

# Of what these say bots have no part.
OF_PEOPLE = frozenset(
    {
        "abandonment", "sl_all", "sl_excl_ab_t", "sl_served", "asa_ms", "wait_mean_ms", "wait_p50_ms", "wait_p90_ms", "wait_p95_ms",
        "wait_p99_ms", "queue_length", "first_reply_mean_ms", "first_reply_p90_ms", "response_mean_ms", "reply_rate",
    }
)  # fmt: skip

Rows = Mapping[int, ContactRow]
Span = tuple[int, int]


@dataclass(frozen=True)
class Run:
    """``rows[i]``: of target i, by the run's steps from ``first`` to ``last``. ``units``: (team, interval of the day) → mean units in
    use. ``seconds``: of a processor."""

    rows: tuple[Rows, ...]
    units: Mapping[tuple[str, int], float]
    contacts: int
    first: int
    last: int
    seconds: float = 0.0

    def figures(self, targets: Sequence[Target], step_ms: int) -> Figures:
        return tuple(
            tuple(_read(rows, target, places, step_ms) for places in periods(target, self.first, self.last, step_ms))
            for target, rows in zip(targets, self.rows, strict=True)
        )

    def with_part(self, part: Run, first: int, last: int) -> Run:
        """This one, but with the part's steps from first to last."""
        kept = tuple(
            {place: row for place, row in own.items() if not first <= place <= last}
            | {place: row for place, row in other.items() if first <= place <= last}
            for own, other in zip(self.rows, part.rows, strict=True)
        )
        return Run(kept, self.units, self.contacts, self.first, self.last, part.seconds)


class TargetFold:
    """Measures of one run, read where the targets ask for them."""

    def __init__(self, targets: Sequence[Target], interval_ms: int, scenario: Scenario) -> None:
        self._targets, self._interval_ms = targets, interval_ms
        self._step_ms = step_of(interval_ms)
        self._teams = {team.name for team in scenario.teams}
        dimensions = {target.dimension for target in targets} - {QUEUE}
        marks = tuple(sorted({mark for target in targets for mark in target.marks_ms}))
        self._measures = Measures(self._step_ms, scenario.origin_ms, sorted(dimensions), marks)

    def hear(self, stamp: int, command: Command | None, events: list[Event]) -> None:
        self._measures.hear(events)

    def result(self, played: Played) -> Run:
        sheet, step = self._measures.sheet(played.until_ms), self._step_ms
        first = -(-(played.warm_ms - played.origin_ms) // step)
        last = -(-(played.end_ms - played.origin_ms) // step) - 1
        units: dict[tuple[str, int], int] = defaultdict(int)
        steps: dict[int, set[int]] = defaultdict(set)  # interval of the day → the steps of the run in it
        for place in range(first, last + 1):
            steps[place * step % DAY_MS // self._interval_ms].add(place)
        for (index, (_kind, _pools, team)), row in sheet.staff.items():
            if first <= index <= last and team in self._teams:
                units[team, index * step % DAY_MS // self._interval_ms] += row.used
        means = {(team, place): total / len(steps[place]) / step for (team, place), total in units.items()}
        rows = tuple(_rows(sheet, target, first, last) for target in self._targets)
        return Run(rows, means, played.counts["arrived"], first, last, played.seconds)


def step_of(interval_ms: int) -> int:
    """Finer than people are counted where that is coarse: a warm-up of an hour must not cost a day."""
    return min(interval_ms, HALF_HOUR_MS)


def _rows(sheet: Sheet, target: Target, first: int, last: int) -> Rows:
    found: dict[int, ContactRow] = {}
    for (index, name), row in sheet.rows.get(target.dimension, {}).items():
        if first <= index <= last and (target.name is None or name == target.name):
            found.setdefault(index, ContactRow(sheet.marks_ms)).merge(row)
    return found


def periods(target: Target, first: int, last: int, interval_ms: int) -> list[list[int]]:
    """The intervals of the run, from first to last, that a target counts together."""
    day, (begin, end) = DAY_MS // interval_ms, target.window_ms
    inside = [place for place in range(first, last + 1) if begin <= place % day * interval_ms < end]
    if not target.period_ms:
        return [inside]
    step, found = target.period_ms // interval_ms, defaultdict(list)
    for place in inside:
        found[place // step].append(place)
    return list(found.values())


def _read(rows: Rows, target: Target, places: Sequence[int], step_ms: int) -> float:
    some = [rows[place] for place in places if place in rows]
    if not some:
        return MEASURES[target.measure].read(
            ContactRow(target.marks_ms), Terms(target.within_ms, len(places) * step_ms)
        )
    total = ContactRow(some[0].waits.marks_ms)
    for row in some:
        total.merge(row)
    return MEASURES[target.measure].read(total, Terms(target.within_ms, len(places) * step_ms))


# --- who need not be played -------------------------------------------------------------------------------------------


def leaves_out_bots_own(scenario: Scenario, targets: Sequence[Target]) -> bool:
    """Whether those whom a bot settles may be left out, since they meet no person and keep nobody from a bot: half of the work, and
    the same waits for people. So where bots never run short or fail, and no target speaks of them."""
    bots = scenario.bots
    busiest = scenario.volume * max(scenario.day_of(0).half_hours)
    return (
        bots.count > 0
        and bots.session is not None
        and bots.session.mean_s <= 900
        and bots.count * bots.capacity >= 4 * busiest
        and not scenario.flows
        and not scenario.swaps
        and not any(fault.kind in ("bot_down", "engine_restart") for fault in scenario.faults)
        and all(target.measure in OF_PEOPLE for target in targets)
    )


def for_people(scenario: Scenario) -> Callable[[Plan], bool]:
    """Whether a customer may come to need a person: all but those whom a bot will settle for good."""
    policy = compile_policy(scenario.policy_text)
    first: dict[tuple[object, ...], bool] = {}  # those alike → a bot's first

    def comes(plan: Plan) -> bool:
        if not plan.contained or plan.asks_person or plan.again is not None:
            return True
        kind = (plan.channel, plan.shop, plan.requires, *plan.attributes.items())
        if kind not in first:
            facts = {**plan.attributes, "tenant": scenario.tenant, "shop": plan.shop, "channel": plan.channel}
            entry = policy.enter(facts)
            first[kind] = entry.first == "bot" and not entry.deflect
        return not first[kind]

    return comes


# --- days on all cores ------------------------------------------------------------------------------------------------


class Task(msgspec.Struct, frozen=True):
    """One run. ``span``: only this part of the day (ms from the first midnight). ``everybody``: those, too, whom bots settle."""

    requirement: Requirement
    seed: int
    span: Span | None = None
    everybody: bool = False
    volume: int = 0


class Player:
    """Plays days of one scenario; its processes are started once and stay."""

    def __init__(self, scenario: Scenario, targets: Sequence[Target], interval_ms: int, processes: int) -> None:
        self._given = (scenario, tuple(targets), interval_ms)
        self.processes = processes
        self._pool: ProcessPoolExecutor | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Player:
        if self.processes > 1:
            self._pool = self._stack.enter_context(workers(self.processes, _begin, *self._given))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
        self._stack.close()

    def runs(self, tasks: Sequence[Task]) -> list[Run]:
        """All of them, in their order."""
        if self._pool is None:
            return [_run(*self._given, task) for task in tasks]
        return list(self._pool.map(_task, tasks))


_given: list[tuple[Scenario, tuple[Target, ...], int]] = []


def _begin(scenario: Scenario, targets: tuple[Target, ...], interval_ms: int) -> None:
    _given[:] = [(scenario, targets, interval_ms)]


def _task(task: Task) -> Run:
    return _run(*_given[0], task)


def _run(scenario: Scenario, targets: Sequence[Target], interval_ms: int, task: Task) -> Run:
    comes = None
    if not task.everybody and leaves_out_bots_own(scenario, targets):
        comes = for_people(scenario)
    scenario = staffed(scenario, task.requirement)
    if task.volume:
        scenario = msgspec.structs.replace(scenario, volume=task.volume)
    if task.span is not None:
        begin, end = task.span
        scenario = msgspec.structs.replace(scenario, at_ms=begin, end_ms=end, warm_up_ms=0)
    fold = TargetFold(targets, interval_ms, scenario)
    return fold.result(play(scenario, task.seed, [fold.hear], comes=comes))
