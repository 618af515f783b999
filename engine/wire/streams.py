"""Which stream an event belongs to. A fold over the journal: nothing here asks the dispatcher.

Streams: ``agent:<id>``, ``contact:<n>``, ``channel:<subject>``, ``domain``. Inside the engine a name is kept with its
tenant (:class:`StreamKey`), so that two tenants' adapters of one name never hear each other.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Container, Iterable, Mapping
from typing import NamedTuple

import msgspec

from engine.dispatch import events as ev
from engine.dispatch.commands import AgentKind, SubmitContact
from engine.dispatch.consults import Consult
from engine.dispatch.contacts import Contact, ContactState
from engine.dispatch.events import Event
from engine.ports import Committed

# Ended contacts whose facts are kept for the last words of a conversation.
ENDED_KEPT = 20_000
_ALL = ""
NO_CONSULTS: Mapping[int, Consult] = {}

# What the customer's side hears of its contact. Offers, steps, clocks and wrap-up are the house's own business.
CUSTOMER_SIDE: frozenset[type] = frozenset(
    {
        ev.ContactSubmitted,
        ev.ContactDeflected,
        ev.ContactJoined,
        ev.ContactResumed,
        ev.ContactUpdated,
        ev.ContactMoved,
        ev.AlternativesOffered,
        ev.MessageAdded,
        ev.ContactAnswered,
        ev.ContactConnected,
        ev.ContactTransferred,
        ev.ContactRequeued,
        ev.PersonAsked,
        ev.ContactReminded,
        ev.ContactSlept,
        ev.ContactWoke,
        ev.ContactReopened,
        ev.MessageLeft,
        ev.MessageReleased,
        ev.ContactTold,
        ev.ContactSentToBot,
        ev.ContactAbandoned,
        ev.ContactClosed,
        ev.ContactForgotten,
    }
)
# Events about a contact that are told to the agent they name, whether or not it holds the contact.
_TO_NAMED_AGENT: frozenset[type] = frozenset(
    {
        ev.OfferMade,
        ev.ContactAssigned,
        ev.OfferAccepted,
        ev.OfferDeclined,
        ev.OfferExpired,
        ev.OfferRescinded,
        ev.ContactConnected,
        ev.ContactTransferred,
        ev.ContactRequeued,
        ev.ContactClosed,
        ev.WrapUpStarted,
        ev.WrapUpEnded,
    }
)
# A consult's own words go to the agent who is asked and, as all that the holder hears, to the one who asks; and the
# agent who is asked hears what is said and what changes in the contact.
_CONSULT: frozenset[type] = frozenset({ev.ConsultAsked, ev.ConsultAccepted, ev.ConsultEnded})
_TO_HELPER: frozenset[type] = frozenset({ev.MessageAdded, ev.ContactUpdated, ev.DeskRecorded})
# Neither these nor refusals (which are answers) are told to the agent who holds the contact.
_NOT_TO_HOLDER: frozenset[type] = frozenset({ev.StepOpened, ev.AffinityBegan, ev.AffinityEnded, ev.DeclinerForgotten})
# The events that say whose a contact is, and those that change who holds it.
_BRINGS_FACTS: frozenset[type] = frozenset(
    {ev.ContactSubmitted, ev.ContactDeflected, ev.ContactJoined, ev.ContactResumed, ev.ContactReopened}
)
_MOVES: frozenset[type] = frozenset(
    {
        ev.ContactConnected,
        ev.OfferAccepted,
        ev.ContactTransferred,
        ev.ContactRequeued,
        ev.MessageLeft,
        ev.OfferRescinded,
        ev.ContactClosed,
        ev.ContactDeflected,
        ev.ContactForgotten,
        ev.ContactReopened,
        ev.ConsultAsked,
        ev.ConsultEnded,
    }
)


class StreamKey(NamedTuple):
    """``kind``: agent, contact, channel or domain; ``tenant`` is empty for agents and contacts, whose ids are unique,
    and for a domain stream over all tenants."""

    kind: str
    name: str = ""
    tenant: str = ""

    @property
    def public(self) -> str:
        """The name on the wire."""
        return self.kind if self.kind == "domain" else f"{self.kind}:{self.name}"


class Facts:
    """What routing needs to know of one contact: whose it is, who speaks for the customer, which agent holds it, and who
    helps (or is asked to) in a consult.

    ``customer_side``: the streams that hear what the customer may hear, made once.
    """

    __slots__ = ("agent", "channel", "contact", "customer", "customer_side", "helper", "sources", "tenant")

    def __init__(self, contact: int, tenant: str, customer: str, channel: str, sources: tuple[str, ...]) -> None:
        self.contact = contact
        self.tenant = tenant
        self.customer = customer
        self.channel = channel
        self.agent = ""
        self.helper = ""
        self.sources: tuple[str, ...] = ()
        self.customer_side: tuple[StreamKey, ...] = (StreamKey("contact", str(contact)),)
        for source in sources:
            self.add_source(source)

    def add_source(self, source: str) -> None:
        if source and source not in self.sources:
            self.sources = (*self.sources, source)
            self.customer_side = (*self.customer_side, StreamKey("channel", source, self.tenant))


class UnknownContact(Exception):
    """An event about a contact whose facts are not known: this stretch of the journal cannot be routed."""


class Directory:
    """Facts of the open contacts (and some ended ones), kept from committed records in lsn order."""

    def __init__(self, queue_tenant: Callable[[str], str]) -> None:
        """``queue_tenant``: a queue's tenant, empty for a queue that the policy does not know."""
        self._queue_tenant = queue_tenant
        self._open: dict[int, Facts] = {}
        self._ended: OrderedDict[int, Facts] = OrderedDict()
        self._agent_tenants: dict[str, str] = {}
        self._people: set[str] = set()  # agents that are no bots
        # A tenant's supervisors and those over all, for each tenant heard of; under "" all of them.
        self._domains: dict[str, tuple[StreamKey, ...]] = {_ALL: (_DOMAIN,)}

    def load(
        self,
        contacts: dict[int, Contact],
        agent_tenants: dict[str, str],
        consults: Mapping[int, Consult] = NO_CONSULTS,
        people: Iterable[str] = (),
    ) -> None:
        """Start from recovered state."""
        for number, contact in contacts.items():
            held = contact.agent if contact.state in _HELD else ""
            facts = self._open[number] = Facts(
                number, contact.tenant, contact.customer, contact.channel, (contact.source, *contact.also)
            )
            facts.agent = held
            facts.helper = consults[number].to_agent if number in consults else ""
            self.hear_of(contact.tenant)
        self._agent_tenants.update(agent_tenants)
        self._people.update(people)

    def hear_of(self, tenant: str) -> None:
        """From now on this tenant's supervisors are told what concerns the whole domain."""
        if tenant not in self._domains:
            key = StreamKey("domain", tenant=tenant)
            self._domains[tenant] = (_DOMAIN, key)
            self._domains[_ALL] = (*self._domains[_ALL], key)

    def find(self, contact: int) -> Facts | None:
        """An open contact's facts, or those of one that ended not long ago."""
        return self._open.get(contact) or self._ended.get(contact)

    def is_open(self, contact: int) -> bool:
        return contact in self._open

    def agent_tenant(self, agent: str) -> str | None:
        """The agent's tenant (empty: serves every tenant); None when no such agent was ever defined."""
        return self._agent_tenants.get(agent)

    def is_person(self, agent: str) -> bool:
        """Whether the agent's profile says that it is no bot."""
        return agent in self._people

    def past(self) -> Directory:
        """To route an earlier stretch of the journal again without touching the present: what never changes of a
        contact (whose it is, who speaks for the customer) is taken from here, who held it is not known."""
        return _PastDirectory(self)

    def route(
        self, record: Committed, wanted: Container[StreamKey] | None = None, *, strict: bool = False
    ) -> dict[StreamKey, list[Event]]:
        """Each stream's events of this record, in order, while the facts move on.

        ``wanted``: only these streams. ``strict``: raise :class:`UnknownContact` rather than leave out what cannot be
        routed.
        """
        routed: dict[StreamKey, list[Event]] = {}
        for event in record.events:
            for key in self._targets(event, record, strict):
                if wanted is None or key in wanted:
                    told = routed.get(key)
                    if told is None:
                        routed[key] = [event]
                    else:
                        told.append(event)
        return routed

    def _targets(self, event: Event, record: Committed, strict: bool) -> Iterable[StreamKey]:
        contact: int | None = getattr(event, "contact", None)
        if contact:
            return self._contact_targets(event, contact, record, strict)
        match event:
            case ev.CommandRejected():
                return ()
            case ev.DeskRecorded(tenant=tenant):
                return self._domain(tenant)
            case ev.AgentDefined(profile=profile):
                self._agent_tenants[profile.agent] = profile.tenant
                (self._people.discard if profile.kind is AgentKind.BOT else self._people.add)(profile.agent)
                return self._agent_targets(profile.agent)
            case _:
                agent = getattr(event, "agent", "")
                if agent:
                    return self._agent_targets(agent)
                queue = getattr(event, "queue", "")
                return self._domain(self._queue_tenant(queue) if queue else _ALL)

    def _agent_targets(self, agent: str) -> Iterable[StreamKey]:
        return (StreamKey("agent", agent), *self._domain(self._agent_tenants.get(agent, _ALL)))

    def _domain(self, tenant: str) -> tuple[StreamKey, ...]:
        return self._domains.get(tenant) or (_DOMAIN, StreamKey("domain", tenant=tenant))

    def _contact_targets(self, event: Event, contact: int, record: Committed, strict: bool) -> list[StreamKey]:
        kind = type(event)
        facts = self._facts_for(event, contact, record) if kind in _BRINGS_FACTS else self.find(contact)
        agent: str = getattr(event, "agent", "") if kind in _TO_NAMED_AGENT else ""
        if kind in _CONSULT:
            agent = event.to_agent if isinstance(event, ev.ConsultAsked) else getattr(event, "agent", "")
        keys = [StreamKey("agent", agent)] if agent else []
        if facts is None:
            if kind is ev.DeskRecorded:  # of a contact that ended long ago
                return list(self._domain(event.tenant))  # type: ignore[union-attr]  # it is one
            if strict:
                raise UnknownContact(contact)
            keys.append(_DOMAIN)
            return keys
        if facts.agent and facts.agent != agent and kind not in _NOT_TO_HOLDER:
            keys.append(StreamKey("agent", facts.agent))
        if facts.helper and kind in _TO_HELPER:
            keys.append(StreamKey("agent", facts.helper))
        if kind in CUSTOMER_SIDE:
            keys += facts.customer_side
        keys += self._domains[facts.tenant]
        if kind in _MOVES:
            self._move_on(event, contact, facts)
        return keys

    def _facts_for(self, event: Event, contact: int, record: Committed) -> Facts | None:
        """The contact's facts, made from the event where the contact begins, or told of one more who speaks for it."""
        source = record.principal.subject if record.principal.role == "channel" else ""
        if isinstance(record.command, SubmitContact) and record.command.source:
            source = record.command.source
        if isinstance(event, ev.ContactSubmitted | ev.ContactDeflected):
            self.hear_of(event.tenant)
            facts = self._open[contact] = Facts(contact, event.tenant, event.customer, event.channel, (source,))
            return facts
        known = self.find(contact)
        if known is not None:
            known.add_source(source)
        return known

    def _move_on(self, event: Event, contact: int, facts: Facts) -> None:
        match event:
            case ev.ContactConnected(agent=agent):
                facts.agent = agent
            case ev.ConsultAsked(to_agent=helper):
                facts.helper = helper
            case ev.ConsultEnded():
                facts.helper = ""
            case ev.OfferAccepted(agent=agent, held=True):
                facts.agent = agent
            case ev.ContactTransferred() | ev.ContactRequeued() | ev.MessageLeft():
                facts.agent = ""
            case ev.OfferRescinded():
                facts.agent = ""
            case ev.ContactClosed(reopen_until=until) if until:
                facts.agent = ""  # its facts are wanted when it opens again, or until it is forgotten
            case ev.ContactClosed() | ev.ContactDeflected() | ev.ContactForgotten():
                facts.agent = ""
                self._end(contact, facts)
            case ev.ContactReopened():
                self._open[contact] = facts
                self._ended.pop(contact, None)

    def _end(self, contact: int, facts: Facts) -> None:
        self._open.pop(contact, None)
        self._ended[contact] = facts
        if len(self._ended) > ENDED_KEPT:
            self._ended.popitem(last=False)


class _PastDirectory(Directory):
    def __init__(self, present: Directory) -> None:
        super().__init__(present._queue_tenant)
        self._present = present
        self._agent_tenants.update(present._agent_tenants)
        self._domains.update(present._domains)

    def find(self, contact: int) -> Facts | None:
        known = super().find(contact)
        if known is None and (now := self._present.find(contact)) is not None:
            known = self._open[contact] = Facts(contact, now.tenant, now.customer, now.channel, now.sources)
        return known


_DOMAIN = StreamKey("domain")
_HELD = frozenset({ContactState.HELD, ContactState.CONNECTED, ContactState.DORMANT})


def slimmed(events: list[Event]) -> list[Event]:
    """As pushed: a policy's text stays out (ask ``policy`` for it)."""
    return [msgspec.structs.replace(e, text="") if isinstance(e, ev.PolicyApplied) else e for e in events]


def parse_stream(name: str) -> tuple[str, str] | None:
    """(kind, name) of a stream's name on the wire, None when it is none."""
    kind, _, rest = name.partition(":")
    if kind == "domain":
        return (kind, "") if not rest else None
    if kind == "contact":
        whole = rest.isascii() and rest.isdigit() and len(rest) <= 15
        return (kind, rest) if whole and rest == str(int(rest)) else None
    return (kind, rest) if kind in ("agent", "channel") and rest else None
