"""Rules of single pools: who may borrow its agents, whose turn it is, how many RONA may take out.

Derived from state, never stored; what a pool remembers is its :class:`engine.dispatch.ledgers.Ledger`. A pool without
such rules has none of these, and its lanes do not ask.
"""

from __future__ import annotations

from typing import Any, Final

from engine.dispatch.ledgers import Ledger
from engine.dispatch.policy.compiled import Kpi, Pool

# How a pool's order makes a contact's key: what stands in its second place.
STRICT: Final = 0  # −priority
SCORE: Final = 1  # −points, less what grows alike
PROMISE: Final = 2  # −2 × priority and the instant the promise is due, packed
OVERDUE_LAST: Final = 3  # as PROMISE; whoever is overdue stands behind its equals
LONGEST: Final = 4  # −priority, packed; less the queue's length at the moment of choice
LONGEST_LISTED: Final = 5  # as LONGEST; of equally long queues the one that the pool lists first

# A priority and an instant (or a length) in one whole number, so that keys of all orders compare with each other.
LOW_BITS: Final = 42
LOW_MASK: Final = (1 << LOW_BITS) - 1
LATE: Final = 1 << LOW_BITS
# Of order longest queue with listed ties a length and a place in the list are one number: more places than a list has.
PLACES: Final = 1 << 16

# A charge for one unit at weight 1: large enough that whole numbers keep shares of any weights exact.
SHARE_UNIT = 1_000_000


def kind_of(pool: Pool) -> int:
    if pool.order == "strict":
        return STRICT
    if pool.order == "score":
        return SCORE
    if pool.order == "promise":
        return OVERDUE_LAST if pool.overdue == "last" else PROMISE
    return LONGEST_LISTED if pool.ties == "listed" else LONGEST


def late_key(key: tuple[Any, ...], now: int) -> tuple[Any, ...]:
    """Of order promise with overdue last: behind its equals from the millisecond after it was due."""
    if key[1] & LOW_MASK < now:
        return (key[0], key[1] + LATE, *key[2:])
    return key


def shown(kind: int, key: tuple[Any, ...]) -> tuple[float, ...]:
    """A contact's key, as it was at the choice, as an event's rank: unpacked, without the contact's number."""
    value = key[1]
    if kind in (PROMISE, OVERDUE_LAST):
        return (key[0], value >> LOW_BITS >> 1, value >> LOW_BITS & 1, value & LOW_MASK, key[2])
    if kind == LONGEST:
        length = -value & LOW_MASK
        return (key[0], value + length >> LOW_BITS, -length, key[2])
    if kind == LONGEST_LISTED:
        low = -value & LOW_MASK  # length × PLACES − place
        place = -low % PLACES
        return (key[0], value + low >> LOW_BITS, -((low + place) // PLACES), place, key[2])
    return key[:3]


class Gate:
    """A pool's counts of agents, and whether those who borrow may take one now.

    ``rooms``: free units → agents of the pool who take offers; ``present``: signed on or lost; ``out``: taken out by RONA.
    """

    __slots__ = ("held", "kpi", "ledger", "out", "pool", "present", "reserve", "rooms")

    def __init__(self, pool: Pool, ledger: Ledger) -> None:
        self.pool = pool
        self.ledger = ledger
        self.reserve: int = pool.reserve
        self.kpi: Kpi | None = pool.lend_kpi
        self.rooms: dict[int, int] = {}
        self.present: int = 0
        self.out: int = 0
        self.held: int = -1  # whether the service level holds, as far as it is known: -1 not, 0 no, 1 yes

    def idle(self, cost: int) -> int:
        """Agents of the pool with room for ``cost`` units, whatever their skills."""
        count = 0
        for room, agents in self.rooms.items():
            if room >= cost:
                count += agents
        return count

    def holds(self) -> bool:
        """The service level of the owners' contacts, over the minutes counted."""
        if self.held < 0:
            self.held = 1
            if self.kpi is not None:
                answered, in_time, abandoned = self.ledger.sums()
                self.held = int(in_time >= self.kpi.share * (answered + abandoned))
        return self.held > 0

    def lends(self, cost: int) -> bool:
        """Whether a contact of another queue that costs so much may take an agent now."""
        return self.idle(cost) > self.reserve and self.holds()

    def move(self, before: int, after: int) -> None:
        """An agent's room has changed; 0 or less: takes no offers."""
        rooms = self.rooms
        if before > 0:
            left = rooms[before] - 1
            if left:
                rooms[before] = left
            else:
                del rooms[before]
        if after > 0:
            rooms[after] = rooms.get(after, 0) + 1


class Shares:
    """One pool's parties: how many contacts each has waiting."""

    __slots__ = ("emptied", "ledger", "waiting")

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.waiting: dict[str, int] = {}
        # Whose last contact left the line, and which event of which contact that was: one that comes back to the line
        # by the same event has never been away.
        self.emptied: dict[str, tuple[int, int]] = {}


class Party:
    """A tenant, and perhaps one of its shops, in a pool that is shared by weight.

    ``names``: the keys of the tenant and of the shop in the ledger; ``places``: theirs in the policy's lists.
    """

    __slots__ = ("levels", "names", "places", "shares", "weights")

    def __init__(
        self, shares: Shares, names: tuple[str, ...], weights: tuple[int, ...], places: tuple[int, ...]
    ) -> None:
        self.shares = shares
        self.names = names
        self.levels: tuple[str, ...] = ("", *names[:-1])
        self.weights = weights
        self.places = places

    def turn(self) -> tuple[int, ...]:
        """Smaller is served first: the tenant's pass and place, then the shop's."""
        passes = self.shares.ledger.passes
        found: tuple[int, ...] = ()
        for name, place in zip(self.names, self.places, strict=True):
            found = (*found, passes.get(name, 0), place)
        return found

    def begin(self, contact: int, version: int, stored: bool) -> None:
        """One more waits. A party that had nobody waiting starts level with who is served now: no credit is saved up.

        ``stored``: the index is being built anew, nothing happens.
        """
        shares, ledger = self.shares, self.shares.ledger
        for name, level in zip(self.names, self.levels, strict=True):
            count = shares.waiting.get(name, 0)
            shares.waiting[name] = count + 1
            if count or stored or shares.emptied.get(name) == (contact, version):
                continue
            now = ledger.virtual.get(level, 0)
            if ledger.passes.get(name, 0) < now:
                ledger.passes[name] = now

    def end(self, contact: int, version: int) -> None:
        """One fewer waits."""
        shares = self.shares
        for name in self.names:
            shares.waiting[name] -= 1
            if not shares.waiting[name]:
                shares.emptied[name] = (contact, version)

    def charge(self, offer: int, cost: int) -> None:
        """An offer was made: what has been started counts, and whoever comes now starts from here."""
        ledger = self.shares.ledger
        charged: list[tuple[str, int]] = []
        for name, level, weight in zip(self.names, self.levels, self.weights, strict=True):
            amount = cost * SHARE_UNIT // weight
            before = ledger.passes.get(name, 0)
            ledger.virtual[level] = before
            ledger.passes[name] = before + amount
            charged.append((name, amount))
        ledger.charges[offer] = tuple(charged)


def refund(ledger: Ledger, offer: int) -> None:
    """An offer came to nothing: what was charged for it is taken back."""
    for name, amount in ledger.charges.pop(offer, ()):
        ledger.passes[name] -= amount


class Length:
    """How many contacts of one queue and stage wait without an offer; ``number`` names its heap in a lane."""

    __slots__ = ("number", "queued")

    def __init__(self, number: float) -> None:
        self.number = number
        self.queued: int = 0
