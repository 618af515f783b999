"""What may be done with conversations, and what must hold before it is."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from sqlalchemy import select

from engine.desk import limits
from engine.desk.conversations import commands as c
from engine.desk.conversations import queries as q
from engine.desk.conversations import replies
from engine.desk.conversations.attachments import TAKEN
from engine.desk.conversations.checks import contact_of
from engine.desk.conversations.search import answer_search, look_at
from engine.desk.conversations.story import answer_story, tell
from engine.desk.conversations.tables import (
    CONVERSATION_ATTACHMENTS,
    CONVERSATION_NOTES,
    CONVERSATION_SESSIONS,
    CONVERSATION_TAGS,
    CONVERSATIONS,
)
from engine.desk.customers.checks import check_key, check_text
from engine.desk.customers.identity import thing
from engine.desk.database import Reading
from engine.desk.deeds import Ask, Asker, Rooms, Rule, refuse
from engine.desk.refusals import DeskCode
from engine.desk.settings import Settings
from engine.desk.text import find_fault

# --- notes, tags, marks ---------------------------------------------------------------------------------------------


def complete_note(deed: c.NoteContact, _asker: Asker, _settings: Settings, _now: int) -> c.NoteContact:
    check_key("customer", deed.customer)
    # Data wherever it is shown: whoever quotes a customer may quote a tag.
    fault = find_fault(deed.text, "text", limits.NOTE_CHARS, html=True)
    if fault is not None:
        raise refuse(DeskCode.BAD_VALUE, fault.what, fault.got, fault.wanted)
    return deed


def check_note(reading: Reading, deed: c.NoteContact, _now: int) -> None:
    contact_of(reading, deed.tenant, deed.contact, deed.customer)
    notes = CONVERSATION_NOTES.c
    count = len(reading.rows(select(notes.lsn).where(notes.contact == deed.contact)))
    if count >= limits.NOTES:
        raise refuse(DeskCode.TOO_MANY, "notes of the contact", count + 1, f"at most {limits.NOTES}")


def complete_tags(deed: c.TagContact, _asker: Asker, _settings: Settings, _now: int) -> c.TagContact:
    check_key("customer", deed.customer)
    if not deed.add and not deed.remove:
        raise refuse(DeskCode.BAD_VALUE, "add, remove", "none", "at least one tag")
    for what, tags in (("add", deed.add), ("remove", deed.remove)):
        if len(tags) > limits.TAGS:
            raise refuse(DeskCode.TOO_MANY, what, len(tags), f"at most {limits.TAGS}")
        for tag in tags:
            check_text(f"{what}: a tag", tag, limits.TAG_CHARS)
    return deed


def check_tags(reading: Reading, deed: c.TagContact, _now: int) -> None:
    contact_of(reading, deed.tenant, deed.contact, deed.customer)
    columns = CONVERSATION_TAGS.c
    there = {row.tag for row in reading.rows(select(columns.tag).where(columns.contact == deed.contact))}
    tags = there - set(deed.remove) | set(deed.add)
    if len(tags) > limits.TAGS:
        raise refuse(DeskCode.TOO_MANY, "tags of the contact", len(tags), f"at most {limits.TAGS}")


def complete_read(deed: c.ReadContact, asker: Asker, _settings: Settings, _now: int) -> c.ReadContact:
    """A channel reads for its customers."""
    check_key("customer", deed.customer)
    if deed.reader:
        raise refuse(DeskCode.BAD_VALUE, "reader", deed.reader[:80], "nothing: it comes from the token")
    customers = ("customer", "channel")
    reader = "customer" if asker.role in customers else f"{asker.role}/{asker.subject}"
    return msgspec.structs.replace(deed, reader=reader)


def check_read(reading: Reading, deed: c.ReadContact, _now: int) -> None:
    contact_of(reading, deed.tenant, deed.contact, deed.customer)
    row = reading.row(select(CONVERSATIONS.c.seq).where(CONVERSATIONS.c.contact == deed.contact))
    last = 0 if row is None else row.seq
    if not 0 < deed.seq <= last:
        raise refuse(DeskCode.BAD_VALUE, "seq", deed.seq, f"1 to {last}, the last message")


# --- files and sessions ---------------------------------------------------------------------------------------------

_ID = re.compile(r"[0-9a-f]{32}")
_LINK = re.compile(r"https://[\w.-]+(:\d{1,5})?(/[\w./~%?=&#-]*)?", re.ASCII)


def complete_attachment(deed: c.AddAttachment, _asker: Asker, _settings: Settings, _now: int) -> c.AddAttachment:
    check_key("customer", deed.customer)
    if not _ID.fullmatch(deed.attachment):
        raise refuse(DeskCode.BAD_VALUE, "attachment", "another text", "32 hexadecimal digits, as stored")
    if deed.content_type not in TAKEN:
        raise refuse(DeskCode.BAD_VALUE, "content_type", deed.content_type[:80], f"one of {', '.join(TAKEN)}")
    if not 0 < deed.size <= limits.ATTACHMENT_BYTES:
        raise refuse(DeskCode.BAD_VALUE, "size", deed.size, f"1 to {limits.ATTACHMENT_BYTES} bytes")
    if deed.name:
        check_text("name", deed.name, limits.REASON_CHARS)
    return deed


def check_attachment(reading: Reading, deed: c.AddAttachment, _now: int) -> None:
    contact_of(reading, deed.tenant, deed.contact, deed.customer)
    columns = CONVERSATION_ATTACHMENTS.c
    count = len(reading.rows(select(columns.lsn).where(columns.contact == deed.contact)))
    if count >= limits.ATTACHMENTS:
        raise refuse(DeskCode.TOO_MANY, "attachments of the contact", count + 1, f"at most {limits.ATTACHMENTS}")


def complete_session(deed: c.StartSession, asker: Asker, _settings: Settings, _now: int) -> c.StartSession:
    complete_end(deed, asker, _settings, _now)
    if not _LINK.fullmatch(deed.link) or len(deed.link) > limits.VALUE_CHARS:
        raise refuse(DeskCode.BAD_VALUE, "link", "another text", "https://HOST[:PORT][/PATH]")
    if not deed.consent:
        raise refuse(DeskCode.BAD_VALUE, "consent", "none", "asked or opened: how the customer said so")
    if deed.consent == "opened" and asker.role != "customer":
        raise refuse(
            DeskCode.BAD_VALUE, "consent", f"opened, by {asker.role}", "asked: only the customer opens it itself"
        )
    return deed


def complete_end(deed: Any, _asker: Asker, _settings: Settings, _now: int) -> Any:
    check_key("customer", deed.customer)
    check_text("session", deed.session, limits.TAG_CHARS)
    return deed


def check_start(reading: Reading, deed: c.StartSession, _now: int) -> None:
    row = contact_of(reading, deed.tenant, deed.contact, deed.customer)
    if row.ended_at:
        raise refuse(DeskCode.WRONG_STATE, "contact", "one that has ended", "an open one")
    columns = CONVERSATION_SESSIONS.c
    rows = reading.rows(select(CONVERSATION_SESSIONS).where(columns.contact == deed.contact))
    if any(row.session == deed.session or (row.kind == deed.kind and not row.ended_at) for row in rows):
        raise refuse(DeskCode.WRONG_STATE, "session", f"another {deed.kind} session, or this one", "one at a time")


def check_end(reading: Reading, deed: c.EndSession, _now: int) -> None:
    contact_of(reading, deed.tenant, deed.contact, deed.customer)
    columns = CONVERSATION_SESSIONS.c
    found = select(columns.ended_at).where(columns.contact == deed.contact, columns.session == deed.session)
    row = reading.row(found)
    if row is None or row.ended_at:
        raise refuse(DeskCode.WRONG_STATE, "session", deed.session[:64], "one of the contact that goes on")


# --- the table ------------------------------------------------------------------------------------------------------


def _of_customer(deed: Any) -> str:
    return str(deed.customer)


def _its_customer(deed: Any) -> tuple[str, ...]:
    return (deed.customer,)


def _about(subject: bool, **parts: Any) -> Rule:
    """Of one contact; ``subject``: sealed with its customer's key."""
    return Rule(
        subject=_of_customer if subject else lambda deed: "",
        contact=lambda deed: deed.contact,
        customers=_its_customer,
        things=lambda deed: (thing(deed.customer),),
        **parts,
    )


ROOMS = Rooms(
    rules={
        c.NoteContact: _about(True, complete=complete_note, check=check_note),
        c.TagContact: _about(False, complete=complete_tags, check=check_tags),
        c.ReadContact: _about(False, complete=complete_read, check=check_read),
        c.AddAttachment: _about(True, complete=complete_attachment, check=check_attachment),
        c.StartSession: _about(True, complete=complete_session, check=check_start),
        # Not sealed: that it is over must be readable as long as that it began.
        c.EndSession: _about(False, complete=complete_end, check=check_end),
        c.SaveReply: Rule(
            complete=replies.complete_reply, things=lambda deed: (f"replies {deed.agent}",), check=replies.check_room
        ),
        c.RemoveReply: Rule(
            complete=replies.own_one, things=lambda deed: (f"replies {deed.agent}",), check=replies.check_there
        ),
    },
    asks={
        q.AskReplies: Ask(replies.answer_replies),
        q.AskReply: Ask(replies.answer_reply, _its_customer),
        q.AskStory: Ask(answer_story, tell=tell),
        q.AskSearch: Ask(answer_search, tell=look_at),
    },
)
