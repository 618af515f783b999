"""Where waiting contacts stand: in a queue's line, and with what key in which lanes."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import Final

from engine.dispatch.contacts import Contact
from engine.dispatch.lanes import Lane
from engine.dispatch.policy.compiled import Step
from engine.dispatch.pools import (
    LONGEST,
    LONGEST_LISTED,
    LOW_BITS,
    OVERDUE_LAST,
    PLACES,
    SCORE,
    Length,
    Party,
    late_key,
)
from engine.dispatch.ranks import Ranked
from engine.dispatch.strands import ContactKey, Spot

MINUTE_MS = 60_000
# What is added to the listed rank of a contact that stands behind all live ones: a message put in line at its pace.
BEHIND: Final = 1_000_000


class Stand:
    """Where contacts with equal needs stand. ``keyed``: per lane (listed rank, slope, kind of key).

    ``special``: somebody counts who stands here, the queue's ``length`` or ``parties`` of pools shared by weight.
    """

    __slots__ = (
        "after_ms", "at_once", "boost", "by_clock", "clock", "era", "even", "keyed", "lanes", "length", "parties", "person",
        "special", "stepped", "target_ms", "watched",
    )  # fmt: skip

    def __init__(
        self,
        lanes: tuple[Lane, ...],
        keyed: tuple[tuple[int, float, int], ...],
        boost: float,
        step: Step | None,
        person: bool,
        target_ms: int,
        length: Length | None,
        parties: tuple[Party, ...],
        era: int,
    ) -> None:
        self.lanes = lanes
        self.keyed = keyed
        self.boost = boost
        self.stepped = step is not None  # another step may open
        self.at_once = step is not None and not step.after_ms  # … without any time passing
        self.watched = person and step is not None and step.watched  # … on more than its clock
        # … by its clock alone, at a set time: so long after that clock's zero
        self.by_clock = person and step is not None and not step.watched and not step.only_nobody
        self.clock: str = "" if step is None else step.clock
        self.after_ms: int = 0 if step is None else step.after_ms
        self.person = person  # its contacts wait for a person
        self.target_ms = target_ms
        self.special = length is not None or bool(parties)
        self.length = length
        self.parties = parties
        self.even = len(set(keyed)) == 1  # one key for all of its lanes
        self.era = era  # of the policy that it belongs to, see ``Records.era``

    def step_due(self, contact: Contact) -> int:
        """When the next step opens by its clock; 0: at no set time. As :meth:`clocks.Clocks.clock_due`."""
        if not self.by_clock:
            return 0
        if self.clock == "step":
            return contact.step_at + self.after_ms
        return (contact.start if self.clock == "waited" else contact.arrived_at) + self.after_ms

    def key(self, contact: Contact, place: int = 0) -> ContactKey:
        """The order of the lane's pool as a key; smaller is served first, see :data:`strands.ContactKey`.

        strict: priority, then waited. score: priority + boost + slope × minutes waited; the part that grows with time
        is the same for a lane's contacts of one slope and is left out of the stored key. promise: priority, then due.
        longest queue: priority, then (added when asked) the queue's length, and with ties listed its place in the list.
        """
        listed, slope, kind = self.keyed[place]
        if contact.behind:
            listed += BEHIND
        priority = contact.priority + contact.raised
        if not kind:
            return (listed, -priority, contact.start, contact.contact)
        if kind == SCORE:
            value = slope * contact.start - (priority + self.boost) * MINUTE_MS
            return (listed, value, contact.start, contact.contact)
        if kind == LONGEST:
            return (listed, -priority << LOW_BITS, contact.start, contact.contact)
        if kind == LONGEST_LISTED:
            behind = BEHIND if contact.behind else 0
            return (behind, (-priority << LOW_BITS) + listed - behind, contact.start, contact.contact)
        due = (-2 * priority << LOW_BITS) + contact.start + self.target_ms
        return (listed, due, contact.start, contact.contact)

    def entry(self, contact: Contact, place: int, spot: Spot) -> ContactKey:
        """The key as it stands in the lane."""
        listed, _, kind = self.keyed[place]
        if kind or contact.behind:
            return (*self.key(contact, place), spot)
        return (listed, -(contact.priority + contact.raised), contact.start, contact.contact, spot)

    def heap(self, place: int) -> float:
        """The name of its heap in the lane: contacts whose keys move together in time."""
        kind = self.keyed[place][2]
        if kind >= LONGEST and self.length is not None:
            return self.length.number
        return self.keyed[place][1]

    def key_now(self, contact: Contact, now: int, *, grown: bool = False) -> ContactKey:
        """The key in the first lane with what the moment adds to it in orders by promise or by length; ``grown``: and to
        the points of the score order."""
        key = self.key(contact)
        _, slope, kind = self.keyed[0]
        if grown and slope:
            return (key[0], key[1] - slope * now, key[2], key[3])
        if kind >= LONGEST and self.length is not None:
            queued = self.length.queued if kind == LONGEST else self.length.queued * PLACES
            return (key[0], key[1] - queued, key[2], key[3])
        return late_key(key, now) if kind == OVERDUE_LAST else key


class Line:
    """One queue's waiting contacts: ranks of those not offered yet, and the oldest of all."""

    __slots__ = ("oldest", "ranked", "standing", "waiting", "watched")

    def __init__(self, watched: frozenset[int]) -> None:
        self.watched = watched  # lengths that a step of the queue asks for
        self.standing: int = 0  # those that stand in the lanes for a person
        self.ranked: Ranked | None = None  # kept from the first question about a position on
        self.waiting: dict[int, int] = {}  # contact → start; offered and held ones included
        self.oldest: list[tuple[int, int]] | None = None  # a heap, kept from the first question about waits on

    def enter(self, contact: Contact) -> None:
        self.waiting[contact.contact] = contact.start
        if self.oldest is not None:
            heappush(self.oldest, (contact.start, contact.contact))

    def leave(self, number: int) -> bool:
        """False: it was not there."""
        if self.waiting.pop(number, None) is None:
            return False
        if self.oldest is not None and len(self.oldest) > 64 + 2 * len(self.waiting):
            self.oldest = [entry for entry in self.oldest if self.waiting.get(entry[1]) == entry[0]]
            heapify(self.oldest)
        return True

    def oldest_start(self) -> int | None:
        if self.oldest is None:
            self.oldest = [(start, number) for number, start in self.waiting.items()]
            heapify(self.oldest)
        while self.oldest and self.waiting.get(self.oldest[0][1]) != self.oldest[0][0]:
            heappop(self.oldest)
        return self.oldest[0][0] if self.oldest else None
