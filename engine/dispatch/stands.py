"""Where waiting contacts stand: in a queue's line, and with what key in which lanes."""

from __future__ import annotations

from typing import NamedTuple

from engine.dispatch.contacts import Contact
from engine.dispatch.lanes import ContactKey, Lane
from engine.dispatch.ranks import Ranked

MINUTE_MS = 60_000


class Stand(NamedTuple):
    """Where contacts with equal needs stand. ``keyed``: per lane (listed rank, slope, strict?)."""

    lanes: tuple[Lane, ...]
    keyed: tuple[tuple[int, float, bool], ...]
    boost: float
    stepped: bool  # another step may open
    at_once: bool  # … without any time passing
    watched: bool  # … on more than its clock
    person: bool  # its contacts wait for a person

    def key(self, contact: Contact, place: int = 0) -> ContactKey:
        """The order of the lane's pool as a key; smaller is served first, see :data:`lanes.ContactKey`.

        strict: priority, then waited. score: priority + boost + slope × minutes waited; the part that grows with time
        is the same for a lane's contacts of one slope and is left out of the stored key.
        """
        listed, slope, strict = self.keyed[place]
        priority = contact.priority + contact.raised
        if strict:
            return (listed, -priority, contact.start, contact.contact)
        value = slope * contact.start - (priority + self.boost) * MINUTE_MS
        return (listed, value, contact.start, contact.contact)


class Line:
    """One queue's waiting contacts: ranks of those not offered yet, and the oldest of all."""

    __slots__ = ("oldest", "ranked", "standing", "waiting", "watched")

    def __init__(self, watched: frozenset[int]) -> None:
        self.watched = watched  # lengths that a step of the queue asks for
        self.standing: int = 0  # those that stand in the lanes for a person
        self.ranked: Ranked | None = None  # kept from the first question about a position on
        self.waiting: dict[int, int] = {}  # contact → start; offered and held ones included
        self.oldest: list[tuple[int, int]] | None = None  # a heap, kept from the first question about waits on
