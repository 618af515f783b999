"""Weighted shares of a pool: whoever has had less for its weight is next, tenant by tenant and then shop by shop."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.dispatch import events as ev
from engine.dispatch.contacts import ContactState
from tests.reference_dispatcher import needs
from tests.reference_dispatcher.desk import Contact, Desk, Offer
from tests.reference_dispatcher.registry import hears

UNIT = 1_000_000
Party = tuple[str, ...]  # a tenant; or a tenant and one of its shops (empty: no shop)


@dataclass
class Level:
    """Tenants among each other, or one tenant's shops. ``served``: the pass at which somebody was last served."""

    served: int = 0
    passes: dict[str, int] = field(default_factory=dict)


def levels(desk: Desk, contact: Contact, pool: str) -> list[tuple[Level, str, int]]:
    """Where the contact's parties stand in this pool: the level, the party's name, its weight."""
    shares = desk.policy.pools[pool].shares
    page = desk.shares.setdefault(pool, {})
    found = []
    if shares != "none":
        found.append((page.setdefault((), Level()), contact.tenant, desk.policy.tenants[contact.tenant].weight))
    if shares == "shop":
        shop = desk.policy.shops.get(contact.shop)
        found.append((page.setdefault((contact.tenant,), Level()), contact.shop, shop.weight if shop else 1))
    return found


def first_party(desk: Desk, members: list[Contact], pool: str) -> list[Contact]:
    """Of these contacts those of the party whose turn it is: the smallest pass, then the policy's order."""
    for depth in range({"none": 0, "tenant": 1, "shop": 2}[desk.policy.pools[pool].shares]):
        ranks = {}
        for contact in members:
            level, name, _ = levels(desk, contact, pool)[depth]
            ranks[contact.contact] = (level.passes.get(name, 0), listed(desk, name, depth))
        members = [contact for contact in members if ranks[contact.contact] == min(ranks.values())]
    return members


def listed(desk: Desk, name: str, depth: int) -> int:
    """No shop comes last."""
    names = [*(desk.policy.shops if depth else desk.policy.tenants)]
    return names.index(name) if name in names else len(names)


def charge(desk: Desk, contact: Contact, offer: Offer, pool: str) -> None:
    """An offer through this pool, preferred and forced ones too."""
    if pool not in desk.policy.pools:
        return
    for level, name, weight in levels(desk, contact, pool):
        amount = contact.cost * UNIT // weight
        level.served = level.passes.get(name, 0)
        level.passes[name] = level.served + amount
        offer.charged.append((level, name, amount))


# --- who comes to wait where nobody of the party waited -----------------------------------------------------------------


def waiting(desk: Desk) -> dict[tuple[str, Party], list[tuple[Level, str, int]]]:
    found = {}
    for contact in desk.contacts.values():
        if contact.state != ContactState.QUEUED or contact.queue not in desk.policy.queues:
            continue
        for pool in needs.open_pools(desk, contact):
            at = levels(desk, contact, pool)
            for depth in range(len(at)):
                found[pool, (contact.tenant, contact.shop)[: depth + 1]] = at[depth : depth + 1]
    return found


@hears
def watch(desk: Desk, event: ev.Event | None = None) -> None:
    """A party that had nobody waiting in the pool and has somebody now begins where the others are. A swap makes no one new."""
    if all(pool.shares == "none" for pool in desk.policy.pools.values()):
        desk.parties = {}
        return
    now = waiting(desk)
    if desk.parties_of == desk.policy.version and not desk.rearranging:
        for key in [key for key in now if key not in desk.parties]:
            for level, name, _ in now[key]:
                level.passes[name] = max(level.passes.get(name, 0), level.served)
    desk.parties, desk.parties_of = dict.fromkeys(now), desk.policy.version


def level_all(desk: Desk) -> None:
    """Everything has been arranged anew: nobody who waits is behind the others, nor who has never been served."""
    for at in waiting(desk).values():
        for level, name, _ in at:
            level.passes[name] = max(level.passes.get(name, 0), level.served)
