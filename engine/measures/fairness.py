"""Declared fairness: how evenly work falls on equals.

Equals are agents of one tenant, kind, capacity, set of pools and set of skills with the same levels. Two things are
compared among those who were signed on at all: offers received (forced ones apart), and occupancy, the share of the
signed-on capacity that was in use (units × time, open offers and wrap-up included). For each: the
spread (largest − smallest) and the Gini coefficient, 0 when all are alike, towards 1 when one has everything::

    G = 2 · Σ i·xᵢ / (n · Σ xᵢ) − (n + 1) / n        (x sorted ascending, i from 1)

Agents signed on for different lengths have offers counted per signed-on hour, so that half a day is not half a share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from engine.dispatch import events as ev
from engine.dispatch.agents import PRESENT, Agent, AgentState
from engine.dispatch.commands import AgentProfile

HOUR_MS: Final = 3_600_000
_PRESENT: Final = frozenset(state.value for state in PRESENT)

Equals = tuple[str, str, tuple[str, ...], tuple[tuple[str, int], ...], int]


class Spread(msgspec.Struct, frozen=True):
    """How a figure is spread over ``agents``: ``least`` to ``most``, ``spread`` between them, their ``gini``."""

    agents: int
    mean: float
    least: float
    most: float
    spread: float
    gini: float


class Evenness(msgspec.Struct, frozen=True):
    """One group of equals. ``offers``: per signed-on hour; ``occupancy``: 0 to 1."""

    tenant: str
    pools: tuple[str, ...]
    skills: tuple[tuple[str, int], ...]
    capacity: int
    agents: tuple[str, ...]
    offers: Spread
    occupancy: Spread


def gini(values: Sequence[float]) -> float:
    """0: all alike (or nothing to share); (n − 1) / n: one has everything."""
    total, n = sum(values), len(values)
    if not total:
        return 0.0
    return max(2 * sum(i * x for i, x in enumerate(sorted(values), 1)) / (n * total) - (n + 1) / n, 0.0)


def spread(values: Sequence[float]) -> Spread:
    """Of at least one value."""
    least, most = min(values), max(values)
    return Spread(len(values), sum(values) / len(values), least, most, most - least, gini(values))


def equals_of(profile: AgentProfile) -> Equals:
    """Whose equal the agent is."""
    skills = tuple(sorted(profile.skills.items()))
    return (profile.tenant, str(profile.kind), tuple(sorted(profile.pools)), skills, profile.capacity)


@dataclass(slots=True)
class _Record:
    """One agent: what is so since ``since``, and the sums up to then."""

    profile: AgentProfile
    capacity: int
    present: bool = False
    load: int = 0
    since: int = 0
    offers: int = 0
    present_ms: int = 0
    used: int = 0  # units × ms
    room: int = 0  # units × ms signed on

    def catch_up(self, now: int) -> None:
        passed = now - self.since
        self.since = now
        if self.present and passed > 0:
            self.present_ms += passed
            self.used += self.load * passed
            self.room += self.capacity * passed


class Worst(msgspec.Struct, frozen=True):
    """The largest Gini coefficients among a pool's groups of equals."""

    offers: float = 0.0
    occupancy: float = 0.0


def worst_by_pool(groups: Sequence[Evenness]) -> dict[str, Worst]:
    """One number a pool for a gauge; pools without equals are left out."""
    found: dict[str, Worst] = {}
    for group in groups:
        for pool in group.pools:
            known = found.get(pool, Worst())
            offers, occupancy = max(known.offers, group.offers.gini), max(known.occupancy, group.occupancy.gini)
            found[pool] = Worst(offers, occupancy)
    return found


@dataclass
class Fairness:
    """Feed it every event, in order; ask at any instant not before the last one."""

    since: int = 0
    _records: dict[str, _Record] = field(default_factory=dict)
    _held: dict[int, tuple[str, int]] = field(default_factory=dict)  # contact → its agent and units

    def add(self, event: ev.Event) -> None:
        fold = _FOLD.get(type(event))
        if fold is not None:
            fold(self, event)

    def start(self, agent: str, profile: AgentProfile, capacity: int, present: bool, now: int) -> None:
        """An agent who is there before the first event, from recovered state."""
        self._records[agent] = _Record(profile, capacity, present, since=now)

    def hold(self, contact: int, agent: str, units: int, now: int) -> None:
        """The agent has the contact, or its offer."""
        record = self._records.get(agent)
        if record is not None:
            record.catch_up(now)
            record.load += units
            self._held[contact] = (agent, units)

    def begin_anew(self, now: int) -> None:
        """Count from ``now``; who is signed on, and with what, stays known."""
        self.since = now
        for record in self._records.values():
            record.catch_up(now)
            record.offers = record.present_ms = record.used = record.room = 0

    def load(self, agents: Iterable[Agent], now: int) -> None:
        """Begin from recovered state."""
        self.since = now
        for agent in agents:
            name = agent.profile.agent
            self.start(name, agent.profile, agent.capacity, agent.state in PRESENT, now)
            for contact, units in agent.contacts.items():
                self.hold(contact, name, units, now)

    def evenness(self, now: int, at_least: int = 2, signed_on_ms: int = 1) -> list[Evenness]:
        """One entry per group of at least so many equals, ordered by tenant, pools and skills.

        Who was signed on for less than ``signed_on_ms`` is left out: an offer in one's only minute is sixty an hour.
        """
        groups: dict[Equals, list[tuple[str, _Record]]] = {}
        for agent, record in self._records.items():
            record.catch_up(now)
            if record.present_ms >= signed_on_ms:
                groups.setdefault(equals_of(record.profile), []).append((agent, record))
        return [_evenness(key, group) for key, group in sorted(groups.items()) if len(group) >= at_least]

    # --- one method per event that counts -------------------------------------------------------------------------

    def _defined(self, event: ev.AgentDefined) -> None:
        known = self._records.get(event.profile.agent)
        if known is None:
            self._records[event.profile.agent] = _Record(event.profile, event.profile.capacity, since=event.at)
        else:
            known.catch_up(event.at)
            known.profile = event.profile
            known.capacity = event.profile.capacity

    def _removed(self, event: ev.AgentRemoved) -> None:
        self._records.pop(event.agent, None)

    def _changed(self, event: ev.AgentStateChanged) -> None:
        self._present(event.agent, event.after in _PRESENT, event.at)

    def _lost(self, event: ev.AgentLost) -> None:
        self._present(event.agent, AgentState.LOST in PRESENT, event.at)

    def _back(self, event: ev.AgentBack) -> None:
        self._present(event.agent, event.after in _PRESENT, event.at)

    def _present(self, agent: str, present: bool, now: int) -> None:
        record = self._records.get(agent)
        if record is not None:
            record.catch_up(now)
            record.present = present

    def _resized(self, event: ev.CapacityChanged) -> None:
        record = self._records.get(event.agent)
        if record is not None:
            record.catch_up(event.at)
            record.capacity = event.capacity

    def _offered(self, event: ev.OfferMade) -> None:
        self.hold(event.contact, event.agent, event.cost, event.at)
        record = self._records.get(event.agent)
        if record is not None and not event.forced:
            record.offers += 1

    def _weighs(self, event: ev.ContactSlept | ev.ContactWoke | ev.WrapUpStarted) -> None:
        """The contact holds another number of units from here on."""
        agent, units = self._held.get(event.contact, ("", 0))
        record = self._records.get(agent)
        if record is not None and event.cost is not None:
            record.catch_up(event.at)
            record.load += event.cost - units
            self._held[event.contact] = (agent, event.cost)

    def _closed(self, event: ev.ContactClosed) -> None:
        if not event.wrap_up_until:
            self._let_go(event)

    def _let_go(self, event: Any) -> None:
        agent, units = self._held.pop(event.contact, ("", 0))
        record = self._records.get(agent)
        if record is not None:
            record.catch_up(event.at)
            record.load -= units


def _evenness(key: Equals, group: list[tuple[str, _Record]]) -> Evenness:
    offers = [record.offers * HOUR_MS / record.present_ms for _, record in group]
    occupancy = [record.used / record.room if record.room else 0.0 for _, record in group]
    tenant, _, pools, skills, capacity = key
    names = tuple(agent for agent, _ in group)
    return Evenness(tenant, pools, skills, capacity, names, spread(offers), spread(occupancy))


# Any: each function takes the very event type it stands under.
_FOLD: dict[type, Callable[[Fairness, Any], None]] = {
    ev.AgentDefined: Fairness._defined,
    ev.AgentRemoved: Fairness._removed,
    ev.AgentStateChanged: Fairness._changed,
    ev.AgentLost: Fairness._lost,
    ev.AgentBack: Fairness._back,
    ev.CapacityChanged: Fairness._resized,
    ev.OfferMade: Fairness._offered,
    ev.OfferDeclined: Fairness._let_go,
    ev.OfferExpired: Fairness._let_go,
    ev.OfferRescinded: Fairness._let_go,
    ev.ContactTransferred: Fairness._let_go,
    ev.ContactRequeued: Fairness._let_go,
    ev.ContactSlept: Fairness._weighs,
    ev.ContactWoke: Fairness._weighs,
    ev.WrapUpStarted: Fairness._weighs,
    ev.ContactClosed: Fairness._closed,
    ev.WrapUpEnded: Fairness._let_go,
}
