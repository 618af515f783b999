"""The shadow's part that follows mass effects: see `tests.dispatch.shadow`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from engine.dispatch import events as ev
from engine.dispatch.policy.compiled import Queue
from engine.dispatch.slices import LOSING

if TYPE_CHECKING:
    from tests.dispatch.shadow import ShadowAgent, ShadowContact


class MassShadow:
    """What is under way: a rearrangement, and what bulk commands have still to do."""

    contacts: dict[int, ShadowContact]
    agents: dict[str, ShadowAgent]

    def __init__(self) -> None:
        self.rearranging = False
        self.starting = False  # the start of an epoch: not everybody is lost yet
        self.drained: set[str] = set()
        self.former: dict[str, Queue] = {}
        self.jobs: dict[int, list[int]] = {}  # bulk command → what it matched, still to do
        self.leaving: dict[int, str] = {}  # … → the agent who has gone and whose contacts these are

    def on_ContactAssigned(self, e: ev.ContactAssigned) -> None:
        contact, agent = self.contacts[e.contact], self.agents[e.agent]
        assert contact.state == "queued", e
        assert e.reason, "a forced assignment says why"
        assert e.beyond == min(max(contact.cost - agent.free, 0), contact.cost), e

    def on_PoolDrained(self, e: ev.PoolDrained) -> None:
        assert e.pool not in self.drained, e
        self.drained.add(e.pool)

    def on_PoolOpened(self, e: ev.PoolOpened) -> None:
        self.drained.remove(e.pool)

    def on_RearrangementStarted(self, e: ev.RearrangementStarted) -> None:
        self.rearranging = True

    def on_RearrangementContinued(self, e: ev.RearrangementContinued) -> None:
        assert self.rearranging, e
        self.starting &= e.stage <= LOSING

    def on_RearrangementEnded(self, e: ev.RearrangementEnded) -> None:
        assert self.rearranging, e
        self.rearranging, self.former = False, {}

    def on_BulkStarted(self, e: ev.BulkStarted) -> None:
        if e.action == "capacity":
            self.jobs[e.job] = of_group(self.agents.values(), e)
            assert len(self.jobs[e.job]) == e.count, e
            assert e.pool or e.team, e
            return
        if e.agent:
            self.leaving[e.job] = e.agent
            self.jobs[e.job] = sorted(self.agents[e.agent].contacts)
            assert len(self.jobs[e.job]) == e.count, e
            return
        found = [
            c.contact
            for c in self.contacts.values()
            if c.state in ("queued", "offered")
            and e.tenant in ("", c.tenant)
            and e.queue in ("", c.queue)
            and e.shop in ("", c.shop)
            and e.channel in ("", c.channel)
        ]
        assert len(found) == e.count, e
        self.jobs[e.job] = found

    def on_BulkContinued(self, e: ev.BulkContinued) -> None:
        left = [number for number in self.jobs[e.job] if number > e.cursor]
        assert len(self.jobs[e.job]) - len(left) == e.done + e.passed, e
        self.jobs[e.job] = left

    def on_BulkEnded(self, e: ev.BulkEnded) -> None:
        assert not self.jobs.pop(e.job), e
        self.leaving.pop(e.job, None)


def of_group(agents: Iterable[ShadowAgent], e: ev.BulkStarted) -> list[int]:
    profiles = [(agent.seq, agent.profile) for agent in agents]
    return sorted(
        seq
        for seq, profile in profiles
        if e.pool in ("", *profile.pools)
        and e.team in ("", profile.team)
        and profile.tenant in ("", e.tenant or profile.tenant)
    )
