"""Counts per queue since this process started, folded from committed events by :mod:`engine.measures`.

Prometheus turns counts into rates. Lengths are milliseconds of dispatcher time.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from engine.dispatch import events as ev
from engine.dispatch.agents import Agent
from engine.dispatch.contacts import Contact
from engine.measures.contacts import QUEUE, ContactFold
from engine.measures.fairness import HOUR_MS, Worst, evenness, worst_by_pool
from engine.measures.rows import ContactRow
from engine.measures.staff import StaffFold
from engine.ports import Committed


class Distribution:
    """A histogram: counts per bucket (upper bounds inclusive, the last one open), and the sum."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.total: float = 0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    @property
    def count(self) -> int:
        return sum(self.counts)


class Tally:
    """One row of :class:`~engine.measures.rows.ContactRow` per queue; how evenly equals were treated, by the hour."""

    def __init__(self) -> None:
        self.at_the_door: Counter[str] = Counter()  # tenant → contacts deflected before any queue
        self.since = 0
        self.records = 0
        self.rejected: Counter[str] = Counter()
        self.alerts: Counter[str] = Counter({"rona_share": 0})
        self.contacts = ContactFold()
        self.staff = StaffFold()
        self._now = 0
        self._fairness_of_last_hour: dict[str, Worst] | None = None

    @property
    def queues(self) -> dict[str, ContactRow]:
        return {name: row for (_, name), row in self.contacts.rows[QUEUE].items()}

    def load(
        self, queues: Iterable[str], contacts: Mapping[int, Contact], now: int, agents: Iterable[Agent] = ()
    ) -> None:
        """Start from recovered state: nothing is counted for what happened before, and every queue has its zeros."""
        self.since = self._now = now
        self.staff.load(agents, now)
        for name in queues:
            self.queue(name)
        self.contacts.load(contacts, now)

    def queue(self, name: str) -> ContactRow:
        return self.contacts.row(QUEUE, 0, name)

    def on_commit(self, records: Sequence[Committed]) -> None:
        of_contacts, of_staff = self.contacts.hears, self.staff.hears
        for record in records:
            self.records += 1
            for event in record.events:
                kind = type(event)
                hear = of_contacts.get(kind)
                if hear is not None:
                    hear(event)
                hear = of_staff.get(kind)
                if hear is not None:
                    hear(event)
                elif kind in _ALSO:
                    self._count(event)
            if record.events:
                self._now = record.events[-1].at
                self._turn_the_hour()
            self.contacts.forget_ended()

    def _count(self, event: ev.Event) -> None:
        if isinstance(event, ev.CommandRejected):
            self.rejected[event.code] += 1
        elif isinstance(event, ev.AlertRaised):
            self.alerts[event.alert] += 1
        elif isinstance(event, ev.ContactDeflected) and not event.queue:  # turned away at the door, before any queue
            self.at_the_door[event.tenant] += 1

    def _turn_the_hour(self) -> None:
        """Fairness is told of whole hours: of minutes it would only tell who happened to be busy."""
        if not self.staff.since:
            self.staff.begin_anew(self._now)
        elif self._now - self.staff.since >= HOUR_MS:
            self._fairness_of_last_hour = worst_by_pool(evenness(self.staff, self._now, signed_on_ms=HOUR_MS // 6))
            self.staff.begin_anew(self._now)

    def fairness_by_pool(self) -> dict[str, Worst]:
        """Of the last whole hour; of the running one while it is the first."""
        if self._fairness_of_last_hour is None:
            return worst_by_pool(evenness(self.staff, self._now))
        return self._fairness_of_last_hour


_ALSO = frozenset({ev.CommandRejected, ev.AlertRaised, ev.ContactDeflected})
