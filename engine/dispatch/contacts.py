"""The contact: its states, its transitions, its clocks.

``TRANSITIONS`` covers everything the design names, also what later rules use; the docs' diagram is drawn from it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from mypy_extensions import mypyc_attr

from engine.dispatch import events as ev
from engine.dispatch.commands import Attributes
from engine.dispatch.lanes import Seat
from engine.dispatch.strands import ContactKey

if TYPE_CHECKING:  # who stands there is a contact
    from engine.dispatch.stands import Stand


class ContactState(StrEnum):
    QUEUED = "queued"
    OFFERED = "offered"
    HELD = "held"  # accepted, the connection still being made
    CONNECTED = "connected"
    DORMANT = "dormant"
    PROMISED = "promised"  # an off-line message or call-back under a promise
    WRAP_UP = "wrap_up"  # over for the customer; its agent's capacity still held
    ABANDONED = "abandoned"  # left unserved; may come back inside the window
    CLOSED = "closed"


S = ContactState
# Tuples, not sets: an enum member's hash is a Python call, its identity is not. For the same reason the hot modules
# bind single members to names of their own.
WAITING = (S.QUEUED, S.OFFERED, S.HELD)
OPEN = (S.QUEUED, S.OFFERED, S.HELD, S.CONNECTED, S.DORMANT, S.PROMISED)

# (state, event) → state. None: the contact does not exist before.
TRANSITIONS: dict[tuple[ContactState | None, type], ContactState] = {
    (None, ev.ContactSubmitted): S.QUEUED,
    (S.QUEUED, ev.OfferMade): S.OFFERED,
    (S.OFFERED, ev.OfferAccepted): S.HELD,
    (S.OFFERED, ev.OfferDeclined): S.QUEUED,
    (S.OFFERED, ev.OfferExpired): S.QUEUED,
    (S.OFFERED, ev.OfferRescinded): S.QUEUED,
    (S.HELD, ev.OfferRescinded): S.QUEUED,
    (S.HELD, ev.ContactConnected): S.CONNECTED,
    (S.CONNECTED, ev.ContactTransferred): S.QUEUED,
    (S.CONNECTED, ev.ContactRequeued): S.QUEUED,
    (S.DORMANT, ev.ContactTransferred): S.QUEUED,
    (S.DORMANT, ev.ContactRequeued): S.QUEUED,
    (S.CONNECTED, ev.ContactSlept): S.DORMANT,
    (S.DORMANT, ev.ContactWoke): S.CONNECTED,
    (S.QUEUED, ev.ContactAbandoned): S.ABANDONED,
    (S.ABANDONED, ev.ContactResumed): S.QUEUED,
    (S.ABANDONED, ev.ContactForgotten): S.CLOSED,
    (S.QUEUED, ev.MessageLeft): S.PROMISED,
    (S.CONNECTED, ev.MessageLeft): S.PROMISED,  # with a bot
    (S.PROMISED, ev.MessageReleased): S.QUEUED,
    (S.QUEUED, ev.ContactClosed): S.CLOSED,
    (S.PROMISED, ev.ContactClosed): S.CLOSED,
    (S.CONNECTED, ev.ContactClosed): S.CLOSED,
    (S.DORMANT, ev.ContactClosed): S.CLOSED,
    (S.CLOSED, ev.WrapUpStarted): S.WRAP_UP,
    (S.WRAP_UP, ev.WrapUpEnded): S.CLOSED,
    (S.CLOSED, ev.ContactReopened): S.QUEUED,
    (S.CLOSED, ev.ContactForgotten): S.CLOSED,
}


# Shared by all that have none: ten thousands of empty mappings would be cold memory on every look. Replaced, not changed.
NOBODY: Final[dict[str, int]] = {}


@mypyc_attr(acyclic=True, serializable=True)
@dataclass(init=False, eq=False)
class Contact:
    """State of one contact. Instants in ms; 0 means "not set" for instants that may be missing.

    ``start`` is the virtual instant at which it would have begun to wait had it waited without a break: while waiting,
    waited = now − start; larger waited sorts first as smaller ``start``. While not waiting, ``waited`` holds the sum.
    """

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
    requires: str  # canonical text of what this contact needs on top of its queue
    attributes: Attributes
    transcript: str
    arrived_at: int
    start: int
    step_at: int  # the step clock's zero
    state: ContactState = S.QUEUED
    version: int = 1
    waited: int = 0
    step: int = 0
    raised: int = 0  # priority added by steps
    cost: int = 1
    agent: str = ""  # who is offered, holds, serves, or wraps up
    offer: int = 0
    offers: int = 0  # offers made so far
    fruitless: int = 0  # offers declined or expired since it entered its queue
    decliners: dict[str, int] = field(default_factory=dict)  # agent → instant at which the memory ends
    prefer: str = ""  # the preferred agent; once closed as idle: who served it
    prefer_until: int = 0
    prefer_only: bool = False  # only the preferred agent may have it until then
    team: str = ""  # only agents of this team may have it until then
    left_at: int = 0  # when it last stopped waiting
    connected_at: int = 0
    answered: bool = False
    answered_at: int = 0
    owed: bool = False  # the customer wrote and no person has replied yet
    replying: bool = False  # the reply clock runs
    reply_since: int = 0
    reply_round: int = 0
    reply_alarm: int = 0  # 1: warned, 2: breached, in this round
    messages: int = 0
    wrote: bool = False  # its agent has written since they were connected
    silent_at: int = 0  # the zero of the silence clock's running stage; 0: the customer is not silent
    reminded: bool = False
    intent: str = ""
    reason: str = ""
    wrap_up_until: int = 0
    resume_until: int = 0
    pinned: bool = False  # a person decided where it waits: entry rules leave it alone
    promised: bool = False  # under a promise: a message or a call-back, see standing.Promise
    behind: bool = False  # … and ranks behind live contacts
    asks: str = ""  # the requirement that came with it, kept when the queue changes
    source: str = ""  # the channel principal that speaks for the customer
    also: tuple[str, ...] = ()  # further channel principals that speak for the customer
    joined: tuple[tuple[str, str], ...] = ()  # (channel, external id) of contacts that joined this one

    def __init__(self, event: ev.ContactSubmitted) -> None:
        at = event.at
        self.contact = event.contact
        self.tenant = event.tenant
        self.channel = event.channel
        self.external_id = event.external_id
        self.customer = event.customer
        self.shop = event.shop
        self.queue = event.queue
        self.rule = event.rule
        self.stage = event.stage
        self.priority = event.priority
        self.requires = event.requires
        self.attributes = event.attributes
        self.transcript = event.transcript
        self.arrived_at = at
        self.start = at
        self.step_at = at
        self.state = S.QUEUED
        self.version = 1
        self.waited = 0
        self.step = 0
        self.raised = 0
        self.cost = event.cost
        self.agent = ""
        # Places in the indexes; never stored.
        self.seat: Seat | None = None  # that agent's
        self.stand: Stand | None = None  # where it waits
        self.key: ContactKey | None = None  # its own in the first of its lanes, once it stands there
        self.offer = 0
        self.offers = 0
        self.fruitless = 0
        self.decliners = NOBODY
        self.prefer = ""
        self.prefer_until = 0
        self.prefer_only = False
        self.team = ""
        self.left_at = 0
        self.connected_at = 0
        self.answered = False
        self.answered_at = 0
        self.owed = event.opening
        self.replying = False
        self.reply_since = 0
        self.reply_round = 0
        self.reply_alarm = 0
        self.messages = 0
        self.wrote = False
        self.silent_at = 0
        self.reminded = False
        self.intent = ""
        self.reason = ""
        self.wrap_up_until = 0
        self.resume_until = 0
        self.pinned = False
        self.promised = False
        self.behind = False
        self.asks = event.asks
        self.source = event.source
        self.also, self.joined = (), ()

    def waited_ms(self, now: int) -> int:
        """Time spent waiting for a person (for a bot, in the bot stage), connected time left out."""
        return now - self.start if self.state in WAITING else self.waited


@mypyc_attr(acyclic=True, serializable=True)
@dataclass(init=False, eq=False)
class Offer:
    offer: int
    contact: int
    agent: str
    pool: str
    made_at: int
    deadline: int
    held: bool = False

    def __init__(self, offer: int, contact: int, agent: str, pool: str, made_at: int, deadline: int) -> None:
        self.offer = offer
        self.contact = contact
        self.agent = agent
        self.pool = pool
        self.made_at = made_at
        self.deadline = deadline
        self.held = False
