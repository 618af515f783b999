"""Whose customers are one's own: a customer is one; an agent's or bot's are those whom it serves, or has served."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from engine.desk.customers.tables import CONTACT_AGENTS, CUSTOMER_CONTACTS
from engine.desk.database import Reading
from engine.desk.deeds import Asker, refuse
from engine.desk.refusals import DeskCode


def check_own(reading: Reading, asker: Asker, customers: Sequence[str]) -> None:
    """Raises :class:`Refused` in the words for a customer who does not exist: nobody learns who else is one."""
    for customer in customers:
        if customer != asker.subject if asker.role == "customer" else not has_served(reading, asker, customer):
            raise refuse(DeskCode.UNKNOWN_CUSTOMER, "customer", customer[:80], "a customer of yours")


def has_served(reading: Reading, asker: Asker, customer: str) -> bool:
    contacts, agents = CUSTOMER_CONTACTS.c, CONTACT_AGENTS.c
    return (
        reading.row(
            select(contacts.contact)
            .join(CONTACT_AGENTS, agents.contact == contacts.contact)
            .where(contacts.tenant == asker.tenant, contacts.customer == customer, agents.agent == asker.subject)
            .limit(1)
        )
        is not None
    )
