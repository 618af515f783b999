"""Counts per queue, folded from committed events. Plain integers: a contact's life costs a few microseconds here.

Everything counts since this process started; Prometheus turns that into rates. Lengths are milliseconds of dispatcher
time.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.dispatch import events as ev
from engine.dispatch.agents import Agent
from engine.dispatch.contacts import Contact
from engine.measures.fairness import HOUR_MS, Fairness, Worst, worst_by_pool
from engine.ports import Committed

# Exact bounds of the service levels people promise (20, 30, 60, 100 and 180 s), and a few around them.
WAIT_BOUNDS_MS = (5_000, 10_000, 20_000, 30_000, 60_000, 100_000, 180_000, 300_000, 600_000, 1_800_000)
REPLY_RATE_MS = 180_000
OUTCOMES = ("made", "accepted", "declined", "expired", "rescinded")
CONSULTS = ("asked", "accepted", "declined", "withdrawn", "expired")


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

    def within(self, bound: float) -> int:
        """How many were at most ``bound``, which must be one of the bounds."""
        return sum(self.counts[: self.bounds.index(bound) + 1])


@dataclass
class QueueTally:
    """One queue's counts. ``reply_rounds``: ended by a person's reply; ``rounds_unanswered``: ended without one.

    ``rounds_late``: rounds that passed their breach point, answered or not.
    """

    tenant: str = ""  # of the contacts counted; empty before the first
    submitted: int = 0
    deflected: Counter[str] = field(default_factory=Counter)
    joined: int = 0
    resumed: int = 0
    reopened: int = 0
    answered: int = 0
    connected: int = 0
    abandoned: int = 0
    abandoned_silently: int = 0
    closed: int = 0
    bot_contained: int = 0
    handed_off: int = 0
    transferred: int = 0
    requeued: int = 0
    assigned: int = 0  # by a supervisor, past order and choice
    consults: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(CONSULTS, 0)))
    assigned_beyond: int = 0  # … of which beyond the agent's capacity: never counted as our over-capacity
    messages: Counter[str] = field(default_factory=Counter)
    offers: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(OUTCOMES, 0)))
    waits: Distribution = field(default_factory=lambda: Distribution(WAIT_BOUNDS_MS))
    reply_rounds: Distribution = field(default_factory=lambda: Distribution(WAIT_BOUNDS_MS))
    rounds_unanswered: int = 0
    rounds_late: int = 0

    @property
    def reply_rate(self) -> float:
        """Share of ended rounds answered by a person within 180 s; -1 when none has ended."""
        ended = self.reply_rounds.count + self.rounds_unanswered
        return self.reply_rounds.within(REPLY_RATE_MS) / ended if ended else -1.0


class Tally:
    """Follows each open contact's queue and stage, so that every count goes to the right row."""

    def __init__(self) -> None:
        self.at_the_door: Counter[str] = Counter()  # tenant → contacts deflected before any queue
        self.queues: dict[str, QueueTally] = {}
        self.since = 0
        self.records = 0
        self.rejected: Counter[str] = Counter()
        self.alerts: Counter[str] = Counter({"rona_share": 0})
        self.fairness = Fairness()
        self._now = 0
        self._fairness_of_last_hour: dict[str, Worst] | None = None
        self._places: dict[int, tuple[QueueTally, bool]] = {}
        # Closed in this record; its last events may come after the closing one.
        self._ended: list[int] = []

    def load(
        self, queues: Iterable[str], contacts: Mapping[int, Contact], now: int, agents: Iterable[Agent] = ()
    ) -> None:
        """Start from recovered state: nothing is counted for what happened before, and every queue has its zeros."""
        self.since = self._now = now
        self.fairness.load(agents, now)
        for name in queues:
            self.queue(name)
        for number, contact in contacts.items():
            self._places[number] = (self.queue(contact.queue), contact.stage == "bot")

    def queue(self, name: str) -> QueueTally:
        found = self.queues.get(name)
        if found is None:
            found = self.queues[name] = QueueTally()
        return found

    def on_commit(self, records: Sequence[Committed]) -> None:
        for record in records:
            self.records += 1
            for event in record.events:
                count = _COUNT.get(type(event))
                if count is not None:
                    count(self, event)
                self.fairness.add(event)
            if record.events:
                self._now = record.events[-1].at
                self._turn_the_hour()
            while self._ended:
                self._places.pop(self._ended.pop(), None)

    def _turn_the_hour(self) -> None:
        """Fairness is told of whole hours: of minutes it would only tell who happened to be busy."""
        if not self.fairness.since:
            self.fairness.begin_anew(self._now)
        elif self._now - self.fairness.since >= HOUR_MS:
            self._fairness_of_last_hour = worst_by_pool(self.fairness.evenness(self._now, signed_on_ms=HOUR_MS // 6))
            self.fairness.begin_anew(self._now)

    def fairness_by_pool(self) -> dict[str, Worst]:
        """Of the last whole hour; of the running one while it is the first."""
        if self._fairness_of_last_hour is None:
            return worst_by_pool(self.fairness.evenness(self._now))
        return self._fairness_of_last_hour

    # --- one method per event that counts -------------------------------------------------------------------------

    def _submitted(self, event: ev.ContactSubmitted) -> None:
        queue = self.queue(event.queue)
        queue.submitted += 1
        queue.tenant = event.tenant
        self._places[event.contact] = (queue, event.stage == "bot")

    def _deflected(self, event: ev.ContactDeflected) -> None:
        self.queue(event.queue).deflected[event.reason] += 1
        if not event.queue:  # turned away at the door, before any queue
            self.at_the_door[event.tenant] += 1

    def _moved(self, event: ev.ContactMoved) -> None:
        place = self._places.get(event.contact)
        if place is not None:
            self._places[event.contact] = (self.queue(event.queue), place[1])

    def _transferred(self, event: ev.ContactTransferred) -> None:
        place = self._places.get(event.contact)
        if place is None:
            return
        if event.hand_off:
            place[0].handed_off += 1
        else:
            place[0].transferred += 1
        self._places[event.contact] = (self.queue(event.queue), event.stage == "bot")

    def _assigned(self, event: ev.ContactAssigned) -> None:
        self._add(event.contact, "assigned")
        if event.beyond:
            self._add(event.contact, "assigned_beyond")

    def _consult_asked(self, event: ev.ConsultAsked) -> None:
        self._count_consult(event.contact, "asked")

    def _consult_accepted(self, event: ev.ConsultAccepted) -> None:
        self._count_consult(event.contact, "accepted")

    def _consult_ended(self, event: ev.ConsultEnded) -> None:
        if event.why in CONSULTS:
            self._count_consult(event.contact, event.why)

    def _count_consult(self, contact: int, outcome: str) -> None:
        place = self._places.get(contact)
        if place is not None:
            place[0].consults[outcome] += 1

    def _alert(self, event: ev.AlertRaised) -> None:
        self.alerts[event.alert] += 1

    def _person_asked(self, event: ev.PersonAsked) -> None:
        place = self._places.get(event.contact)
        if place is not None:
            place[0].handed_off += 1
            self._places[event.contact] = (place[0], False)

    def _answered(self, event: ev.ContactAnswered) -> None:
        place = self._places.get(event.contact)
        if place is not None:
            place[0].answered += 1
            place[0].waits.observe(event.waited_ms)

    def _abandoned(self, event: ev.ContactAbandoned) -> None:
        place = self._places.get(event.contact)
        if place is not None:
            place[0].abandoned += 1
            place[0].abandoned_silently += event.silent

    def _closed(self, event: ev.ContactClosed) -> None:
        place = self._places.get(event.contact)
        if place is not None:
            if not event.reopen_until:
                self._ended.append(event.contact)
            queue, with_bot = place
            queue.closed += 1
            queue.bot_contained += with_bot and bool(event.agent)

    def _forgotten(self, event: ev.ContactForgotten) -> None:
        self._ended.append(event.contact)

    def _reply_stopped(self, event: ev.ReplyStopped) -> None:
        place = self._places.get(event.contact)
        if place is None:
            return
        if event.answered:
            place[0].reply_rounds.observe(event.took_ms)
        else:
            place[0].rounds_unanswered += 1

    def _message(self, event: ev.MessageAdded) -> None:
        place = self._places.get(event.contact)
        if place is not None:
            place[0].messages[event.sender] += 1

    def _made(self, event: ev.OfferMade) -> None:
        self.queue(event.queue).offers["made"] += 1

    def _rejected(self, event: ev.CommandRejected) -> None:
        self.rejected[event.code] += 1

    def _add(self, contact: int, name: str) -> None:
        place = self._places.get(contact)
        if place is not None:
            setattr(place[0], name, getattr(place[0], name) + 1)

    def _offer_ended(self, contact: int, outcome: str) -> None:
        place = self._places.get(contact)
        if place is not None:
            place[0].offers[outcome] += 1


def _offer(outcome: str) -> Callable[[Tally, ev.OfferAccepted], None]:
    return lambda tally, event: tally._offer_ended(event.contact, outcome)


def _one(name: str) -> Callable[[Tally, ev.ContactConnected], None]:
    return lambda tally, event: tally._add(event.contact, name)


# Any: each function takes the very event type it stands under.
_COUNT: dict[type, Callable[[Tally, Any], None]] = {
    ev.ContactSubmitted: Tally._submitted,
    ev.ContactDeflected: Tally._deflected,
    ev.ContactJoined: _one("joined"),
    ev.ContactResumed: _one("resumed"),
    ev.ContactReopened: _one("reopened"),
    ev.ContactMoved: Tally._moved,
    ev.ContactTransferred: Tally._transferred,
    ev.ContactRequeued: _one("requeued"),
    ev.ContactAssigned: Tally._assigned,
    ev.ConsultAsked: Tally._consult_asked,
    ev.ConsultAccepted: Tally._consult_accepted,
    ev.ConsultEnded: Tally._consult_ended,
    ev.AlertRaised: Tally._alert,
    ev.PersonAsked: Tally._person_asked,
    ev.ContactConnected: _one("connected"),
    ev.ContactAnswered: Tally._answered,
    ev.ContactAbandoned: Tally._abandoned,
    ev.ContactClosed: Tally._closed,
    ev.ContactForgotten: Tally._forgotten,
    ev.ReplyStopped: Tally._reply_stopped,
    ev.ReplyBreached: _one("rounds_late"),
    ev.MessageAdded: Tally._message,
    ev.OfferMade: Tally._made,
    ev.OfferAccepted: _offer("accepted"),
    ev.OfferDeclined: _offer("declined"),
    ev.OfferExpired: _offer("expired"),
    ev.OfferRescinded: _offer("rescinded"),
    ev.CommandRejected: Tally._rejected,
}
