"""What is kept of conversations. Texts of messages stay in the journal; everything here can be made again from it."""

from __future__ import annotations

from sqlalchemy import Index, Table

from engine.desk.schema import METADATA, number, sealed, text

# How far each contact has come: ``seq`` of its last message, ``lsn`` of the last that was said or became of it (what is
# sealed leaves no trace here: it must be gone with its key).
CONVERSATIONS = Table("conversations", METADATA, number("contact", key=True), number("seq"), number("lsn"))

# What became of a contact, a row for each event that its story tells. ``who``: an agent, or who did it.
CONVERSATION_STEPS = Table(
    "conversation_steps",
    METADATA,
    number("contact", key=True),
    number("lsn", key=True),
    number("place", key=True),
    number("at"),
    text("kind"),
    text("who"),
    text("channel"),
    text("queue"),
    text("reason"),
)

# ``customer``: under whose key the text is sealed.
CONVERSATION_NOTES = Table(
    "conversation_notes",
    METADATA,
    number("contact", key=True),
    number("lsn", key=True),
    text("tenant"),
    text("customer"),
    text("by"),
    number("at"),
    sealed("text"),
    Index(None, "tenant", "customer"),
)

CONVERSATION_TAGS = Table(
    "conversation_tags",
    METADATA,
    number("contact", key=True),
    text("tag", key=True),
    text("tenant"),
    number("at"),
    Index(None, "tenant", "tag"),
)

CONVERSATION_READS = Table(
    "conversation_reads",
    METADATA,
    number("contact", key=True),
    text("reader", key=True),
    number("seq"),
    number("at"),
)

CONVERSATION_ATTACHMENTS = Table(
    "conversation_attachments",
    METADATA,
    number("contact", key=True),
    text("attachment", key=True),
    text("tenant"),
    text("customer"),
    text("content_type"),
    number("size"),
    text("by"),
    number("at"),
    number("lsn"),
    sealed("name"),
    Index(None, "tenant", "customer"),
)

# ``ended_at`` 0: it goes on.
CONVERSATION_SESSIONS = Table(
    "conversation_sessions",
    METADATA,
    number("contact", key=True),
    text("session", key=True),
    text("tenant"),
    text("customer"),
    text("kind"),
    text("consent"),
    number("started_at"),
    text("started_by"),
    number("started_lsn"),
    number("ended_at"),
    text("ended_by"),
    number("ended_lsn"),
    sealed("link"),
    Index(None, "tenant", "customer"),
)

REPLIES = Table(
    "replies",
    METADATA,
    text("tenant", key=True),
    text("shop", key=True),
    text("agent", key=True),
    text("shortcut", key=True),
    text("title"),
    text("text"),
    number("changed_at"),
)

# Which blinded words a message holds: found by word, forgotten by contact. The contact says whose they are.
SEARCH_WORDS = Table(
    "search_words",
    METADATA,
    number("word", key=True),
    number("contact", key=True),
    number("seq", key=True),
    Index(None, "contact"),
    sqlite_with_rowid=False,
)

# What agents are called, and whether they are bots.
DESK_AGENTS = Table("desk_agents", METADATA, text("agent", key=True), text("kind"), text("name"))
