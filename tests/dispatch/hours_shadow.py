"""The shadow's part for hours, notices and messages under a promise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.dispatch import events as ev
from tests.dispatch.hours_judge import House

if TYPE_CHECKING:
    from engine.dispatch.policy.compiled import Policy
    from tests.dispatch.shadow import ShadowAgent, ShadowContact


class HouseEvents:
    """Mixed into the shadow, which has the records."""

    policy: Policy
    house: House
    contacts: dict[int, ShadowContact]
    agents: dict[str, ShadowAgent]
    _let_go: Any
    _wait_again: Any
    _begin_to_wait: Any
    _prefer: Any

    def on_ContactTold(self, e: ev.ContactTold) -> None:
        contact = self.contacts[e.contact]
        self.house.told(self, e, contact.queue, contact.shop)

    def on_ContactSentToBot(self, e: ev.ContactSentToBot) -> None:
        contact = self.contacts[e.contact]
        assert (contact.state, contact.stage) == ("queued", "person"), e
        assert self.policy.queues[contact.queue].bot_pools, e
        contact.stage, contact.reason = "bot", e.reason
        self._prefer(contact, "", 0, only=False)
        self._begin_to_wait(contact, e.at)

    def on_MessageLeft(self, e: ev.MessageLeft) -> None:
        contact = self.contacts[e.contact]
        assert not contact.replying, f"a promise and a reply clock at once: {e}"
        if contact.agent:
            assert self.agents[contact.agent].profile.kind == "bot", e
            self._let_go(contact, e.at)
            self._wait_again(contact, e.at)
        contact.waited, contact.left_at = e.at - contact.start, e.at
        if contact.stage == "bot":
            contact.stage = "person"
            self._begin_to_wait(contact, e.at)
        self._prefer(contact, "", 0, only=False)
        contact.behind = True
        if contact.promised:
            assert (e.promised_by, e.live_at) == (contact.promised_by, contact.live_at), f"a promise was moved: {e}"
        else:
            self.house.promised(self, e, contact.queue, contact.shop)
            contact.promised = True
            contact.left_message_at, contact.promised_by, contact.live_at = e.at, e.promised_by, e.live_at

    def on_MessageReleased(self, e: ev.MessageReleased) -> None:
        contact = self.contacts[e.contact]
        self.house.released(self, e, contact)
        self._wait_again(contact, e.at)
        if e.why == "due":
            contact.behind, contact.start = False, contact.left_message_at

    def on_MessageDue(self, e: ev.MessageDue) -> None:
        contact = self.contacts[e.contact]
        self.house.spend(e.at)
        assert contact.behind, e
        assert contact.live_at <= e.at, f"live too early: {e}"
        contact.behind, contact.start = False, contact.left_message_at

    def on_QueueNoticeSet(self, e: ev.QueueNoticeSet) -> None:
        assert e.queue in self.policy.queues, e
        assert e.until > e.at, e
        self.house.notices[e.queue] = (e.notice, e.until)

    def on_QueueNoticeEnded(self, e: ev.QueueNoticeEnded) -> None:
        notice, until = self.house.notices.pop(e.queue)
        assert notice == e.notice, e
        assert e.why == "cleared" or until <= e.at, f"ended early: {e}"

    def on_HoursChanged(self, e: ev.HoursChanged) -> None:
        self.house.hours_changed(e)

    def on_EffectSliced(self, e: ev.EffectSliced) -> None:
        self.house.sliced(e)
