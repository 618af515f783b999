"""Contacts, folded from events: what became of them, and how long they waited.

One row for each interval and queue; further *dimensions* (shop, channel, tier, skill, pool, agent) cost as much again each.
Pool and agent rows hold what happens from the connection on: who leaves unserved had neither.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

from engine.dispatch import events as ev
from engine.dispatch.contacts import WAITING, Contact
from engine.dispatch.policy.requirements import parse_canonical
from engine.measures.lengths import MARKS_MS
from engine.measures.rows import CONSULTS, ContactRow

QUEUE: Final = "queue"
# What rows may be told apart by, besides the queue.
DIMENSIONS: Final = ("shop", "channel", "tier", "skill", "pool", "agent")
# The attribute of a contact that names its tier.
TIER: Final = "tier"

# (dimension, name), as often as it has values: a contact that needs two skills counts with both.
Names: TypeAlias = tuple[tuple[str, str], ...]
Rows: TypeAlias = dict[tuple[int, str], ContactRow]


class _Place:
    """Where an open contact counts. ``index``: the interval in which its wait began.

    No slots: what most contacts never change stands once, in the class, and costs nothing to make.
    """

    served: Names = ()  # by whom it is served
    waits = False  # for a person, now
    answered = False
    offered = False  # and not connected since
    pool = ""
    bot_since = -1  # instant since which it waits for a bot's first word; -1: it does not

    def __init__(
        self, index: int, queue: str, asks: str, names: Names, bot: bool, rows: tuple[ContactRow, ...]
    ) -> None:
        self.index = index
        self.queue = queue
        self.asks = asks
        self.names = names  # that it came with
        self.bot = bot
        self.person = not bot  # has waited for a person
        self.rows = rows


class _Line:
    """How many wait in a queue, and contacts × ms since ``since``."""

    __slots__ = ("area", "count", "since")

    def __init__(self, since: int) -> None:
        self.count = self.area = 0
        self.since = since


class ContactFold:
    """Feed it every event in order. ``interval_ms`` 0: one interval without end. ``queue_skills``: queue → the skills that
    its policy asks for, for the dimension ``skill``; a contact's own come on top."""

    def __init__(
        self, interval_ms: int = 0, origin_ms: int = 0, dimensions: Iterable[str] = (),
        marks_ms: tuple[int, ...] = MARKS_MS, queue_skills: Mapping[str, Iterable[str]] | None = None,
    ) -> None:  # fmt: skip
        unknown = [name for name in dimensions if name not in DIMENSIONS]
        if unknown:
            raise ValueError(f"dimensions: got {', '.join(unknown)}, wanted some of {', '.join(DIMENSIONS)}")
        self.interval_ms, self.origin_ms, self.marks_ms = interval_ms, origin_ms, marks_ms
        self.rows: dict[str, Rows] = {QUEUE: {}, **{name: {} for name in dimensions}}
        self.index = 0
        self._more = frozenset(dimensions)
        self._by_server = bool(self._more & {"pool", "agent"})
        self._queue_skills = {queue: tuple(skills) for queue, skills in (queue_skills or {}).items()}
        self._places: dict[int, _Place] = {}
        self._lines: dict[str, _Line] = {}
        self._sets: dict[tuple[int, str, Names], tuple[ContactRow, ...]] = {}
        # Closed in this call; its last events may come after the closing one.
        self._ended: list[int] = []
        self.hears: dict[type, Callable[[Any], None]] = {
            kind: getattr(self, name) for kind, name in _HEARS.items()
        } | {
            ev.OfferAccepted: self._offer_ended("accepted"),
            ev.OfferDeclined: self._offer_ended("declined"),
            ev.OfferExpired: self._offer_ended("expired"),
            ev.OfferRescinded: self._offer_ended("rescinded"),
            ev.ContactJoined: self._one("joined"),
            ev.ReplyBreached: self._one("rounds_late"),
        }  # fmt: skip

    # --- rows -----------------------------------------------------------------------------------------------------

    def row(self, dimension: str, index: int, name: str) -> ContactRow:
        """The row, made when it is not there yet."""
        rows = self.rows[dimension]
        found = rows.get((index, name))
        if found is None:
            found = rows[index, name] = ContactRow(self.marks_ms)
        return found

    def _set(self, index: int, queue: str, names: Names) -> tuple[ContactRow, ...]:
        found = self._sets.get((index, queue, names))
        if found is None:
            more = (self.row(dimension, index, name) for dimension, name in names)
            found = self._sets[index, queue, names] = (self.row(QUEUE, index, queue), *more)
        return found

    def _settle(self, place: _Place) -> None:
        """Count in the rows of its interval, queue, names and server from here on."""
        place.rows = self._rows_at(place.index, place.queue, place.asks, place.names, place.served)

    def _rows_at(self, index: int, queue: str, asks: str, names: Names, served: Names = ()) -> tuple[ContactRow, ...]:
        if self._more:
            if "skill" in self._more:
                skills = (*self._queue_skills.get(queue, ()), *(parse_canonical(asks).skills if asks else ()))
                names += tuple(("skill", skill) for skill in dict.fromkeys(skills))
            names += served
        return self._sets.get((index, queue, names)) or self._set(index, queue, names)

    def _names(self, shop: str, channel: str, tier: str) -> Names:
        if not self._more:
            return ()
        named = (("shop", shop), ("channel", channel), ("tier", tier))
        return tuple(each for each in named if each[0] in self._more)

    def index_of(self, at: int) -> int:
        return (at - self.origin_ms) // self.interval_ms if self.interval_ms else 0

    def turn(self, at: int) -> None:
        """An interval is over, or is to be read: lengths of lines up to this instant go to its rows."""
        for queue, line in self._lines.items():
            line.area += line.count * (at - line.since)
            line.since = at
            if line.area:
                self.row(QUEUE, self.index, queue).waiting_ms += line.area
                line.area = 0

    def begin(self, index: int) -> None:
        """From here on it is another interval; rows of the ones before are not looked for again, but by reply rounds."""
        self.index = index
        self._sets.clear()

    def forget_ended(self) -> None:
        """The call is over."""
        ended = self._ended
        while ended:
            self._places.pop(ended.pop(), None)

    def load(self, contacts: Mapping[int, Contact], now: int) -> None:
        """Start from recovered state: nothing is counted for what happened before."""
        for number, contact in contacts.items():
            tier = str(contact.attributes.get(TIER, ""))
            names = self._names(contact.shop, contact.channel, tier)
            queue, asks = contact.queue, contact.requires
            rows = self._rows_at(self.index, queue, asks, names)
            place = self._places[number] = _Place(self.index, queue, asks, names, contact.stage == "bot", rows)
            place.answered = contact.answered
            if contact.state in WAITING and contact.stage != "bot":
                self._wait(place, now)

    # --- lines ----------------------------------------------------------------------------------------------------

    def _wait(self, place: _Place, at: int) -> None:
        line = self._lines.get(place.queue)
        if line is None:
            line = self._lines[place.queue] = _Line(at)
        line.area += line.count * (at - line.since)
        line.since = at
        line.count += 1
        place.waits = True

    def _stop_waiting(self, place: _Place, at: int) -> None:
        line = self._lines[place.queue]
        line.area += line.count * (at - line.since)
        line.since = at
        line.count -= 1
        place.waits = False

    def _wait_for_person(self, place: _Place, at: int) -> None:
        """A wait begins anew: its outcome counts in this interval."""
        place.index = self.index
        place.bot, place.person, place.answered, place.served, place.bot_since = False, True, False, (), -1
        self._settle(place)
        for row in place.rows:
            row.to_people += 1
        if not place.waits:
            self._wait(place, at)

    # --- one method per event that counts -------------------------------------------------------------------------

    def _submitted(self, event: ev.ContactSubmitted) -> None:
        bot, queue, asks = event.stage == "bot", event.queue, event.requires
        names: Names = ()
        if self._more:
            names = self._names(event.shop, event.channel, str(event.attributes.get(TIER, "")))
        rows = self._rows_at(self.index, queue, asks, names)
        place = self._places[event.contact] = _Place(self.index, queue, asks, names, bot, rows)
        rows[0].tenant = event.tenant
        for row in rows:
            row.submitted += 1
            if bot:
                row.to_bot += 1
            else:
                row.to_people += 1
        if bot:
            place.bot_since = event.at
        else:
            self._wait(place, event.at)

    def _deflected(self, event: ev.ContactDeflected) -> None:
        for row in self._set(self.index, event.queue, self._names(event.shop, event.channel, "")):
            row.deflected[event.reason] += 1

    def _moved(self, event: ev.ContactMoved) -> None:
        place = self._places.get(event.contact)
        if place is None:
            return
        place.asks = event.requires
        if event.queue != place.queue:
            waits = place.waits
            if waits:
                self._stop_waiting(place, event.at)
            place.queue = event.queue
            if waits:
                self._wait(place, event.at)
        self._settle(place)

    def _step(self, event: ev.StepOpened) -> None:
        place = self._places.get(event.contact)
        if place is not None:
            for row in place.rows:
                row.steps[event.step] += 1

    def _transferred(self, event: ev.ContactTransferred) -> None:
        place = self._places.get(event.contact)
        if place is None:
            return
        for row in place.rows:
            if event.hand_off:
                row.handed_off += 1
            else:
                row.transferred += 1
        place.queue, place.asks, place.served, place.pool = event.queue, event.requires, (), ""
        if event.hand_off:
            self._wait_for_person(place, event.at)
            return
        place.bot = event.stage == "bot"
        self._settle(place)
        if not place.bot and not place.waits:
            place.person = True
            self._wait(place, event.at)

    def _requeued(self, event: ev.ContactRequeued) -> None:
        place = self._places.get(event.contact)
        if place is None:
            return
        for row in place.rows:
            row.requeued += 1
        self._back_in_line(place, event.at)

    def _resumed(self, event: ev.ContactResumed) -> None:
        place = self._places.get(event.contact)
        if place is None:
            return
        for row in place.rows:
            row.resumed += 1
        self._back_in_line(place, event.at)

    def _released(self, event: ev.MessageReleased) -> None:
        place = self._places.get(event.contact)
        if place is not None:
            self._back_in_line(place, event.at)

    def _back_in_line(self, place: _Place, at: int) -> None:
        if place.served:
            place.served = ()
            self._settle(place)
        if not place.bot and not place.waits:
            self._wait(place, at)

    def _left_message(self, event: ev.MessageLeft) -> None:
        """Answered later, by a person: no live wait until it is put in line."""
        place = self._places.get(event.contact)
        if place is None:
            return
        if place.waits:
            self._stop_waiting(place, event.at)
        if place.bot:
            place.bot, place.person = False, True
            for row in place.rows:
                row.to_people += 1

    def _to_bot(self, event: ev.ContactSentToBot) -> None:
        place = self._places.get(event.contact)
        if place is None:
            return
        if place.waits:
            self._stop_waiting(place, event.at)
        place.bot, place.bot_since = True, event.at
        for row in place.rows:
            row.to_bot += 1

    def _reopened(self, event: ev.ContactReopened) -> None:
        place = self._places.get(event.contact)
        if place is None:
            return
        if place.bot:
            place.index = self.index
            self._settle(place)
        else:
            self._wait_for_person(place, event.at)
        for row in place.rows:
            row.reopened += 1

    def _person_asked(self, event: ev.PersonAsked) -> None:
        place = self._places.get(event.contact)
        if place is not None:
            for row in place.rows:
                row.handed_off += 1
            self._wait_for_person(place, event.at)

    def _assigned(self, event: ev.ContactAssigned) -> None:
        place = self._places.get(event.contact)
        if place is not None:
            for row in place.rows:
                row.assigned += 1
                row.assigned_beyond += event.beyond > 0

    def _made(self, event: ev.OfferMade) -> None:
        place = self._places.get(event.contact)
        if place is None:
            return
        for row in place.rows:
            row.offers["made"] += 1
            if place.offered:
                row.reoffers += 1
        place.offered = True
        place.pool = event.pool

    def _connected(self, event: ev.ContactConnected) -> None:
        place = self._places.get(event.contact)
        if place is None:
            return
        if place.waits:
            self._stop_waiting(place, event.at)
        place.offered = False
        if self._by_server:
            served = (("pool", place.pool), ("agent", event.agent))
            place.served = tuple(each for each in served if each[0] in self._more)
            self._settle(place)
        pool = place.pool
        for row in place.rows:
            row.connected += 1
            row.served_by[pool] += 1

    def _answered(self, event: ev.ContactAnswered) -> None:
        place = self._places.get(event.contact)
        if place is None:
            return
        place.answered = True
        for row in place.rows:
            row.answered += 1
            row.waits.add(event.waited_ms)
            row.first_replies.add(event.first_reply_ms)

    def _abandoned(self, event: ev.ContactAbandoned) -> None:
        place = self._places.get(event.contact)
        if place is None:
            return
        if place.waits:
            self._stop_waiting(place, event.at)
        counts = place.person and not place.bot and not place.answered
        for row in place.rows:
            row.abandoned += 1
            if event.silent:
                row.abandoned_silently += 1
            if counts:
                row.abandoned_waits.add(event.waited_ms)

    def _closed(self, event: ev.ContactClosed) -> None:
        place = self._places.get(event.contact)
        if place is None:
            return
        if not event.reopen_until:
            self._ended.append(event.contact)
        if place.waits:
            self._stop_waiting(place, event.at)
        for row in place.rows:
            row.closed += 1
            if place.bot:
                row.bot_contained += bool(event.agent)
            elif not place.answered and place.person:
                row.unanswered += 1

    def _forgotten(self, event: ev.ContactForgotten) -> None:
        self._ended.append(event.contact)

    def _round_ended(self, event: ev.ReplyStopped) -> None:
        place = self._places.get(event.contact)
        if place is None:
            return
        rows = place.rows
        if self.interval_ms:
            index = self.index_of(event.at - event.took_ms)
            if index != place.index:
                rows = self._rows_at(index, place.queue, place.asks, place.names, place.served)
        for row in rows:
            if event.answered:
                row.reply_rounds.add(event.took_ms)
            else:
                row.rounds_unanswered += 1

    def _message(self, event: ev.MessageAdded) -> None:
        place = self._places.get(event.contact)
        if place is None:
            return
        sender = event.sender
        for row in place.rows:
            messages = row.messages
            messages[sender] = messages.get(sender, 0) + 1
        if place.bot_since >= 0 and sender == "bot":
            for row in place.rows:
                row.bot_replies.add(event.at - place.bot_since)
            place.bot_since = -1

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
            for row in place.rows:
                row.consults[outcome] += 1

    def _offer_ended(self, outcome: str) -> Callable[[Any], None]:
        def count(event: ev.OfferAccepted) -> None:
            place = self._places.get(event.contact)
            if place is not None:
                for row in place.rows:
                    row.offers[outcome] += 1

        return count

    def _one(self, name: str) -> Callable[[Any], None]:
        def count(event: ev.ContactJoined) -> None:
            place = self._places.get(event.contact)
            if place is not None:
                for row in place.rows:
                    setattr(row, name, getattr(row, name) + 1)

        return count


_HEARS: Final[dict[type, str]] = {
    ev.ContactSubmitted: "_submitted",
    ev.ContactDeflected: "_deflected",
    ev.ContactResumed: "_resumed",
    ev.ContactReopened: "_reopened",
    ev.ContactMoved: "_moved",
    ev.StepOpened: "_step",
    ev.ContactTransferred: "_transferred",
    ev.ContactRequeued: "_requeued",
    ev.ContactAssigned: "_assigned",
    ev.ContactSentToBot: "_to_bot",
    ev.MessageLeft: "_left_message",
    ev.MessageReleased: "_released",
    ev.ConsultAsked: "_consult_asked",
    ev.ConsultAccepted: "_consult_accepted",
    ev.ConsultEnded: "_consult_ended",
    ev.PersonAsked: "_person_asked",
    ev.ContactConnected: "_connected",
    ev.ContactAnswered: "_answered",
    ev.ContactAbandoned: "_abandoned",
    ev.ContactClosed: "_closed",
    ev.ContactForgotten: "_forgotten",
    ev.ReplyStopped: "_round_ended",
    ev.MessageAdded: "_message",
    ev.OfferMade: "_made",
}
