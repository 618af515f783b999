"""What is added up, one row for each interval and queue (shop, skill, tier …) or group of agents. Rows add to rows.

Everything is a whole number, so that the sum of two halves is the whole, whatever the order.
"""

from __future__ import annotations

from collections import Counter

from engine.measures.lengths import MARKS_MS, Lengths

OUTCOMES = ("made", "accepted", "declined", "expired", "rescinded")
CONSULTS = ("asked", "accepted", "declined", "withdrawn", "expired")


class ContactRow:
    """Contacts. An outcome stands in the row in which its wait began, a reply round where the round began.

    ``submitted``: let in; ``to_bot``: of these, to a bot first; ``to_people``: began to wait for a person (let in so, handed
    off by a bot, or open again). ``answered``: a person wrote (channels without messages: connected). ``abandoned``: left
    while waiting, ``abandoned_silently`` of them found out and not said. ``unanswered``: had waited for a person, and were
    closed without a person's word. ``bot_contained``: closed by a bot alone; ``handed_off``: went from the bot stage to people.
    ``reoffers``: offers made to a contact whose last offer had come to nothing. ``rounds_unanswered``: reply rounds that ended
    without a person's reply; ``rounds_late``: that passed their breach point, answered or not.

    Waits (of who was answered, and of who abandoned before a person had answered), first replies, rounds that a person
    answered, and bots' first words are :class:`~engine.measures.lengths.Lengths`. ``waiting_ms``: contacts × ms that waited
    for a person in this very interval, open offers included.
    """

    __slots__ = (
        "abandoned", "abandoned_silently", "abandoned_waits", "answered", "assigned", "assigned_beyond", "bot_contained",
        "bot_replies", "closed", "connected", "consults", "deflected", "first_replies", "handed_off", "joined", "messages",
        "offers", "reoffers", "reopened", "reply_rounds", "requeued", "resumed", "rounds_late", "rounds_unanswered",
        "served_by", "steps", "submitted", "tenant", "to_bot", "to_people", "transferred", "unanswered", "waiting_ms", "waits",
    )  # fmt: skip

    def __init__(self, marks_ms: tuple[int, ...] = MARKS_MS) -> None:
        self.tenant = ""  # of the contacts counted; empty before the first
        self.submitted = 0
        self.to_bot = 0
        self.to_people = 0
        self.joined = 0
        self.resumed = 0
        self.reopened = 0
        self.answered = 0
        self.unanswered = 0
        self.connected = 0
        self.abandoned = 0
        self.abandoned_silently = 0
        self.closed = 0
        self.bot_contained = 0
        self.handed_off = 0
        self.transferred = 0
        self.requeued = 0
        self.assigned = 0  # by a supervisor, past order and choice
        self.assigned_beyond = 0  # … of which beyond the agent's capacity: never counted as our over-capacity
        self.reoffers = 0
        self.rounds_unanswered = 0
        self.rounds_late = 0
        self.waiting_ms = 0
        self.deflected: Counter[str] = Counter()  # by reason
        self.consults: Counter[str] = Counter(dict.fromkeys(CONSULTS, 0))
        self.messages: Counter[str] = Counter()  # by who wrote
        self.offers: Counter[str] = Counter(dict.fromkeys(OUTCOMES, 0))
        self.served_by: Counter[str] = Counter()  # connections, by the pool through which the agent was found
        self.steps: Counter[int] = Counter()  # opened, by number
        self.waits = Lengths(marks_ms)
        self.abandoned_waits = Lengths(marks_ms)
        self.first_replies = Lengths(marks_ms)
        self.reply_rounds = Lengths(marks_ms)
        self.bot_replies = Lengths(marks_ms)

    def merge(self, other: ContactRow) -> None:
        """Add the other's."""
        for name in _NUMBERS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in _COUNTERS:
            mine = getattr(self, name)
            for key, count in getattr(other, name).items():
                mine[key] += count
        for name in _LENGTHS:
            getattr(self, name).merge(getattr(other, name))
        self.tenant = self.tenant or other.tenant

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ContactRow):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    __hash__ = None  # type: ignore[assignment]  # changes as it is fed


class StaffRow:
    """Agents. ``offers``: received, forced ones apart; ``connected``: contacts that they were connected to.

    Agents × ms: ``present_ms`` signed on, or lost and still in their grace; ``available_ms``; ``not_ready_ms``;
    ``busy_ms`` with at least one contact. ``held_ms``: contacts × ms. ``used``, ``free``, ``capacity``: units × ms in use; of
    available agents and not in use; of all who were present. Open offers and wrap-up are in hand and in use.
    """

    __slots__ = (
        "available_ms", "busy_ms", "capacity", "connected", "free", "held_ms", "not_ready_ms", "offers", "present_ms", "used",
    )  # fmt: skip

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.offers = self.connected = 0
        self.present_ms = self.available_ms = self.not_ready_ms = self.busy_ms = self.held_ms = 0
        self.used = self.free = self.capacity = 0

    def merge(self, other: StaffRow) -> None:
        """Add the other's."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, StaffRow):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    __hash__ = None  # type: ignore[assignment]  # changes as it is fed


_BLANK = ContactRow()
_LENGTHS = tuple(name for name in ContactRow.__slots__ if isinstance(getattr(_BLANK, name), Lengths))
_COUNTERS = tuple(name for name in ContactRow.__slots__ if isinstance(getattr(_BLANK, name), Counter))
_NUMBERS = tuple(name for name in ContactRow.__slots__ if isinstance(getattr(_BLANK, name), int))
