"""Deadlines. The heap holds hints; state holds the truth.

An entry names (deadline, kind, id). It is honoured only if state still names that very deadline for that kind and id, so
nothing is ever cancelled: a stale entry does nothing. Ties inside a millisecond are settled by kind, then by id, both
fixed by state alone, so a restored dispatcher expires in the same order as one that never stopped.

Entries are packed into one integer each, which compares in a third of a tuple's time.
"""

from __future__ import annotations

from heapq import heappop, heappush

ID_BITS = 40
KIND_BITS = 4
KIND_SHIFT = ID_BITS
DEADLINE_SHIFT = ID_BITS + KIND_BITS
ID_MASK = (1 << ID_BITS) - 1
KIND_MASK = (1 << KIND_BITS) - 1


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


def pack(deadline: int, kind: int, ident: int) -> int:
    return deadline << DEADLINE_SHIFT | kind << KIND_SHIFT | ident


def unpack(entry: int) -> tuple[int, int, int]:
    """(deadline, kind, id)"""
    return entry >> DEADLINE_SHIFT, entry >> KIND_SHIFT & KIND_MASK, entry & ID_MASK


class Timers:
    """A heap of hints. ``arm`` is O(log n); the owner asks state whether the earliest hint is still true."""

    __slots__ = ("heap",)

    def __init__(self) -> None:
        self.heap: list[int] = []

    def arm(self, deadline: int, kind: int, ident: int) -> None:
        """``deadline`` 0 means none and is ignored."""
        if deadline:
            heappush(self.heap, deadline << DEADLINE_SHIFT | kind << KIND_SHIFT | ident)

    def drop(self) -> None:
        heappop(self.heap)
