"""What is answered about customers: all keys of one person together, the root's word before the others'."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import func, select

from engine.desk import limits
from engine.desk.customers import queries as q
from engine.desk.customers.folds import decode, personal_attributes, unseal
from engine.desk.customers.identity import keys_of
from engine.desk.customers.segments import holds
from engine.desk.customers.tables import (
    CUSTOMER_BLOCKS,
    CUSTOMER_CONTACTS,
    CUSTOMER_ENTITLEMENTS,
    CUSTOMER_LINKS,
    CUSTOMER_TAGS,
    CUSTOMERS,
    SEGMENTS,
)
from engine.desk.database import Reading
from engine.desk.deeds import Asker
from engine.desk.settings import Settings
from engine.dispatch.commands import Attributes
from engine.dispatch.policy.requirements import Requirement, parse


def answer_customer(reading: Reading, question: q.AskCustomer, asker: Asker) -> q.CustomerRow:
    """A customer sees of itself what was saved, and not what the house thinks of it."""
    row = customer_row(reading, question.tenant, question.customer)
    if asker.role != "customer":
        return row
    return q.CustomerRow(row.customer, row.version, row.attributes, tier=row.tier, entitlements=row.entitlements)


def customer_row(reading: Reading, tenant: str, customer: str) -> q.CustomerRow:
    keys = keys_of(reading, tenant, customer)
    rows = rows_of(reading, tenant, keys)
    attributes: Attributes = {}
    plain: Attributes = {}
    for row in reversed(rows):  # the root's last: it has the last word
        open_ones = decode(row.attributes)
        plain |= open_ones
        attributes |= {**open_ones, **personal_attributes(reading, row)}
    tags, tier = tags_of(reading, tenant, keys), tier_of(reading, tenant, keys)
    block = _block(reading, tenant, keys)
    root = rows[0] if rows and rows[0].customer == keys[0] else None
    return q.CustomerRow(
        customer=keys[0],
        version=0 if root is None else root.version,
        attributes=attributes,
        tags=tags,
        tier=tier,
        segments=[name for name, rule in rules_of(reading, tenant) if holds(rule, tags, plain, tier)],
        entitlements=_entitlements(reading, tenant, keys, tier),
        keys=[] if len(keys) == 1 else _links(reading, tenant, keys),
        blocked=block is not None,
        blocked_until=0 if block is None else block.until,
        blocked_reason=""
        if block is None
        else unseal(reading, tenant, block.customer, "customer_blocks/reason", block.reason),
        contacts=_count_contacts(reading, tenant, keys),
        created_at=min((row.created_at for row in rows if row.created_at), default=0),
        changed_at=max((row.changed_at for row in rows), default=0),
        erased_at=0 if root is None else root.erased_at,
    )


def rows_of(reading: Reading, tenant: str, keys: Sequence[str]) -> list[Any]:
    columns = CUSTOMERS.c
    found = reading.rows(select(CUSTOMERS).where(columns.tenant == tenant, columns.customer.in_(keys)))
    return sorted(found, key=lambda row: keys.index(row.customer))


def tags_of(reading: Reading, tenant: str, keys: Sequence[str]) -> list[str]:
    tags = CUSTOMER_TAGS.c
    found = reading.rows(select(tags.tag).distinct().where(tags.tenant == tenant, tags.customer.in_(keys)))
    return sorted(row.tag for row in found)


def tier_of(reading: Reading, tenant: str, keys: Sequence[str]) -> str:
    """The root's; if it has none, that of the first other key that has one."""
    return next((str(row.tier) for row in rows_of(reading, tenant, keys) if row.tier), "")


def _block(reading: Reading, tenant: str, keys: Sequence[str]) -> Any | None:
    """The one that lasts longest, of those in force."""
    blocks = CUSTOMER_BLOCKS.c
    rows = reading.rows(select(CUSTOMER_BLOCKS).where(blocks.tenant == tenant, blocks.customer.in_(keys)))
    running = [row for row in rows if not row.until or row.until > reading.now]
    return max(running, key=lambda row: (not row.until, row.until), default=None)


def _count_contacts(reading: Reading, tenant: str, keys: Sequence[str]) -> int:
    contacts = CUSTOMER_CONTACTS.c
    counted = select(func.count()).select_from(CUSTOMER_CONTACTS)
    row = reading.row(counted.where(contacts.tenant == tenant, contacts.customer.in_(keys)))
    return 0 if row is None else int(row[0])


def _links(reading: Reading, tenant: str, keys: Sequence[str]) -> list[q.KeyRow]:
    links = CUSTOMER_LINKS.c
    found = select(CUSTOMER_LINKS).where(links.tenant == tenant, links.customer.in_(keys)).order_by(links.lsn)
    return [
        q.KeyRow(row.customer, row.into, row.how, row.at, row.consent, row.channel, row.contact, row.by)
        for row in reading.rows(found)
    ]


def _entitlements(reading: Reading, tenant: str, keys: Sequence[str], tier: str) -> list[q.EntitlementRow]:
    columns, now = CUSTOMER_ENTITLEMENTS.c, reading.now
    found = reading.rows(
        select(CUSTOMER_ENTITLEMENTS)
        .where(columns.tenant == tenant, columns.customer.in_(keys))
        .order_by(columns.entitlement, columns.since, columns.customer)
    )
    rows = [
        q.EntitlementRow(
            row.entitlement,
            row.since,
            row.until,
            row.quota,
            row.used,
            active=row.since <= now
            and (not row.until or row.until > now)
            and (not row.cancelled_at or row.cancelled_at > now),
            cancelled_at=row.cancelled_at,
        )
        for row in found
        if row.since
    ]
    used = {row.entitlement: row.used for row in found if not row.since}
    settings: Settings = reading.settings
    declared = settings.tiers[tier].entitlements if tier in settings.tiers else ()
    return rows + [
        q.EntitlementRow(
            name, quota=settings.entitlements[name].quota, used=used.get(name, 0), active=True, by_tier=True
        )
        for name in declared
    ]


# --- lists ----------------------------------------------------------------------------------------------------------


def answer_customers(reading: Reading, question: q.AskCustomers, _asker: Asker) -> dict[str, Any]:
    limit = max(1, min(question.limit, limits.PAGE))
    rule = None
    if question.segment:
        rule = dict(rules_of(reading, question.tenant)).get(question.segment)
        if rule is None:
            return {"customers": [], "more": False}
    columns = CUSTOMERS.c
    wanted = select(columns.customer).where(columns.tenant == question.tenant, columns.customer > question.after)
    wanted = wanted.where(columns.root == "").order_by(columns.customer).limit(limits.LOOKED_AT + 1)
    if question.tier:
        wanted = wanted.where(columns.tier == question.tier)
    if question.tag:
        tags = CUSTOMER_TAGS.c
        tagged = select(tags.customer).where(tags.tenant == question.tenant, tags.tag == question.tag)
        wanted = wanted.where(columns.customer.in_(tagged))
    candidates = [row.customer for row in reading.rows(wanted)]
    return _page(reading, question.tenant, candidates, rule, limit)


def _page(reading: Reading, tenant: str, candidates: list[str], rule: Requirement | None, limit: int) -> dict[str, Any]:
    rows: list[q.CustomerRow] = []
    for place, customer in enumerate(candidates[: limits.LOOKED_AT]):
        if len(rows) == limit:
            return {"customers": rows, "more": True, "after": candidates[place - 1]}
        if rule is None or _in_segment(reading, tenant, customer, rule):
            rows.append(customer_row(reading, tenant, customer))
    more = len(candidates) > limits.LOOKED_AT
    return {"customers": rows, "more": more, "after": candidates[limits.LOOKED_AT - 1] if more else ""}


def _in_segment(reading: Reading, tenant: str, customer: str, rule: Requirement) -> bool:
    keys = keys_of(reading, tenant, customer)
    plain: Attributes = {}
    for row in reversed(rows_of(reading, tenant, keys)):
        plain |= decode(row.attributes)
    return holds(rule, tags_of(reading, tenant, keys), plain, tier_of(reading, tenant, keys))


def rules_of(reading: Reading, tenant: str) -> Iterable[tuple[str, Requirement]]:
    """Every segment of the tenant with its rule, by name."""
    columns = SEGMENTS.c
    rows = reading.rows(select(SEGMENTS).where(columns.tenant == tenant).order_by(columns.segment))
    return [(row.segment, parse(row.rule)) for row in rows]


def answer_segments(reading: Reading, question: q.AskSegments, _asker: Asker) -> dict[str, Any]:
    columns = SEGMENTS.c
    rows = reading.rows(select(SEGMENTS).where(columns.tenant == question.tenant).order_by(columns.segment))
    return {"segments": [q.SegmentRow(row.segment, row.title, row.rule, row.changed_at) for row in rows]}


def answer_history(reading: Reading, question: q.AskCustomerHistory, _asker: Asker) -> dict[str, Any]:
    limit = max(1, min(question.limit, limits.HISTORY_PAGE))
    contacts = CUSTOMER_CONTACTS.c
    keys = keys_of(reading, question.tenant, question.customer)
    wanted = select(CUSTOMER_CONTACTS).where(contacts.tenant == question.tenant, contacts.customer.in_(keys))
    if question.before > 0:
        wanted = wanted.where(contacts.contact < question.before)
    rows = reading.rows(wanted.order_by(contacts.contact.desc()).limit(limit + 1))
    return {
        "contacts": [past_of(row) for row in rows[:limit]],
        "more": len(rows) > limit,
    }


def past_of(row: Any) -> q.ContactPast:
    """From a row of ``CUSTOMER_CONTACTS``."""
    return q.ContactPast(
        row.contact,
        row.customer,
        row.channel,
        row.queue,
        row.submitted_at,
        row.shop,
        row.agent,
        row.outcome,
        row.connected_at,
        row.ended_at,
    )
