"""Agents, folded from events: how long each was there, what each had in hand, and how many units were in use.

Sums are kept by agent; whoever is told of groups or intervals adds agents up. A *group* is all agents of one kind and team with
the same pools.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, TypeAlias

from engine.dispatch import events as ev
from engine.dispatch.agents import PRESENT, Agent, AgentState
from engine.dispatch.commands import AgentProfile
from engine.measures.rows import StaffRow

_PRESENT: Final = frozenset(state.value for state in PRESENT)
_AVAILABLE: Final = AgentState.AVAILABLE.value
_NOT_READY: Final = AgentState.NOT_READY.value

# Kind, pools, team.
Group: TypeAlias = tuple[str, tuple[str, ...], str]


class Member:
    """One agent: what is so since ``since`` (load) and ``state_since``, and the sums of the running stretch."""

    __slots__ = (
        "available", "before", "capacity", "held", "load", "not_ready", "present", "profile", "since", "state_since", "sums", "whole",
    )  # fmt: skip

    def __init__(self, profile: AgentProfile, capacity: int, since: int) -> None:
        self.profile = profile
        self.capacity = capacity
        self.present = self.available = self.not_ready = False
        self.held = 0
        self.load = 0
        self.since = self.state_since = since
        self.sums = StaffRow()
        self.whole = StaffRow()  # of the stretches before

    @property
    def group(self) -> Group:
        return str(self.profile.kind), self.profile.pools, self.profile.team

    def catch_up(self, now: int) -> None:
        """Before the load changes."""
        passed = now - self.since
        self.since = now
        if passed and self.present:
            sums, load = self.sums, self.load
            if self.held:
                sums.busy_ms += passed
                sums.held_ms += self.held * passed
            sums.used += load * passed
            if self.available and self.capacity > load:
                sums.free += (self.capacity - load) * passed

    def catch_up_state(self, now: int) -> None:
        """Before anything else about the agent changes, and at the end of a stretch."""
        self.catch_up(now)
        passed = now - self.state_since
        self.state_since = now
        if passed and self.present:
            sums = self.sums
            sums.present_ms += passed
            sums.capacity += self.capacity * passed
            if self.available:
                sums.available_ms += passed
            elif self.not_ready:
                sums.not_ready_ms += passed

    def is_in(self, state: str) -> None:
        self.present = state in _PRESENT
        self.available = state == _AVAILABLE
        self.not_ready = state == _NOT_READY


class StaffFold:
    """Feed it every event in order; ask at any instant not before the last one.

    A *stretch* runs from one :meth:`end_stretch` to the next; ``whole`` counts since :meth:`begin_anew`.
    """

    def __init__(self) -> None:
        self.since = 0
        self.members: dict[str, Member] = {}
        self._left: list[Member] = []  # removed in this stretch
        self._held: dict[int, tuple[Member, int]] = {}  # contact → who has it, and units
        self._helps: dict[tuple[int, str], tuple[Member, int]] = {}  # contact, second agent
        self.hears: dict[type, Callable[[Any], None]] = {kind: getattr(self, name) for kind, name in _HEARS.items()}

    def add(self, event: ev.Event) -> None:
        hear = self.hears.get(type(event))
        if hear is not None:
            hear(event)

    def load(self, agents: Iterable[Agent], now: int) -> None:
        """Begin from recovered state."""
        self.since = now
        for agent in agents:
            member = self.members[agent.profile.agent] = Member(agent.profile, agent.capacity, now)
            member.is_in(agent.state)
            for contact, units in agent.contacts.items():
                member.held += 1
                member.load += units
                self._held[contact] = (member, units)
            for contact, units in agent.helping.items():
                member.load += units
                self._helps[contact, agent.profile.agent] = (member, units)

    def begin_anew(self, now: int) -> None:
        """Count from ``now``; who is signed on, and with what, stays known."""
        self.since = now
        self._left.clear()
        for member in self.members.values():
            member.catch_up_state(now)
            member.sums.clear()
            member.whole.clear()

    def end_stretch(self, now: int) -> Iterator[Member]:
        """Each agent with its sums of the stretch that ends; the next one begins when all have been seen."""
        for member in (*self.members.values(), *self._left):
            member.catch_up_state(now)
            yield member
            member.whole.merge(member.sums)
            member.sums.clear()
        self._left.clear()

    def totals(self, now: int) -> Iterator[tuple[str, Member, StaffRow]]:
        """Each agent's sums since the whole began."""
        for agent, member in self.members.items():
            member.catch_up_state(now)
            total = StaffRow()
            total.merge(member.whole)
            total.merge(member.sums)
            yield agent, member, total

    # --- one method per event that counts -------------------------------------------------------------------------

    def _defined(self, event: ev.AgentDefined) -> None:
        profile = event.profile
        known = self.members.get(profile.agent)
        if known is None:
            self.members[profile.agent] = Member(profile, profile.capacity, event.at)
        else:
            known.catch_up_state(event.at)
            known.profile, known.capacity = profile, profile.capacity

    def _removed(self, event: ev.AgentRemoved) -> None:
        gone = self.members.pop(event.agent, None)
        if gone is not None:
            gone.catch_up_state(event.at)
            gone.is_in("offline")
            self._left.append(gone)

    def _changed(self, event: ev.AgentStateChanged) -> None:
        self._put(event.agent, event.after, event.at)

    def _lost(self, event: ev.AgentLost) -> None:
        self._put(event.agent, AgentState.LOST.value, event.at)

    def _back(self, event: ev.AgentBack) -> None:
        self._put(event.agent, event.after, event.at)

    def _put(self, agent: str, state: str, now: int) -> None:
        member = self.members.get(agent)
        if member is not None:
            member.catch_up_state(now)
            member.is_in(state)

    def _resized(self, event: ev.CapacityChanged) -> None:
        member = self.members.get(event.agent)
        if member is not None:
            member.catch_up_state(event.at)
            member.capacity = event.capacity

    def _offered(self, event: ev.OfferMade) -> None:
        member = self.members.get(event.agent)
        if member is None:
            return
        member.catch_up(event.at)
        member.held += 1
        member.load += event.cost
        self._held[event.contact] = (member, event.cost)
        if not event.forced:
            member.sums.offers += 1

    def _connected(self, event: ev.ContactConnected) -> None:
        member = self.members.get(event.agent)
        if member is not None:
            member.sums.connected += 1

    def _weighs(self, event: ev.ContactSlept | ev.ContactWoke | ev.WrapUpStarted) -> None:
        """The contact holds another number of units from here on."""
        held = self._held.get(event.contact)
        if held is not None and event.cost is not None:
            member, units = held
            member.catch_up(event.at)
            member.load += event.cost - units
            self._held[event.contact] = (member, event.cost)

    def _closed(self, event: ev.ContactClosed) -> None:
        if not event.wrap_up_until:
            self._let_go(event)

    def _let_go(self, event: Any) -> None:
        held = self._held.pop(event.contact, None)
        if held is not None:
            member, units = held
            member.catch_up(event.at)
            member.held -= 1
            member.load -= units

    def _helped(self, event: ev.ConsultAsked) -> None:
        member = self.members.get(event.to_agent)
        if member is not None:
            member.catch_up(event.at)
            member.load += event.cost
            self._helps[event.contact, event.to_agent] = (member, event.cost)

    def _help_ended(self, event: ev.ConsultEnded) -> None:
        helped = self._helps.pop((event.contact, event.agent), None)
        if helped is not None:
            member, units = helped
            member.catch_up(event.at)
            member.load -= units


_HEARS: Final[dict[type, str]] = {
    ev.AgentDefined: "_defined",
    ev.AgentRemoved: "_removed",
    ev.AgentStateChanged: "_changed",
    ev.AgentLost: "_lost",
    ev.AgentBack: "_back",
    ev.CapacityChanged: "_resized",
    ev.OfferMade: "_offered",
    ev.OfferDeclined: "_let_go",
    ev.OfferExpired: "_let_go",
    ev.OfferRescinded: "_let_go",
    ev.ContactConnected: "_connected",
    ev.ContactTransferred: "_let_go",
    ev.ContactRequeued: "_let_go",
    ev.ContactSlept: "_weighs",
    ev.ContactWoke: "_weighs",
    ev.WrapUpStarted: "_weighs",
    ev.ContactClosed: "_closed",
    ev.WrapUpEnded: "_let_go",
    ev.ConsultAsked: "_helped",
    ev.ConsultEnded: "_help_ended",
}
