"""Conversations: steps, notes, tags, read marks, replies at hand, the blind index."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def _keys(**names: Any) -> list[sa.Column[Any]]:
    return [
        sa.Column(name, kind, nullable=False, primary_key=True, autoincrement=False) for name, kind in names.items()
    ]


def _texts(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Text, nullable=False, server_default=sa.text("''")) for name in names]


def _numbers(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.BigInteger, nullable=False, server_default="0") for name in names]


def upgrade() -> None:
    number, text = sa.BigInteger, sa.Text
    op.create_table("conversations", *_keys(contact=number), *_numbers("seq", "lsn"))
    op.create_table(
        "conversation_steps",
        *_keys(contact=number, lsn=number, place=number),
        *_numbers("at"),
        *_texts("kind", "who", "channel", "queue", "reason"),
    )
    op.create_table(
        "conversation_notes",
        *_keys(contact=number, lsn=number),
        *_texts("tenant", "customer", "by"),
        *_numbers("at"),
        sa.Column("text", sa.LargeBinary),
    )
    op.create_table("conversation_tags", *_keys(contact=number, tag=text), *_texts("tenant"), *_numbers("at"))
    op.create_table("conversation_reads", *_keys(contact=number, reader=text), *_numbers("seq", "at"))
    op.create_table(
        "replies",
        *_keys(tenant=text, shop=text, agent=text, shortcut=text),
        *_texts("title", "text"),
        *_numbers("changed_at"),
    )
    op.create_table("search_words", *_keys(word=number, contact=number, seq=number), sqlite_with_rowid=False)
    op.create_index("ix_search_words_contact", "search_words", ["contact"])
    op.create_table("desk_agents", *_keys(agent=text), *_texts("kind", "name"))
    op.create_index("ix_conversation_notes_tenant_customer", "conversation_notes", ["tenant", "customer"])
    op.create_index("ix_conversation_tags_tenant_tag", "conversation_tags", ["tenant", "tag"])
