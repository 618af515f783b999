"""Where the tables stand in the journal, and customers with their tags."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "desk_progress",
        sa.Column("one", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("lsn", sa.BigInteger, nullable=False, server_default="0"),
    )
    op.execute("INSERT INTO desk_progress (one, lsn) VALUES (1, 0)")
    op.create_table(
        "customers",
        sa.Column("tenant", sa.Text, nullable=False, primary_key=True),
        sa.Column("customer", sa.Text, nullable=False, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("attributes", sa.Text, nullable=False, server_default=sa.text("''")),
        sa.Column("sealed", sa.LargeBinary),
        sa.Column("created_at", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("changed_at", sa.BigInteger, nullable=False, server_default="0"),
    )
    op.create_table(
        "customer_contacts",
        sa.Column("contact", sa.BigInteger, nullable=False, primary_key=True, autoincrement=False),
        *(
            sa.Column(name, sa.Text, nullable=False, server_default=sa.text("''"))
            for name in ("tenant", "customer", "channel", "shop", "queue", "agent", "outcome")
        ),
        *(
            sa.Column(name, sa.BigInteger, nullable=False, server_default="0")
            for name in ("submitted_at", "connected_at", "ended_at")
        ),
    )
    op.create_index(
        "ix_customer_contacts_tenant_customer_contact", "customer_contacts", ["tenant", "customer", "contact"]
    )
    op.create_table(
        "contact_agents",
        sa.Column("contact", sa.BigInteger, nullable=False, primary_key=True, autoincrement=False),
        sa.Column("agent", sa.Text, nullable=False, primary_key=True),
    )
    op.create_table(
        "customer_tags",
        sa.Column("tenant", sa.Text, nullable=False, primary_key=True),
        sa.Column("customer", sa.Text, nullable=False, primary_key=True),
        sa.Column("tag", sa.Text, nullable=False, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False, server_default="0"),
    )
    op.create_index("ix_customer_tags_tenant_tag", "customer_tags", ["tenant", "tag"])
