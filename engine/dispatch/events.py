"""Everything that can happen in a dispatcher, past tense.

Each event carries ``at`` (the stamp of the call that emitted it) and all that is needed to apply it: recovery applies
events and runs no rules. Lengths and instants are integer milliseconds.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from engine.dispatch.agent_events import AgentBack as AgentBack
from engine.dispatch.agent_events import AgentDefined as AgentDefined
from engine.dispatch.agent_events import AgentLost as AgentLost
from engine.dispatch.agent_events import AgentRemoved as AgentRemoved
from engine.dispatch.agent_events import AgentStateChanged as AgentStateChanged
from engine.dispatch.agent_events import BackOffEnded as BackOffEnded
from engine.dispatch.agent_events import CapacityChanged as CapacityChanged
from engine.dispatch.agent_events import ConsultAccepted as ConsultAccepted
from engine.dispatch.agent_events import ConsultAsked as ConsultAsked
from engine.dispatch.agent_events import ConsultEnded as ConsultEnded
from engine.dispatch.agent_events import ExternalLoadChanged as ExternalLoadChanged
from engine.dispatch.agent_events import OfferAccepted as OfferAccepted
from engine.dispatch.agent_events import OfferDeclined as OfferDeclined
from engine.dispatch.agent_events import OfferExpired as OfferExpired
from engine.dispatch.agent_events import OfferMade as OfferMade
from engine.dispatch.agent_events import OfferRescinded as OfferRescinded
from engine.dispatch.agent_events import QuotaEnded as QuotaEnded
from engine.dispatch.agent_events import WrapUpEnded as WrapUpEnded
from engine.dispatch.agent_events import WrapUpStarted as WrapUpStarted
from engine.dispatch.commands import Attributes
from engine.dispatch.house_events import ContactSentToBot as ContactSentToBot
from engine.dispatch.house_events import ContactTold as ContactTold
from engine.dispatch.house_events import EffectSliced as EffectSliced
from engine.dispatch.house_events import HoursChanged as HoursChanged
from engine.dispatch.house_events import MessageDue as MessageDue
from engine.dispatch.house_events import MessageLeft as MessageLeft
from engine.dispatch.house_events import MessageReleased as MessageReleased
from engine.dispatch.house_events import QueueNoticeEnded as QueueNoticeEnded
from engine.dispatch.house_events import QueueNoticeSet as QueueNoticeSet
from engine.dispatch.mass_events import BulkContinued as BulkContinued
from engine.dispatch.mass_events import BulkEnded as BulkEnded
from engine.dispatch.mass_events import BulkStarted as BulkStarted
from engine.dispatch.mass_events import ContactAssigned as ContactAssigned
from engine.dispatch.mass_events import PoolDrained as PoolDrained
from engine.dispatch.mass_events import PoolOpened as PoolOpened
from engine.dispatch.mass_events import RearrangementContinued as RearrangementContinued
from engine.dispatch.mass_events import RearrangementEnded as RearrangementEnded
from engine.dispatch.mass_events import RearrangementStarted as RearrangementStarted
from engine.dispatch.pool_events import AlertRaised as AlertRaised
from engine.dispatch.pool_events import LenderMeasured as LenderMeasured


class _Event(msgspec.Struct, frozen=True, gc=False, tag_field="type", omit_defaults=True):
    at: int


# --- a contact's way ------------------------------------------------------------------------------------------------


class ContactSubmitted(_Event, tag="contact.submitted", frozen=True, gc=False):
    """Accepted and queued. ``stage`` is ``bot`` or ``person``; ``rule`` names the entry rule that matched."""

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
    attributes: Attributes
    transcript: str = ""
    opening: bool = True
    asks: str = ""
    cost: int = 1
    source: str = ""


class ContactDeflected(_Event, tag="contact.deflected", frozen=True, gc=False):
    """Refused entry, with a reason and an alternative; never silence. The number is used up."""

    contact: int
    tenant: str
    channel: str
    external_id: str
    customer: str
    shop: str
    queue: str
    rule: str
    reason: str
    alternative: str
    notice: str = ""


class ContactJoined(_Event, tag="contact.joined", frozen=True, gc=False):
    """A second contact of the same customer and shop joined the open one."""

    contact: int
    channel: str
    external_id: str
    opening: bool = True
    source: str = ""


class ContactResumed(_Event, tag="contact.resumed", frozen=True, gc=False):
    """Came back inside the abandon window: its old place, the time away not counted as waited. ``external_id`` is its
    name on ``channel`` (empty: its own); ``opening``: the customer has written."""

    contact: int
    external_id: str
    channel: str = ""
    opening: bool = False


class ContactUpdated(_Event, tag="contact.updated", frozen=True, gc=False):
    contact: int
    attributes: Attributes


class ContactMoved(_Event, tag="contact.moved", frozen=True, gc=False):
    """Another queue, requirement or priority; clocks kept, steps start again in another queue.

    ``why``: update, moved, policy, prioritised, delivery_limit, or step (a step of its queue moved it).
    """

    contact: int
    queue: str
    rule: str
    priority: int
    requires: str
    why: str
    reason: str = ""


class StepOpened(_Event, tag="step.opened", frozen=True, gc=False):
    """``step`` counts from 1; step 0 is the queue's own pools and requirement.

    ``why``: ``clock``, ``conditions`` (one besides the clock was asked for, and all hold) or ``nobody``.
    """

    contact: int
    step: int
    why: str = "clock"


class AlternativesOffered(_Event, tag="contact.alternatives_offered", frozen=True, gc=False):
    """A step offers the customer something instead of waiting on: ``bot``, ``call_back``, ``message``. Nothing else changes."""

    contact: int
    step: int
    alternatives: tuple[str, ...]


class AffinityBegan(_Event, tag="affinity.began", frozen=True, gc=False):
    """Until then this agent alone may have it. ``why``: ``named``, ``last`` (on arrival), ``reopened`` or ``woke``."""

    contact: int
    agent: str
    until: int
    why: str


class AffinityEnded(_Event, tag="affinity.ended", frozen=True, gc=False):
    """The preferred agent's budget ran out or the agent left: everyone eligible may have the contact.

    ``agent`` empty: it was kept for a team; ``why`` ``team_left``: nobody of it is there.
    """

    contact: int
    agent: str
    why: str = "budget"


class DeclinerForgotten(_Event, tag="decliner.forgotten", frozen=True, gc=False):
    """``why``: ``expired``, or ``yielded`` because nobody else was eligible."""

    contact: int
    agent: str
    why: str = "expired"


class MessageAdded(_Event, tag="message.added", frozen=True, gc=False):
    """``seq`` counts the contact's messages from 1 without gaps."""

    contact: int
    seq: int
    sender: str
    agent: str = ""
    automatic: bool = False


class ReplyStarted(_Event, tag="reply.started", frozen=True, gc=False):
    contact: int
    round: int


class ReplyWarned(_Event, tag="reply.warned", frozen=True, gc=False):
    contact: int
    round: int
    agent: str = ""


class ReplyBreached(_Event, tag="reply.breached", frozen=True, gc=False):
    contact: int
    round: int
    agent: str = ""


class ReplyStopped(_Event, tag="reply.stopped", frozen=True, gc=False):
    """A round ends. ``answered`` False: the contact ended, or went back to a bot, without a person's reply."""

    contact: int
    round: int
    took_ms: int
    answered: bool
    agent: str = ""


class ContactAnswered(_Event, tag="contact.answered", frozen=True, gc=False):
    """First message by a person since it began waiting for one (channels without messages: connected)."""

    contact: int
    agent: str
    waited_ms: int
    first_reply_ms: int


class ContactConnected(_Event, tag="contact.connected", frozen=True, gc=False):
    contact: int
    agent: str
    waited_ms: int


class ContactTransferred(_Event, tag="contact.transferred", frozen=True, gc=False):
    """Left its agent and waits again. ``prefer``: the named agent, until ``prefer_until``.

    ``stage`` becomes ``person`` on a bot's hand-off, and only then do ``waited`` and the steps start from zero.
    """

    contact: int
    agent: str
    queue: str
    stage: str
    priority: int
    requires: str
    reason: str = ""
    intent: str = ""
    transcript: str = ""
    attributes: Attributes = {}
    prefer: str = ""
    prefer_until: int = 0
    hand_off: bool = False
    forget_at: int = 0  # the passing agent is treated as a decliner until then
    team: str = ""  # until ``prefer_until`` only agents of this team may have it


class ContactRequeued(_Event, tag="contact.requeued", frozen=True, gc=False):
    """Its agent is gone, never answered (``unanswered``), or has no room for a customer who woke (``woke``): back in its
    queue with its clocks, sticky to ``prefer``, or kept for the agents of ``team``, until ``prefer_until``."""

    contact: int
    agent: str
    reason: str
    prefer: str = ""
    prefer_until: int = 0
    team: str = ""
    forget_at: int = 0  # that agent is treated as a decliner until then


class PersonAsked(_Event, tag="person.asked", frozen=True, gc=False):
    """Asked for a person while waiting for a bot: now waits for a person; ``waited`` starts here."""

    contact: int
    intent: str = ""
    reason: str = ""


class ContactReminded(_Event, tag="contact.reminded", frozen=True, gc=False):
    """The customer has been silent for a while: the channel is to ask whether anybody is still there."""

    contact: int
    agent: str = ""


class ContactSlept(_Event, tag="contact.dormant", frozen=True, gc=False):
    """Still silent: from here on it holds ``cost`` units of its agent."""

    contact: int
    agent: str = ""
    cost: int = 0


class ContactWoke(_Event, tag="contact.woke", frozen=True, gc=False):
    """The customer is back, and the agent has room: ``cost`` units again."""

    contact: int
    agent: str = ""
    cost: int = 0


class ContactReopened(_Event, tag="contact.reopened", frozen=True, gc=False):
    """A re-contact: closed as idle, and the customer wrote or came again in time. It waits from here on."""

    contact: int
    external_id: str
    channel: str = ""
    opening: bool = True
    source: str = ""


class ContactAbandoned(_Event, tag="contact.abandoned", frozen=True, gc=False):
    """``resume_until``: the instant until which the same customer gets the old place back."""

    contact: int
    waited_ms: int
    silent: bool
    resume_until: int


class ContactClosed(_Event, tag="contact.closed", frozen=True, gc=False):
    """``reopen_until``: the instant until which the customer's next word opens it again (0: never)."""

    contact: int
    reason: str
    agent: str = ""
    by: str = ""
    wrap_up_until: int = 0
    reopen_until: int = 0


class ContactForgotten(_Event, tag="contact.forgotten", frozen=True, gc=False):
    """The window for coming back, of a contact that was abandoned or closed as idle, is over."""

    contact: int


# --- queues, the domain, refusals -----------------------------------------------------------------------------------


class QueueClosed(_Event, tag="queue.closed", frozen=True, gc=False):
    queue: str
    reason: str = ""


class QueueOpened(_Event, tag="queue.opened", frozen=True, gc=False):
    queue: str
    reason: str = ""


class PolicyApplied(_Event, tag="policy.applied", frozen=True, gc=False):
    """``text`` is the whole file: a journal explains itself. ``sliced``: a rearrangement begins, see below."""

    version: str
    text: str
    sliced: bool = False


class EngineStarted(_Event, tag="engine.started", frozen=True, gc=False):
    """``sliced``: a rearrangement begins, whose first stages take the last epoch's offers back and lose its agents."""

    epoch: int
    down_ms: int
    sliced: bool = False


class DeskRecorded(_Event, tag="desk.recorded", frozen=True, gc=False):
    """Something was done at the desk; nothing here changes. ``contact`` 0: it is about none."""

    tenant: str
    kind: str
    subject: str = ""
    contact: int = 0


class CommandRejected(_Event, tag="command.rejected", frozen=True, gc=False):
    """Part of history. ``code`` is one of :class:`engine.dispatch.refusals.Code`."""

    command: str
    code: str
    what: str
    got: str = ""
    wanted: str = ""


ContactEvent: TypeAlias = (
    ContactSubmitted
    | ContactDeflected
    | ContactJoined
    | ContactResumed
    | ContactUpdated
    | ContactMoved
    | StepOpened
    | AlternativesOffered
    | AffinityBegan
    | AffinityEnded
    | DeclinerForgotten
    | MessageAdded
    | ReplyStarted
    | ReplyWarned
    | ReplyBreached
    | ReplyStopped
    | ContactAnswered
    | ContactConnected
    | ContactAssigned
    | ContactTransferred
    | ContactRequeued
    | PersonAsked
    | ContactReminded
    | ContactSlept
    | ContactWoke
    | ContactReopened
    | MessageLeft
    | MessageReleased
    | MessageDue
    | ContactTold
    | ContactSentToBot
    | ContactAbandoned
    | ContactClosed
    | ContactForgotten
)
ConsultEvent: TypeAlias = ConsultAsked | ConsultAccepted | ConsultEnded
OfferEvent: TypeAlias = OfferMade | OfferAccepted | OfferDeclined | OfferExpired | OfferRescinded
AgentEvent: TypeAlias = (
    AgentDefined
    | AgentRemoved
    | AgentStateChanged
    | AgentLost
    | AgentBack
    | BackOffEnded
    | QuotaEnded
    | CapacityChanged
    | ExternalLoadChanged
    | WrapUpStarted
    | WrapUpEnded
)
DomainEvent: TypeAlias = (
    QueueClosed
    | QueueOpened
    | QueueNoticeSet
    | LenderMeasured
    | AlertRaised
    | QueueNoticeEnded
    | HoursChanged
    | EffectSliced
    | PolicyApplied
    | RearrangementStarted
    | RearrangementContinued
    | RearrangementEnded
    | PoolDrained
    | PoolOpened
    | BulkStarted
    | BulkContinued
    | BulkEnded
    | EngineStarted
    | DeskRecorded
    | CommandRejected
)
Event: TypeAlias = ContactEvent | OfferEvent | ConsultEvent | AgentEvent | DomainEvent
