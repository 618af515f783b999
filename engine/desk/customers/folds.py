"""From what was done with customers to what is known of them. Deeds about a merged key are about its root."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, select, update

from engine.desk.customers import commands as c
from engine.desk.customers.identity import dissolve, join, keys_of, part, root_of
from engine.desk.customers.tables import (
    CONTACT_AGENTS,
    CUSTOMER_BLOCKS,
    CUSTOMER_CONTACTS,
    CUSTOMER_ENTITLEMENTS,
    CUSTOMER_ERASURES,
    CUSTOMER_LINKS,
    CUSTOMER_TAGS,
    CUSTOMERS,
    SEGMENTS,
)
from engine.desk.database import Pen, Reading
from engine.desk.folding import Folds
from engine.dispatch import events as ev
from engine.dispatch.commands import Attributes
from engine.ports import Committed

FOLDS = Folds()


# --- profile --------------------------------------------------------------------------------------------------------


@FOLDS.on_deed(c.SaveCustomer)
def saved(pen: Pen, record: Committed, deed: c.SaveCustomer) -> None:
    row = find(pen, deed.tenant, root_of(pen, deed.tenant, deed.customer))
    plain = {} if row is None else decode(row.attributes)
    routing = {} if row is None else decode(row.routing)
    personal = {} if row is None else personal_attributes(pen, row)
    for name, value in deed.attributes.items():
        for kept in (plain, routing, personal):
            kept.pop(name, None)
        if value is None:
            continue
        (personal if name in deed.personal else plain)[name] = value
        if name in deed.routing:
            routing[name] = value
    root = touch(pen, record, deed.tenant, deed.customer, attributes=encode(plain), routing=encode(routing))
    pen.change(
        CUSTOMERS,
        tenant=deed.tenant,
        customer=root,
        sealed=seal(pen, record, deed.tenant, root, "customers/sealed", encode(personal)),
    )


@FOLDS.on_deed(c.TagCustomer)
def tagged(pen: Pen, record: Committed, deed: c.TagCustomer) -> None:
    root = touch(pen, record, deed.tenant, deed.customer)
    if deed.remove:
        tags = CUSTOMER_TAGS.c
        ours = tags.customer.in_(keys_of(pen, deed.tenant, root))
        pen.execute(delete(CUSTOMER_TAGS).where(tags.tenant == deed.tenant, ours, tags.tag.in_(deed.remove)))
    for tag in deed.add:
        pen.change(CUSTOMER_TAGS, tenant=deed.tenant, customer=root, tag=tag, at=record.stamp)


@FOLDS.on_deed(c.SetTier)
def tier_set(pen: Pen, record: Committed, deed: c.SetTier) -> None:
    touch(pen, record, deed.tenant, deed.customer, tier=deed.tier)


@FOLDS.on_deed(c.BlockCustomer)
def blocked(pen: Pen, record: Committed, deed: c.BlockCustomer) -> None:
    root = touch(pen, record, deed.tenant, deed.customer)
    pen.change(
        CUSTOMER_BLOCKS,
        tenant=deed.tenant,
        customer=root,
        since=record.stamp,
        until=deed.until,
        by=by(record),
        reason=seal(pen, record, deed.tenant, root, "customer_blocks/reason", deed.reason),
    )


@FOLDS.on_deed(c.UnblockCustomer)
def unblocked(pen: Pen, record: Committed, deed: c.UnblockCustomer) -> None:
    root, blocks = touch(pen, record, deed.tenant, deed.customer), CUSTOMER_BLOCKS.c
    ours = blocks.customer.in_(keys_of(pen, deed.tenant, root))
    pen.execute(delete(CUSTOMER_BLOCKS).where(blocks.tenant == deed.tenant, ours))


# --- entitlements ---------------------------------------------------------------------------------------------------


@FOLDS.on_deed(c.Subscribe)
def subscribed(pen: Pen, record: Committed, deed: c.Subscribe) -> None:
    root = touch(pen, record, deed.tenant, deed.customer)
    pen.change(
        CUSTOMER_ENTITLEMENTS,
        tenant=deed.tenant,
        customer=root,
        entitlement=deed.entitlement,
        since=deed.since or record.stamp,
        until=deed.until,
        quota=deed.quota,
        cancelled_at=0,
        used=0,
    )


@FOLDS.on_deed(c.CancelSubscription)
def cancelled(pen: Pen, record: Committed, deed: c.CancelSubscription) -> None:
    touch(pen, record, deed.tenant, deed.customer)
    running = running_subscription(pen, deed.tenant, deed.customer, deed.entitlement, record.stamp)
    if running is not None:
        set_subscription(pen, running, cancelled_at=deed.at or record.stamp)


@FOLDS.on_deed(c.UseEntitlement)
def used(pen: Pen, record: Committed, deed: c.UseEntitlement) -> None:
    root = touch(pen, record, deed.tenant, deed.customer)
    running = running_subscription(pen, deed.tenant, deed.customer, deed.entitlement, record.stamp)
    if running is not None:
        set_subscription(pen, running, used=running.used + deed.amount)
        return
    key = {"tenant": deed.tenant, "customer": root, "entitlement": deed.entitlement, "since": 0}
    row = pen.row(select(CUSTOMER_ENTITLEMENTS.c.used).filter_by(**key))
    pen.change(CUSTOMER_ENTITLEMENTS, **key, used=(0 if row is None else row.used) + deed.amount)


def running_subscription(reading: Reading, tenant: str, customer: str, entitlement: str, now: int) -> Any | None:
    """Of the customer's, under any of its keys: the one that began last."""
    columns = CUSTOMER_ENTITLEMENTS.c
    return reading.row(
        select(CUSTOMER_ENTITLEMENTS)
        .where(columns.tenant == tenant, columns.customer.in_(keys_of(reading, tenant, customer)))
        .where(columns.entitlement == entitlement, columns.since > 0, columns.since <= now)
        .where((columns.until == 0) | (columns.until > now))
        .where((columns.cancelled_at == 0) | (columns.cancelled_at > now))
        .order_by(columns.since.desc(), columns.customer)
        .limit(1)
    )


def set_subscription(pen: Pen, row: Any, **values: Any) -> None:
    pen.change(
        CUSTOMER_ENTITLEMENTS,
        tenant=row.tenant,
        customer=row.customer,
        entitlement=row.entitlement,
        since=row.since,
        **values,
    )


# --- who is who -----------------------------------------------------------------------------------------------------


@FOLDS.on_deed(c.MergeCustomers)
def merged(pen: Pen, record: Committed, deed: c.MergeCustomers) -> None:
    _join(pen, record, deed, root_of(pen, deed.tenant, deed.other), "merge", "")


@FOLDS.on_deed(c.LinkCustomer)
def linked(pen: Pen, record: Committed, deed: c.LinkCustomer) -> None:
    _join(pen, record, deed, root_of(pen, deed.tenant, deed.key), "link", deed.channel)


def _join(
    pen: Pen, record: Committed, deed: c.MergeCustomers | c.LinkCustomer, other: str, how: str, channel: str
) -> None:
    root = root_of(pen, deed.tenant, deed.customer)
    if root == other:
        return
    touch(pen, record, deed.tenant, other)
    touch(pen, record, deed.tenant, root)
    join(pen, deed.tenant, root, other)
    pen.change(
        CUSTOMER_LINKS,
        tenant=deed.tenant,
        customer=other,
        into=root,
        how=how,
        channel=channel,
        consent=deed.consent,
        contact=deed.contact,
        by=by(record),
        at=record.stamp,
        lsn=record.lsn,
    )


@FOLDS.on_deed(c.UnmergeCustomers)
def unmerged(pen: Pen, record: Committed, deed: c.UnmergeCustomers) -> None:
    touch(pen, record, deed.tenant, deed.customer)
    part(pen, deed.tenant, deed.other)
    touch(pen, record, deed.tenant, deed.other)


@FOLDS.on_deed(c.EraseCustomer)
def erased(pen: Pen, record: Committed, deed: c.EraseCustomer) -> None:
    """All that was ever known, under whichever key; that there was a customer of this key, and when it wrote, stays."""
    keys, tenant = keys_of(pen, deed.tenant, deed.customer), deed.tenant
    for table in (CUSTOMER_TAGS, CUSTOMER_BLOCKS, CUSTOMER_ENTITLEMENTS):
        pen.execute(delete(table).where(table.c.tenant == tenant, table.c.customer.in_(keys)))
    dissolve(pen, tenant, keys)
    bare = {"tier": "", "attributes": "", "routing": "", "sealed": None, "version": record.lsn}
    dates = {"created_at": record.stamp, "changed_at": record.stamp, "erased_at": record.stamp}
    for key in keys:
        pen.touched.add((tenant, key))
        pen.change(CUSTOMERS, tenant=tenant, customer=key, root="", **bare, **dates)
        pen.change(CUSTOMER_ERASURES, lsn=record.lsn, tenant=tenant, customer=key, at=record.stamp)


@FOLDS.on_deed(c.CustomerErased)
def erasure_done(pen: Pen, record: Committed, deed: c.CustomerErased) -> None:
    columns = CUSTOMER_ERASURES.c
    pen.execute(update(CUSTOMER_ERASURES).where(columns.lsn == deed.erasure).values(done_at=record.stamp))


# --- segments -------------------------------------------------------------------------------------------------------


@FOLDS.on_deed(c.SaveSegment)
def segment_saved(pen: Pen, record: Committed, deed: c.SaveSegment) -> None:
    pen.change(
        SEGMENTS,
        tenant=deed.tenant,
        segment=deed.segment,
        title=deed.title,
        rule=deed.rule,
        changed_at=record.stamp,
    )


@FOLDS.on_deed(c.RemoveSegment)
def segment_removed(pen: Pen, _record: Committed, deed: c.RemoveSegment) -> None:
    columns = SEGMENTS.c
    pen.execute(delete(SEGMENTS).where(columns.tenant == deed.tenant, columns.segment == deed.segment))


# --- contacts -------------------------------------------------------------------------------------------------------


@FOLDS.on_event(ev.ContactSubmitted)
@FOLDS.on_event(ev.ContactDeflected)
def submitted(pen: Pen, _record: Committed, event: ev.ContactSubmitted | ev.ContactDeflected) -> None:
    deflected = isinstance(event, ev.ContactDeflected)
    pen.change(
        CUSTOMER_CONTACTS,
        contact=event.contact,
        tenant=event.tenant,
        customer=event.customer,
        channel=event.channel,
        shop=event.shop,
        queue=event.queue,
        outcome=f"deflected: {event.reason}" if isinstance(event, ev.ContactDeflected) else "",
        submitted_at=event.at,
        ended_at=event.at if deflected else 0,
    )


@FOLDS.on_event(ev.ContactConnected)
def connected(pen: Pen, _record: Committed, event: ev.ContactConnected) -> None:
    pen.change(CUSTOMER_CONTACTS, contact=event.contact, agent=event.agent, connected_at=event.at)
    pen.change(CONTACT_AGENTS, contact=event.contact, agent=event.agent)


@FOLDS.on_event(ev.ContactMoved)
@FOLDS.on_event(ev.ContactTransferred)
def moved(pen: Pen, _record: Committed, event: ev.ContactMoved | ev.ContactTransferred) -> None:
    pen.change(CUSTOMER_CONTACTS, contact=event.contact, queue=event.queue)


@FOLDS.on_event(ev.ContactClosed)
def closed(pen: Pen, _record: Committed, event: ev.ContactClosed) -> None:
    pen.change(CUSTOMER_CONTACTS, contact=event.contact, outcome=f"closed: {event.reason}", ended_at=event.at)


@FOLDS.on_event(ev.ContactAbandoned)
def abandoned(pen: Pen, _record: Committed, event: ev.ContactAbandoned) -> None:
    pen.change(CUSTOMER_CONTACTS, contact=event.contact, outcome="abandoned", ended_at=event.at)


@FOLDS.on_event(ev.ContactResumed)
@FOLDS.on_event(ev.ContactReopened)
def back_again(pen: Pen, _record: Committed, event: ev.ContactResumed | ev.ContactReopened) -> None:
    pen.change(CUSTOMER_CONTACTS, contact=event.contact, outcome="", ended_at=0)


# --- rows -----------------------------------------------------------------------------------------------------------


def touch(pen: Pen, record: Committed, tenant: str, customer: str, **values: Any) -> str:
    """Something about the customer changed with this record: about its root, which is returned."""
    root = root_of(pen, tenant, customer)
    row = find(pen, tenant, root)
    if row is None or not row.created_at:
        values["created_at"] = record.stamp
    pen.touched.add((tenant, root))
    pen.change(CUSTOMERS, tenant=tenant, customer=root, version=record.lsn, changed_at=record.stamp, **values)
    return root


_CUSTOMER = select(CUSTOMERS).where(CUSTOMERS.c.tenant == bindparam("of"), CUSTOMERS.c.customer == bindparam("key"))


def find(reading: Reading, tenant: str, customer: str) -> Any | None:
    return reading.row(_CUSTOMER, of=tenant, key=customer)


def personal_attributes(reading: Reading, row: Any) -> Attributes:
    return decode(unseal(reading, row.tenant, row.customer, "customers/sealed", row.sealed))


def seal(pen: Pen, record: Committed, tenant: str, customer: str, place: str, plain: str) -> bytes | None:
    """The lsn in eight bytes, by which it is found where it was sealed, and what the sealer made of it."""
    if not plain:
        return None
    return record.lsn.to_bytes(8) + pen.sealer.seal(tenant, customer, f"{place}/{record.lsn}", plain.encode())


def unseal(reading: Reading, tenant: str, customer: str, place: str, stored: bytes | None) -> str:
    """Empty: nothing there, or its key is destroyed."""
    if stored is None:
        return ""
    plain = reading.sealer.unseal(tenant, customer, f"{place}/{int.from_bytes(stored[:8])}", bytes(stored[8:]))
    return "" if plain is None else plain.decode()


def decode(text: str) -> Attributes:
    return msgspec.json.decode(text, type=Attributes) if text else {}


def encode(attributes: Attributes) -> str:
    """The same attributes are the same text; none are an empty one."""
    return msgspec.json.encode(attributes, order="deterministic").decode() if attributes else ""


def by(record: Committed) -> str:
    return f"{record.principal.role}/{record.principal.subject}"
