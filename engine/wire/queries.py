"""What may be asked, and what is answered. Questions read committed state and change nothing."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from engine.dispatch.explain import Explanation


class _Query(msgspec.Struct, frozen=True, gc=False, tag_field="type", forbid_unknown_fields=True, omit_defaults=True):
    pass


class AskQueues(_Query, tag="queues", frozen=True, gc=False):
    """Every queue of the tenant with its figures now → ``{"queues": [QueueRow]}``."""


class AskAgents(_Query, tag="agents", frozen=True, gc=False):
    """Agents by id, a page at a time → ``{"agents": [AgentRow], "more": bool}``. ``after``: the last id seen."""

    state: str = ""
    pool: str = ""
    after: str = ""
    limit: int = 100


class AskContacts(_Query, tag="contacts", frozen=True, gc=False):
    """Open contacts by number, filtered, a page at a time → ``{"contacts": [ContactRow], "more": bool}``."""

    queue: str = ""
    state: str = ""
    agent: str = ""
    customer: str = ""
    channel: str = ""
    after: int = 0
    limit: int = 100


class AskContact(_Query, tag="contact", frozen=True, gc=False):
    """One open contact whole → ``ContactRow``."""

    contact: int


class AskHistory(_Query, tag="history", frozen=True, gc=False):
    """The conversation after message ``after_seq``, gap-free → ``{"messages": [MessageRow], "more": bool}``."""

    contact: int
    after_seq: int = 0
    limit: int = 100


class AskExplain(_Query, tag="explain", frozen=True, gc=False):
    """Why a contact is where it is → ``ExplainResult``.

    ``why_not``: an agent's id, for the reasons why this one was not chosen. ``at``: an lsn, to rebuild the state right
    after that record (``history_trimmed`` when the journal no longer reaches there); 0 is now. A contact that has ended
    is explained by its story; with ``why_not`` the state is rebuilt before its last decision.
    """

    contact: int
    why_not: str = ""
    at: int = 0
    story: bool = True


class AskPosition(_Query, tag="position", frozen=True, gc=False):
    """A waiting contact's place and what it still has to wait → ``{"contact", "state", "queue", "position", "p50_ms",
    "p90_ms"}``; 1 is next, 0: not waiting; -1: nobody can say."""

    contact: int


class AskFigures(_Query, tag="figures", frozen=True, gc=False):
    """Totals since the engine started, and now, for a wallboard → ``Figures``."""


class AskPolicy(_Query, tag="policy", frozen=True, gc=False):
    """The policy in force → ``{"version", "queues", "pools", "channels", "tenants"}``; ``text``: the file too."""

    text: bool = False


class AskStreams(_Query, tag="streams", frozen=True, gc=False):
    """This connection's streams → ``{"streams": {name: offset}, "last": lsn}``."""


Query: TypeAlias = (
    AskQueues
    | AskAgents
    | AskContacts
    | AskContact
    | AskHistory
    | AskExplain
    | AskPosition
    | AskFigures
    | AskPolicy
    | AskStreams
)


# --- answers --------------------------------------------------------------------------------------------------------


class QueueRow(msgspec.Struct, frozen=True, gc=False):
    """``answered`` … ``deflected`` count since the engine started; ``reply_rate_180s`` is the share of reply rounds
    answered by a person within 180 s since then (-1: none yet). ``open_agents``: agents in its pools who are available and have room.
    ``p50_ms``, ``p90_ms``: how long the last in its line still waits, by the estimate (-1: nobody stands there, or unknown)."""

    queue: str
    tenant: str
    waiting: int
    longest_wait_ms: int
    offered: int
    connected: int
    bot: int
    closed: bool
    notice: str
    open_agents: int
    submitted: int
    answered: int
    abandoned: int
    deflected: int
    reply_rate_180s: float
    p50_ms: int = -1
    p90_ms: int = -1


class AgentRow(msgspec.Struct, frozen=True, gc=False):
    """``load`` and ``capacity`` in units; ``contacts``: those it holds, open offers and wrap-up included; ``helping``:
    others' contacts with which it helps, or is asked to."""

    agent: str
    name: str
    kind: str
    tenant: str
    team: str
    pools: tuple[str, ...]
    state: str
    reason: str
    load: int
    capacity: int
    contacts: list[int]
    served: int
    connected_socket: bool
    helping: list[int] = []


class OfferRow(msgspec.Struct, frozen=True, gc=False):
    """An open offer as its agent sees it. ``deadline``: instant in dispatcher ms; ``left_ms``: until then."""

    offer: int
    contact: int
    queue: str
    channel: str
    shop: str
    deadline: int
    held: bool
    waited_ms: int
    attributes: dict[str, Any]
    intent: str
    reason: str
    messages: int
    left_ms: int = 0


class MessageRow(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One line of a conversation. ``seq`` counts from 1 without gaps; ``at``: instant in dispatcher ms; ``erased``: there was a
    text, and its customer was erased."""

    seq: int
    at: int
    sender: str
    text: str
    agent: str = ""
    automatic: bool = False
    lsn: int = 0
    erased: bool = False


class ContactRow(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """``version`` for ``expect_version``; instants and lengths in dispatcher ms; ``offer_left_ms``: how long its open
    offer may still be answered; ``helper``: who is asked for help with it, for ``helper_left_ms`` more (0: helps); ``last_messages`` only in snapshots."""

    contact: int
    tenant: str
    channel: str
    external_id: str
    customer: str
    shop: str
    queue: str
    state: str
    stage: str
    priority: int
    version: int
    agent: str
    offer: int
    waited_ms: int
    age_ms: int
    messages: int
    attributes: dict[str, Any] = {}
    transcript: str = ""
    requires: str = ""
    intent: str = ""
    reason: str = ""
    step: int = 0
    offers: int = 0
    position: int = 0
    reply_since: int = 0
    wrap_up_until: int = 0
    offer_left_ms: int = 0
    helper: str = ""
    helper_left_ms: int = 0
    last_messages: list[MessageRow] = []


class AgentSnapshot(msgspec.Struct, frozen=True, gc=False):
    """A ``resync`` of ``agent:<id>``. ``agent`` is None before it was defined."""

    agent: AgentRow | None
    offers: list[OfferRow]
    contacts: list[ContactRow]
    consults: list[ContactRow] = []


class ContactSnapshot(msgspec.Struct, frozen=True, gc=False):
    """A ``resync`` of ``contact:<n>``. ``contact`` is None when it has ended; ask ``history`` for what was said."""

    contact: ContactRow | None


class ContactsSnapshot(msgspec.Struct, frozen=True, gc=False):
    """A ``resync`` of ``channel:<subject>`` or ``domain``: the open contacts' numbers and states (channel only)."""

    contacts: list[ContactRow]
    more: bool = False


class StoryLine(msgspec.Struct, frozen=True, gc=False):
    """One journal record's events about a contact. ``by``: role and subject that asked, or ``engine``."""

    lsn: int
    at: int
    by: str
    events: list[dict[str, Any]]


class ExplainResult(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """``now`` is None when the contact has ended; ``story`` is oldest first; ``story_cut``: older records exist that
    were not looked through; ``as_of``: the lsn that ``now`` was rebuilt at (0: the present). ``why_not`` of a contact
    that does not wait is answered for the moment right before its last offer (or its end, if it had none), in the midst
    of record ``as_of``; of one that was deflected it is refused."""

    contact: int
    now: Explanation | None
    story: list[StoryLine] = []
    story_cut: bool = False
    as_of: int = 0


class Figures(msgspec.Struct, frozen=True, gc=False):
    """Counts since the engine started (``since``: that instant) and gauges now, of one tenant's queues.

    ``asa_ms``: mean wait of answered; ``reply_rate_180s``: -1 when no round has ended yet. ``fairness``: pool → the Gini
    coefficients of ``offers`` and ``occupancy`` among equal agents over the last whole hour (0: all alike), and ``alerts``:
    kind → how many; both of the whole domain, and empty for a supervisor of one tenant of several.
    """

    now: int
    since: int
    submitted: int
    answered: int
    abandoned: int
    deflected: int
    closed: int
    bot_contained: int
    waiting: int
    longest_wait_ms: int
    connected: int
    agents_signed_on: int
    agents_available: int
    load: int
    capacity: int
    offers_made: int
    offers_accepted: int
    offers_declined: int
    offers_expired: int
    offers_rescinded: int
    asa_ms: int
    reply_rounds: int
    reply_rate_180s: float
    connections: dict[str, int]
    last_lsn: int
    inbox_depth: int
    policy: str
    fairness: dict[str, dict[str, float]] = {}
    alerts: dict[str, int] = {}
