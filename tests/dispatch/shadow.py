"""A second opinion: what the events alone say, kept naively and apart from the dispatcher.

Every event is applied to plain records; the transition tables must allow it; and before an offer is applied its choice
is judged (`tests.dispatch.judge`). After each call the records must equal the dispatcher's state.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.dispatch import agents as agent_table
from engine.dispatch import contacts as contact_table
from engine.dispatch import events as ev
from engine.dispatch.commands import AgentProfile, Attributes
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.policy.compile import compile_policy
from engine.dispatch.policy.compiled import Policy
from tests.dispatch import judge
from tests.dispatch.agents_shadow import AgentEvents
from tests.dispatch.consult_shadow import ConsultEvents, ShadowConsult
from tests.dispatch.hours_judge import House
from tests.dispatch.hours_shadow import HouseEvents
from tests.dispatch.pool_book import Book
from tests.dispatch.shadow_mass import MassShadow
from tests.dispatch.silence_shadow import SilenceEvents

CONTACT_MOVES = {kind for _, kind in contact_table.TRANSITIONS}
AGENT_MOVES = {kind for _, kind, _ in agent_table.TRANSITIONS}


@dataclass
class ShadowContact:
    contact: int
    tenant: str
    queue: str
    stage: str
    channel: str
    customer: str
    shop: str
    priority: int
    requires: str
    attributes: Attributes
    transcript: str
    arrived_at: int
    start: int
    step_at: int
    cost: int
    state: str | None = None
    state_before: str = ""
    step: int = 0
    raised: int = 0
    waited: int = 0
    agent: str = ""
    offer: int = 0
    deadline: int = 0
    decliners: dict[str, int] = field(default_factory=dict)
    prefer: str = ""
    prefer_until: int = 0
    prefer_only: bool = False
    ever_preferred: bool = False
    team: str = ""
    fruitless: int = 0
    wrote: bool = False
    owed: bool = False
    silent_at: int = 0
    stage_of_silence: str = ""  # "", reminded, dormant
    connected_at: int = 0
    last_word_at: int = 0  # of an agent or a bot, not automatic
    left_at: int = 0
    replying: bool = False
    reply_since: int = 0
    reply_round: int = 0
    warned: bool = False
    breached: bool = False
    answered: bool = False
    messages: int = 0
    wrap_up_until: int = 0
    resume_until: int = 0
    promised: bool = False
    behind: bool = False
    left_message_at: int = 0
    promised_by: int = 0
    live_at: int = 0
    intent: str = ""
    reason: str = ""


@dataclass
class ShadowAgent:
    profile: AgentProfile
    seq: int
    state: str = "offline"
    reason: str = ""
    until: int = 0
    grace_until: int = 0
    capacity: int = 1
    capacity_until: int = 0
    back_off_until: int = 0
    idle_since: int = 0
    external: dict[str, int] = field(default_factory=dict)
    contacts: dict[int, int] = field(default_factory=dict)
    helping: dict[int, int] = field(default_factory=dict)  # contacts of others, in a consult
    forced: set[int] = field(default_factory=set)
    quota_used: int = 0
    quota_until: int = 0
    rona_back_off: bool = False
    rona_capacity: bool = False
    drained: set[str] = field(default_factory=set)  # the domain's

    @property
    def pools(self) -> list[str]:
        """Through which new contacts come."""
        return [pool for pool in self.profile.pools if pool not in self.drained]

    @property
    def out_by_rona(self) -> bool:
        return self.rona_back_off or self.rona_capacity or (self.state, self.reason) == ("not_ready", "rona")

    @property
    def load(self) -> int:
        return sum(self.contacts.values()) + sum(self.helping.values())

    @property
    def free(self) -> int:
        return self.capacity - self.load - sum(self.external.values())


class Shadow(AgentEvents, ConsultEvents, HouseEvents, MassShadow, SilenceEvents):
    """``apply`` events in order, ``check`` after each call."""

    new_agent = ShadowAgent

    def __init__(self, policy: Policy, now: int) -> None:
        self.policy = policy
        self.now = now
        self.contacts: dict[int, ShadowContact] = {}
        self.agents: dict[str, ShadowAgent] = {}
        self.consults: dict[int, ShadowConsult] = {}
        self.closed_queues: dict[str, str] = {}
        self.house = House(policy)
        self.agents_seen = 0
        self.submitted = self.ended = self.deflected = 0
        self.offers_made = 0
        self.just_closed: ShadowContact | None = None
        super().__init__()
        self.book = Book(self)
        self.unalarmed = False

    def check(self, dispatcher: Dispatcher) -> None:
        self.now = max(self.now, dispatcher.now)
        judge.check(self, dispatcher)

    def apply(self, event: ev.Event) -> None:
        assert event.at >= self.now, f"time went back from {self.now}: {event}"
        self.now = event.at
        waiting, rearranging = self.book.waiting(), self.rearranging
        contact = getattr(event, "contact", None)
        if contact is not None and type(event) in CONTACT_MOVES:
            self._move_contact(event, contact)
        if type(event) in AGENT_MOVES:
            self._move_agent(event)
        name = f"on_{type(event).__name__}"
        getattr(self, name)(event)
        if rearranging and not self.rearranging:
            self.book.level()
        elif not rearranging and not isinstance(event, ev.PolicyApplied):
            self.book.come(waiting)
        if not isinstance(event, ev.ContactClosed):
            self.just_closed = None

    # --- the tables -----------------------------------------------------------------------------------------------

    def _move_contact(self, event: ev.Event, number: int) -> None:
        if isinstance(event, ev.ContactSubmitted):
            assert number not in self.contacts, f"number used twice: {event}"
            return
        if isinstance(event, ev.WrapUpStarted) and self.just_closed is not None:
            assert self.just_closed.contact == number, event
            # Over for the customer a moment ago, and its agent's hands are still full.
            self.contacts[number] = self.just_closed
            self.ended -= 1
        assert number in self.contacts, f"no such open contact: {event}"
        contact = self.contacts[number]
        key = (contact_table.ContactState(str(contact.state)), type(event))
        assert key in contact_table.TRANSITIONS, f"{contact.state} + {type(event).__name__} is in no table: {event}"
        contact.state_before = str(contact.state)
        contact.state = str(contact_table.TRANSITIONS[key])

    def _move_agent(self, event: ev.Event) -> None:
        name = event.profile.agent if isinstance(event, ev.AgentDefined) else event.agent  # type: ignore[union-attr]
        found = self.agents.get(name)
        before = agent_table.AgentState(found.state) if found else None
        after = getattr(event, "after", None)
        key = (before, type(event), agent_table.AgentState(after) if after is not None else None)
        assert key in agent_table.TRANSITIONS, f"{before} + {type(event).__name__}({after}) is in no table: {event}"
        if found:
            found.state = str(agent_table.TRANSITIONS[key])

    # --- contacts -------------------------------------------------------------------------------------------------

    def on_ContactSubmitted(self, e: ev.ContactSubmitted) -> None:
        assert e.queue in self.policy.queues, e
        assert e.queue not in self.closed_queues, f"a closed queue took a contact: {e}"
        self.house.let_in(self, e)
        self.submitted += 1
        self.contacts[e.contact] = ShadowContact(
            contact=e.contact,
            tenant=e.tenant,
            queue=e.queue,
            stage=e.stage,
            channel=e.channel,
            customer=e.customer,
            shop=e.shop,
            priority=e.priority,
            requires=e.requires,
            attributes=e.attributes,
            transcript=e.transcript,
            arrived_at=e.at,
            start=e.at,
            step_at=e.at,
            cost=e.cost,
            owed=e.opening,
            state="queued",
        )

    def on_ContactDeflected(self, e: ev.ContactDeflected) -> None:
        assert e.reason, e
        assert e.alternative in ("message", "call_back", "bot"), f"never silence: {e}"
        self.house.turned_away(self, e)
        self.deflected += 1

    def on_ContactJoined(self, e: ev.ContactJoined) -> None:
        contact = self.contacts[e.contact]
        assert contact.state not in ("dormant", "closed", "abandoned", "wrap_up"), e
        contact.owed |= e.opening
        self._not_silent(contact)

    def on_ContactResumed(self, e: ev.ContactResumed) -> None:
        contact = self.contacts[e.contact]
        contact.resume_until = 0
        contact.owed |= e.opening
        self._wait_again(contact, e.at)

    def _wait_again(self, contact: ShadowContact, at: int) -> None:
        """Not waiting for a while: neither waited nor the step clock has run. With the next agent silence begins anew."""
        self._not_silent(contact)
        contact.wrote = False
        contact.start = at - contact.waited
        contact.step_at += at - contact.left_at

    def on_ContactUpdated(self, e: ev.ContactUpdated) -> None:
        contact = self.contacts[e.contact]
        contact.attributes = {**contact.attributes, **e.attributes}

    def on_ContactMoved(self, e: ev.ContactMoved) -> None:
        contact = self.contacts[e.contact]
        assert e.queue in self.policy.queues, e
        assert e.why in ("update", "moved", "policy", "prioritised", "step", "delivery_limit"), e
        if e.why == "delivery_limit":
            supervision = self.policy.supervision(contact.queue)
            assert contact.fruitless >= supervision.limit > 0, e
            assert e.queue == supervision.queue, e
        if e.why == "step":
            judge.moved_by_step(self.policy, contact, e)
        if e.queue != contact.queue:
            zero = e.at if contact.state in judge.WAITING else contact.left_at
            contact.step, contact.raised, contact.step_at, contact.fruitless = 0, 0, zero, 0
        contact.queue, contact.priority, contact.requires = e.queue, e.priority, e.requires
        if e.why in ("moved", "delivery_limit"):
            self._prefer(contact, "", 0, only=False)

    def on_StepOpened(self, e: ev.StepOpened) -> None:
        contact = self.contacts[e.contact]
        assert contact.state == "queued", e
        assert e.step == contact.step + 1, f"a step was skipped: {e}"
        step = self.policy.queues[contact.queue].steps[e.step - 1]
        if e.why != "nobody":
            judge.conditions_hold(self, contact, step, e)
        contact.step, contact.step_at = e.step, e.at
        contact.raised += step.raise_priority

    def on_AlternativesOffered(self, e: ev.AlternativesOffered) -> None:
        contact = self.contacts[e.contact]
        assert (contact.state, contact.step) == ("queued", e.step), e
        assert e.alternatives == self.policy.queues[contact.queue].steps[e.step - 1].offer, e

    def on_DeclinerForgotten(self, e: ev.DeclinerForgotten) -> None:
        contact = self.contacts[e.contact]
        assert e.agent in contact.decliners, e
        if e.why == "expired":
            assert contact.decliners[e.agent] <= e.at, f"forgotten early: {e}"
        del contact.decliners[e.agent]

    def on_ReplyStarted(self, e: ev.ReplyStarted) -> None:
        contact = self.contacts[e.contact]
        assert not contact.replying, f"the reply clock runs already: {e}"
        assert e.round == contact.reply_round + 1, e
        contact.replying, contact.reply_since, contact.reply_round = True, e.at, e.round
        contact.warned = contact.breached = False

    def on_ReplyWarned(self, e: ev.ReplyWarned) -> None:
        contact = self._running_reply(e.contact, e.round)
        assert not contact.warned, e
        assert e.at - contact.reply_since >= self.policy.queues[contact.queue].reply_warn_ms, e
        contact.warned = True

    def on_ReplyBreached(self, e: ev.ReplyBreached) -> None:
        contact = self._running_reply(e.contact, e.round)
        assert not contact.breached, e
        assert e.at - contact.reply_since >= self.policy.queues[contact.queue].reply_breach_ms, e
        contact.breached = True

    def on_ReplyStopped(self, e: ev.ReplyStopped) -> None:
        contact = self._running_reply(e.contact, e.round)
        assert e.took_ms == e.at - contact.reply_since, e
        contact.replying = False

    def _running_reply(self, number: int, reply_round: int) -> ShadowContact:
        contact = self.contacts[number]
        assert contact.replying, f"no reply clock runs for contact {number}"
        assert contact.reply_round == reply_round
        return contact

    def on_ContactAnswered(self, e: ev.ContactAnswered) -> None:
        contact = self.contacts[e.contact]
        assert self.agents[e.agent].profile.kind != "bot", f"a bot's answer is counted apart: {e}"
        contact.answered = True
        self.book.counted(contact, e.at, e.waited_ms, answered=True)

    def on_ContactConnected(self, e: ev.ContactConnected) -> None:
        contact = self.contacts[e.contact]
        assert contact.agent == e.agent, e
        assert e.waited_ms == e.at - contact.start, e
        contact.waited, contact.left_at, contact.connected_at = e.waited_ms, e.at, e.at
        self.book.ended(contact.offer, connected=True)
        contact.offer = contact.deadline = 0
        contact.promised = contact.behind = False
        agent = self.agents[e.agent]
        if any(pool.daily_quota for pool in self.policy.pools.values()):
            agent.quota_used += 1
            agent.quota_until = agent.quota_until or self.policy.zone.next_day(e.at)
        if contact.team:
            self._prefer(contact, "", 0, only=False)

    def on_ContactTransferred(self, e: ev.ContactTransferred) -> None:
        contact = self.contacts[e.contact]
        assert contact.agent == e.agent, e
        self._let_go(contact, e.at)
        self._wait_again(contact, e.at)
        if e.queue != contact.queue:
            contact.step, contact.raised, contact.step_at = 0, 0, e.at
            contact.decliners, contact.fruitless = {}, 0
        if e.hand_off:
            assert (contact.stage, e.stage) == ("bot", "person"), e
            self._begin_to_wait(contact, e.at)
        if e.forget_at:
            contact.decliners[e.agent] = e.forget_at
        contact.queue, contact.stage, contact.priority, contact.requires = e.queue, e.stage, e.priority, e.requires
        contact.attributes = {**contact.attributes, **e.attributes}
        contact.transcript = e.transcript or contact.transcript
        contact.intent, contact.reason = e.intent or contact.intent, e.reason
        self._prefer(contact, e.prefer, e.prefer_until, only=bool(e.prefer), team=e.team)

    def _begin_to_wait(self, contact: ShadowContact, at: int) -> None:
        """For a person, from here."""
        contact.start = contact.step_at = at
        contact.waited = contact.step = contact.raised = 0

    def _prefer(self, contact: ShadowContact, agent: str, until: int, *, only: bool, team: str = "") -> None:
        contact.prefer, contact.prefer_until, contact.prefer_only, contact.team = agent, until, only, team
        contact.ever_preferred |= bool(agent or team)

    def on_PersonAsked(self, e: ev.PersonAsked) -> None:
        contact = self.contacts[e.contact]
        assert (contact.state, contact.stage) == ("queued", "bot"), e
        contact.stage = "person"
        self._begin_to_wait(contact, e.at)
        contact.intent, contact.reason = e.intent or contact.intent, e.reason

    def on_ContactAbandoned(self, e: ev.ContactAbandoned) -> None:
        contact = self.contacts[e.contact]
        assert e.waited_ms == e.at - contact.start, e
        contact.waited, contact.left_at, contact.resume_until = e.waited_ms, e.at, e.resume_until
        self.book.counted(contact, e.at, e.waited_ms, answered=False)
        self._prefer(contact, "", 0, only=False)

    def on_ContactForgotten(self, e: ev.ContactForgotten) -> None:
        contact = self.contacts.pop(e.contact)
        assert contact.resume_until <= e.at, f"forgotten early: {e}"
        self.ended += contact.state_before != "closed"

    # --- offers ---------------------------------------------------------------------------------------------------

    def on_OfferMade(self, e: ev.OfferMade) -> None:
        contact, agent = self.contacts[e.contact], self.agents[e.agent]
        assert e.offer > self.offers_made, f"offer numbers rise: {e}"
        self.offers_made = e.offer
        contact.state = "queued"
        judge.offer(self, e, contact, agent)
        contact.state = "offered"
        contact.agent, contact.offer, contact.deadline = e.agent, e.offer, e.deadline
        if contact.prefer:
            self._prefer(contact, "", 0, only=False)
        agent.contacts[e.contact] = e.cost
        agent.idle_since = e.at
        self.book.offered(e, contact, agent)
        if e.forced:
            agent.forced.add(e.contact)

    def on_OfferAccepted(self, e: ev.OfferAccepted) -> None:
        contact = self._offered(e)
        contact.deadline = e.hold_until if e.held else 0
        if e.held:
            assert e.hold_until == e.at + self.policy.queues[contact.queue].hold_ms, e

    def on_OfferDeclined(self, e: ev.OfferDeclined) -> None:
        contact, agent = self._offered(e), self.agents[e.agent]
        self._let_go(contact, e.at)
        contact.fruitless += 1
        if e.forget_at > e.at:
            contact.decliners[e.agent] = e.forget_at
        agent.back_off_until = max(agent.back_off_until, e.back_off_until)

    def on_OfferExpired(self, e: ev.OfferExpired) -> None:
        contact, agent = self._offered(e), self.agents[e.agent]
        assert contact.deadline <= e.at, f"expired early: {e}"
        queue = self.policy.queues[contact.queue]
        assert e.effect == ("none" if self.book.too_many_out(agent) else queue.rona), e
        self.unalarmed = e.effect == "none"
        self._let_go(contact, e.at)
        contact.fruitless += 1
        if e.effect == "back_off" and e.return_at:
            agent.back_off_until = max(agent.back_off_until, e.return_at)
            agent.rona_back_off = True
        if e.effect in ("lower_capacity", "none") and e.return_at:
            contact.decliners[e.agent] = e.return_at

    def on_OfferRescinded(self, e: ev.OfferRescinded) -> None:
        self._let_go(self._offered(e), e.at)

    def _offered(self, e: ev.OfferAccepted | ev.OfferDeclined | ev.OfferExpired | ev.OfferRescinded) -> ShadowContact:
        contact = self.contacts[e.contact]
        assert (contact.offer, contact.agent) == (e.offer, e.agent), f"not this contact's offer: {e}"
        return contact

    def _let_go(self, contact: ShadowContact, at: int) -> None:
        if contact.offer:
            self.book.ended(contact.offer, connected=False)
        if contact.agent:
            agent = self.agents[contact.agent]
            agent.contacts.pop(contact.contact)
            agent.forced.discard(contact.contact)
            agent.idle_since = at
        contact.agent, contact.offer, contact.deadline = "", 0, 0

    # --- the domain -----------------------------------------------------------------------------------------------

    def on_QueueClosed(self, e: ev.QueueClosed) -> None:
        self.closed_queues[e.queue] = e.reason

    def on_QueueOpened(self, e: ev.QueueOpened) -> None:
        del self.closed_queues[e.queue]

    def on_DeskRecorded(self, e: ev.DeskRecorded) -> None:
        contact = self.contacts.get(e.contact)
        assert contact is None or contact.tenant == e.tenant, e

    def on_LenderMeasured(self, e: ev.LenderMeasured) -> None:
        self.book.measured(e)

    def on_AlertRaised(self, e: ev.AlertRaised) -> None:
        if e.alert == "rona_share":
            assert self.unalarmed, e
            assert e.got > e.limit, e
            self.unalarmed = False

    def on_PolicyApplied(self, e: ev.PolicyApplied) -> None:
        if e.sliced:
            self.former = {**self.former, **self.policy.queues}
            self.rearranging = True
        before = self.policy
        self.policy = compile_policy(e.text)
        self.book.turn_page()
        assert self.policy.version == e.version, e
        if not e.sliced and e.version != before.version:
            self.book.level()
        self.house.begin(before, self.policy, e.at)

    def on_EngineStarted(self, e: ev.EngineStarted) -> None:
        assert e.epoch >= 1, e
        self.rearranging |= e.sliced
        self.starting = e.sliced

    def on_CommandRejected(self, e: ev.CommandRejected) -> None:
        assert e.what, e
        assert e.code, e
