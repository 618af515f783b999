"""What may be asked about conversations, and what is answered. Instants in dispatcher ms (0: never)."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from engine.desk.customers.queries import ContactPast
from engine.desk.deeds import Question


class AskReplies(Question, tag="replies", frozen=True, gc=False):
    """The replies at hand for an asker in a shop, its own first → ``{"replies": [ReplyRow], "more": bool}``.

    ``find``: the beginning of a shortcut, or a piece of a title or text; empty: all.
    """

    find: str = ""
    shop: str = ""
    limit: int = 20


class AskReply(Question, tag="reply", frozen=True, gc=False):
    """The reply of this shortcut, filled in for a contact of the customer → ``FilledReply``.

    ``values``: of the variables that only the asker knows, by name: ``{"order.id": "SN1"}``.
    """

    customer: str = ""
    contact: int = 0
    shortcut: str = ""
    values: dict[str, str] = {}


class AskStory(Question, tag="conversation.story", frozen=True, gc=False):
    """What was said and done in all contacts of a customer, under all its keys, as one story → ``StoryRow``.

    By ``contact`` or by ``customer``. The newest ``limit`` lines, oldest first; ``before``: those before this lsn. ``alone``: of that
    contact only. A customer sees what was said and who came, and nothing that is meant for colleagues.
    """

    contact: int = 0
    customer: str = ""
    before: int = 0
    limit: int = 100
    alone: bool = False


class AskSearch(Question, tag="conversation.search", frozen=True, gc=False):
    """Messages that hold all words of ``find``, Chinese or English, newest first → ``{"hits": [SearchHit], "more": bool}``.

    An agent finds what was said in contacts that it has or had. ``before_contact`` and ``before_seq``: as answered, to ask on.
    """

    find: str = ""
    before_contact: int = 0
    before_seq: int = 0
    limit: int = 20


ConversationQuery: TypeAlias = AskReplies | AskReply | AskStory | AskSearch


# --- answers --------------------------------------------------------------------------------------------------------


class ReplyRow(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    shortcut: str
    text: str
    title: str = ""
    shop: str = ""
    agent: str = ""
    changed_at: int = 0


class FilledReply(msgspec.Struct, frozen=True, gc=False):
    shortcut: str
    text: str


class StoryItem(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One line of a story. ``kind``: ``message``, ``note``, ``attachment`` (``text`` its name,
    ``reason`` its content type, ``attachment`` its id), ``tags``, ``session_started``, or what became of the contact (``arrived``, ``joined``,
    ``connected``, ``transferred``, ``handed_off``, ``left_message``, ``closed`` …).

    ``role`` and ``who``: whose doing it was. ``ai``: a bot said it. ``erased``: its text is gone for good. ``automatic``: nobody typed it.
    """

    contact: int
    lsn: int
    at: int
    kind: str
    role: str = ""
    who: str = ""
    name: str = ""
    text: str = ""
    seq: int = 0
    channel: str = ""
    queue: str = ""
    reason: str = ""
    attachment: str = ""
    ai: bool = False
    automatic: bool = False
    erased: bool = False


class SearchHit(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """``text``: the piece around what was looked for."""

    contact: int
    seq: int
    customer: str
    at: int
    text: str
    role: str = ""
    who: str = ""
    ai: bool = False


class ReadRow(msgspec.Struct, frozen=True, gc=False):
    contact: int
    reader: str
    seq: int
    at: int


class SessionRow(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """``ended_at`` 0: it goes on, at ``link``."""

    contact: int
    session: str
    kind: str
    consent: str
    started_at: int
    ended_at: int = 0
    link: str = ""


class TaggedContact(msgspec.Struct, frozen=True, gc=False):
    contact: int
    tags: list[str]


class StoryRow(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """``contacts``: those of the customer, newest first, at most a page; ``more``: there are earlier lines, before the first one's lsn."""

    customer: str
    contacts: list[ContactPast] = []
    lines: list[StoryItem] = []
    tags: list[TaggedContact] = []
    reads: list[ReadRow] = []
    sessions: list[SessionRow] = []
    more: bool = False


ANSWERS = (ReplyRow, FilledReply, StoryRow, StoryItem, ReadRow, TaggedContact, SessionRow, SearchHit)
