"""Whose a payload is: the customer under whose key it is sealed."""

from __future__ import annotations

from engine.dispatch.commands import AddMessage, Command, RecordDesk, SubmitContact
from engine.dispatch.dispatcher import Dispatcher
from engine.ports import Principal

# Tenant and subject; the subject is empty for what is the tenant's own.
Subject = tuple[str, str]
NOBODY: Subject = ("", "")


def subject_of(command: Command, principal: Principal, dispatcher: Dispatcher) -> Subject:
    """What nobody's key fits (a message to a contact that is gone) is the tenant's."""
    match command:
        case SubmitContact(tenant=tenant, customer=customer) if customer:
            return tenant, customer
        case RecordDesk(tenant=tenant, subject=subject) if subject:
            return tenant, subject
        case AddMessage(contact=number) if (contact := dispatcher.contacts.get(number)) is not None:
            return contact.tenant, contact.customer
    return getattr(command, "tenant", "") or principal.tenant, ""
