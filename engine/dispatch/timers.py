"""Deadlines. The store holds hints; state holds the truth.

An entry names (deadline, kind, id). It is honoured only if state still names that very deadline for that kind and id, so
nothing is ever cancelled: a stale entry does nothing. Ties inside a millisecond are settled by kind, then by id, both
fixed by state alone, so a restored dispatcher expires in the same order as one that never stopped.

Far ones lie unsorted in buckets of 64 ms and are ordered only when their bucket comes up: one heap of 100,000 pending
deadlines touches cold memory at sixteen levels for each one popped, and most are stale by then. Inside a bucket an entry
is one small integer, which compares in a third of a tuple's time.
"""

from __future__ import annotations

from collections.abc import Container
from heapq import heapify, heappop, heappush
from typing import Final

# 64 ms of deadlines are a few hundred entries at a thousand contacts a second: they stay in the nearest cache.
BUCKET_BITS: Final = 6
BUCKET_MASK: Final = (1 << BUCKET_BITS) - 1
# Inside a bucket: (ms, kind, id) in 6 + 4 + 40 bits.
ID_BITS: Final = 40
KIND_BITS: Final = 4
MS_SHIFT: Final = ID_BITS + KIND_BITS
ID_MASK: Final = (1 << ID_BITS) - 1
KIND_MASK: Final = (1 << KIND_BITS) - 1
FAR: Final = 1 << 60
# A quarter of what one expiry may do; a bucket of a busy domain holds a few hundred, most of them dead.
CROWD: Final = 128

Deadline = tuple[int, int, int]  # (instant, kind, id)


class Kind:
    """What a deadline guards, in the order in which equal deadlines expire. Ids: offers, contacts, agents' seq (QUOTA too),
    or the pool's place in the policy (LENDER).

    Plain integers: shifting an IntEnum costs five times as much, and every event arms one.
    """

    OFFER: Final = 1
    WRAP_UP: Final = 2
    BACK_OFF: Final = 3
    AGENT_UNTIL: Final = 4
    CAPACITY: Final = 5
    AFFINITY: Final = 6
    DECLINER: Final = 7
    STEP: Final = 8
    REPLY: Final = 9
    RESUME: Final = 10
    TALK: Final = 11  # the customer's silence, or the agent's who has never answered
    CONSULT: Final = 12  # of the contact that it is about
    LENDER: Final = 13
    QUOTA: Final = 14
    HOUSE: Final = 15  # the domain's own: calendars, notices, promises, slices of mass effects; see house.House


OFFER: Final = Kind.OFFER
BACK_OFF: Final = Kind.BACK_OFF
CAPACITY: Final = Kind.CAPACITY
LENDER: Final = Kind.LENDER
HOUSE: Final = Kind.HOUSE


class Timers:
    """Pending hints, earliest first. After :meth:`first`, ``deadline``, ``kind`` and ``ident`` tell the earliest."""

    __slots__ = (
        "bucket", "buckets", "contacts", "deadline", "front", "ident", "keys", "kind", "late", "near_ms", "offers", "size",
    )  # fmt: skip

    def __init__(self, contacts: Container[int], offers: Container[int]) -> None:
        self.contacts = contacts
        self.offers = offers
        self.late: list[Deadline] = []  # a heap: armed for an instant before the bucket that is up
        self.front: list[int] = []  # a heap: ``bucket``, the one that is up
        self.bucket: int = -1
        self.keys: list[int] = []  # a heap of the later buckets' numbers
        self.buckets: dict[int, list[int]] = {}
        self.size: int = 0
        self.near_ms: int = FAR  # nothing is due before this instant
        self.deadline: int = 0
        self.kind: int = 0
        self.ident: int = 0

    def arm(self, deadline: int, kind: int, ident: int) -> None:
        """``deadline`` 0 means none and is ignored."""
        if not deadline:
            return
        if deadline < self.near_ms:
            self.near_ms = deadline
        number = deadline >> BUCKET_BITS
        self.size += 1
        if number < self.bucket:
            heappush(self.late, (deadline, kind, ident))
            return
        entry = (deadline & BUCKET_MASK) << MS_SHIFT | kind << ID_BITS | ident
        if number == self.bucket:
            heappush(self.front, entry)
            return
        entries = self.buckets.get(number)
        if entries is None:
            self.buckets[number] = [entry]
            heappush(self.keys, number)
        else:
            entries.append(entry)

    def first(self) -> bool:
        """Make the earliest hint known, and leave it in its place; False: there is none."""
        if self.late:
            self.deadline, self.kind, self.ident = self.late[0]
            self.near_ms = self.deadline
            return True
        while not self.front:
            if not self.keys:
                self.near_ms = FAR
                return False
            self.bucket = heappop(self.keys)
            entries = self.buckets.pop(self.bucket)
            self.front = self._alive(entries)
            self.size -= len(entries) - len(self.front)
            heapify(self.front)
        entry = self.front[0]
        self.deadline = (self.bucket << BUCKET_BITS) + (entry >> MS_SHIFT)
        self.kind = entry >> ID_BITS & KIND_MASK
        self.ident = entry & ID_MASK
        self.near_ms = self.deadline
        return True

    def _alive(self, entries: list[int]) -> list[int]:
        """Without those whose contact or offer is gone: most hints have died by the time they come up."""
        alive: list[int] = []
        for entry in entries:
            kind = entry >> ID_BITS & KIND_MASK
            if (
                BACK_OFF <= kind <= CAPACITY
                or kind >= LENDER
                or entry & ID_MASK in (self.offers if kind == OFFER else self.contacts)
            ):
                alive.append(entry)
        return alive

    def is_crowded(self, instant: int) -> bool:
        """Whether many hints may be due by then; quick, and never wrong about few."""
        if self.near_ms > instant:
            return False
        if len(self.late) + len(self.front) > CROWD:
            return True
        if not self.keys:
            return False
        number, up_to = self.keys[0], instant >> BUCKET_BITS
        return number < up_to or (number == up_to and len(self.buckets[number]) > CROWD)

    def drop(self) -> None:
        """Forget what :meth:`first` said."""
        if self.late:
            heappop(self.late)
        else:
            heappop(self.front)
        self.size -= 1

    def entries(self) -> set[Deadline]:
        """All of them, in no order."""
        found = set(self.late)
        for number, entries in ((self.bucket, self.front), *self.buckets.items()):
            for entry in entries:
                instant = (number << BUCKET_BITS) + (entry >> MS_SHIFT)
                found.add((instant, entry >> ID_BITS & KIND_MASK, entry & ID_MASK))
        return found
