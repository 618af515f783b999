"""The shadow's part for agents: coming, going, capacity, wrap-up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.dispatch import events as ev

if TYPE_CHECKING:
    from engine.dispatch.policy.compiled import Policy
    from tests.dispatch.shadow import ShadowAgent, ShadowContact


class AgentEvents:
    """Mixed into the shadow, which has the records."""

    policy: Policy
    contacts: dict[int, ShadowContact]
    agents: dict[str, ShadowAgent]
    drained: Any
    leaving: Any
    agents_seen: int
    ended: int
    new_agent: type[ShadowAgent]
    _let_go: Any

    def on_AgentDefined(self, e: ev.AgentDefined) -> None:
        found = self.agents.get(e.profile.agent)
        if found is None:
            self.agents_seen += 1
            self.agents[e.profile.agent] = self.new_agent(
                e.profile, self.agents_seen, capacity=e.profile.capacity, drained=self.drained
            )
        else:
            found.profile = e.profile
            if not found.capacity_until:
                found.capacity = e.profile.capacity

    def on_AgentRemoved(self, e: ev.AgentRemoved) -> None:
        agent = self.agents.pop(e.agent)
        assert agent.state == "offline", e
        assert not agent.contacts, e

    def on_AgentStateChanged(self, e: ev.AgentStateChanged) -> None:
        agent = self.agents[e.agent]
        if e.before != e.after and e.before in ("offline", "not_ready"):
            agent.idle_since = e.at
        agent.reason, agent.until, agent.grace_until = e.reason, e.until, 0
        if e.after == "offline":
            agent.back_off_until = 0
            agent.rona_back_off = False
            assert not agent.contacts or e.agent in self.leaving.values(), f"gone offline with work in hand: {e}"

    def on_AgentLost(self, e: ev.AgentLost) -> None:
        agent = self.agents[e.agent]
        assert e.grace_until == e.at + self.policy.grace_ms, e
        agent.grace_until, agent.until = e.grace_until, 0

    def on_AgentBack(self, e: ev.AgentBack) -> None:
        agent = self.agents[e.agent]
        agent.grace_until, agent.until = 0, e.until

    def on_BackOffEnded(self, e: ev.BackOffEnded) -> None:
        agent = self.agents[e.agent]
        assert agent.back_off_until, e
        agent.back_off_until = 0
        agent.rona_back_off = False

    def on_QuotaEnded(self, e: ev.QuotaEnded) -> None:
        agent = self.agents[e.agent]
        assert 0 < agent.quota_until <= e.at, e
        agent.quota_used = agent.quota_until = 0

    def on_CapacityChanged(self, e: ev.CapacityChanged) -> None:
        agent = self.agents[e.agent]
        agent.capacity, agent.capacity_until = e.capacity, e.until
        agent.rona_capacity = e.reason == "rona"

    def on_ExternalLoadChanged(self, e: ev.ExternalLoadChanged) -> None:
        agent = self.agents[e.agent]
        agent.external[e.source] = e.units
        agent.external = {source: units for source, units in agent.external.items() if units}

    def on_WrapUpStarted(self, e: ev.WrapUpStarted) -> None:
        contact = self.contacts[e.contact]
        assert contact.agent == e.agent, e
        contact.wrap_up_until = e.until
        agent = self.agents[e.agent]
        wanted = self.policy.channels[contact.channel].wrap_up_cost if contact.channel in self.policy.channels else None
        held = agent.contacts[e.contact]
        assert e.cost == (wanted if wanted is not None and wanted < held else None), e
        if e.cost is not None:
            agent.contacts[e.contact] = e.cost

    def on_WrapUpEnded(self, e: ev.WrapUpEnded) -> None:
        contact = self.contacts.pop(e.contact)
        assert contact.agent == e.agent, e
        self._let_go(contact, e.at)
        self.ended += 1
