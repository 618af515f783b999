"""Round robin: whose turn it is in a lane."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from engine.dispatch.ledgers import Ledger
from engine.dispatch.ranks import Ranked

if TYPE_CHECKING:  # whose agents take turns
    from engine.dispatch.lanes import AgentKey, Lane, Seat


class Ring:
    """Round robin: a lane's agents by sequence number, and whoever comes after the pool's last one is next."""

    __slots__ = ("agents", "ledger")

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.agents = Ranked()

    def add(self, lane: Lane, seat: Seat) -> bool:
        """As :meth:`Lane.offer_side`, for an agent who fits."""
        seq = seat.agent.seq
        if seq not in lane.best:
            lane.best[seq] = (seq,)
            self.agents.add((seq,))
        return True

    def pick(self, lane: Lane, decliners: Collection[str]) -> tuple[AgentKey, Seat] | None:
        """As :meth:`Lane.pick`."""
        last = self.ledger.last
        after, wrapped = last, 0
        while True:
            found = self.agents.after((after,))
            if found is None or (wrapped and found[0] > last):
                if wrapped:
                    return None
                after, wrapped = 0, 1
                continue
            seq = int(found[0])
            seat = lane.seats[seq]
            assert seat is not None, seq
            if not lane.fits(seat):
                self.agents.remove(found)
                del lane.best[seq]
                seat.absent.append(lane)
            elif not decliners or seat.name not in decliners:
                return (wrapped, seq), seat
            after = seq
