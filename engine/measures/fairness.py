"""Declared fairness: how evenly work falls on equals.

Equals are agents of one tenant, kind, capacity, set of pools and set of skills with the same levels. Two things are
compared among those who were signed on at all: offers received (forced ones apart), and occupancy
(:func:`engine.measures.definitions.occupancy_of`). For each: the spread (largest − smallest) and the Gini coefficient, 0 when all are alike, towards 1 when one has everything::

    G = 2 · Σ i·xᵢ / (n · Σ xᵢ) − (n + 1) / n        (x sorted ascending, i from 1)

Agents signed on for different lengths have offers counted per signed-on hour, so that half a day is not half a share.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from engine.dispatch.commands import AgentProfile
from engine.measures.definitions import occupancy_of
from engine.measures.rows import StaffRow
from engine.measures.staff import StaffFold

HOUR_MS: Final = 3_600_000

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


def evenness(staff: StaffFold, now: int, at_least: int = 2, signed_on_ms: int = 1) -> list[Evenness]:
    """One entry per group of at least so many equals, ordered by tenant, pools and skills, since the fold's whole began.

    Who was signed on for less than ``signed_on_ms`` is left out: an offer in one's only minute is sixty an hour.
    """
    groups: dict[Equals, list[tuple[str, StaffRow]]] = {}
    for agent, member, total in staff.totals(now):
        if total.present_ms >= signed_on_ms:
            groups.setdefault(equals_of(member.profile), []).append((agent, total))
    return [_evenness(key, group) for key, group in sorted(groups.items()) if len(group) >= at_least]


def _evenness(key: Equals, group: list[tuple[str, StaffRow]]) -> Evenness:
    offers = [row.offers * HOUR_MS / row.present_ms for _, row in group]
    shares = [max(occupancy_of(row.used, row.free), 0.0) for _, row in group]
    tenant, _, pools, skills, capacity = key
    names = tuple(agent for agent, _ in group)
    return Evenness(tenant, pools, skills, capacity, names, spread(offers), spread(shares))
