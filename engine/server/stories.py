"""Why a contact is where it is: its state's own explanation, and its story read from the journal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from engine.access.roles import Role
from engine.dispatch import events as ev
from engine.dispatch.contacts import Contact, ContactState
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.explain import Explanation
from engine.dispatch.refusals import Code
from engine.ports import Committed, Principal
from engine.server.authority import Unknown, covers
from engine.server.door import Door
from engine.server.hub import Hub
from engine.wire import limits
from engine.wire.errors import WireCode, WireError
from engine.wire.queries import AskExplain, ExplainResult, StoryLine
from engine.wire.streams import slimmed

_READ_RECORDS = 512
Visible = Callable[[Principal, Contact], bool]


class Stories:
    """Reads at most ``story_records`` records, newest first in windows, until the contact's arrival is found."""

    def __init__(self, door: Door, hub: Hub) -> None:
        self._door = door
        self._hub = hub

    async def explain(self, principal: Principal, query: AskExplain, visible: Visible) -> ExplainResult:
        """Raises :class:`Unknown`, :class:`WireError` and ``HistoryTrimmed``."""
        if query.at:
            last = self._hub.last_lsn
            if not 1 <= query.at <= last:
                raise WireError(WireCode.BAD_VALUE, "query.at", str(query.at), f"an lsn from 1 to {last}, or 0 for now")
            past = await self._door.rebuild_at(query.at)
            return ExplainResult(query.contact, self._explain_in(past, principal, query, visible), as_of=query.at)
        now = await self._door.ask(lambda dispatcher: self._find_in(dispatcher, principal, query, visible))
        records: list[Committed] = []
        cut = False
        decided = bool(query.why_not) and (now is None or now.state != ContactState.QUEUED)
        if query.story or decided or now is None:
            records, cut = await self._records(query.contact)
            if now is None and not self._is_theirs(records, principal, query.contact):
                raise Unknown(Code.UNKNOWN_CONTACT, str(query.contact))
        story = [_line(record, query.contact) for record in records] if query.story else []
        if not decided:
            return ExplainResult(query.contact, now, story, cut)
        decision = _last_decision(records, query.contact)
        if decision is not None:
            then = await self._right_before(principal, query, *decision)
            return ExplainResult(query.contact, then, story, cut, as_of=decision[0].lsn)
        raise _never_to_be_had(query, cut)

    async def _right_before(
        self, principal: Principal, query: AskExplain, record: Committed, place: int
    ) -> Explanation | None:
        """As it stood right before that event, in the midst of its record: arrived, handed over, passed on already."""
        past = await self._door.rebuild_at(record.lsn - 1)
        past.apply_events(record.events[:place])
        return self._find_in(past, principal, query, lambda _principal, _contact: True)

    def _find_in(
        self, dispatcher: Dispatcher, principal: Principal, query: AskExplain, visible: Visible
    ) -> Explanation | None:
        """None when the contact is not open there. Raises :class:`Unknown` for another tenant's contact or agent."""
        contact = dispatcher.contacts.get(query.contact)
        if contact is None:
            return None
        if not visible(principal, contact):
            raise Unknown(Code.UNKNOWN_CONTACT, str(query.contact))
        if query.why_not and not _knows_agent(dispatcher, principal, query.why_not):
            raise Unknown(Code.UNKNOWN_AGENT, query.why_not)
        return dispatcher.explain(query.contact, query.why_not or None)

    def _explain_in(
        self, dispatcher: Dispatcher, principal: Principal, query: AskExplain, visible: Visible
    ) -> Explanation:
        found = self._find_in(dispatcher, principal, query, visible)
        if found is None:
            raise Unknown(Code.UNKNOWN_CONTACT, str(query.contact))
        return found

    def belongs(self, record: Committed, principal: Principal) -> bool:
        """Whether a record about an ended contact is of the principal's tenant, as far as it says."""
        tenant = getattr(record.command, "tenant", "") or record.principal.tenant
        return bool(tenant) and covers(principal, tenant)

    def _is_theirs(self, records: list[Committed], principal: Principal, contact: int) -> bool:
        if principal.role in (Role.AGENT, Role.BOT) and not any(
            isinstance(event, ev.ContactConnected) and event.contact == contact and event.agent == principal.subject
            for record in records
            for event in record.events
        ):
            return False
        for record in records:
            for event in record.events:
                if isinstance(event, ev.ContactSubmitted | ev.ContactDeflected) and event.contact == contact:
                    return covers(principal, event.tenant)
        facts = self._hub.directory.find(contact)
        if facts is not None:
            return covers(principal, facts.tenant)
        return bool(records) and any(self.belongs(record, principal) for record in records)

    async def _records(self, contact: int) -> tuple[list[Committed], bool]:
        """The contact's records, oldest first; True when its arrival lies further back than we looked."""
        found: list[Committed] = []
        upper = self._hub.last_lsn
        floor = max(0, upper - limits.STORY_RECORDS)
        while upper > floor:
            lower = max(floor, upper - _READ_RECORDS)
            window = await self._door.read_committed(lower, upper - lower)
            mine = [record for record in window if any(_is_about(event, contact) for event in record.events)]
            found = [*mine, *found]
            if any(_begins(event, contact) for record in mine for event in record.events):
                return found, False
            if not window:
                break
            upper = lower
        return found, True


def _is_about(event: ev.Event, contact: int) -> bool:
    return getattr(event, "contact", None) == contact


def _begins(event: ev.Event, contact: int) -> bool:
    return isinstance(event, ev.ContactSubmitted | ev.ContactDeflected) and event.contact == contact


def _knows_agent(dispatcher: Dispatcher, principal: Principal, name: str) -> bool:
    agent = dispatcher.agents.get(name)
    return agent is not None and (not agent.profile.tenant or covers(principal, agent.profile.tenant))


def _last_decision(records: list[Committed], contact: int) -> tuple[Committed, int] | None:
    """The record of the last offer made of this contact, and the offer's place in it; of its end if nobody ever had one."""
    for kinds in (ev.OfferMade, (ev.ContactAbandoned, ev.ContactClosed)):
        for record in reversed(records):
            for place in reversed(range(len(record.events))):
                event = record.events[place]
                if isinstance(event, kinds) and _is_about(event, contact):
                    return record, place
    return None


def _never_to_be_had(query: AskExplain, cut: bool) -> WireError:
    """Why ``why_not`` has no answer: the contact waited for nobody, or so long ago that we did not look."""
    if cut:
        got, wanted = f"none in {limits.STORY_RECORDS} records", "`at`, an lsn at which it waited"
        return WireError(WireCode.HISTORY_TRIMMED, "the contact's last offer", got, wanted)
    says = "a deflected contact never waited for an agent"
    return WireError(WireCode.BAD_VALUE, "query.why_not", query.why_not, "none, for its story alone", says=says)


def _line(record: Committed, contact: int) -> StoryLine:
    asker = f"{record.principal.role}/{record.principal.subject}" if record.command is not None else "engine"
    mine = [event for event in record.events if _is_about(event, contact)]
    events: list[dict[str, Any]] = [msgspec.to_builtins(event) for event in slimmed(mine)]
    return StoryLine(record.lsn, record.stamp, asker, events)
