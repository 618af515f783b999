"""The desk: who waits, who works, what is open. Plain records and the one way to say that something happened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from engine.dispatch import agents as agent_table
from engine.dispatch import contacts as contact_table
from engine.dispatch import events as ev
from engine.dispatch.agents import AgentState
from engine.dispatch.commands import AgentKind, AgentProfile, Attributes
from engine.dispatch.contacts import ContactState
from engine.dispatch.estimates import Measure
from engine.dispatch.policy.compiled import Policy, Queue
from engine.dispatch.refusals import Code
from tests.reference_dispatcher.registry import HEARERS, Refused

REMEMBERED_OFFERS = 16  # per agent: how they ended, so that a late answer is told why
CONTACT_MOVES = {kind for _, kind in contact_table.TRANSITIONS}
ENTERS = (ev.PersonAsked, ev.ContactMoved, ev.MessageDue, ev.ContactSentToBot)  # leaves its place in line for another
STANDS_ANEW = (ev.StepOpened, ev.AffinityBegan, ev.AffinityEnded)
NO_NEWS = (ev.ConsultAsked, ev.ConsultAccepted, ev.ConsultEnded, ev.DeskRecorded)  # … of the contact itself
AGENT_MOVES = {kind for _, kind, _ in agent_table.TRANSITIONS}


@dataclass
class Contact:
    contact: int
    tenant: str
    channel: str
    external_id: str
    customer: str
    shop: str
    queue: str
    rule: str
    stage: str
    priority: int
    requires: str
    asks: str
    attributes: Attributes
    cost: int
    arrived_at: int
    start: int  # when it would have begun to wait, had it waited without a break
    step_at: int  # the step clock's zero
    transcript: str
    owed: bool  # the customer wrote and no person has replied
    names: list[tuple[str, str]]  # channel and external id, of all that joined it
    state: ContactState | None = None
    version: int = 0
    waited: int = 0  # the sum so far, while it does not wait
    left_at: int = 0  # when it last stopped waiting
    step: int = 0
    judged_at: int = 0  # when its next step was last judged
    raised: int = 0
    agent: str = ""
    offer: int = 0
    decliners: dict[str, int] = field(default_factory=dict)  # agent → when the memory ends
    prefer: str = ""
    prefer_until: int = 0
    prefer_only: bool = False
    answered: bool = False
    replying: bool = False
    reply_since: int = 0
    reply_round: int = 0
    warned: bool = False
    breached: bool = False
    messages: int = 0
    wrap_up_until: int = 0
    resume_until: int = 0
    pinned: bool = False  # a person decided where it waits
    team: str = ""  # whose it is alone until `prefer_until`
    fruitless: int = 0  # offers declined or expired since it came into its queue
    connected_at: int = 0
    wrote: bool = False  # its agent, since they were connected
    silent_at: int = 0  # when the running stage of the customer's silence began
    reminded: bool = False
    promised: bool = False  # a message or a call-back
    behind: bool = False  # … that stands behind live contacts
    promised_by: int = 0
    live_at: int = 0
    left_first: int = 0
    from_bot: bool = False  # … and was left while it waited for a bot
    served_by: str = ""  # closed as idle: by whom

    @property
    def waits(self) -> bool:
        return self.state in contact_table.WAITING

    @property
    def urgency(self) -> int:
        return self.priority + self.raised


@dataclass
class Agent:
    profile: AgentProfile
    seq: int
    state: AgentState | None = None
    reason: str = ""
    until: int = 0
    grace_until: int = 0
    before_lost: str = ""
    until_before_lost: int = 0
    capacity: int = 0
    lasting_capacity: int = 0
    capacity_until: int = 0
    back_off_until: int = 0
    idle_since: int = 0
    external: dict[str, int] = field(default_factory=dict)
    holds: dict[int, int] = field(default_factory=dict)  # contact → units
    helping: dict[int, int] = field(default_factory=dict)  # contact of a colleague → units
    rona_back_off: bool = False  # the back-off that runs is (also) an unanswered offer's
    capacity_reason: str = ""
    connected_today: int = 0
    day_ends: int = 0
    ended_offers: dict[int, str] = field(default_factory=dict)  # those that ended without an accept → how

    @property
    def name(self) -> str:
        return self.profile.agent

    @property
    def is_bot(self) -> bool:
        return self.profile.kind == AgentKind.BOT

    @property
    def load(self) -> int:
        return sum(self.holds.values()) + sum(self.helping.values()) + sum(self.external.values())

    @property
    def works_on(self) -> list[tuple[int, int]]:
        """Contact, units: its own, and those that it helps with."""
        return [*self.holds.items(), *self.helping.items()]


@dataclass
class Offer:
    offer: int
    contact: int
    agent: str
    deadline: int
    held: bool = False
    charged: list[Any] = field(default_factory=list)  # what shares it has cost, see shares.py


@dataclass
class Consult:
    """``agent``, who serves the contact, has asked ``to_agent``; a deadline of 0: answered. ``lost``: why it is to end."""

    contact: int
    agent: str
    to_agent: str
    deadline: int
    about: Contact
    accepted: bool = False
    lost: str = ""


def moved_in_place(fields: dict[str, Any], contact: Contact) -> bool:
    """Moved (or given another priority) within its queue: it enters the line anew."""
    return bool(fields["queue"] == contact.queue) and contact.waits


class Desk:
    """Everything that is so now, and ``events``: what has happened in the call that runs."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.now = 0
        self.contacts: dict[int, Contact] = {}
        self.agents: dict[str, Agent] = {}
        self.offers: dict[int, Offer] = {}
        self.consults: dict[int, Consult] = {}
        self.drained: dict[str, None] = {}  # pools
        self.rearranging = False
        self.former = policy
        self.unplaced: set[int] = set()  # contacts that have no place yet under another policy
        self.settling = False  # … and while that is so nothing is decided by who is there
        self.frozen = False  # nobody is offered anything
        self.slice_units = 0  # more than so much is done in slices; 0: all is done at once
        self.unfinished: Iterator[None] | None = None  # slices that are left
        self.closed_queues: dict[str, str] = {}
        self.begun = False
        self.last_in_turn: dict[str, int] = {}  # pool → whom it last offered something
        self.minutes: dict[str, dict[int, list[int]]] = {}  # lender → minute → answered, of these in time, abandoned
        self.room: dict[tuple[str, str], int] = {}  # pool with owners, agent → free units
        self.shares: dict[str, dict[tuple[str, ...], Any]] = {}  # pool → level of shares, see shares.py
        self.parties: dict[tuple[str, tuple[str, ...]], None] = {}  # pool, party → somebody waits
        self.parties_of = policy.version
        self.lengths: dict[str, int] = {}  # queue → how many waited at the last event
        self.entered = ""  # the queue whose line a contact has just entered anew
        self.levels: dict[str, bool] = {}  # pool with a service level → whether it held then
        self.reached: dict[str, None] = {}  # queues whose line is to be judged
        self.measures: dict[str, Measure] = {}  # queue → what its line has done
        self.rings: dict[int, int] = {}  # contact → when it was offered
        self.lenders: dict[str, None] = {}  # pools whose borrowers are to be looked at again
        self.hours: dict[str, bool] = {}  # calendar → open
        self.hours_next: dict[str, int | None] = {}
        self.let_in: dict[tuple[str, str, int], int] = {}  # kind, name, day → how many
        self.next_release: dict[str, int] = {}
        self.notices: dict[str, tuple[str, int]] = {}  # queue → notice, until
        self.numbers = {"contact": 0, "offer": 0, "agent": 0, "job": 0}
        self.events: list[ev.Event] = []

    def number(self, kind: str) -> int:
        self.numbers[kind] += 1
        return self.numbers[kind]

    def emit(self, kind: type[ev.Event], /, **fields: Any) -> None:
        """Say it, and move the contact or agent along its table. What else it means is written where it is said."""
        event = kind(at=self.now, **fields)
        self.say(event)
        contact = self.contacts.get(fields.get("contact", 0))
        if contact is not None and kind not in NO_NEWS:
            contact.version += 1
            if kind in CONTACT_MOVES:
                contact.state = contact_table.TRANSITIONS[contact.state, kind]
            if kind in (ev.PersonAsked, ev.MessageDue) or (kind is ev.ContactMoved and moved_in_place(fields, contact)):
                self.entered = contact.queue
            if kind in CONTACT_MOVES or kind in ENTERS or kind in STANDS_ANEW:
                contact.judged_at = self.now
        agent = self.agents.get(fields["profile"].agent if kind is ev.AgentDefined else fields.get("agent", ""))
        if agent is not None and kind in AGENT_MOVES:
            after = fields.get("after")
            agent.state = agent_table.TRANSITIONS[agent.state, kind, None if after is None else AgentState(after)]

    def say(self, event: ev.Event) -> None:
        for hear in HEARERS:
            hear(self, event)
        self.events.append(event)

    def queue_of(self, contact: Contact) -> Queue:
        """Of the policy before, until it has its place under this one."""
        return self.policy.queues.get(contact.queue) or self.former.queues[contact.queue]

    def interruptible(self, contact: int) -> bool:
        return self.policy.channels[self.work(contact).channel].interruptible

    def work(self, contact: int) -> Contact:
        """What an agent has in hand; one that it helps with may be over already, until the step is."""
        return self.contacts[contact] if contact in self.contacts else self.consults[contact].about

    def free_units(self, agent: Agent, contact: Contact) -> int:
        """Work that may be interrupted stands only in the way of its like."""
        load = agent.load
        if not self.interruptible(contact.contact):
            load = self.live_load(agent)
        return agent.capacity - load

    def live_load(self, agent: Agent) -> int:
        return agent.load - sum(units for held, units in agent.works_on if self.interruptible(held))

    def free_units_for_live(self, agent: Agent) -> int:
        return agent.capacity - self.live_load(agent)

    # --- what commands name, or a refusal -----------------------------------------------------------------------------

    def contact(self, number: int, tenant: str, expect_version: int | None = None) -> Contact:
        """An empty tenant may see every contact. One that is closed is gone, though it may be opened again."""
        found = self.contacts.get(number)
        closed = found is not None and found.state == ContactState.CLOSED
        if found is None or closed or tenant not in ("", found.tenant):
            gone = closed or (found is None and 1 <= number <= self.numbers["contact"])
            raise Refused(Code.CONTACT_GONE if gone else Code.UNKNOWN_CONTACT, number, "an open contact")
        if expect_version is not None and expect_version != found.version:
            raise Refused(Code.VERSION_CONFLICT, found.version, f"version {expect_version}")
        return found

    def agent(self, name: str) -> Agent:
        if name not in self.agents:
            raise Refused(Code.UNKNOWN_AGENT, name, "a defined agent")
        return self.agents[name]

    def queue(self, name: str) -> Queue:
        if name not in self.policy.queues:
            raise Refused(Code.UNKNOWN_QUEUE, name, f"one of {', '.join(self.policy.queues)}")
        return self.policy.queues[name]

    # --- what leaving means -------------------------------------------------------------------------------------------

    def let_go(self, contact: Contact, how: str = "") -> Agent:
        """The agent's hands are free of it, from now on idle; returns the agent. ``how`` its offer ended, if it had one."""
        agent = self.agents[contact.agent]
        if how:
            agent.ended_offers[contact.offer] = how
            if len(agent.ended_offers) > REMEMBERED_OFFERS:
                del agent.ended_offers[next(iter(agent.ended_offers))]  # that ended first
        del agent.holds[contact.contact]
        contact.silent_at, contact.reminded = 0, False
        agent.idle_since = self.now
        taken_back = self.offers.pop(contact.offer, None)
        for level, name, amount in taken_back.charged if taken_back else ():
            level.passes[name] -= amount
        contact.agent, contact.offer = "", 0
        return agent

    def stop_waiting(self, contact: Contact) -> None:
        contact.waited, contact.left_at = self.now - contact.start, self.now

    def wait_again(self, contact: Contact) -> None:
        """With its clocks: the time in between counts neither as waited nor for the step."""
        contact.start = self.now - contact.waited
        contact.step_at += self.now - contact.left_at

    def prefer(self, contact: Contact, agent: str, until: int, *, only: bool) -> None:
        contact.prefer, contact.prefer_until, contact.prefer_only = agent, until, only

    def forget_preference(self, contact: Contact) -> None:
        """Of one agent; a team's stays."""
        contact.prefer, contact.prefer_only = "", False
        if not contact.team:
            contact.prefer_until = 0

    def forget_all_preference(self, contact: Contact) -> None:
        contact.team = ""
        self.forget_preference(contact)
