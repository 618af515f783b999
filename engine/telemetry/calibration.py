"""Whether the estimates hold: each one told is paired with what then happened.

Of the contacts told "within p90", nine of ten should be connected within it. Who gives up first has waited for at least so
long: such a wait counts as *censored*, by the product-limit estimator (Kaplan and Meier, 1958) over the wait in shares of
its p90, in steps of a twentieth: giving up at half the time neither confirms the estimate nor refutes it. First
estimates and later ones (told at a better place in line) are counted apart; a contact that changes its queue or goes back
to a bot ends its pairs as censored. All counts are since the process started.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from engine.dispatch import events as ev
from engine.dispatch.estimates import Estimate
from engine.ports import Committed

STEPS = 20
# Fewer pairs than these say nothing.
ENOUGH = 50
# Pairs that one contact opens at most: the first, and those told when its place had halved since the last.
PAIRS = 6


@dataclass
class Coverage:
    """``served[i]``, ``left[i]``: connected, and given up, after i twentieths of the p90 (rounded up; the last: later)."""

    served: list[int] = field(default_factory=lambda: [0] * (STEPS + 1))
    left: list[int] = field(default_factory=lambda: [0] * (STEPS + 1))
    within_p50: int = 0

    def add(self, waited_ms: int, told: Estimate, connected: bool) -> None:
        share = min(-(-waited_ms * STEPS // max(told.p90_ms, 1)), STEPS + 1)
        (self.served if connected else self.left)[max(share, 1) - 1] += 1
        self.within_p50 += connected and waited_ms <= told.p50_ms

    @property
    def pairs(self) -> int:
        return sum(self.served) + sum(self.left)

    @property
    def p90(self) -> float:
        """Share of estimates whose p90 held, the censored ones allowed for; −1: too few."""
        if sum(self.served) + self.left[STEPS] < ENOUGH:
            return -1.0
        standing, still = self.pairs, 1.0
        for served, left in zip(self.served[:STEPS], self.left[:STEPS], strict=True):
            if standing:
                still *= 1.0 - served / standing
            standing -= served + left
        return 1.0 - still


@dataclass(slots=True)
class _Told:
    queue: str
    at: int
    place: int
    estimate: Estimate


class Calibration:
    """``told`` when an estimate is made known, ``on_commit`` for everything that happens; coverage per queue."""

    def __init__(self) -> None:
        self.first: dict[str, Coverage] = {}
        self.later: dict[str, Coverage] = {}
        self._open: dict[int, list[_Told]] = {}

    def told(self, contact: int, queue: str, at: int, place: int, estimate: Estimate) -> None:
        """``at``: dispatcher time; ``place``: the contact's position then."""
        open_pairs = self._open.setdefault(contact, [])
        if not open_pairs or (len(open_pairs) < PAIRS and place * 2 <= open_pairs[-1].place):
            open_pairs.append(_Told(queue, at, place, estimate))

    def on_commit(self, records: Sequence[Committed]) -> None:
        if self._open:
            for record in records:
                self.on_events(record.events)

    def on_events(self, events: Iterable[ev.Event]) -> None:
        for event in events:
            kind = type(event)
            if kind in _ENDS:
                contact: int = event.contact  # type: ignore[union-attr]  # each of these has one
                pairs = self._open.get(contact)
                if not pairs or (isinstance(event, ev.ContactMoved) and event.queue == pairs[0].queue):
                    continue
                del self._open[contact]
                self._close(pairs, event.at, kind is ev.ContactConnected)

    def _close(self, pairs: list[_Told], at: int, connected: bool) -> None:
        for number, pair in enumerate(pairs):
            rows = self.later if number else self.first
            row = rows.get(pair.queue)
            if row is None:
                row = rows[pair.queue] = Coverage()
            row.add(at - pair.at, pair.estimate, connected)


_ENDS: frozenset[type] = frozenset(
    {
        ev.ContactConnected,
        ev.ContactAbandoned,
        ev.ContactClosed,
        ev.ContactMoved,
        ev.MessageLeft,
    }
)
