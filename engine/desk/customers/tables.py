"""What is kept of customers. Everything here can be made again from the journal."""

from __future__ import annotations

from sqlalchemy import Index, Table

from engine.desk.schema import METADATA, number, sealed, text

# ``attributes``: those that are not personal, as JSON in order of names; ``sealed``: the personal ones. ``version``: the
# lsn of the last deed. ``root``: the key that stands for this customer, itself unless it was merged into another.
CUSTOMERS = Table(
    "customers",
    METADATA,
    text("tenant", key=True),
    text("customer", key=True),
    number("version"),
    text("attributes"),
    sealed("sealed"),
    number("created_at"),
    number("changed_at"),
)

# Every contact, by whose it is. ``agent``: who had it last; ``outcome``: how it ended, empty while it is open.
CUSTOMER_CONTACTS = Table(
    "customer_contacts",
    METADATA,
    number("contact", key=True),
    text("tenant"),
    text("customer"),
    text("channel"),
    text("shop"),
    text("queue"),
    text("agent"),
    text("outcome"),
    number("submitted_at"),
    number("connected_at"),
    number("ended_at"),
    Index(None, "tenant", "customer", "contact"),
)

# Who has served a contact, each once.
CONTACT_AGENTS = Table("contact_agents", METADATA, number("contact", key=True), text("agent", key=True))

CUSTOMER_TAGS = Table(
    "customer_tags",
    METADATA,
    text("tenant", key=True),
    text("customer", key=True),
    text("tag", key=True),
    number("at"),
    Index(None, "tenant", "tag"),
)
