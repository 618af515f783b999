"""The one story of a customer: what was said, from the journal, and what was done beside it, from the tables, in one order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec
from sqlalchemy import func, select

from engine.desk import limits
from engine.desk.conversations import queries as q
from engine.desk.conversations.checks import find_contact
from engine.desk.conversations.tables import (
    CONVERSATION_ATTACHMENTS,
    CONVERSATION_NOTES,
    CONVERSATION_READS,
    CONVERSATION_SESSIONS,
    CONVERSATION_STEPS,
    CONVERSATION_TAGS,
    CONVERSATIONS,
    DESK_AGENTS,
)
from engine.desk.customers.access import check_own
from engine.desk.customers.answers import past_of
from engine.desk.customers.folds import unseal
from engine.desk.customers.identity import keys_of
from engine.desk.customers.tables import CUSTOMER_CONTACTS, CUSTOMER_ERASURES
from engine.desk.database import Reading
from engine.desk.deeds import Asker, refuse
from engine.desk.refusals import DeskCode
from engine.dispatch.events import MessageAdded
from engine.ports import Committed

# Messages read from the journal at once.
_CHUNK = 100
# What a customer is told of its contact's way.
_FOR_CUSTOMERS = frozenset(
    {"arrived", "joined", "resumed", "reopened", "connected", "left_message", "closed", "abandoned"}
)


class Messages(Protocol):
    """The driver, as a story sees it."""

    async def read_messages(self, contact: int, after_seq: int, limit: int) -> list[tuple[int, Committed]]:
        """(seq, record) of the contact's messages after ``after_seq``, in order."""


class Found(msgspec.Struct):
    """What the tables say. ``lines`` by contact; ``ends``: (contact, last seq, last lsn), that of the newest line first."""

    story: q.StoryRow
    lines: dict[int, list[q.StoryItem]]
    ends: list[tuple[int, int, int]]
    names: dict[str, str]
    bots: set[str]
    erased: dict[int, int]


# --- from the tables ------------------------------------------------------------------------------------------------


def answer_story(reading: Reading, question: q.AskStory, asker: Asker) -> Found:
    customer = _whose(reading, question, asker)
    keys = keys_of(reading, question.tenant, customer)
    for_staff = asker.role != "customer"
    if not for_staff:
        keys = [asker.subject]
    contacts = CUSTOMER_CONTACTS.c
    wanted = select(CUSTOMER_CONTACTS).where(contacts.tenant == question.tenant, contacts.customer.in_(keys))
    if question.alone:
        wanted = wanted.where(contacts.contact == question.contact)
    rows = reading.rows(wanted.order_by(contacts.contact.desc()).limit(limits.STORY_CONTACTS))
    numbers = [row.contact for row in rows]
    lines = _steps(reading, question, numbers, for_staff)
    sessions = _sessions(reading, numbers)
    for told in _told_of(sessions, question.before):
        lines.setdefault(told.contact, []).append(told)
    for file in _files(reading, question, numbers):
        lines.setdefault(file.contact, []).append(file)
    if for_staff:
        for note in _notes(reading, question, numbers):
            lines.setdefault(note.contact, []).append(note)
    agents = reading.rows(select(DESK_AGENTS).where(DESK_AGENTS.c.agent.in_(_named(lines, rows))))
    return Found(
        q.StoryRow(
            keys[0] if for_staff else asker.subject,
            [past_of(row) for row in rows],
            tags=_tags(reading, numbers) if for_staff else [],
            reads=_reads(reading, numbers),
            sessions=[_session(reading, row) for row in sessions if row.contact in numbers[:1]],
        ),
        lines,
        _ends(reading, numbers, question.before, lines),
        {row.agent: row.name for row in agents},
        {row.agent for row in agents if row.kind == "bot"},
        _erasures(reading, question.tenant, rows),
    )


def _whose(reading: Reading, question: q.AskStory, asker: Asker) -> str:
    """The customer's key. Raises :class:`Refused` alike for one who does not exist and for one who is not the asker's."""
    customer = question.customer
    if question.contact:
        row = find_contact(reading, question.tenant, question.contact)
        if row is None or (customer and customer not in keys_of(reading, question.tenant, row.customer)):
            raise refuse(DeskCode.UNKNOWN_CUSTOMER, "contact", question.contact, "a contact of a customer of yours")
        customer = row.customer
    if not customer:
        raise refuse(DeskCode.BAD_VALUE, "contact, customer", "neither", "one of them")
    if asker.own:
        check_own(reading, asker, (customer,))
    return customer


def _steps(
    reading: Reading, question: q.AskStory, contacts: Sequence[int], for_staff: bool
) -> dict[int, list[q.StoryItem]]:
    """The newest ones; no more can be told at once."""
    steps = CONVERSATION_STEPS.c
    wanted = select(CONVERSATION_STEPS).where(steps.contact.in_(contacts))
    if question.before:
        wanted = wanted.where(steps.lsn < question.before)
    found: dict[int, list[q.StoryItem]] = {}
    for row in reading.rows(wanted.order_by(steps.lsn.desc(), steps.place.desc()).limit(limits.STORY_LINES + 1)):
        if not for_staff and row.kind not in _FOR_CUSTOMERS:
            continue
        role, who = _split(row.who) if row.kind == "tags" else ("agent" if row.who else "", row.who)
        found.setdefault(row.contact, []).append(
            q.StoryItem(
                row.contact,
                row.lsn,
                row.at,
                row.kind,
                role,
                who,
                channel=row.channel,
                queue=row.queue if for_staff else "",
                reason=row.reason if for_staff else "",
                seq=-row.place,
            )
        )
    return found


def _notes(reading: Reading, question: q.AskStory, contacts: Sequence[int]) -> list[q.StoryItem]:
    notes = CONVERSATION_NOTES.c
    wanted = select(CONVERSATION_NOTES).where(notes.contact.in_(contacts))
    if question.before:
        wanted = wanted.where(notes.lsn < question.before)
    found = []
    for row in reading.rows(wanted.order_by(notes.lsn.desc()).limit(limits.STORY_LINES + 1)):
        role, who = _split(row.by)
        text = unseal(reading, row.tenant, row.customer, "conversation_notes/text", row.text)
        found.append(q.StoryItem(row.contact, row.lsn, row.at, "note", role, who, text=text, erased=not text))
    return found


def _files(reading: Reading, question: q.AskStory, contacts: Sequence[int]) -> list[q.StoryItem]:
    files, found = CONVERSATION_ATTACHMENTS.c, []
    wanted = select(CONVERSATION_ATTACHMENTS).where(files.contact.in_(contacts))
    if question.before:
        wanted = wanted.where(files.lsn < question.before)
    for row in reading.rows(wanted.order_by(files.lsn.desc()).limit(limits.STORY_LINES + 1)):
        role, who = _split(row.by)
        item = q.StoryItem(row.contact, row.lsn, row.at, "attachment", role, who if role != "customer" else "")
        name = unseal(reading, row.tenant, row.customer, "conversation_attachments/name", row.name)
        found.append(msgspec.structs.replace(item, text=name, reason=row.content_type, attachment=row.attachment))
    return found


def _sessions(reading: Reading, contacts: Sequence[int]) -> list[Any]:
    columns = CONVERSATION_SESSIONS.c
    wanted = select(CONVERSATION_SESSIONS).where(columns.contact.in_(contacts))
    return reading.rows(wanted.order_by(columns.started_lsn.desc()).limit(limits.PAGE))


def _told_of(sessions: Sequence[Any], before: int) -> list[q.StoryItem]:
    """That each began, with whose consent, and that it ended."""
    found = []
    for row in sessions:
        role, who = _split(row.started_by)
        said = f"{row.kind}, {row.consent}"
        found.append(
            q.StoryItem(row.contact, row.started_lsn, row.started_at, "session_started", role, who, reason=said)
        )
        if row.ended_lsn:
            role, who = _split(row.ended_by)
            found.append(
                q.StoryItem(row.contact, row.ended_lsn, row.ended_at, "session_ended", role, who, reason=row.kind)
            )
    return [line for line in found if not before or line.lsn < before]


def _session(reading: Reading, row: Any) -> q.SessionRow:
    """An ended one's link leads nowhere any more, and is not shown."""
    link = unseal(reading, row.tenant, row.customer, "conversation_sessions/link", row.link)
    shown = "" if row.ended_at else link
    return q.SessionRow(row.contact, row.session, row.kind, row.consent, row.started_at, row.ended_at, shown)


def _ends(
    reading: Reading, contacts: Sequence[int], before: int, lines: dict[int, list[q.StoryItem]]
) -> list[tuple[int, int, int]]:
    columns = CONVERSATIONS.c
    rows = reading.rows(select(CONVERSATIONS).where(columns.contact.in_(contacts)))
    ends = []
    for row in rows:
        last = max((line.lsn for line in lines.get(row.contact, ())), default=0)
        ends.append((row.contact, row.seq, max(last, min(row.lsn, before - 1) if before else row.lsn)))
    return sorted(ends, key=lambda end: -end[2])


def _tags(reading: Reading, contacts: Sequence[int]) -> list[q.TaggedContact]:
    tags, found = CONVERSATION_TAGS.c, dict[int, list[str]]()
    for row in reading.rows(
        select(tags.contact, tags.tag).where(tags.contact.in_(contacts)).order_by(tags.contact, tags.tag)
    ):
        found.setdefault(row.contact, []).append(row.tag)
    return [q.TaggedContact(contact, names) for contact, names in found.items()]


def _reads(reading: Reading, contacts: Sequence[int]) -> list[q.ReadRow]:
    """Of the newest contact: what lies further back nobody waits for."""
    reads = CONVERSATION_READS.c
    rows = reading.rows(
        select(CONVERSATION_READS).where(reads.contact.in_(contacts[:1])).order_by(reads.reader).limit(limits.PAGE)
    )
    return [q.ReadRow(row.contact, row.reader, row.seq, row.at) for row in rows]


def _erasures(reading: Reading, tenant: str, rows: Sequence[Any]) -> dict[int, int]:
    """By contact: what was said before this record is gone."""
    erasures = CUSTOMER_ERASURES.c
    found = reading.rows(
        select(erasures.customer, func.max(erasures.lsn).label("lsn"))
        .where(erasures.tenant == tenant, erasures.customer.in_({row.customer for row in rows}))
        .group_by(erasures.customer)
    )
    by_customer = {row.customer: row.lsn for row in found}
    return {row.contact: by_customer[row.customer] for row in rows if row.customer in by_customer}


def _named(lines: dict[int, list[q.StoryItem]], rows: Sequence[Any]) -> set[str]:
    return {line.who for each in lines.values() for line in each if line.who} | {row.agent for row in rows if row.agent}


def _split(by: str) -> tuple[str, str]:
    role, _, who = by.partition("/")
    return role, who


# --- and what was said ----------------------------------------------------------------------------------------------


async def tell(messages: Messages, question: q.AskStory, found: Found) -> q.StoryRow:
    """Contact by contact, that of the newest line first, until nothing newer can come; then in the order of the journal."""
    limit = max(1, min(question.limit, limits.STORY_LINES))
    told: list[q.StoryItem] = []
    more = False
    for contact, seq, lsn in found.ends:
        told.sort(key=lambda line: (-line.lsn, line.seq))
        if len(told) > limit and told[limit - 1].lsn > lsn:
            break
        told += found.lines.get(contact, [])
        told += await _messages(messages, found, contact, seq, question.before, limit + 1)
    told.sort(key=lambda line: (-line.lsn, line.seq))
    told, more = _bounded(told, limit)
    lines = [
        msgspec.structs.replace(
            line,
            seq=max(0, line.seq),
            name=found.names.get(line.who, ""),
            role="bot" if line.who in found.bots and line.role == "agent" else line.role,
        )
        for line in reversed(told)
    ]
    return msgspec.structs.replace(found.story, lines=lines, more=more, contacts=found.story.contacts[: limits.PAGE])


def _bounded(told: list[q.StoryItem], limit: int) -> tuple[list[q.StoryItem], bool]:
    """As many as are asked for, and as fit into an answer; never a part of a record, so that one can ask on before it."""
    size, end = 0, 0
    for end, line in enumerate(told):  # how far it came is used below
        size += len(line.text.encode()) + 200
        if end >= limit or size > limits.STORY_BYTES:
            break
    else:
        return told, False
    while end > 1 and told[end - 1].lsn == told[end].lsn:
        end -= 1
    return told[:end], True


async def _messages(
    messages: Messages, found: Found, contact: int, last: int, before: int, limit: int
) -> list[q.StoryItem]:
    """The newest ``limit`` of a contact, read from its end."""
    lines: list[q.StoryItem] = []
    while last > 0 and len(lines) < limit:
        after = max(0, last - _CHUNK)
        for seq, record in await messages.read_messages(contact, after, last - after):
            if not before or record.lsn < before:
                lines.append(message_item(contact, seq, record, found.erased.get(contact, 0)))
        last = after
    return lines


def message_item(contact: int, seq: int, record: Committed, erased_lsn: int = 0) -> q.StoryItem:
    """``erased_lsn``: what was said before this record is gone, whatever can still be read."""
    event = next(event for event in record.events if isinstance(event, MessageAdded) and event.contact == contact)
    erased = not record.payload or record.lsn < erased_lsn
    return q.StoryItem(
        contact,
        record.lsn,
        record.stamp,
        "message",
        event.sender,
        event.agent,
        text="" if erased else record.payload.decode(errors="replace"),
        seq=seq,
        ai=event.sender == "bot",
        automatic=event.automatic,
        erased=erased,
    )
