"""The contacts of a lane in order: a few ascending strands of keys instead of one heap.

Contacts come nearly in the order in which they are served: who waits longer stands first, and a step raises one after the
other. So a key goes to the end of a strand whose last key is smaller, and the smallest of all is at the head of one. That
touches the ends of one or two lists where a heap of a thousand contacts touches ten cold keys, each way. What fits no
strand goes to a small heap.

A key is a hint: its contact may have left since. What a strand holds decides nothing but how long a look takes.
"""

from __future__ import annotations

from collections.abc import Container
from heapq import heappop, heappush
from typing import Any, Final, TypeAlias

from mypy_extensions import mypyc_attr

# (listed rank, value, start, contact, spot): smaller is served first. In the score order the value falls by slope × now.
# A key that stands in no lane has no spot.
ContactKey: TypeAlias = tuple[Any, ...]

# One for each priority in use, say; more would cost each push and each look a comparison.
MOST: Final = 8
# What lies before a strand's head is let go of when it is half of it, and so many at least.
TRIM: Final = 64


@mypyc_attr(acyclic=True)
class Spot:
    """A contact's stay in its lanes: not ``open`` any more, its keys there are stale.

    Not a part of the order: two keys of one contact may differ in nothing else, then one of them is stale.
    """

    __slots__ = ("alone", "open")

    def __init__(self, alone: bool) -> None:
        self.open: bool = True
        self.alone = alone  # in nobody's lane: it is kept for one agent

    def __lt__(self, other: object) -> bool:
        return False


class Strand:
    """Ascending keys; those before ``at`` are done with."""

    __slots__ = ("at", "keys")

    def __init__(self, keys: list[ContactKey]) -> None:
        self.keys = keys
        self.at: int = 0


class Strands:
    """Keys of contacts, the smallest first."""

    __slots__ = ("found", "size", "strands", "strays")

    def __init__(self) -> None:
        self.strands: list[Strand] = []
        self.strays: list[ContactKey] = []  # a heap
        self.size: int = 0  # stale ones included
        self.found: Strand | None = None  # where ``top`` found it; None: among the strays

    def push(self, key: ContactKey) -> None:
        self.size += 1
        for strand in self.strands:
            if strand.keys[-1] < key:
                strand.keys.append(key)
                return
        if len(self.strands) < MOST:
            self.strands.append(Strand([key]))
        else:
            heappush(self.strays, key)

    def top(self) -> ContactKey | None:
        """The smallest whose contact still stands here; stale ones before it are dropped."""
        best: ContactKey | None = None
        self.found = None
        ended = False
        for strand in self.strands:
            key = self._head(strand)
            if key is None:
                ended = True
            elif best is None or key < best:
                best, self.found = key, strand
        if ended:
            self.strands = [strand for strand in self.strands if strand.at < len(strand.keys)]
        strays = self.strays
        while strays:
            key = strays[0]
            spot: Spot = key[4]
            if spot.open:
                if best is None or key < best:
                    best, self.found = key, None
                break
            heappop(strays)
            self.size -= 1
        return best

    def _head(self, strand: Strand) -> ContactKey | None:
        keys, at = strand.keys, strand.at
        end = len(keys)
        while at < end:
            key = keys[at]
            spot: Spot = key[4]
            if spot.open:
                break
            at += 1
        self.size -= at - strand.at
        if at >= TRIM and at + at >= end:
            del keys[:at]
            end -= at
            at = 0
        strand.at = at
        return keys[at] if at < end else None

    def pop(self) -> None:
        """Take out what ``top`` has just found."""
        self.size -= 1
        if self.found is None:
            heappop(self.strays)
        else:
            self.found.at += 1

    def past(self, refused: Container[int]) -> ContactKey | None:
        """The smallest whose contact stands here and is not in ``refused``."""
        best: ContactKey | None = None
        for strand in self.strands:
            keys = strand.keys
            for place in range(strand.at, len(keys)):
                key = keys[place]
                spot: Spot = key[4]
                if spot.open and key[3] not in refused:
                    if best is None or key < best:
                        best = key
                    break
        strays = self.strays
        passed: list[ContactKey] = []
        while strays and (best is None or strays[0] < best):
            key = strays[0]
            stray: Spot = key[4]
            if not stray.open:
                heappop(strays)
                self.size -= 1
            elif key[3] in refused:
                passed.append(heappop(strays))
            else:
                best = key
        for key in passed:
            heappush(strays, key)
        return best

    def standing(self) -> list[ContactKey]:
        """All whose contacts stand here, in no order."""
        found = [key for strand in self.strands for key in strand.keys[strand.at :] if key[4].open]
        return found + [key for key in self.strays if key[4].open]

    def tidy(self) -> None:
        """Drop what is stale: a lane that nobody serves must not keep what has long left."""
        keys = self.standing()
        keys.sort()
        self.strands, self.strays, self.size = [Strand(keys)] if keys else [], [], len(keys)
