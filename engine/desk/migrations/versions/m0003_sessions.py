"""Attachments and sessions of conversations."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def _texts(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Text, nullable=False, server_default=sa.text("''")) for name in names]


def _numbers(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.BigInteger, nullable=False, server_default="0") for name in names]


def _keys(name: str) -> list[sa.Column[Any]]:
    return [
        sa.Column("contact", sa.BigInteger, nullable=False, primary_key=True, autoincrement=False),
        sa.Column(name, sa.Text, nullable=False, primary_key=True),
    ]


def upgrade() -> None:
    op.create_table(
        "conversation_attachments",
        *_keys("attachment"),
        *_texts("tenant", "customer", "content_type"),
        *_numbers("size"),
        *_texts("by"),
        *_numbers("at", "lsn"),
        sa.Column("name", sa.LargeBinary),
    )
    op.create_table(
        "conversation_sessions",
        *_keys("session"),
        *_texts("tenant", "customer", "kind", "consent"),
        *_numbers("started_at"),
        *_texts("started_by"),
        *_numbers("started_lsn", "ended_at"),
        *_texts("ended_by"),
        *_numbers("ended_lsn"),
        sa.Column("link", sa.LargeBinary),
    )
    for table in ("conversation_attachments", "conversation_sessions"):
        op.create_index(f"ix_{table}_tenant_customer", table, ["tenant", "customer"])
