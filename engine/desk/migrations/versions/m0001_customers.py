"""Where the tables stand in the journal, and customers."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def _keys(**names: Any) -> list[sa.Column[Any]]:
    return [
        sa.Column(name, kind, nullable=False, primary_key=True, autoincrement=False) for name, kind in names.items()
    ]


def _texts(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Text, nullable=False, server_default=sa.text("''")) for name in names]


def _numbers(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.BigInteger, nullable=False, server_default="0") for name in names]


CUSTOMER = {"tenant": sa.Text, "customer": sa.Text}


def upgrade() -> None:
    op.create_table("desk_progress", *_keys(one=sa.BigInteger), *_numbers("lsn", "stamp"))
    op.execute("INSERT INTO desk_progress (one, lsn) VALUES (1, 0)")
    op.create_table(
        "customers",
        *_keys(**CUSTOMER),
        *_texts("root", "tier", "attributes", "routing"),
        sa.Column("sealed", sa.LargeBinary),
        *_numbers("version", "created_at", "changed_at", "erased_at"),
    )
    op.create_table(
        "customer_contacts",
        *_keys(contact=sa.BigInteger),
        *_texts("tenant", "customer", "channel", "shop", "queue", "agent", "outcome"),
        *_numbers("submitted_at", "connected_at", "ended_at"),
    )
    op.create_table("contact_agents", *_keys(contact=sa.BigInteger, agent=sa.Text))
    op.create_table("customer_tags", *_keys(**CUSTOMER, tag=sa.Text), *_numbers("at"))
    op.create_table(
        "customer_blocks",
        *_keys(**CUSTOMER),
        *_numbers("since", "until"),
        *_texts("by"),
        sa.Column("reason", sa.LargeBinary),
    )
    op.create_table(
        "customer_entitlements",
        *_keys(**CUSTOMER, entitlement=sa.Text, since=sa.BigInteger),
        *_numbers("until", "cancelled_at", "quota", "used"),
    )
    op.create_table(
        "customer_links",
        *_keys(**CUSTOMER),
        *_texts("into", "how", "channel", "consent"),
        *_numbers("contact"),
        *_texts("by"),
        *_numbers("at", "lsn"),
    )
    op.create_table(
        "customer_erasures",
        *_keys(lsn=sa.BigInteger, tenant=sa.Text, customer=sa.Text),
        *_numbers("at", "done_at"),
    )
    op.create_table(
        "segments", *_keys(tenant=sa.Text, segment=sa.Text), *_texts("title", "rule"), *_numbers("changed_at")
    )
    for table, *columns in (
        ("customers", "tenant", "root"),
        ("customers", "tenant", "tier"),
        ("customer_contacts", "tenant", "customer", "contact"),
        ("customer_tags", "tenant", "tag"),
        ("customer_links", "tenant", "into"),
    ):
        op.create_index(f"ix_{table}_{'_'.join(columns)}", table, columns)
