"""What the clients saw, written down as it came: the material of the summary and of the checker.

Two kinds of client saw it apart: the channels (their contacts' events, and the answers to their submits) and the agents
(their own offers and contacts). Instants are dispatcher ms; ``lsn`` is the journal's order, which all streams share.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from engine.dispatch import events as ev
from engine.dispatch.commands import AgentProfile, Sender

OUTCOMES = ("answered", "abandoned", "deflected", "bot_contained", "open")


class Reply(NamedTuple):
    """A reply round that ended at ``lsn``. ``answered`` False: it ended without a person's reply."""

    took_ms: int
    answered: bool
    lsn: int


@dataclass(slots=True)
class Life:
    """One contact as its channel saw it. 0 for an instant: not yet."""

    contact: int
    external_id: str
    channel: str
    mail: bool
    queue: str
    entry_queue: str
    shop: str
    stage: str
    submitted_at: int
    state: str = "queued"
    acked: bool = False
    person_since: int = 0  # began to wait for a person
    wait_from: int = 0  # waits since, 0 while connected
    waited_so_far_ms: int = 0
    owed: bool = False  # the customer wrote and no person has replied yet
    reply_since: int = 0  # the reply clock; 0: stopped
    answered_at: int = 0
    answered_by: str = ""
    answered_lsn: int = 0
    first_reply_ms: int = -1  # of answered: from person_since to the first word
    waited_ms: int = -1  # of answered: its part without being connected
    bot_reply_ms: int = -1  # from arrival to a bot's first word
    agents: list[str] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    messages: int = 0
    gaps: int = 0
    silent: bool = False
    gone: bool = False  # the customer left without a word, which the engine cannot know
    transfers: int = 0
    ended_at: int = 0
    reason: str = ""

    def start_reply_clock(self, at: int) -> None:
        """Runs from the customer's first unanswered message, once a person is to answer it."""
        if self.owed and self.stage == "person" and not self.reply_since:
            self.reply_since = at

    @property
    def outcome(self) -> str:
        """One of OUTCOMES. Answered: a person wrote to the customer, once at least, and the contact has ended."""
        if self.state == "deflected":
            return "deflected"
        if not self.ended_at:
            return "open"
        if self.answered_at:
            return "answered"
        # Where a scenario gives a bot's time as a whole nobody speaks: that it was solved is then all there is to hear.
        served = self.bot_reply_ms >= 0 or self.reason == "solved"
        if self.stage == "bot" and served and self.state != "abandoned":
            return "bot_contained"
        return "abandoned"


class Holding(NamedTuple):
    """An agent had a contact: as an open offer, in service, or in wrap-up. ``end`` None: still so when play ended."""

    contact: int
    agent: str
    kind: str
    begin: int
    end: int | None


@dataclass(slots=True)
class Hands:
    """What one agent has in hand, by its own stream."""

    agent: str
    capacity: int
    is_bot: bool
    offers: dict[int, tuple[int, int, int]] = field(default_factory=dict)  # offer → contact, units, since lsn
    serving: dict[int, tuple[int, int]] = field(default_factory=dict)  # contact → units, since lsn
    wrapping: dict[int, int] = field(default_factory=dict)  # contact → units
    units: int = 0
    peak: int = 0
    served: int = 0


class Overload(NamedTuple):
    agent: str
    units: int
    capacity: int
    lsn: int


class Witness:
    """Fed by the player; read by :mod:`sim.tally` and :mod:`sim.checker`."""

    def __init__(self, mail_channels: frozenset[str]) -> None:
        self._mail = mail_channels
        self.lives: dict[int, Life] = {}
        self.hands: dict[str, Hands] = {}
        self.holdings: list[Holding] = []
        self.overloads: list[Overload] = []
        self.acked: dict[str, int] = {}  # external id → contact, as the answers to submits said
        self.joined: set[str] = set()  # external ids that joined or resumed an open contact
        self.events = 0
        self.seen: dict[str, list[int]] = {}  # the lsns of the channels' events, by type

    # --- the channels' side -------------------------------------------------------------------------------------------

    def submit_acked(self, external_id: str, contact: int, state: str) -> None:
        """The engine said yes: from here on the contact must not be lost."""
        self.acked[external_id] = contact
        if state in ("joined", "resumed", "reopened"):
            self.joined.add(external_id)
        life = self.lives.get(contact)
        if life is not None:
            life.acked = True

    def channel_saw(self, event: ev.Event, lsn: int) -> Life | None:
        """An event of a channel's stream; the contact's life so far, when there is one."""
        self.events += 1
        self.seen.setdefault(type(event).__name__, []).append(lsn)
        if isinstance(event, ev.ContactSubmitted | ev.ContactDeflected):
            return self._begin(event)
        life = self.lives.get(getattr(event, "contact", 0))
        if life is not None:
            self._live(life, event, lsn)
            if isinstance(event, ev.ContactRequeued):
                self._release(event.agent, event.contact, lsn)
        return life

    def _begin(self, event: ev.ContactSubmitted | ev.ContactDeflected) -> Life:
        life = Life(
            contact=event.contact,
            external_id=event.external_id,
            channel=event.channel,
            mail=event.channel in self._mail,
            queue=event.queue,
            entry_queue=event.queue,
            shop=event.shop,
            stage="" if isinstance(event, ev.ContactDeflected) else event.stage,
            submitted_at=event.at,
            acked=event.external_id in self.acked,
        )
        if isinstance(event, ev.ContactDeflected):
            life.state, life.ended_at, life.reason = "deflected", event.at, event.reason
        else:
            life.owed = event.opening
            if life.stage == "person":
                life.person_since = life.wait_from = event.at
                life.start_reply_clock(event.at)
        self.lives[event.contact] = life
        return life

    def _live(self, life: Life, event: ev.Event, lsn: int) -> None:
        match event:
            case ev.MessageAdded():
                self._message(life, event, lsn)
            case ev.ContactConnected(agent=agent):
                if life.stage == "person" and life.wait_from:
                    life.waited_so_far_ms += event.at - life.wait_from
                life.state, life.wait_from = "connected", 0
                life.agents.append(agent)
            case ev.ContactMoved(queue=queue):
                life.queue = queue
            case ev.ContactTransferred() | ev.PersonAsked() | ev.ContactRequeued() | ev.ContactResumed():
                self._wait_again(life, event)
            case ev.ContactReopened():
                self._wait_again(life, event)
            case ev.ContactAbandoned(silent=silent):
                life.state, life.silent, life.reason = "abandoned", silent, "abandoned"
                if life.stage == "person" and life.wait_from:  # should the customer be back, the wait goes on from here
                    life.waited_so_far_ms += event.at - life.wait_from
                self._end(life, event.at, lsn)
            case ev.ContactClosed(reason=reason):
                life.state, life.reason = "closed", reason
                self._end(life, event.at, lsn)

    @staticmethod
    def _wait_again(
        life: Life,
        event: ev.ContactTransferred | ev.PersonAsked | ev.ContactRequeued | ev.ContactResumed | ev.ContactReopened,
    ) -> None:
        if isinstance(event, ev.ContactResumed):
            life.gone = False
            if life.person_since:
                life.person_since += event.at - life.ended_at  # time away is no wait
        elif isinstance(event, ev.ContactReopened):
            life.gone = False
            life.owed = life.owed or event.opening
            if life.person_since:
                life.person_since = event.at  # a re-contact waits from here on
        life.state, life.ended_at, life.wait_from = "queued", 0, event.at
        stage = life.stage
        if isinstance(event, ev.ContactTransferred):
            stage, life.queue = event.stage, event.queue
            life.transfers += 1
        elif isinstance(event, ev.PersonAsked):
            stage = "person"
        if stage == "person" and life.stage == "bot":
            life.person_since = event.at
        life.stage = stage
        life.start_reply_clock(event.at)

    def _message(self, life: Life, event: ev.MessageAdded, lsn: int) -> None:
        life.gaps += event.seq != life.messages + 1
        life.messages = event.seq
        if event.sender == Sender.BOT:
            if life.bot_reply_ms < 0:
                life.bot_reply_ms = event.at - life.submitted_at
        elif event.sender == Sender.CUSTOMER:
            life.owed = True
            life.start_reply_clock(event.at)
        elif event.sender == Sender.AGENT and not event.automatic:
            life.owed = False
            if life.reply_since:
                life.replies.append(Reply(event.at - life.reply_since, True, lsn))
                life.reply_since = 0
            if not life.answered_at:
                life.answered_at, life.answered_by, life.waited_ms = event.at, event.agent, life.waited_so_far_ms
                life.answered_lsn = lsn
                life.first_reply_ms = event.at - life.person_since

    @staticmethod
    def _end(life: Life, at: int, lsn: int) -> None:
        life.ended_at = at
        if life.reply_since:
            life.replies.append(Reply(at - life.reply_since, False, lsn))
            life.reply_since = 0

    def counts(self, up_to_lsn: int) -> dict[str, int]:
        """What happened up to this place of the journal, as the channels saw it; to be compared with other counts."""
        kinds = {
            "submitted": "ContactSubmitted",
            "abandoned": "ContactAbandoned",
            "closed": "ContactClosed",
            "deflected": "ContactDeflected",
        }
        lives = self.lives.values()
        return {
            **{name: sum(lsn <= up_to_lsn for lsn in self.seen.get(kind, ())) for name, kind in kinds.items()},
            "answered": sum(0 < life.answered_lsn <= up_to_lsn for life in lives),
            "reply_rounds": sum(reply.lsn <= up_to_lsn for life in lives for reply in life.replies),
        }

    # --- the agents' side ---------------------------------------------------------------------------------------------

    def agent_signs_on(self, profile: AgentProfile) -> None:
        self.hands.setdefault(profile.agent, Hands(profile.agent, profile.capacity, profile.kind == "bot"))

    def agent_saw(self, agent: str, event: ev.Event, lsn: int) -> None:
        """An event of an agent's own stream, in its order."""
        self.events += 1
        hands = self.hands[agent]
        match event:
            case ev.OfferMade(offer=offer, contact=contact, cost=cost) if event.agent == agent:
                hands.offers[offer] = (contact, cost, lsn)
                self._take(hands, cost, lsn)
            case ev.OfferDeclined(offer=offer) | ev.OfferExpired(offer=offer) | ev.OfferRescinded(offer=offer):
                self._end_offer(hands, offer, lsn, keep=False)
            case ev.OfferAccepted(offer=offer, contact=contact) if event.agent == agent:
                units = self._end_offer(hands, offer, lsn, keep=True)
                hands.serving[contact] = (units, lsn)
                hands.served += 1
            case ev.ContactTransferred(contact=contact) | ev.ContactRequeued(contact=contact):
                if event.agent == agent:
                    self._release(agent, contact, lsn)
            case ev.ContactClosed(contact=contact):
                units = self._release(agent, contact, lsn)
                if units:
                    hands.wrapping[contact] = units  # should wrap-up start in this very record
            case ev.WrapUpStarted(contact=contact) if event.agent == agent:
                self._take(hands, hands.wrapping.get(contact, 1), lsn)
            case ev.WrapUpEnded(contact=contact) if event.agent == agent:
                hands.units -= hands.wrapping.pop(contact, 1)
            case ev.CapacityChanged(capacity=capacity) if event.agent == agent:
                hands.capacity = capacity

    def _take(self, hands: Hands, units: int, lsn: int) -> None:
        hands.units += units
        hands.peak = max(hands.peak, hands.units)
        if hands.units > hands.capacity:
            self.overloads.append(Overload(hands.agent, hands.units, hands.capacity, lsn))

    def _end_offer(self, hands: Hands, offer: int, lsn: int, *, keep: bool) -> int:
        contact, units, since = hands.offers.pop(offer, (0, 0, 0))
        if contact:
            self.holdings.append(Holding(contact, hands.agent, "offer", since, lsn))
            if not keep:
                hands.units -= units
        return units

    def _release(self, agent: str, contact: int, lsn: int) -> int:
        """The agent serves it no more; the units that this set free (0: it did not serve it)."""
        hands = self.hands.get(agent)
        if hands is None or contact not in hands.serving:
            return 0
        units, since = hands.serving.pop(contact)
        hands.units -= units
        self.holdings.append(Holding(contact, agent, "service", since, lsn))
        return units

    def agent_resynced(
        self, agent: str, offers: dict[int, int], contacts: set[int], wrapping: set[int], lsn: int
    ) -> None:
        """The stream had a gap: what the engine says the agent has now takes the place of what was seen.

        ``offers``: offer → contact. Units are one each, as they are for every channel of the shops we ship.
        """
        hands = self.hands[agent]
        for offer in list(hands.offers):
            self._end_offer(hands, offer, lsn, keep=False)
        for contact in list(hands.serving):
            self._release(agent, contact, lsn)
        hands.offers = {offer: (contact, 1, lsn) for offer, contact in offers.items()}
        hands.serving = dict.fromkeys(contacts, (1, lsn))
        hands.wrapping = dict.fromkeys(wrapping, 1)
        hands.units = len(offers) + len(contacts) + len(wrapping)

    def strangers(self) -> int:
        """Contacts that our agents had in hand and none of our channels brought: somebody else is trying the engine out."""
        return len({holding.contact for holding in self.finish()} - self.lives.keys())

    def finish(self) -> list[Holding]:
        """Every holding, those still going on included."""
        going_on = [
            Holding(contact, hands.agent, kind, since, None)
            for hands in self.hands.values()
            for kind, held in (
                ("offer", [(contact, since) for contact, _, since in hands.offers.values()]),
                ("service", [(contact, since) for contact, (_, since) in hands.serving.items()]),
            )
            for contact, since in held
        ]
        return self.holdings + going_on
