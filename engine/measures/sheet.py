"""The whole fold: contacts by interval and queue, agents by interval and group, fairness; and the sheet it comes to.

>>> measures = Measures(interval_ms=1_800_000, origin_ms=midnight)
>>> for events in calls: measures.hear(events)
>>> sheet = measures.sheet(now)
>>> sl_all(sheet.contacts(first=16, last=47), Terms())

The same for the calls of a dispatcher in the twin and for the records of a server's journal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from engine.dispatch.events import Event
from engine.measures.contacts import QUEUE, ContactFold, Rows
from engine.measures.definitions import MEASURES, Terms
from engine.measures.fairness import Evenness, evenness
from engine.measures.lengths import MARKS_MS
from engine.measures.rows import ContactRow, StaffRow
from engine.measures.staff import Group, StaffFold

HALF_HOUR_MS: Final = 1_800_000


@dataclass
class Sheet:
    """What was added up, as plain data. Interval i runs from ``origin_ms + i × interval_ms``.

    ``rows``: dimension → (interval, name) → row; ``staff``: (interval, group) → row; ``agents``: (interval, agent) → row, where
    asked for. Sheets of parts add up (:meth:`merge`): of other contacts and agents, or of other intervals.
    """

    interval_ms: int
    origin_ms: int
    marks_ms: tuple[int, ...]
    rows: dict[str, Rows] = field(default_factory=dict)
    staff: dict[tuple[int, Group], StaffRow] = field(default_factory=dict)
    agents: dict[tuple[int, str], StaffRow] = field(default_factory=dict)
    fairness: list[Evenness] = field(default_factory=list)

    def merge(self, other: Sheet) -> None:
        """Raises ValueError when the other has other intervals or marks. Fairness of parts is listed, part by part."""
        ours, theirs = ((s.interval_ms, s.origin_ms, s.marks_ms) for s in (self, other))
        if ours != theirs:
            raise ValueError(f"sheets of {theirs} do not add to those of {ours} (interval_ms, origin_ms, marks_ms)")
        for dimension, rows in other.rows.items():
            mine = self.rows.setdefault(dimension, {})
            for key, row in rows.items():
                if key not in mine:
                    mine[key] = ContactRow(self.marks_ms)
                mine[key].merge(row)
        for group, staff in other.staff.items():
            self.staff.setdefault(group, StaffRow()).merge(staff)
        for agent, staff in other.agents.items():
            self.agents.setdefault(agent, StaffRow()).merge(staff)
        self.fairness += other.fairness

    def intervals(self) -> range:
        """All from the first that has anything to the last."""
        seen = {index for rows in self.rows.values() for index, _ in rows} | {index for index, _ in self.staff}
        return range(min(seen), max(seen) + 1) if seen else range(0)

    def names(self, dimension: str = QUEUE) -> list[str]:
        return sorted({name for _, name in self.rows.get(dimension, {})})

    def groups(self) -> list[Group]:
        return sorted({group for _, group in self.staff})

    def contacts(
        self, dimension: str = QUEUE, name: str | None = None, first: int | None = None, last: int | None = None
    ) -> ContactRow:
        """The sum over these intervals, both included, and over all names unless one is given."""
        total = ContactRow(self.marks_ms)
        for (index, own), row in self.rows.get(dimension, {}).items():
            if (name is None or own == name) and (first is None or index >= first) and (last is None or index <= last):
                total.merge(row)
        return total

    def people(
        self, pool: str | None = None, kinds: Iterable[str] = ("onsite", "remote"), first: int | None = None,
        last: int | None = None,
    ) -> StaffRow:  # fmt: skip
        """Agents of these kinds, in this pool if one is given: who is in several pools counts in each."""
        total, wanted = StaffRow(), frozenset(kinds)
        for (index, (kind, pools, _team)), row in self.staff.items():
            fits = kind in wanted and (pool is None or pool in pools)
            if fits and (first is None or index >= first) and (last is None or index <= last):
                total.merge(row)
        return total


def read(row: ContactRow | StaffRow, terms: Terms) -> dict[str, float]:
    """Every measure of this row, by name."""
    of = "contacts" if isinstance(row, ContactRow) else "staff"
    return {name: measure.read(row, terms) for name, measure in MEASURES.items() if measure.of == of}


class Measures:
    """Hears every call's events, in order; never asks the time.

    Default: by interval and queue, and by interval and group of agents. ``dimensions``: see
    :data:`engine.measures.contacts.DIMENSIONS`; ``agent`` also keeps each agent's own row an interval.
    """

    def __init__(
        self, interval_ms: int = HALF_HOUR_MS, origin_ms: int = 0, dimensions: Sequence[str] = (),
        marks_ms: tuple[int, ...] = MARKS_MS, queue_skills: Mapping[str, Iterable[str]] | None = None,
    ) -> None:  # fmt: skip
        if interval_ms <= 0:
            raise ValueError(f"interval_ms: got {interval_ms}, wanted a positive length")
        self.fold = ContactFold(interval_ms, origin_ms, dimensions, marks_ms, queue_skills)
        self.crew = StaffFold()
        self._sheet = Sheet(interval_ms, origin_ms, marks_ms, self.fold.rows)
        self._by_agent = "agent" in dimensions
        self._until: int | None = None  # the running interval's end
        self._hears: dict[type, tuple[Callable[[Any], None], ...]] = {}
        for hears in (self.fold.hears, self.crew.hears):
            for kind, hear in hears.items():
                self._hears[kind] = (*self._hears.get(kind, ()), hear)

    def hear(self, events: Sequence[Event]) -> None:
        """One call's."""
        hears = self._hears
        for event in events:
            if self._until is None or event.at >= self._until:
                self._turn(event.at)
            for hear in hears.get(type(event), ()):
                hear(event)
        self.fold.forget_ended()

    def _turn(self, at: int) -> None:
        """Intervals have ended; each gets its part of what lasted over its end."""
        fold, sheet = self.fold, self._sheet
        if self._until is None:
            self.crew.since = at
        else:
            while at >= self._until:
                self._end_interval(self._until)
                fold.begin(fold.index + 1)
                self._until += sheet.interval_ms
            return
        fold.begin(fold.index_of(at))
        self._until = sheet.origin_ms + (fold.index + 1) * sheet.interval_ms

    def _end_interval(self, at: int) -> None:
        self.fold.turn(at)
        index, staff = self.fold.index, self._sheet.staff
        for member in self.crew.end_stretch(at):
            key = (index, member.group)
            row = staff.get(key)
            if row is None:
                row = staff[key] = StaffRow()
            row.merge(member.sums)
            if self._by_agent:
                self._sheet.agents.setdefault((index, member.profile.agent), StaffRow()).merge(member.sums)

    def sheet(self, now: int) -> Sheet:
        """Up to ``now``, which is not before the last event; more may be heard after."""
        if self._until is not None:
            if now >= self._until:
                self._turn(now)
            self._end_interval(now)
            self._sheet.fairness = evenness(self.crew, now)
        return self._sheet
