"""What a pool remembers beside its agents: stored, and changed by events alone."""

from __future__ import annotations

import msgspec

MINUTE_MS = 60_000


class Ledger(msgspec.Struct, omit_defaults=True):
    """One pool's memory; empty where the policy asks for none.

    ``last``: sequence number of the agent whom the pool's last offer went to (round robin). ``minutes``: minute →
    (answered, answered in time, abandoned) of its owners' contacts. ``passes``: party → its pass, ``virtual``: level → the
    pass of the one served last; a party is ``(tenant,)`` or ``(tenant, shop)``, joined by a newline, and its level the
    part before. ``charges``: open offer → what each level was charged for it.
    """

    pool: str
    last: int = 0
    minutes: dict[int, tuple[int, int, int]] = {}
    passes: dict[str, int] = {}
    virtual: dict[str, int] = {}
    charges: dict[int, tuple[tuple[str, int], ...]] = {}

    def count(self, at: int, answered: int, in_time: int, abandoned: int) -> None:
        minute = at // MINUTE_MS
        known = self.minutes.get(minute, (0, 0, 0))
        self.minutes[minute] = (known[0] + answered, known[1] + in_time, known[2] + abandoned)

    def forget(self, at: int, window_ms: int) -> None:
        """Drop the minutes that have left the window by ``at``."""
        first = first_minute(at, window_ms)
        for minute in [minute for minute in self.minutes if minute < first]:
            del self.minutes[minute]

    def sums(self, at: int = 0, window_ms: int = 0) -> tuple[int, int, int]:
        """(answered, in time, abandoned) of the minutes kept; with a window, of those in it at ``at``."""
        first = first_minute(at, window_ms) if window_ms else 0
        counts = [count for minute, count in self.minutes.items() if minute >= first]
        return sum(c[0] for c in counts), sum(c[1] for c in counts), sum(c[2] for c in counts)


def first_minute(at: int, window_ms: int) -> int:
    """The oldest minute of a window that ends with the running one; the window is a number of whole minutes."""
    return at // MINUTE_MS - window_ms // MINUTE_MS + 1
