"""Whose customers are one's own: a customer is one; an agent's or bot's are those whom it serves, or has served."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from engine.desk.customers.identity import keys_of
from engine.desk.customers.tables import CONTACT_AGENTS, CUSTOMER_CONTACTS
from engine.desk.database import Reading
from engine.desk.deeds import Asker, refuse
from engine.desk.refusals import DeskCode


def check_own(reading: Reading, asker: Asker, customers: Sequence[str]) -> None:
    """Raises :class:`Refused` in the words for a customer who does not exist: nobody learns who else is one."""
    for customer in customers:
        own = customer == asker.subject if asker.role == "customer" else has_served(reading, asker, customer)
        if not own:
            raise refuse(DeskCode.UNKNOWN_CUSTOMER, "customer", customer[:80], "a customer of yours")


def has_served(reading: Reading, asker: Asker, customer: str) -> bool:
    """Under any of the customer's keys."""
    contacts, agents = CUSTOMER_CONTACTS.c, CONTACT_AGENTS.c
    keys = keys_of(reading, asker.tenant, customer)
    return (
        reading.row(
            select(contacts.contact)
            .join(CONTACT_AGENTS, agents.contact == contacts.contact)
            .where(contacts.tenant == asker.tenant, contacts.customer.in_(keys), agents.agent == asker.subject)
            .limit(1)
        )
        is not None
    )
