"""What one run came to, in figures: every measure of every slice, read off its sheet in the process that played it.

A *slice* is a dimension (``all``, ``queue``, ``shop``, ``pool`` …), a name in it, and an interval (or :data:`WHOLE`, the whole run
without warm-up, or :data:`WINDOW`, the hours for which platforms count the reply rate). Intervals count from the first
day's midnight. Contacts who came after the doors closed, and the time in which the last were served, are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from engine.dispatch.commands import Command
from engine.dispatch.events import Event
from engine.dispatch.policy.compile import compile_policy
from engine.measures.contacts import QUEUE
from engine.measures.definitions import MEASURES, WINDOW_MS, WITHIN_MS, Terms
from engine.measures.fairness import worst_by_pool
from engine.measures.lengths import MARKS_MS
from engine.measures.rows import ContactRow, StaffRow
from engine.measures.sheet import Measures, Sheet
from sim.reports.money import SalesFold
from sim.scenario import DAY_MS, Scenario
from sim.twin.listening import Played

WHOLE, WINDOW = -1, -2
ALL: Final = "all"
PEOPLE: Final = ("onsite", "remote")
# What a report always tells apart, and what only a detailed one does.
USUAL: Final = ("shop", "tier", "skill")
DETAILED: Final = (*USUAL, "channel", "pool", "agent")
# Beside the measures of engine.measures: contacts that people could have taken, and money.
CAPACITY, LOST, COST = "capacity_contacts", "lost_sales", "staff_cost"
ALSO: Final = (CAPACITY, LOST, COST)
NAMES: Final = (*MEASURES, *ALSO)


class Slice(NamedTuple):
    dimension: str
    name: str
    interval: int


class Shape(msgspec.Struct, frozen=True):
    """How a run is cut: ``first`` to ``last`` interval (both included) after warm-up; ``has_money``: sales were asked for."""

    interval_ms: int
    first: int
    last: int
    within_ms: int
    short_ms: int | None = None
    has_money: bool = False

    @property
    def intervals(self) -> range:
        return range(self.first, self.last + 1)

    def in_window(self, interval: int) -> bool:
        """Whether the interval lies in the hours that platforms count."""
        begin = interval * self.interval_ms % DAY_MS
        return WINDOW_MS[0] <= begin and begin + self.interval_ms <= WINDOW_MS[1]

    def span_ms(self, interval: int) -> int:
        if interval == WHOLE:
            return len(self.intervals) * self.interval_ms
        if interval == WINDOW:
            return sum(map(self.in_window, self.intervals)) * self.interval_ms
        return self.interval_ms


class Reading(msgspec.Struct):
    """One run's. ``values``: slice → a number for each of :data:`NAMES` (-1: nothing to measure). ``steps``: (queue, step) →
    how often it opened; ``served_by``: (interval, pool) → connections; ``contained``: interval → closed by a bot alone;
    ``fairness``: pool → Gini coefficients of offers and occupancy among its equals."""

    seed: int
    seconds: float
    shape: Shape
    values: dict[Slice, list[float]]
    steps: dict[tuple[str, int], int]
    served_by: dict[tuple[int, str], int]
    contained: dict[int, int]
    fairness: dict[str, tuple[float, float]]


def interval_for(span_ms: int) -> int:
    """A length that shows the run's shape: a minute of an hour, half hours of a day, hours of a season."""
    for most_ms, interval_ms in ((3_600_000, 60_000), (6 * 3_600_000, 300_000), (3 * DAY_MS, 1_800_000)):
        if span_ms <= most_ms:
            return interval_ms
    return 3_600_000


class ReportFold:
    """A fold for :func:`sim.twin.scenes.replicate`. ``interval_ms`` 0: by the length of the run."""

    def __init__(
        self, scenario: Scenario, seed: int, *, interval_ms: int = 0, within_ms: int = WITHIN_MS,
        short_ms: int | None = None, detailed: bool = False,
    ) -> None:  # fmt: skip
        self._scenario = scenario
        interval_ms = interval_ms or interval_for(scenario.end_ms - scenario.at_ms)
        dimensions = DETAILED if detailed else USUAL
        marks = tuple(sorted({*MARKS_MS, within_ms, *([short_ms] if short_ms else [])}))
        policy = compile_policy(scenario.policy_text)
        skills = {name: queue.requirement.skills for name, queue in policy.queues.items()}
        self._measures = Measures(interval_ms, scenario.origin_ms, dimensions, marks, skills)
        self._sales = SalesFold(scenario, interval_ms)
        self._money = self._sales.is_asked or any(team.cost_per_hour for team in scenario.teams)
        self._terms = (interval_ms, within_ms, short_ms)

    def hear(self, stamp: int, command: Command | None, events: list[Event]) -> None:
        self._measures.hear(events)
        if self._money:
            self._sales.hear(command, events)

    def result(self, played: Played) -> Reading:
        interval_ms, within_ms, short_ms = self._terms
        first = -((played.origin_ms - played.warm_ms) // interval_ms)
        last = max(first, -((played.origin_ms - played.end_ms) // interval_ms) - 1)
        shape = Shape(interval_ms, first, last, within_ms, short_ms, self._money)
        sheet = self._measures.sheet(played.until_ms)
        costs = {team.name: team.cost_per_hour for team in self._scenario.teams}
        return _Reader(sheet, shape, self._sales.lost, costs).reading(played)


class _Reader:
    def __init__(self, sheet: Sheet, shape: Shape, lost: Mapping[int, float], costs: dict[str, float]) -> None:
        self.sheet, self.shape, self.lost, self.costs = sheet, shape, lost, costs
        self.values: dict[Slice, list[float]] = {}
        self._groups, self._queues = sheet.groups(), sheet.names()
        self._units_each = 0.0

    def reading(self, played: Played) -> Reading:
        for dimension in (QUEUE, *(name for name in self.sheet.rows if name != QUEUE)):
            self._contacts(dimension)
        self._all()
        self._pools()
        inside = self.shape.intervals
        steps: Counter[tuple[str, int]] = Counter()
        served_by: Counter[tuple[int, str]] = Counter()
        contained: Counter[int] = Counter()
        for (index, queue), row in self.sheet.rows[QUEUE].items():
            if index in inside:
                contained[index] += row.bot_contained
                for step, count in row.steps.items():
                    steps[queue, step] += count
                for pool, count in row.served_by.items():
                    served_by[index, pool] += count
        fairness = {pool: (worst.offers, worst.occupancy) for pool, worst in worst_by_pool(self.sheet.fairness).items()}
        return Reading(
            played.seed,
            played.seconds,
            self.shape,
            self.values,
            dict(steps),
            dict(served_by),
            dict(contained),
            fairness,
        )

    def _contacts(self, dimension: str) -> None:
        """Of agents only the whole run: a row for each and half hour would be more than anybody reads."""
        intervals = () if dimension == "agent" else self.shape.intervals
        totals: dict[Slice, ContactRow] = {}
        for (index, name), row in self.sheet.rows[dimension].items():
            if index not in self.shape.intervals:
                continue
            for interval in (WHOLE, *([WINDOW] if self.shape.in_window(index) else [])):
                key = Slice(dimension, name, interval)
                if key not in totals:
                    totals[key] = ContactRow(self.sheet.marks_ms)
                totals[key].merge(row)
            if intervals:
                self._put(Slice(dimension, name, index), row, None)
        for key, row in totals.items():
            self._put(key, row, None)

    def _all(self) -> None:
        for interval in (WHOLE, WINDOW, *self.shape.intervals):
            contacts, staff = ContactRow(self.sheet.marks_ms), StaffRow()
            for index in self._indexes(interval):
                for queue in self._queues:
                    row = self.sheet.rows[QUEUE].get((index, queue))
                    if row is not None:
                        contacts.merge(row)
                staff.merge(self._people(index, None, PEOPLE))
            self._put(Slice(ALL, "", interval), contacts, staff)
            self._extras(Slice(ALL, "", interval), staff)

    def _extras(self, key: Slice, staff: StaffRow) -> None:
        """Capacity: so many contacts would fill the units of who was there, at the run's mean units × time for one."""
        values = self.values[key]
        if key.interval == WHOLE:
            self._units_each = staff.used / staff.connected if staff.connected else 0.0
        if self._units_each:
            values[NAMES.index(CAPACITY)] = (staff.used + staff.free) / self._units_each
        if self.shape.has_money:
            indexes = set(self._indexes(key.interval))
            values[NAMES.index(LOST)] = sum(self.lost.get(index, 0.0) for index in indexes)
            values[NAMES.index(COST)] = sum(
                row.present_ms / 3_600_000 * self.costs.get(team, 0.0)
                for (index, (_, _, team)), row in self.sheet.staff.items()
                if index in indexes
            )

    def _pools(self) -> None:
        """Agents of every kind by pool; contacts beside them where the fold kept them by pool."""
        pools = sorted({pool for _, of, _ in self.sheet.groups() for pool in of})
        for pool in pools:
            for interval in (WHOLE, WINDOW, *self.shape.intervals):
                staff = StaffRow()
                for index in self._indexes(interval):
                    staff.merge(self._people(index, pool, (*PEOPLE, "bot")))
                self._put(Slice("pool", pool, interval), None, staff)

    def _people(self, index: int, pool: str | None, kinds: Sequence[str]) -> StaffRow:
        total = StaffRow()
        for group in self._groups:
            kind, pools, _ = group
            if kind in kinds and (pool is None or pool in pools):
                row = self.sheet.staff.get((index, group))
                if row is not None:
                    total.merge(row)
        return total

    def _indexes(self, interval: int) -> Sequence[int]:
        if interval == WHOLE:
            return self.shape.intervals
        if interval == WINDOW:
            return [index for index in self.shape.intervals if self.shape.in_window(index)]
        return (interval,)

    def _put(self, key: Slice, contacts: ContactRow | None, staff: StaffRow | None) -> None:
        """Measures of these rows; what the slice already had of the other kind stays."""
        terms = Terms(self.shape.within_ms, self.shape.span_ms(key.interval), self.shape.short_ms)
        values = self.values.setdefault(key, [-1.0] * len(NAMES))
        for place, measure in enumerate(MEASURES.values()):
            row = contacts if measure.of == "contacts" else staff
            if row is not None:
                values[place] = float(measure.read(row, terms))
