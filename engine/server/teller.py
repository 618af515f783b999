"""Tells waiting customers their place and what they still have to wait, and keeps count of whether that came true."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import NamedTuple

import trio

from engine.dispatch import events as ev
from engine.dispatch.contacts import ContactState
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.estimates import Estimate
from engine.ports import Committed
from engine.server.door import Door
from engine.server.hub import Hub
from engine.telemetry.calibration import Calibration
from engine.wire.messages import Waiting

PACE_S = 5.0
TICK_S = 0.5
# Contacts looked at in one go (about 5 ms); where more wait, each is told less often.
AT_ONCE = 250


class _Row(NamedTuple):
    contact: int
    queue: str
    position: int
    at: int
    estimate: Estimate | None


class Teller:
    """``_new``: waiting, and not told yet; ``_due``: waiting contact → when it may be told again, earliest first."""

    def __init__(self, door: Door, hub: Hub, now_s: Callable[[], float]) -> None:
        self.calibration = Calibration()
        self._door = door
        self._hub = hub
        self._now_s = now_s
        self._new: dict[int, None] = {}
        self._due: dict[int, float] = {}
        self._said: dict[int, tuple[int, int]] = {}

    def load(self, dispatcher: Dispatcher) -> None:
        """Start from recovered state."""
        for number, contact in dispatcher.contacts.items():
            if contact.state is ContactState.QUEUED:
                self._new[number] = None

    def on_commit(self, records: Sequence[Committed]) -> None:
        self.calibration.on_commit(records)
        for record in records:
            for event in record.events:
                kind = type(event)
                if kind in _WAITS:
                    self._wait(event.contact)  # type: ignore[union-attr]  # each of these has a contact
                elif kind in _ENDS:
                    self._end(event.contact)  # type: ignore[union-attr]  # each of these has a contact

    def _wait(self, contact: int) -> None:
        if contact not in self._due:
            self._new[contact] = None

    def _end(self, contact: int) -> None:
        self._new.pop(contact, None)
        self._due.pop(contact, None)
        self._said.pop(contact, None)

    async def run(self) -> None:
        """For ever; each round asks the dispatcher once."""
        while True:
            await trio.sleep(TICK_S)
            now_s = self._now_s()
            numbers = self._take(now_s)
            if numbers:
                for row in await self._door.ask(lambda dispatcher, numbers=numbers: _rows(dispatcher, numbers)):  # type: ignore[misc]  # bound now
                    self._tell(row)

    def _take(self, now_s: float) -> list[int]:
        """Those whose turn it is; they go to the back of the line."""
        numbers = list(islice(self._new, AT_ONCE))
        for number, due_s in self._due.items():
            if len(numbers) == AT_ONCE or due_s > now_s:
                break
            numbers.append(number)
        for number in numbers:
            self._new.pop(number, None)
            self._due.pop(number, None)
            self._due[number] = now_s + PACE_S
        return numbers

    def _tell(self, row: _Row) -> None:
        estimate = row.estimate
        if estimate is not None:
            self.calibration.told(row.contact, row.queue, row.at, row.position, estimate)
        said = (row.position, estimate.p50_ms // 1_000 if estimate is not None else -1)
        facts = self._hub.directory.find(row.contact)
        if facts is None or row.contact not in self._due or self._said.get(row.contact) == said:
            return
        p50, p90 = (-1, -1) if estimate is None else estimate
        if self._hub.tell(facts.customer_side, Waiting(row.contact, row.queue, row.position, row.at, p50, p90)):
            self._said[row.contact] = said


def _rows(dispatcher: Dispatcher, numbers: list[int]) -> list[_Row]:
    rows = []
    for number in numbers:
        position = dispatcher.position(number)
        if position:
            queue = dispatcher.contacts[number].queue
            rows.append(_Row(number, queue, position, dispatcher.now, dispatcher.estimate(number)))
    return rows


_WAITS: frozenset[type] = frozenset(
    {
        ev.ContactSubmitted,
        ev.ContactResumed,
        ev.ContactTransferred,
        ev.ContactRequeued,
        ev.ContactReopened,
        ev.MessageReleased,
        ev.OfferDeclined,
        ev.OfferExpired,
        ev.OfferRescinded,
    }
)
_ENDS: frozenset[type] = frozenset(
    {
        ev.OfferMade,
        ev.ContactConnected,
        ev.ContactAbandoned,
        ev.ContactClosed,
        ev.ContactForgotten,
        ev.MessageLeft,
    }
)
