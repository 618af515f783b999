"""Everything that may be asked of a dispatcher, imperative mood.

Commands are frozen, carry ids from outside, and hold no personal data: opaque customer keys and declared routing
attributes only. Instants and lengths are integer milliseconds. The wire decodes straight into these types; ``tenant``
and ``agent`` are overwritten there from the token.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, TypeAlias

import msgspec

Value: TypeAlias = str | int | float | bool
Attributes: TypeAlias = dict[str, Value]


class AgentKind(StrEnum):
    ONSITE = "onsite"
    REMOTE = "remote"
    BOT = "bot"


class Sender(StrEnum):
    CUSTOMER = "customer"
    AGENT = "agent"
    BOT = "bot"
    SYSTEM = "system"


class AgentProfile(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    """What an agent is and can do.

    ``skills`` maps a skill to a proficiency 1–10; ``capacity`` is in units (a contact takes its channel's cost);
    ``channel_limits`` lowers the policy's limit of a channel that declares one.
    """

    agent: str
    kind: AgentKind = AgentKind.ONSITE
    tenant: str = ""
    name: str = ""
    team: str = ""
    pools: tuple[str, ...] = ("onsite",)
    skills: dict[str, int] = {}
    attributes: Attributes = {}
    capacity: int = 1
    channel_limits: dict[str, int] = {}
    auto_accept: bool = False


class _Command(msgspec.Struct, frozen=True, gc=False, tag_field="type", forbid_unknown_fields=True, omit_defaults=True):
    pass


# --- contacts -------------------------------------------------------------------------------------------------------


class SubmitContact(_Command, tag="contact.submit", frozen=True, gc=False):
    """A contact arrives. ``opening``: the customer has already written, so the reply clock starts with the wait.

    ``source``: the channel principal that speaks for the customer and hears of the contact; the wire fills it in.
    """

    tenant: str = ""
    channel: str = ""
    external_id: str = ""
    customer: str = ""
    shop: str = ""
    attributes: Attributes = {}
    requires: str = ""
    transcript: str = ""
    opening: bool = True
    source: str = ""


class UpdateContact(_Command, tag="contact.update", frozen=True, gc=False):
    """Attributes changed (unpaid → paid): a waiting contact is put through the entry rules again and keeps its clocks."""

    tenant: str = ""
    contact: int = 0
    attributes: Attributes = {}
    expect_version: int | None = None


class AddMessage(_Command, tag="contact.message", frozen=True, gc=False):
    """Somebody wrote. The text itself travels beside the command as payload and never enters the dispatcher.

    ``automatic`` marks a reply no person typed; it never stops the reply clock.
    """

    tenant: str = ""
    contact: int = 0
    sender: Sender = Sender.CUSTOMER
    agent: str = ""
    automatic: bool = False


class AskPerson(_Command, tag="contact.ask_person", frozen=True, gc=False):
    """The customer asks for a person: queued for one at once, whatever a bot would say."""

    tenant: str = ""
    contact: int = 0
    intent: str = ""
    reason: str = "customer_asked"


class AskBot(_Command, tag="contact.ask_bot", frozen=True, gc=False):
    """A waiting customer takes the bot that was offered instead: it waits for one of its queue's."""

    tenant: str = ""
    contact: int = 0
    reason: str = "customer_asked"


class TransferContact(_Command, tag="contact.transfer", frozen=True, gc=False):
    """Its agent passes the contact on: to a queue, to a named agent, or (a bot, both empty) to people in its own queue."""

    tenant: str = ""
    contact: int = 0
    agent: str = ""
    to_queue: str = ""
    to_agent: str = ""
    reason: str = ""
    intent: str = ""
    transcript: str = ""
    attributes: Attributes = {}
    expect_version: int | None = None


class AbandonContact(_Command, tag="contact.abandon", frozen=True, gc=False):
    """The customer leaves before being served. ``silent``: found out, not said."""

    tenant: str = ""
    contact: int = 0
    silent: bool = False


class CloseContact(_Command, tag="contact.close", frozen=True, gc=False):
    """The matter ends. ``agent`` empty: closed by the customer, the channel or a supervisor."""

    tenant: str = ""
    contact: int = 0
    agent: str = ""
    reason: str = "done"
    expect_version: int | None = None


class MoveContact(_Command, tag="contact.move", frozen=True, gc=False):
    tenant: str = ""
    contact: int = 0
    queue: str = ""
    reason: str = ""
    expect_version: int | None = None


class PrioritiseContact(_Command, tag="contact.prioritise", frozen=True, gc=False):
    tenant: str = ""
    contact: int = 0
    priority: int = 0
    reason: str = ""
    expect_version: int | None = None


class AssignContact(_Command, tag="contact.assign", frozen=True, gc=False):
    """A supervisor's forced assignment; may exceed capacity, and is counted apart."""

    tenant: str = ""
    contact: int = 0
    agent: str = ""
    reason: str = ""
    expect_version: int | None = None


class ConsultAgent(_Command, tag="contact.consult", frozen=True, gc=False):
    """Its agent asks a second one to help: somebody named, or whoever of a queue is free. The contact stays where it is."""

    tenant: str = ""
    contact: int = 0
    agent: str = ""
    to_queue: str = ""
    to_agent: str = ""
    reason: str = ""


class AcceptConsult(_Command, tag="consult.accept", frozen=True, gc=False):
    """The second agent helps; without this the consult ends when an offer would expire."""

    tenant: str = ""
    contact: int = 0
    agent: str = ""


class EndConsult(_Command, tag="consult.end", frozen=True, gc=False):
    """Either side ends it: before it was accepted the first withdraws it, or the second declines."""

    tenant: str = ""
    contact: int = 0
    agent: str = ""
    reason: str = ""


class TakeOverContact(_Command, tag="contact.take_over", frozen=True, gc=False):
    """``agent``, who has room, takes a contact that somebody else serves; one record, its clocks go on."""

    tenant: str = ""
    contact: int = 0
    agent: str = ""
    reason: str = ""


class LeaveMessage(_Command, tag="contact.leave_message", frozen=True, gc=False):
    """A waiting customer chooses to be answered later: the contact stays open under a promise."""

    tenant: str = ""
    contact: int = 0
    kind: Literal["message", "call_back"] = "message"


class BulkCommand(_Command, tag="contacts.bulk", frozen=True, gc=False):
    """One action on all contacts that wait (offered ones included) and match; each is done whole or not at all.

    ``preview`` only counts them. ``expect_count`` must equal that count. A filter without queue, shop and channel
    matches everything and needs ``everything``.
    """

    tenant: str = ""
    queue: str = ""
    shop: str = ""
    channel: str = ""
    action: Literal["move", "prioritise", "bot", "message"] = "move"
    to_queue: str = ""
    priority: int = 0
    expect_count: int = 0
    reason: str = ""
    preview: bool = False
    everything: bool = False


# --- agents ---------------------------------------------------------------------------------------------------------


class DefineAgent(_Command, tag="agent.define", frozen=True, gc=False):
    """Create an agent or replace its profile; what it serves now is kept."""

    profile: AgentProfile


class RemoveAgent(_Command, tag="agent.remove", frozen=True, gc=False):
    """Delete an offline agent without work."""

    agent: str = ""


class SignOn(_Command, tag="agent.sign_on", frozen=True, gc=False):
    agent: str = ""
    state: Literal["available", "paused", "not_ready"] = "available"
    reason: str = ""


class SetAgentState(_Command, tag="agent.set_state", frozen=True, gc=False):
    """``until`` (instant, 0 = none): automatic return from not_ready, or the deadline of finishing."""

    agent: str = ""
    state: Literal["available", "paused", "finishing", "not_ready"] = "available"
    reason: str = ""
    until: int = 0


class SignOff(_Command, tag="agent.sign_off", frozen=True, gc=False):
    """Leave. Open contacts go back to their queues with their clocks, or to ``to_queue`` / ``to_agent``."""

    agent: str = ""
    to_queue: str = ""
    to_agent: str = ""
    reason: str = ""


class LoseAgent(_Command, tag="agent.lost", frozen=True, gc=False):
    """The agent's connection died (said by the server, not by a client)."""

    agent: str = ""


class ReturnAgent(_Command, tag="agent.back", frozen=True, gc=False):
    """The agent's connection is back (said by the server, not by a client)."""

    agent: str = ""


class SetCapacity(_Command, tag="agent.set_capacity", frozen=True, gc=False):
    """Another capacity for an agent; ``until`` (instant, 0 = for good) brings the profile's back."""

    agent: str = ""
    capacity: int = 1
    until: int = 0
    reason: str = ""


class SetGroupCapacity(_Command, tag="agents.set_capacity", frozen=True, gc=False):
    """Another capacity for every agent of a pool, of a team, or of both together; ``until`` brings the profiles' back.

    ``preview`` only counts them. ``expect_count`` must equal that count.
    """

    tenant: str = ""
    pool: str = ""
    team: str = ""
    capacity: int = 1
    until: int = 0
    reason: str = ""
    expect_count: int = 0
    preview: bool = False


class SetExternalLoad(_Command, tag="agent.external_load", frozen=True, gc=False):
    agent: str = ""
    source: str = ""
    units: int = 0


# --- offers and wrap-up ---------------------------------------------------------------------------------------------


class AcceptOffer(_Command, tag="offer.accept", frozen=True, gc=False):
    """``hold``: the agent says yes and the connection is still being made; ``offer.complete`` or ``offer.fail`` follows."""

    agent: str = ""
    offer: int = 0
    hold: bool = False


class CompleteAccept(_Command, tag="offer.complete", frozen=True, gc=False):
    agent: str = ""
    offer: int = 0


class FailAccept(_Command, tag="offer.fail", frozen=True, gc=False):
    agent: str = ""
    offer: int = 0
    reason: str = ""


class DeclineOffer(_Command, tag="offer.decline", frozen=True, gc=False):
    agent: str = ""
    offer: int = 0
    reason: str = ""


class EndWrapUp(_Command, tag="wrap_up.end", frozen=True, gc=False):
    agent: str = ""
    contact: int = 0


# --- queues, pools, the domain --------------------------------------------------------------------------------------


class CloseQueue(_Command, tag="queue.close", frozen=True, gc=False):
    """New contacts are deflected with the queue's closing message; those waiting are served."""

    queue: str = ""
    reason: str = ""


class OpenQueue(_Command, tag="queue.open", frozen=True, gc=False):
    queue: str = ""
    reason: str = ""


class SetQueueNotice(_Command, tag="queue.notice", frozen=True, gc=False):
    """Those who wait and those who arrive are told ``notice``, a code, until the instant ``until``. Empty: take it down."""

    queue: str = ""
    notice: str = ""
    until: int = 0


class DrainPool(_Command, tag="pool.drain", frozen=True, gc=False):
    """Agents get nothing new through this pool until it is opened again; what they have they keep."""

    pool: str = ""
    reason: str = ""


class OpenPool(_Command, tag="pool.open", frozen=True, gc=False):
    pool: str = ""
    reason: str = ""


class ApplyPolicy(_Command, tag="policy.apply", frozen=True, gc=False):
    """Swap in another policy, whole or not at all. ``text`` is the whole TOML file."""

    text: str = ""


class RecordDesk(_Command, tag="desk.record", frozen=True, gc=False):
    """What was done at the desk (server only): the deed itself is the record's payload, which the dispatcher never sees.

    ``kind``: the desk command's tag; ``subject``: the customer key whom it is about (empty: nobody); ``contact``: 0, none.
    """

    tenant: str = ""
    kind: str = ""
    subject: str = ""
    contact: int = 0


class StartEngine(_Command, tag="engine.started", frozen=True, gc=False):
    """First input of each epoch (driver only): open offers are rescinded, the grace of agents starts now."""

    epoch: int = 0
    down_ms: int = 0


ContactCommand: TypeAlias = (
    SubmitContact
    | UpdateContact
    | AddMessage
    | AskPerson
    | AskBot
    | TransferContact
    | AbandonContact
    | CloseContact
    | MoveContact
    | PrioritiseContact
    | AssignContact
    | ConsultAgent
    | AcceptConsult
    | EndConsult
    | TakeOverContact
    | LeaveMessage
    | BulkCommand
)
AgentCommand: TypeAlias = (
    DefineAgent
    | RemoveAgent
    | SignOn
    | SetAgentState
    | SignOff
    | LoseAgent
    | ReturnAgent
    | SetCapacity
    | SetGroupCapacity
    | SetExternalLoad
    | AcceptOffer
    | CompleteAccept
    | FailAccept
    | DeclineOffer
    | EndWrapUp
)
DomainCommand: TypeAlias = (
    CloseQueue | OpenQueue | SetQueueNotice | DrainPool | OpenPool | ApplyPolicy | RecordDesk | StartEngine
)
Command: TypeAlias = ContactCommand | AgentCommand | DomainCommand
