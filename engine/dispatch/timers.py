"""Deadlines. The store holds hints; state holds the truth.

An entry names (deadline, kind, id). It is honoured only if state still names that very deadline for that kind and id, so
nothing is ever cancelled: a stale entry does nothing. Ties inside a millisecond are settled by kind, then by id, both
fixed by state alone, so a restored dispatcher expires in the same order as one that never stopped.

Entries are packed into one integer each, which compares in a third of a tuple's time. Far ones lie unsorted in buckets
of 64 ms and are ordered only when their bucket comes up: one heap of 100,000 pending deadlines touches cold memory at
sixteen levels for each one popped, and most are stale by then.
"""

from __future__ import annotations

from collections.abc import Container
from heapq import heapify, heappop, heappush
from typing import Final

ID_BITS: Final = 40
KIND_BITS: Final = 4
DEADLINE_SHIFT: Final = ID_BITS + KIND_BITS
ID_MASK: Final = (1 << ID_BITS) - 1
KIND_MASK: Final = (1 << KIND_BITS) - 1
# 64 ms of deadlines are a few hundred entries at a thousand contacts a second: they stay in the nearest cache.
BUCKET_SHIFT: Final = DEADLINE_SHIFT + 6
FAR: Final = 1 << 62


class Kind:
    """What a deadline guards, in the order in which equal deadlines expire. Ids: offers, contacts, or agents' seq.

    Plain integers: shifting an IntEnum costs five times as much, and every event arms one.
    """

    OFFER = 1
    WRAP_UP = 2
    BACK_OFF = 3
    AGENT_UNTIL = 4
    CAPACITY = 5
    AFFINITY = 6
    DECLINER = 7
    STEP = 8
    REPLY = 9
    RESUME = 10


OFFER: Final = Kind.OFFER
AGENT_KINDS: Final = (Kind.BACK_OFF, Kind.AGENT_UNTIL, Kind.CAPACITY)


def unpack(entry: int) -> tuple[int, int, int]:
    """(deadline, kind, id)"""
    return entry >> DEADLINE_SHIFT, entry >> ID_BITS & KIND_MASK, entry & ID_MASK


class Timers:
    """Pending hints, earliest first."""

    __slots__ = ("bucket", "buckets", "contacts", "front", "keys", "near_ms", "offers", "size")

    def __init__(self, contacts: Container[int], offers: Container[int]) -> None:
        self.contacts = contacts
        self.offers = offers
        self.front: list[int] = []  # a heap: everything up to and including ``bucket``
        self.bucket = -1
        self.keys: list[int] = []  # a heap of the later buckets' numbers
        self.buckets: dict[int, list[int]] = {}
        self.size = 0
        self.near_ms = FAR  # nothing is due before this instant

    def arm(self, deadline: int, kind: int, ident: int) -> None:
        """``deadline`` 0 means none and is ignored."""
        if not deadline:
            return
        if deadline < self.near_ms:
            self.near_ms = deadline
        entry = deadline << DEADLINE_SHIFT | kind << ID_BITS | ident
        number = entry >> BUCKET_SHIFT
        self.size += 1
        if number <= self.bucket:
            heappush(self.front, entry)
            return
        entries = self.buckets.get(number)
        if entries is None:
            self.buckets[number] = [entry]
            heappush(self.keys, number)
        else:
            entries.append(entry)

    def first(self) -> int | None:
        """The earliest entry, left in its place."""
        while not self.front:
            if not self.keys:
                self.near_ms = FAR
                return None
            self.bucket = heappop(self.keys)
            entries = self.buckets.pop(self.bucket)
            self.front = self._alive(entries)
            self.size -= len(entries) - len(self.front)
            heapify(self.front)
        self.near_ms = self.front[0] >> DEADLINE_SHIFT
        return self.front[0]

    def _alive(self, entries: list[int]) -> list[int]:
        """Without those whose contact or offer is gone: most hints have died by the time they come up."""
        contacts, offers = self.contacts, self.offers
        return [
            entry
            for entry in entries
            if (kind := entry >> ID_BITS & KIND_MASK) in AGENT_KINDS
            or entry & ID_MASK in (offers if kind == OFFER else contacts)
        ]

    def drop(self) -> None:
        """Forget what :meth:`first` said."""
        heappop(self.front)
        self.size -= 1

    def entries(self) -> set[int]:
        """All of them, in no order."""
        return {entry for entries in (self.front, *self.buckets.values()) for entry in entries}
