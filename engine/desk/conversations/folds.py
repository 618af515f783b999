"""From what was said and done in contacts to the tables that tell it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import delete, or_, select, update

from engine.desk.conversations import commands as c
from engine.desk.conversations import words
from engine.desk.conversations.tables import (
    CONVERSATION_ATTACHMENTS,
    CONVERSATION_NOTES,
    CONVERSATION_READS,
    CONVERSATION_SESSIONS,
    CONVERSATION_STEPS,
    CONVERSATION_TAGS,
    CONVERSATIONS,
    DESK_AGENTS,
    REPLIES,
)
from engine.desk.customers.commands import CustomerErased, EraseCustomer
from engine.desk.customers.folds import by, seal
from engine.desk.customers.identity import root_of
from engine.desk.customers.tables import CUSTOMER_CONTACTS, CUSTOMER_ERASURES
from engine.desk.database import Pen
from engine.desk.folding import Folds
from engine.dispatch import events as ev
from engine.ports import Committed

FOLDS = Folds()


# --- what is done beside the conversation ---------------------------------------------------------------------------


@FOLDS.on_deed(c.NoteContact)
def noted(pen: Pen, record: Committed, deed: c.NoteContact) -> None:
    root = root_of(pen, deed.tenant, deed.customer)
    pen.change(
        CONVERSATION_NOTES,
        contact=deed.contact,
        lsn=record.lsn,
        tenant=deed.tenant,
        customer=root,
        by=by(record),
        at=record.stamp,
        text=seal(pen, record, deed.tenant, root, "conversation_notes/text", deed.text),
    )


@FOLDS.on_deed(c.TagContact)
def tagged(pen: Pen, record: Committed, deed: c.TagContact) -> None:
    if deed.remove:
        tags = CONVERSATION_TAGS.c
        pen.execute(delete(CONVERSATION_TAGS).where(tags.contact == deed.contact, tags.tag.in_(deed.remove)))
    for tag in deed.add:
        pen.change(CONVERSATION_TAGS, contact=deed.contact, tag=tag, tenant=deed.tenant, at=record.stamp)
    said = " ".join([*(f"+{tag}" for tag in deed.add), *(f"-{tag}" for tag in deed.remove)])
    _step(pen, record, record.events[-1], "tags", deed.contact, at=record.stamp, who=by(record), reason=said)


@FOLDS.on_deed(c.ReadContact)
def was_read(pen: Pen, record: Committed, deed: c.ReadContact) -> None:
    reads = CONVERSATION_READS.c
    row = pen.row(select(reads.seq).where(reads.contact == deed.contact, reads.reader == deed.reader))
    if row is None or row.seq < deed.seq:
        pen.change(CONVERSATION_READS, contact=deed.contact, reader=deed.reader, seq=deed.seq, at=record.stamp)


@FOLDS.on_deed(c.AddAttachment)
def attached(pen: Pen, record: Committed, deed: c.AddAttachment) -> None:
    root = root_of(pen, deed.tenant, deed.customer)
    pen.change(
        CONVERSATION_ATTACHMENTS,
        contact=deed.contact,
        attachment=deed.attachment,
        tenant=deed.tenant,
        customer=root,
        content_type=deed.content_type,
        size=deed.size,
        by=by(record),
        at=record.stamp,
        lsn=record.lsn,
        name=seal(pen, record, deed.tenant, root, "conversation_attachments/name", deed.name),
    )


@FOLDS.on_deed(c.StartSession)
def session_started(pen: Pen, record: Committed, deed: c.StartSession) -> None:
    root = root_of(pen, deed.tenant, deed.customer)
    pen.change(
        CONVERSATION_SESSIONS,
        contact=deed.contact,
        session=deed.session,
        tenant=deed.tenant,
        customer=root,
        kind=deed.kind,
        consent=deed.consent,
        started_at=record.stamp,
        started_by=by(record),
        started_lsn=record.lsn,
        link=seal(pen, record, deed.tenant, root, "conversation_sessions/link", deed.link),
    )


@FOLDS.on_deed(c.EndSession)
def session_ended(pen: Pen, record: Committed, deed: c.EndSession) -> None:
    """No row is made: that it began may have been sealed with a key that is gone."""
    sessions = CONVERSATION_SESSIONS.c
    pen.execute(
        update(CONVERSATION_SESSIONS)
        .where(sessions.contact == deed.contact, sessions.session == deed.session)
        .values(ended_at=record.stamp, ended_by=by(record), ended_lsn=record.lsn)
    )


@FOLDS.on_deed(c.SaveReply)
def reply_saved(pen: Pen, record: Committed, deed: c.SaveReply) -> None:
    pen.change(
        REPLIES,
        tenant=deed.tenant,
        shop=deed.shop,
        agent=deed.agent,
        shortcut=deed.shortcut,
        title=deed.title,
        text=deed.text,
        changed_at=record.stamp,
    )


@FOLDS.on_deed(c.RemoveReply)
def reply_removed(pen: Pen, _record: Committed, deed: c.RemoveReply) -> None:
    r = REPLIES.c
    pen.execute(
        delete(REPLIES).where(
            r.tenant == deed.tenant, r.shop == deed.shop, r.agent == deed.agent, r.shortcut == deed.shortcut
        )
    )


# --- who is forgotten -----------------------------------------------------------------------------------------------


@FOLDS.on_deed(EraseCustomer)
def erased(pen: Pen, record: Committed, deed: EraseCustomer) -> None:
    """After the customers' own fold, which has written down the keys."""
    _forget(pen, deed.tenant, record.lsn)


@FOLDS.on_deed(CustomerErased)
def erasure_done(pen: Pen, _record: Committed, deed: CustomerErased) -> None:
    """What came in while the keys were on their way out is gone too."""
    _forget(pen, deed.tenant, deed.erasure)


def _forget(pen: Pen, tenant: str, erasure: int) -> None:
    """What was written about them, and about their contacts; that they were there, when and with whom, stays."""
    erasures, contacts, notes = CUSTOMER_ERASURES.c, CUSTOMER_CONTACTS.c, CONVERSATION_NOTES.c
    keys = select(erasures.customer).where(erasures.lsn == erasure, erasures.tenant == tenant)
    theirs = select(contacts.contact).where(contacts.tenant == tenant, contacts.customer.in_(keys))
    ours = or_(notes.customer.in_(keys), notes.contact.in_(theirs))
    pen.execute(delete(CONVERSATION_NOTES).where(notes.tenant == tenant, ours))
    for table in (CONVERSATION_ATTACHMENTS, CONVERSATION_SESSIONS):
        ours = or_(table.c.customer.in_(keys), table.c.contact.in_(theirs))
        pen.execute(delete(table).where(table.c.tenant == tenant, ours))
    pen.execute(delete(CONVERSATION_TAGS).where(CONVERSATION_TAGS.c.contact.in_(theirs)))
    words.forget(pen, theirs)
    steps = CONVERSATION_STEPS.c
    pen.execute(delete(CONVERSATION_STEPS).where(steps.contact.in_(theirs), steps.kind == "tags"))


# --- what was said, and what became of it ---------------------------------------------------------------------------


@FOLDS.on_event(ev.MessageAdded)
def message_added(pen: Pen, record: Committed, event: ev.MessageAdded) -> None:
    pen.change(CONVERSATIONS, contact=event.contact, seq=event.seq, lsn=record.lsn)
    if record.payload:
        tenant = getattr(record.command, "tenant", "")
        words.enter(pen, tenant, event.contact, event.seq, record.payload.decode(errors="replace"))


@FOLDS.on_event(ev.AgentDefined)
def agent_defined(pen: Pen, _record: Committed, event: ev.AgentDefined) -> None:
    pen.change(DESK_AGENTS, agent=event.profile.agent, kind=str(event.profile.kind), name=event.profile.name)


def _tells(event_type: type, kind: str, **fields: str | Callable[[Any], str]) -> None:
    """Each such event is a step of the story: columns from the event's fields of these names, or a function of it."""

    def tell(pen: Pen, record: Committed, event: Any) -> None:
        values: dict[str, Any] = {
            name: getattr(event, source) if isinstance(source, str) else source(event)
            for name, source in fields.items()
        }
        _step(pen, record, event, kind, at=event.at, **values)

    FOLDS.on_event(event_type)(tell)


_tells(ev.ContactSubmitted, "arrived", channel="channel", queue="queue", reason="stage")
_tells(ev.ContactDeflected, "deflected", channel="channel", queue="queue", reason="reason")
_tells(ev.ContactJoined, "joined", channel="channel")
_tells(ev.ContactResumed, "resumed", channel="channel")
_tells(ev.ContactReopened, "reopened", channel="channel")
_tells(ev.ContactMoved, "moved", queue="queue", reason="why")
_tells(ev.ContactConnected, "connected", who="agent")
_tells(ev.PersonAsked, "person_asked", reason="reason")
_tells(ev.ContactRequeued, "requeued", who="agent", reason="reason")
_tells(ev.MessageLeft, "left_message", reason="kind")
_tells(ev.ContactSentToBot, "sent_to_bot")
_tells(ev.ConsultAccepted, "consulted", who="agent")
_tells(ev.ContactClosed, "closed", who=lambda event: event.agent or event.by, reason="reason")
_tells(ev.ContactAbandoned, "abandoned")


@FOLDS.on_event(ev.ContactTransferred)
def transferred(pen: Pen, record: Committed, event: ev.ContactTransferred) -> None:
    kind = "handed_off" if event.hand_off else "transferred"
    reason = event.intent or event.reason
    _step(pen, record, event, kind, at=event.at, who=event.agent, queue=event.queue, reason=reason)


def _step(pen: Pen, record: Committed, event: Any, kind: str, contact: int = 0, **values: Any) -> None:
    """``place``: where the event stands in its record, which may tell several things of a contact."""
    place = next(at for at, other in enumerate(record.events) if other is event)
    contact = contact or event.contact
    pen.change(CONVERSATION_STEPS, contact=contact, lsn=record.lsn, place=place, kind=kind, **values)
    _came_to(pen, record, contact)


def _came_to(pen: Pen, record: Committed, contact: int) -> None:
    pen.change(CONVERSATIONS, contact=contact, lsn=record.lsn)
