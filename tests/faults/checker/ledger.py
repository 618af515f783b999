"""The whole story as an observer was told it at the end, and what must hold in it from one event to the next."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.faults.checker.history import Frame, History

AUDITOR = "auditor"
# What the customer's side hears of its contact (docs/protocol.md).
CUSTOMER_SIDE = frozenset(
    {
        "contact.submitted", "contact.deflected", "contact.joined", "contact.resumed", "contact.updated", "contact.moved",
        "contact.alternatives_offered", "message.added", "contact.answered", "contact.connected", "contact.transferred",
        "contact.requeued", "person.asked", "contact.reminded", "contact.dormant", "contact.woke", "contact.reopened",
        "contact.message_left", "contact.message_released", "contact.told", "contact.sent_to_bot", "contact.abandoned",
        "contact.closed", "contact.forgotten",
    }
)  # fmt: skip
# Told to the agent they name, whoever holds the contact; and never told to the holder.
_TO_NAMED = frozenset(
    {
        "offer.made", "contact.assigned", "offer.accepted", "offer.declined", "offer.expired", "offer.rescinded",
        "contact.connected", "contact.transferred", "contact.requeued", "contact.closed", "wrap_up.started",
        "wrap_up.ended",
    }
)  # fmt: skip
_NOT_TO_HOLDER = frozenset({"contact.step_opened", "affinity.began", "affinity.ended", "decliner.forgotten"})
_TAKES_FROM_HOLDER = frozenset(
    {
        "contact.transferred", "contact.requeued", "contact.message_left", "offer.rescinded", "contact.closed",
        "contact.deflected", "contact.forgotten",
    }
)  # fmt: skip


class Told(NamedTuple):
    """One journal record as the domain's stream tells it."""

    events: list[Frame]
    text: str


@dataclass
class Ledger:
    """``told``: lsn → record; ``streams``: stream → lsn → the events that it must carry."""

    told: dict[int, Told] = field(default_factory=dict)
    streams: dict[str, dict[int, list[Frame]]] = field(default_factory=dict)
    last_lsn: int = 0
    _texts: dict[tuple[int, int], str] = field(default_factory=dict)
    _places: dict[str, list[int]] = field(default_factory=dict)

    @classmethod
    def of(cls, history: History) -> Ledger:
        ledger = cls()
        for entry in history.of("got"):
            said = entry.said
            if entry.who == AUDITOR and said["op"] == "push" and said["stream"] == "domain":
                ledger.told[said["offset"]] = Told(said["events"], said.get("text", ""))
        ledger.last_lsn = max(ledger.told, default=0)
        ledger._share_out()
        return ledger

    def events(self) -> Iterator[tuple[int, Frame]]:
        for lsn in sorted(self.told):
            for event in self.told[lsn].events:
                yield lsn, event

    def at(self, lsn: int) -> list[Frame]:
        found = self.told.get(lsn)
        return [] if found is None else found.events

    def texts(self) -> dict[tuple[int, int], str]:
        """(contact, seq) → the text of that message."""
        if not self._texts:
            self._texts = {
                (event["contact"], event["seq"]): told.text
                for told in self.told.values()
                for event in told.events
                if event["type"] == "message.added"
            }
        return self._texts

    def between(self, stream: str, after_lsn: int, before_lsn: int) -> list[int]:
        """The records that a stream must carry, both ends left out."""
        places = self._places.get(stream)
        if places is None:
            places = self._places[stream] = sorted(self.streams.get(stream, {}))
        return places[bisect_right(places, after_lsn) : bisect_left(places, before_lsn)]

    def _share_out(self) -> None:
        holders: dict[int, str] = {}
        for lsn, event in self.events():
            for stream in _streams_of(event, holders):
                self.streams.setdefault(stream, {}).setdefault(lsn, []).append(event)
            _move_on(event, holders)
        self.streams["domain"] = {lsn: told.events for lsn, told in self.told.items()}


def _streams_of(event: Frame, holders: dict[int, str]) -> list[str]:
    kind, contact, named = event["type"], event.get("contact"), event.get("agent", "")
    if contact is None:
        agent = event.get("profile", {}).get("agent", "") or named
        return [f"agent:{agent}"] if agent else []
    streams = [f"agent:{named}"] if kind in _TO_NAMED and named else []
    holder = holders.get(contact, "")
    if holder and f"agent:{holder}" not in streams and kind not in _NOT_TO_HOLDER:
        streams.append(f"agent:{holder}")
    if kind in CUSTOMER_SIDE:
        streams.append("channel:web")
    return streams


def _move_on(event: Frame, holders: dict[int, str]) -> None:
    kind = event["type"]
    if kind == "contact.connected" or (kind == "offer.accepted" and event.get("held")):
        holders[event["contact"]] = event["agent"]
    elif kind in _TAKES_FROM_HOLDER:
        holders.pop(event["contact"], None)
