"""Agents who share their attention: work is done at a speed that depends on how many contacts one has at once.

All contacts of an agent share its speed evenly, so one clock of work per agent is enough: it runs at the speed of one
share, and a contact is done when that clock has run by its work. When the number of contacts changes the clock runs at
another speed from there: remaining work is re-scaled, done work stays done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heapify, heappop, heappush

from sim.twin.clock import Call, Callback, Clock


class SharedSeat:
    """One agent with several contacts. ``finish(contact, kind, crew)`` is called when one's work is done."""

    __slots__ = ("agent", "at", "chats", "crew", "done", "finish", "level", "on_due", "per_chat", "ticket")

    def __init__(
        self, agent: str, crew: int, speeds: Sequence[float], finish: Callable[[SharedSeat, int], None]
    ) -> None:
        self.agent, self.crew = agent, crew
        # One contact's share of the speed by level; beyond the last the total stays what it is there.
        self.per_chat = [0.0, *(speed / level for level, speed in enumerate(speeds) if level)]
        self.finish = finish
        self.level = 0
        self.done = 0.0  # the clock of work, and when it was last set
        self.at = 0
        self.chats: list[tuple[float, int]] = []  # heap: (work clock at its end, contact)
        self.ticket = 0
        self.on_due: list[Callback] = [self._due]

    def _share(self) -> float:
        top = len(self.per_chat) - 1
        return self.per_chat[self.level] if self.level <= top else self.per_chat[top] * top / self.level

    def _advance(self, now: int) -> None:
        if self.level:
            self.done += (now - self.at) * self._share()
        self.at = now

    def begin(self, contact: int, work: float, clock: Clock) -> None:
        self._advance(clock.env._now)
        heappush(self.chats, (self.done + work, contact))
        self.level += 1
        self.look(clock)

    def drop(self, contact: int, clock: Clock) -> None:
        """Its customer has left."""
        self._advance(clock.env._now)
        self.chats = [chat for chat in self.chats if chat[1] != contact]
        heapify(self.chats)
        self.level -= 1
        self.look(clock)

    def look(self, clock: Clock) -> None:
        """Be back when the next one is done, as things stand."""
        self.ticket += 1
        share = self._share() if self.level else 0.0
        if share > 0:
            delay = round((self.chats[0][0] - self.done) / share)
            Call(clock.env, max(0, delay), self.on_due, (self.ticket, clock))

    def _due(self, call: Call) -> None:
        ticket, clock = call.of
        if ticket != self.ticket:
            return  # the level has changed since
        self.done, contact = heappop(self.chats)
        self.at = clock.env._now
        self.level -= 1
        self.ticket += 1
        self.finish(self, contact)
        if self.ticket == ticket + 1:  # nobody new began
            self.look(clock)
