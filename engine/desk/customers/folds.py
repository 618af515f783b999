"""From what was done with customers to what is known of them."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import delete, select

from engine.desk.customers.commands import SaveCustomer, TagCustomer
from engine.desk.customers.tables import CONTACT_AGENTS, CUSTOMER_CONTACTS, CUSTOMER_TAGS, CUSTOMERS
from engine.desk.database import Pen, Reading
from engine.desk.folding import Folds
from engine.dispatch import events as ev
from engine.dispatch.commands import Attributes
from engine.ports import Committed

FOLDS = Folds()


@FOLDS.on_deed(SaveCustomer)
def saved(pen: Pen, record: Committed, deed: SaveCustomer) -> None:
    row = find(pen, deed.tenant, deed.customer)
    plain = {} if row is None else open_attributes(row)
    personal = {} if row is None else personal_attributes(pen, row)
    for name, value in deed.attributes.items():
        plain.pop(name, None)
        personal.pop(name, None)
        if value is not None:
            (personal if name in deed.personal else plain)[name] = value
    touch(
        pen,
        record,
        deed.tenant,
        deed.customer,
        row,
        attributes=as_json(plain) if plain else "",
        sealed=_sealed(pen, record, deed.tenant, deed.customer, personal),
    )


@FOLDS.on_deed(TagCustomer)
def tagged(pen: Pen, record: Committed, deed: TagCustomer) -> None:
    touch(pen, record, deed.tenant, deed.customer, find(pen, deed.tenant, deed.customer))
    if deed.remove:
        pen.execute(
            delete(CUSTOMER_TAGS)
            .where(CUSTOMER_TAGS.c.tenant == deed.tenant, CUSTOMER_TAGS.c.customer == deed.customer)
            .where(CUSTOMER_TAGS.c.tag.in_(deed.remove))
        )
    for tag in deed.add:
        pen.change(CUSTOMER_TAGS, tenant=deed.tenant, customer=deed.customer, tag=tag, at=record.stamp)


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


def touch(pen: Pen, record: Committed, tenant: str, customer: str, row: Any | None, **values: Any) -> None:
    """Something about the customer changed with this record."""
    if row is None:
        values["created_at"] = record.stamp
    pen.change(CUSTOMERS, tenant=tenant, customer=customer, version=record.lsn, changed_at=record.stamp, **values)


def find(reading: Reading, tenant: str, customer: str) -> Any | None:
    return reading.row(select(CUSTOMERS).where(CUSTOMERS.c.tenant == tenant, CUSTOMERS.c.customer == customer))


def open_attributes(row: Any) -> Attributes:
    """Those that are not personal."""
    return msgspec.json.decode(row.attributes, type=Attributes) if row.attributes else {}


def personal_attributes(reading: Reading, row: Any) -> Attributes:
    if row.sealed is None:
        return {}
    place, sealed = _lsn_and(row.sealed)
    plain = reading.sealer.unseal(row.tenant, row.customer, _place(place), sealed)
    return {} if plain is None else msgspec.json.decode(plain, type=Attributes)


def _sealed(pen: Pen, record: Committed, tenant: str, customer: str, personal: Attributes) -> bytes | None:
    """The lsn in eight bytes, by which it is found where it was sealed, and what the sealer made of it."""
    if not personal:
        return None
    sealed = pen.sealer.seal(tenant, customer, _place(record.lsn), as_json(personal).encode())
    return record.lsn.to_bytes(8) + sealed


def _lsn_and(stored: bytes) -> tuple[int, bytes]:
    return int.from_bytes(stored[:8]), bytes(stored[8:])


def _place(lsn: int) -> str:
    return f"customers/sealed/{lsn}"


def as_json(attributes: Attributes) -> str:
    """The same attributes are the same text."""
    return msgspec.json.encode(attributes, order="deterministic").decode()
