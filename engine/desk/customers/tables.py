"""What is kept of customers. Everything here can be made again from the journal."""

from __future__ import annotations

from sqlalchemy import Index, Table

from engine.desk.schema import METADATA, number, sealed, text

# ``attributes``: those that are not personal, as JSON in order of names, ``routing`` those of them for the policy; ``sealed``:
# the personal ones. ``version``: the lsn of the last deed. ``root``: the key that stands for this one; empty: itself.
CUSTOMERS = Table(
    "customers",
    METADATA,
    text("tenant", key=True),
    text("customer", key=True),
    text("root"),
    text("tier"),
    text("attributes"),
    text("routing"),
    sealed("sealed"),
    number("version"),
    number("created_at"),
    number("changed_at"),
    number("erased_at"),
    Index(None, "tenant", "root"),
    Index(None, "tenant", "tier"),
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

# ``until`` 0: for good.
CUSTOMER_BLOCKS = Table(
    "customer_blocks",
    METADATA,
    text("tenant", key=True),
    text("customer", key=True),
    number("since"),
    number("until"),
    text("by"),
    sealed("reason"),
)

# ``since`` 0: what was used of the tier's own.
CUSTOMER_ENTITLEMENTS = Table(
    "customer_entitlements",
    METADATA,
    text("tenant", key=True),
    text("customer", key=True),
    text("entitlement", key=True),
    number("since", key=True),
    number("until"),
    number("cancelled_at"),
    number("quota"),
    number("used"),
)

# A key that is not its own customer any more: ``into`` is the key that it was joined to then, which may have been joined since.
CUSTOMER_LINKS = Table(
    "customer_links",
    METADATA,
    text("tenant", key=True),
    text("customer", key=True),
    text("into"),
    text("how"),
    text("channel"),
    text("consent"),
    number("contact"),
    text("by"),
    number("at"),
    number("lsn"),
    Index(None, "tenant", "into"),
)

# A row for each key of a customer who was erased, by the record that asked for it. ``done_at`` 0: the keys may be there still.
CUSTOMER_ERASURES = Table(
    "customer_erasures",
    METADATA,
    number("lsn", key=True),
    text("tenant", key=True),
    text("customer", key=True),
    number("at"),
    number("done_at"),
)

SEGMENTS = Table(
    "segments",
    METADATA,
    text("tenant", key=True),
    text("segment", key=True),
    text("title"),
    text("rule"),
    number("changed_at"),
)
