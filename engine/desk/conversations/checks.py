"""What contacts, notes and tags have to be."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from engine.desk.customers.identity import keys_of
from engine.desk.customers.tables import CUSTOMER_CONTACTS
from engine.desk.database import Reading
from engine.desk.deeds import refuse
from engine.desk.refusals import DeskCode


def contact_of(reading: Reading, tenant: str, contact: int, customer: str) -> Any:
    """The row of a contact of the customer, under any of its keys. Raises :class:`Refused`."""
    row = find_contact(reading, tenant, contact)
    if row is None or row.customer not in keys_of(reading, tenant, customer):
        raise refuse(DeskCode.BAD_VALUE, "contact", contact, "a contact of the customer")
    return row


def find_contact(reading: Reading, tenant: str, contact: int) -> Any | None:
    """None: the tenant has no such contact."""
    contacts = CUSTOMER_CONTACTS.c
    return reading.row(select(CUSTOMER_CONTACTS).where(contacts.contact == contact, contacts.tenant == tenant))
