"""The shadow's part for consults: who helps whom, and with how many units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.dispatch import events as ev

if TYPE_CHECKING:
    from engine.dispatch.dispatcher import Dispatcher
    from engine.dispatch.policy.compiled import Policy
    from tests.dispatch.shadow import Shadow, ShadowAgent, ShadowContact

SIGNED_ON = ("available", "paused", "finishing", "not_ready")


@dataclass
class ShadowConsult:
    contact: ShadowContact
    agent: str
    to_agent: str
    units: int
    deadline: int


class ConsultEvents:
    """Mixed into the shadow, which has the records."""

    policy: Policy
    contacts: dict[int, ShadowContact]
    agents: dict[str, ShadowAgent]
    consults: dict[int, ShadowConsult]

    def on_ConsultAsked(self, e: ev.ConsultAsked) -> None:
        contact, helper = self.contacts[e.contact], self.agents[e.to_agent]
        assert e.contact not in self.consults, e
        assert (contact.state, contact.agent) == ("connected", e.agent), e
        assert e.to_agent != e.agent, e
        assert e.cost == contact.cost, e
        assert e.deadline == e.at + self.policy.queues[contact.queue].offer_ms, e
        fits(self, e, contact, helper)
        helper.helping[e.contact] = e.cost
        helper.idle_since = e.at
        self.consults[e.contact] = ShadowConsult(contact, e.agent, e.to_agent, e.cost, e.deadline)

    def on_ConsultAccepted(self, e: ev.ConsultAccepted) -> None:
        consult = self.consults[e.contact]
        assert consult.to_agent == e.agent, e
        assert consult.deadline, f"accepted twice: {e}"
        assert e.automatic == self.agents[e.agent].profile.auto_accept, e
        consult.deadline = 0

    def on_ConsultEnded(self, e: ev.ConsultEnded) -> None:
        consult = self.consults.pop(e.contact)
        helper = self.agents[e.agent]
        assert consult.to_agent == e.agent, e
        if e.why in ("declined", "withdrawn"):
            assert consult.deadline > e.at, e
        if e.why == "expired":
            assert 0 < consult.deadline <= e.at, e
        if e.why == "ended":
            assert not consult.deadline, e
        assert bool(e.by) == (e.why in ("declined", "withdrawn", "ended", "taken_over")), e
        del helper.helping[e.contact]
        helper.idle_since = e.at


def counted(shadow: Shadow | ConsultEvents, agent: ShadowAgent) -> list[ShadowContact]:
    """What counts in the agent's limits: its contacts, and those of others with which it helps."""
    return [*map(shadow.contacts.__getitem__, agent.contacts), *(shadow.consults[n].contact for n in agent.helping)]


def fits(shadow: ConsultEvents, e: ev.ConsultAsked, contact: ShadowContact, helper: ShadowAgent) -> None:
    policy = shadow.policy
    assert helper.state == "available", e
    assert not helper.back_off_until, e
    assert helper.profile.tenant in ("", contact.tenant), e
    held = {**helper.contacts, **helper.helping}
    yielding = {c.contact for c in counted(shadow, helper) if policy.channels[c.channel].interruptible}
    stands_aside = not policy.channels[contact.channel].interruptible
    in_the_way = sum(units for number, units in held.items() if not (stands_aside and number in yielding))
    assert in_the_way + sum(helper.external.values()) + e.cost <= helper.capacity, f"no room: {e}"
    limit = policy.channels[contact.channel].limit
    if limit:
        limit = min(limit, helper.profile.channel_limits.get(contact.channel, limit))
        assert sum(c.channel == contact.channel for c in counted(shadow, helper)) < limit, e
    limit = policy.shops[contact.shop].limit if contact.shop in policy.shops else 0
    assert not limit or sum(c.shop == contact.shop for c in counted(shadow, helper)) < limit, e
    if e.queue:
        queue = policy.queues[e.queue]
        assert queue.tenant == contact.tenant, e
        assert e.pool in queue.pools, e
        assert e.pool in helper.pools, e
        assert queue.requirement.matches(helper.profile.skills, helper.profile.attributes), e
    else:
        assert not e.pool, e


def same_consults(shadow: Shadow, dispatcher: Dispatcher) -> None:
    """After each step a consult stands on both its feet: the first serves the contact, and both are signed on. Only a start
    in slices ends it when all are lost, before anything else."""
    assert sorted(shadow.consults) == sorted(dispatcher.consults)
    for number, mine in shadow.consults.items():
        real = dispatcher.consults[number]
        assert (real.agent, real.to_agent, real.units, real.deadline) == (
            mine.agent, mine.to_agent, mine.units, mine.deadline,
        )  # fmt: skip
        contact = shadow.contacts[number]
        assert (contact.state in ("connected", "dormant"), contact.agent) == (True, mine.agent), number
        for name in (mine.agent, mine.to_agent):
            there = shadow.agents[name].state in SIGNED_ON
            assert there or shadow.starting, f"{name} is gone, and the consult about {number} goes on"
    for name, agent in shadow.agents.items():
        assert dispatcher.agents[name].helping == agent.helping, name


def who_finishes_has_something_to_finish(shadow: Shadow) -> None:
    for agent in shadow.agents.values():
        assert agent.state != "finishing" or agent.contacts or agent.helping, f"{agent.profile.agent} finishes nothing"
