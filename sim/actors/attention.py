"""How one person divides its attention: over work given as a whole, or over replies one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heapify, heappop, heappush

from sim.actors.deeds import Wake


class SharedWork:
    """Contacts whose work is given as a whole, all worked on at once.

    Each has an even share of a speed that depends on how many there are, so one clock of work is enough: it runs at the
    speed of one share, and a contact is done when it has run by its work. When their number changes it runs at another
    speed from there: remaining work is re-scaled, done work stays done. Instants are the events' own, in ms.
    """

    def __init__(self, rates: Sequence[float], pace: float) -> None:
        self._shares = [pace * rate / level for level, rate in enumerate(rates, 1)]
        self._top, self._last = len(rates), pace * rates[-1]
        self._done, self._at = 0.0, 0
        self._open: list[tuple[float, int]] = []  # heap: (work clock at its end, contact)
        self._ticket, self._due_at = 0, 0

    def begin(self, contact: int, work_ms: int, now: int) -> list[Wake]:
        self._advance(now)
        heappush(self._open, (self._done + work_ms, contact))
        return self._look(now)

    def drop(self, contact: int, now: int) -> list[Wake]:
        """It is over before it was done."""
        kept = [each for each in self._open if each[1] != contact]
        if len(kept) == len(self._open):
            return []
        self._advance(now)
        heapify(kept)
        self._open = kept
        return self._look(now)

    def clear(self) -> None:
        self._open.clear()
        self._ticket += 1

    def woken(self, ticket: int) -> tuple[int, list[Wake]]:
        """The contact whose work is done (0: the call is stale), and the next call."""
        if ticket != self._ticket or not self._open:
            return 0, []
        now = self._due_at
        self._done, contact = heappop(self._open)
        self._at = now
        return contact, self._look(now)

    def _share(self) -> float:
        level = len(self._open)
        return self._shares[level - 1] if level <= self._top else self._last / level

    def _advance(self, now: int) -> None:
        if self._open:
            self._done += (now - self._at) * self._share()
        self._at = now

    def _look(self, now: int) -> list[Wake]:
        """Be back when the next one is done, as things stand."""
        self._ticket += 1
        if not self._open:
            return []
        delay = max(0, round((self._open[0][0] - self._done) / self._share()))
        self._due_at = now + delay
        return [Wake(delay, "work", 0, self._ticket)]


class OneAtATime:
    """Chats that wait for a reply while the person writes another. ``order``: ``oldest`` question first, ``newest``, or
    ``new_customers_first`` (who has had no reply yet, else the oldest)."""

    def __init__(self, order: str) -> None:
        self._order = order
        self._owing: list[int] = []
        self.is_busy = False

    def add(self, contact: int) -> None:
        self._owing.append(contact)

    def drop(self, contact: int) -> None:
        if contact in self._owing:
            self._owing.remove(contact)

    def clear(self) -> None:
        self._owing.clear()

    def take(self, is_new: Sequence[int]) -> int:
        """Whose reply is next, now that the hands are free; 0: nobody's. ``is_new``: contacts without a reply so far."""
        if self.is_busy or not self._owing:
            return 0
        place = 0
        if self._order == "newest":
            place = len(self._owing) - 1
        elif self._order == "new_customers_first":
            place = next((spot for spot, contact in enumerate(self._owing) if contact in is_new), 0)
        self.is_busy = True
        return self._owing.pop(place)
