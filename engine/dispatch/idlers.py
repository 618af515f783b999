"""A lane's agents of choice longest idle, as a heap of integers.

An entry is idle since and seq in one: with a hundred thousand agents each level of a heap is cold memory, and a tuple is
three objects there. As everywhere in a lane an entry is a hint, its key not larger than the true one.
"""

from __future__ import annotations

from collections.abc import Collection
from heapq import heapify, heappop, heappush, heapreplace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:  # who stands there
    from engine.dispatch.lanes import AgentKey, Lane, Seat

SEQ_BITS: Final = 32
SEQ_MASK: Final = (1 << SEQ_BITS) - 1


class Idlers:
    """One entry of each agent, or the lane is in its ``seat.absent``; and as many more as ``surplus`` says, of seats given
    up: of one agent's entries any may go, as none is larger than its true key."""

    __slots__ = ("heap", "seats", "surplus")

    def __init__(self, seats: list[Seat | None]) -> None:
        """``seats``: by seq, the whole domain's."""
        self.seats = seats
        self.heap: list[int] = []
        self.surplus: dict[int, int] = {}

    def add(self, seat: Seat) -> None:
        """An agent who fits."""
        agent = seat.agent
        heappush(self.heap, agent.idle_since << SEQ_BITS | agent.seq)

    def give_up(self, seat: Seat) -> None:
        """The agent's entry is a seat's that is no more."""
        seq = seat.agent.seq
        self.surplus[seq] = self.surplus.get(seq, 0) + 1

    def is_surplus(self, seq: int) -> bool:
        """Whether an entry of this agent may go; then it is counted as gone."""
        count = self.surplus.get(seq, 0)
        if count > 1:
            self.surplus[seq] = count - 1
        elif count:
            del self.surplus[seq]
        return count > 0

    def trim(self, seated: int) -> None:
        """Let go of what is surplus when it outnumbers those ``seated``: a lane that nobody asks must not keep it."""
        if len(self.heap) > 64 + 2 * seated:
            self.heap = [entry for entry in self.heap if not self.surplus or not self.is_surplus(entry & SEQ_MASK)]
            heapify(self.heap)

    def pick(self, lane: Lane, decliners: Collection[str]) -> tuple[AgentKey, Seat] | None:
        """As :meth:`Lane.pick`."""
        heap = self.heap
        passed: list[int] = []
        found = None
        while heap:
            entry = heap[0]
            seq = entry & SEQ_MASK
            if self.surplus and self.is_surplus(seq):
                heappop(heap)
                continue
            seat = self.seats[seq]
            assert seat is not None, seq
            if not lane.fits(seat):
                heappop(heap)
                seat.absent.append(lane)
                continue
            since = seat.agent.idle_since
            true = since << SEQ_BITS | seq
            if true != entry:
                heapreplace(heap, true)
            elif decliners and seat.name in decliners:
                passed.append(heappop(heap))
            else:
                found = ((since, seq), seat)
                break
        for entry in passed:
            heappush(heap, entry)
        return found

    def known(self) -> dict[int, AgentKey]:
        """seq → its key; O(n), for audits."""
        surplus, found = dict(self.surplus), {}
        for entry in self.heap:
            seq = entry & SEQ_MASK
            if surplus.get(seq, 0):
                surplus[seq] -= 1
            else:
                found[seq] = (entry >> SEQ_BITS, seq)
        return found
