"""What became of each contact, folded from events: of the record and of each re-creation alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from engine.dispatch import events as ev
from engine.measures.contacts import TIER


class Outcome:
    """One contact. Lengths in ms, -1: none.

    ``waited_ms``: in all for a person, without bot and talk (up to the end of the record while it still waits); ``agent``,
    ``pool``, ``step``: of its first connection to a person; ``answered_ms``: the wait before a person's first word; ``patiences``:
    how long it waited for a person before it gave up, each time anew when it came back; ``cut_ms``: since then, so far.
    """

    __slots__ = (
        "_back_at_ms", "_since", "agent", "answered_ms", "at", "channel", "contact", "deflected", "ended", "patiences", "pool", "queue", "shop",
        "silent", "step", "tier", "waited_for_person", "waited_ms",
    )  # fmt: skip

    def __init__(self, event: ev.ContactSubmitted | ev.ContactDeflected, tier: str) -> None:
        self.contact, self.at = event.contact, event.at
        self.channel, self.shop, self.queue, self.tier = event.channel, event.shop, event.queue, tier
        self.deflected = ""
        self.waited_for_person = False
        self.waited_ms = 0
        self.agent, self.pool, self.step = "", "", -1
        self.answered_ms = -1
        self.patiences: list[int] = []
        self._back_at_ms = 0
        self.silent = False
        self.ended = ""  # closed, abandoned, promised; empty: still there
        self._since = -1

    @property
    def kind(self) -> str:
        """``deflected``, ``served`` (by a person), ``abandoned``, ``waiting`` (to the very end), ``promised`` an answer later,
        ``unserved`` (closed while it waited), ``bot``: never waited for a person."""
        if self.deflected:
            return "deflected"
        if self.agent:
            return "served"
        if not self.waited_for_person:
            return "bot"
        return {"abandoned": "abandoned", "promised": "promised", "": "waiting"}.get(self.ended, "unserved")

    @property
    def cut_ms(self) -> int:
        return self.waited_ms - self._back_at_ms

    def come_back(self, at: int) -> None:
        """With patience anew."""
        self.stop(at)
        self._back_at_ms = self.waited_ms

    def give_up(self, at: int, silent: bool) -> None:
        self.stop(at)
        self.ended, self.silent = "abandoned", silent
        if self.waited_for_person:
            self.patiences.append(self.cut_ms)
            self._back_at_ms = self.waited_ms

    def wait_from(self, at: int, *, anew: bool = False) -> None:
        if anew:
            self.waited_ms = self._back_at_ms = 0
        self.waited_for_person = True
        self.ended = ""
        if self._since < 0:
            self._since = at

    def stop(self, at: int) -> None:
        if self._since >= 0:
            self.waited_ms += at - self._since
            self._since = -1


class Outcomes:
    """Feed it every call's events in order; read :attr:`of` after :meth:`end`."""

    def __init__(self, bots: Callable[[str], bool]) -> None:
        """``bots``: whether an agent is one."""
        self.of: dict[int, Outcome] = {}
        self._is_bot = bots
        self._made: dict[int, tuple[str, int]] = {}  # contact → pool and step of its last offer
        self._hears: dict[type, Callable[[Any], None]] = {
            getattr(ev, name): getattr(self, f"_{method}") for name, method in _HEARS.items()
        }

    def hear(self, events: Iterable[ev.Event]) -> None:
        for event in events:
            hear = self._hears.get(type(event))
            if hear is not None:
                hear(event)

    def end(self, now: int) -> None:
        """The record ends: who still waits has waited so long."""
        for outcome in self.of.values():
            outcome.stop(now)

    def _submitted(self, event: ev.ContactSubmitted) -> None:
        outcome = self.of[event.contact] = Outcome(event, str(event.attributes.get(TIER, "")))
        if event.stage != "bot":
            outcome.wait_from(event.at)

    def _deflected(self, event: ev.ContactDeflected) -> None:
        self.of[event.contact] = Outcome(event, "")
        self.of[event.contact].deflected = event.reason

    def _offered(self, event: ev.OfferMade) -> None:
        self._made[event.contact] = (event.pool, event.step)

    def _connected(self, event: ev.ContactConnected) -> None:
        outcome = self.of.get(event.contact)
        if outcome is None:
            return
        outcome.stop(event.at)
        pool, step = self._made.pop(event.contact, ("", 0))
        if not self._is_bot(event.agent) and not outcome.agent:
            outcome.agent, outcome.pool, outcome.step = event.agent, pool, step

    def _answered(self, event: ev.ContactAnswered) -> None:
        outcome = self.of.get(event.contact)
        if outcome is not None and outcome.answered_ms < 0:
            outcome.answered_ms = event.waited_ms

    def _transferred(self, event: ev.ContactTransferred) -> None:
        outcome = self.of.get(event.contact)
        if outcome is not None and event.stage != "bot":
            outcome.wait_from(event.at, anew=event.hand_off)

    def _back(self, event: ev.ContactRequeued | ev.MessageReleased) -> None:
        outcome = self.of.get(event.contact)
        if outcome is not None and outcome.waited_for_person:
            outcome.wait_from(event.at)

    def _came_back(self, event: ev.ContactResumed | ev.ContactReopened) -> None:
        outcome = self.of.get(event.contact)
        if outcome is not None and outcome.waited_for_person:
            outcome.come_back(event.at)
            outcome.wait_from(event.at)

    def _asked(self, event: ev.PersonAsked) -> None:
        outcome = self.of.get(event.contact)
        if outcome is not None:
            outcome.wait_from(event.at, anew=True)

    def _stopped(self, event: ev.MessageLeft | ev.ContactSentToBot) -> None:
        outcome = self.of.get(event.contact)
        if outcome is not None:
            outcome.stop(event.at)
            outcome.ended = "promised" if isinstance(event, ev.MessageLeft) else outcome.ended

    def _abandoned(self, event: ev.ContactAbandoned) -> None:
        outcome = self.of.get(event.contact)
        if outcome is not None:
            outcome.give_up(event.at, event.silent)

    def _closed(self, event: ev.ContactClosed) -> None:
        outcome = self.of.get(event.contact)
        if outcome is not None:
            outcome.stop(event.at)
            outcome.ended = "closed"


_HEARS = {
    "ContactSubmitted": "submitted", "ContactDeflected": "deflected", "OfferMade": "offered", "ContactConnected": "connected",
    "ContactAnswered": "answered", "ContactTransferred": "transferred", "ContactRequeued": "back", "ContactResumed": "came_back",
    "MessageReleased": "back", "PersonAsked": "asked", "ContactReopened": "came_back", "MessageLeft": "stopped",
    "ContactSentToBot": "stopped", "ContactAbandoned": "abandoned", "ContactClosed": "closed",
}  # fmt: skip
