"""What single pools remember, by the events alone and as naively as it can be said: for the shadow and the judge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.dispatch import events as ev
from engine.dispatch.policy.compiled import Pool
from tests.dispatch import judge

if TYPE_CHECKING:
    from tests.dispatch.shadow import Shadow, ShadowAgent, ShadowContact

PRESENT = ("available", "paused", "finishing", "not_ready", "lost")
Party = tuple[str, ...]  # (tenant,) or (tenant, shop)


class Page:
    """One pool's memory."""

    def __init__(self) -> None:
        self.last = 0
        self.minutes: dict[int, tuple[int, int, int]] = {}
        self.passes: dict[Party, int] = {}
        self.virtual: dict[Party, int] = {}  # by level: () for tenants, (tenant,) for its shops
        self.charges: dict[int, list[tuple[Party, int]]] = {}


class Book:
    def __init__(self, shadow: Shadow) -> None:
        self.shadow = shadow
        self.pages: dict[str, Page] = {}
        self.turn_page()

    def turn_page(self) -> None:
        """A policy has come: pages of pools that have no rule to remember anything for are torn out."""
        kept = [p for p in self.pools() if p.choice == "round_robin" or p.lend_kpi is not None or p.shares != "none"]
        self.pages = {pool.name: self.pages.get(pool.name) or Page() for pool in kept}

    def pools(self) -> list[Pool]:
        return list(self.shadow.policy.pools.values())

    # --- shares ---------------------------------------------------------------------------------------------------

    def parties(self, pool: Pool, contact: ShadowContact) -> list[Party]:
        """Whose share it is, level by level."""
        if pool.shares == "none":
            return []
        tenant: Party = (contact.tenant,)
        return [tenant] if pool.shares == "tenant" else [tenant, (contact.tenant, contact.shop)]

    def waiting(self) -> set[tuple[str, Party]]:
        """(pool, party) of everyone who waits."""
        found = set()
        for pool in self.pools():
            if pool.shares == "none":
                continue
            for contact in self.shadow.contacts.values():
                if contact.state != "queued" or contact.queue not in self.shadow.policy.queues:
                    continue
                if pool.name in judge.pools_open(self.shadow.policy, contact):
                    found |= {(pool.name, party) for party in self.parties(pool, contact)}
        return found

    def come(self, before: set[tuple[str, Party]]) -> None:
        """Parties that have somebody waiting since ``before``: no credit is saved up."""
        for pool, party in self.waiting() - before:
            page = self.pages[pool]
            page.passes[party] = max(page.passes.get(party, 0), page.virtual.get(party[:-1], 0))

    def level(self) -> None:
        """A rearrangement is over, or a swap: nobody looked who came in its course, so all start level at least."""
        for name in [pool.name for pool in self.pools() if pool.shares != "none"]:
            page = self.pages[name]
            for party in {party for pool, party in self.waiting() if pool == name}:
                page.passes[party] = max(page.passes.get(party, 0), page.virtual.get(party[:-1], 0))

    def weight(self, party: Party) -> int:
        policy = self.shadow.policy
        if len(party) == 1:
            return policy.tenants[party[0]].weight
        return policy.shops[party[1]].weight if party[1] else 1

    def turn(self, pool: Pool, contact: ShadowContact) -> tuple[int, ...]:
        """Pass and place in the policy's list, level by level; no shop comes last."""
        policy, found = self.shadow.policy, []
        for party in self.parties(pool, contact):
            names = list(policy.tenants) if len(party) == 1 else [*policy.shops, ""]
            found += [self.pages[pool.name].passes.get(party, 0), names.index(party[-1])]
        return tuple(found)

    # --- offers ---------------------------------------------------------------------------------------------------

    def offered(self, e: ev.OfferMade, contact: ShadowContact, agent: ShadowAgent) -> None:
        page, pool = self.pages.get(e.pool), self.shadow.policy.pools.get(e.pool)
        if page is None or pool is None:
            return
        if pool.choice == "round_robin" and not e.preferred and not e.forced:
            page.last = agent.seq
        if pool.shares == "none":
            return
        page.charges[e.offer] = []
        for party in self.parties(pool, contact):
            amount = e.cost * 1_000_000 // self.weight(party)
            page.virtual[party[:-1]] = page.passes.get(party, 0)
            page.passes[party] = page.passes.get(party, 0) + amount
            page.charges[e.offer].append((party, amount))

    def ended(self, offer: int, *, connected: bool) -> None:
        for page in self.pages.values():
            for party, amount in page.charges.pop(offer, []):
                if not connected:
                    page.passes[party] -= amount

    # --- the lender's service level -------------------------------------------------------------------------------

    def counted(self, contact: ShadowContact, at: int, waited: int, *, answered: bool) -> None:
        for pool in self.pools():
            kpi = pool.lend_kpi
            if kpi is None or contact.queue not in pool.owners:
                continue
            if not answered and (contact.stage != "person" or waited <= kpi.short_ms):
                continue
            minutes = self.pages[pool.name].minutes
            a, t, b = minutes.get(at // 60_000, (0, 0, 0))
            minutes[at // 60_000] = (a + answered, t + (answered and waited <= kpi.within_ms), b + (not answered))

    def sums(self, pool: str) -> tuple[int, ...]:
        return tuple(sum(column) for column in zip((0, 0, 0), *self.pages[pool].minutes.values(), strict=True))

    def holds(self, pool: Pool) -> bool:
        if pool.lend_kpi is None:
            return True
        answered, in_time, abandoned = self.sums(pool.name)
        return in_time >= pool.lend_kpi.share * (answered + abandoned)

    def leaves(self, pool: Pool) -> int:
        """When the oldest minute leaves the window; 0: nothing is counted."""
        minutes = self.pages[pool.name].minutes if pool.name in self.pages else {}
        return min(minutes) * 60_000 + pool.lend_kpi.window_ms if minutes and pool.lend_kpi is not None else 0

    def measured(self, e: ev.LenderMeasured) -> None:
        pool = self.shadow.policy.pools[e.pool]
        assert pool.lend_kpi is not None, e
        assert e.at >= self.leaves(pool) > 0, f"no minute has left: {e}"
        page = self.pages[e.pool]
        window = range(e.at // 60_000 - pool.lend_kpi.window_ms // 60_000 + 1, e.at // 60_000 + 1)
        page.minutes = {minute: counts for minute, counts in page.minutes.items() if minute in window}
        assert (e.answered, e.in_time, e.abandoned) == self.sums(e.pool), e
        assert e.holds == self.holds(pool), e

    # --- who is not to be had -------------------------------------------------------------------------------------

    def blocks(self, name: str, contact: ShadowContact, agent: ShadowAgent) -> str:
        """Why the pool's own rules keep this agent of it from the contact; empty when they do not."""
        pool = self.shadow.policy.pools.get(name)
        if pool is None:
            return ""
        if pool.owners and contact.queue not in pool.owners:
            free = [a for a in self.members(name) if a.state == "available" and not a.back_off_until]
            if sum(a.free >= contact.cost for a in free) <= pool.reserve:
                return "reserve"
            if not self.holds(pool):
                return "lender_kpi"
        if pool.daily_quota:
            open_offers = sum(1 for number in agent.contacts if self.shadow.contacts[number].offer)
            if agent.quota_used + open_offers >= pool.daily_quota:
                return "daily_quota"
        return ""

    def why_not(self, contact: ShadowContact, agent: ShadowAgent, *, named: bool) -> str:
        """Any pool that is open to the contact and lets it will do; a named agent of no such pool: all must let it."""
        mine = agent.profile.pools
        shared = [pool for pool in judge.pools_open(self.shadow.policy, contact) if pool in agent.pools]
        blocked = [self.blocks(pool, contact, agent) for pool in shared or mine]
        if not shared and named:
            return next((why for why in blocked if why), "")
        return "" if not all(blocked) else blocked[0]

    def members(self, pool: str) -> list[ShadowAgent]:
        return [a for a in self.shadow.agents.values() if pool in a.profile.pools]

    def too_many_out(self, agent: ShadowAgent) -> bool:
        """Whether RONA may not take this one out as well."""
        for name in agent.profile.pools:
            pool = self.shadow.policy.pools.get(name)
            present = [a for a in self.members(name) if a.state in PRESENT]
            others = sum(a.out_by_rona for a in present if a is not agent)
            if pool is not None and others + 1 > pool.rona_share * len(present):
                return True
        return False

    # --- after each call ------------------------------------------------------------------------------------------

    def check(self, snapshot: dict[str, Any]) -> None:
        """``snapshot``: what a snapshot says of ledgers, decoded."""
        ledgers = {str(page["pool"]): page for page in snapshot.get("ledgers", [])}
        assert set(ledgers) == set(self.pages), (set(ledgers), set(self.pages))
        for name, page in self.pages.items():
            real = ledgers[name]
            assert real.get("last", 0) == page.last, name
            wanted = {minute: list(counts) for minute, counts in page.minutes.items()}
            assert real.get("minutes", {}) == wanted, name
            passes = {"\n".join(party): n for party, n in page.passes.items() if n}
            got = {party: n for party, n in real.get("passes", {}).items() if n}
            assert got == passes, f"passes of {name}: {got}, wanted {passes}"
