"""The shadow's part for silence, coming back, and affinity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from engine.dispatch import events as ev
from tests.dispatch import judge

if TYPE_CHECKING:
    from engine.dispatch.policy.compiled import Policy
    from tests.dispatch.shadow import Shadow, ShadowAgent, ShadowContact


class SilenceEvents:
    """Mixed into the shadow, which has the records."""

    policy: Policy
    contacts: dict[int, ShadowContact]
    agents: dict[str, ShadowAgent]
    just_closed: ShadowContact | None
    ended: int
    _let_go: Any
    _begin_to_wait: Any
    _prefer: Any
    _wait_again: Any

    def _whole(self) -> Shadow:
        return cast("Shadow", self)

    def on_AffinityBegan(self, e: ev.AffinityBegan) -> None:
        contact, agent = self.contacts[e.contact], self.agents[e.agent]
        queue = self.policy.queues[contact.queue]
        assert contact.state == "queued", e
        assert not contact.prefer, e
        assert not contact.team, e
        budget = queue.named_agent_ms if e.why == "named" else queue.last_agent_ms
        assert e.until == e.at + budget, e
        if e.why in ("named", "last"):
            assert contact.attributes[f"{e.why}_agent"] == e.agent, e
            assert judge.qualifies(self.policy, contact, agent), e
        assert agent.state != "offline", e
        self._prefer(contact, e.agent, e.until, only=True)
        reason = judge.why_not(self._whole(), contact, agent)
        assert budget or not reason, f"no budget, and {reason}: {e}"

    def on_AffinityEnded(self, e: ev.AffinityEnded) -> None:
        contact = self.contacts[e.contact]
        assert contact.prefer == e.agent, e
        if e.why == "budget":
            assert contact.prefer_until <= e.at, f"ended early: {e}"
        if e.why == "team_left":
            there = [a for a in self.agents.values() if a.state != "offline"]
            assert contact.team, e
            assert not [a for a in there if judge.of_tenant(contact, a) and judge.qualifies(self.policy, contact, a)], e
        self._prefer(contact, "", 0, only=False)

    def on_MessageAdded(self, e: ev.MessageAdded) -> None:
        contact = self.contacts[e.contact]
        assert e.seq == contact.messages + 1, f"a gap in the messages: {e}"
        contact.messages = e.seq
        if e.sender == "customer":
            assert contact.state not in ("dormant", "closed"), e
            contact.owed = True
            self._not_silent(contact)
        elif e.sender == "bot" or (e.sender == "agent" and not e.automatic):
            contact.silent_at = e.at
            contact.stage_of_silence = "dormant" if contact.state == "dormant" else ""
        if e.sender == "agent" and not e.automatic:
            contact.wrote, contact.owed = True, False

    def _not_silent(self, contact: ShadowContact) -> None:
        contact.silent_at, contact.stage_of_silence = 0, ""

    def _silent_for(self, e: ev.ContactReminded | ev.ContactSlept | ev.ContactClosed, ms: int) -> ShadowContact:
        contact = self.contacts[e.contact]
        assert contact.silent_at, f"not silent: {e}"
        assert ms, f"the queue has no such stage: {e}"
        assert e.at - contact.silent_at >= ms, f"too early: {e}"
        assert e.agent == contact.agent, e
        return contact

    def on_ContactReminded(self, e: ev.ContactReminded) -> None:
        contact = self._silent_for(e, self.policy.queues[self.contacts[e.contact].queue].remind_ms)
        assert not contact.stage_of_silence, e
        contact.stage_of_silence, contact.silent_at = "reminded", e.at

    def on_ContactSlept(self, e: ev.ContactSlept) -> None:
        queue = self.policy.queues[self.contacts[e.contact].queue]
        contact = self._silent_for(e, queue.dormant_ms)
        assert contact.stage_of_silence or not queue.remind_ms, f"no reminder before: {e}"
        contact.stage_of_silence, contact.silent_at = "dormant", e.at
        held = self.agents[e.agent].contacts
        channel = self.policy.channels.get(contact.channel)
        wanted = channel.dormant_cost if channel is not None and channel.dormant_cost is not None else held[e.contact]
        assert e.cost == min(wanted, held[e.contact]), e
        held[e.contact] = e.cost

    def on_ContactWoke(self, e: ev.ContactWoke) -> None:
        contact, agent = self.contacts[e.contact], self.agents[e.agent]
        assert (contact.agent, contact.cost) == (e.agent, e.cost), e
        more = e.cost - agent.contacts[e.contact]
        assert more <= 0 or judge.room_for(self._whole(), contact, agent) >= more, f"over capacity: {e}"
        agent.contacts[e.contact] = e.cost
        self._not_silent(contact)

    def on_ContactReopened(self, e: ev.ContactReopened) -> None:
        contact = self.contacts[e.contact]
        assert e.at < contact.resume_until or contact.resume_until == e.at, f"too late: {e}"
        contact.resume_until = 0
        contact.owed |= e.opening
        contact.decliners, contact.fruitless, contact.answered = {}, 0, False
        self._prefer(contact, "", 0, only=False)
        self._begin_to_wait(contact, e.at)
        self.ended -= 1

    def on_ContactClosed(self, e: ev.ContactClosed) -> None:
        queue = self.policy.queues[self.contacts[e.contact].queue]
        if e.by == "clock":
            contact = self._silent_for(e, queue.idle_close_ms)
            assert e.reason == "idle", e
            assert e.reopen_until == (e.at + queue.reopen_ms if queue.reopen_ms else 0), e
            stages = ["reminded"] * bool(queue.remind_ms) + ["dormant"] * bool(queue.dormant_ms)
            assert contact.stage_of_silence == (stages or [""])[-1] or contact.stage_of_silence == "dormant", e
        if e.reopen_until:
            contact = self.contacts[e.contact]
            self._let_go(contact, e.at)
            self._not_silent(contact)
            contact.prefer, contact.resume_until, contact.wrote = e.agent, e.reopen_until, False
            self.ended += 1
            return
        contact = self.just_closed = self.contacts.pop(e.contact)
        assert not e.wrap_up_until or contact.agent, e
        if not e.wrap_up_until:
            self._let_go(contact, e.at)
        self.ended += 1

    def on_ContactRequeued(self, e: ev.ContactRequeued) -> None:
        contact = self.contacts[e.contact]
        assert contact.agent == e.agent, e
        self._let_go(contact, e.at)
        self._wait_again(contact, e.at)
        contact.reason = e.reason
        queue = self.policy.queues[contact.queue]
        if e.reason == "unanswered":
            assert contact.replying, e
            assert e.at - max(contact.connected_at, contact.reply_since) >= queue.unanswered_ms > 0, f"too early: {e}"
        if e.forget_at:
            assert e.forget_at == e.at + queue.decliner_memory_ms, e
            contact.decliners = {**contact.decliners, e.agent: e.forget_at}
        if e.team:
            assert (queue.hand_over, e.prefer_until) == ("team", e.at + queue.hand_over_ms), e
            assert e.team == self.agents[e.agent].profile.team, e
        self._prefer(contact, e.prefer, e.prefer_until, only=False, team=e.team)
