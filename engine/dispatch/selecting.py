"""Which waiting contacts a bulk command's filter matches."""

from __future__ import annotations

from typing import Final

from engine.dispatch.contacts import ContactState
from engine.dispatch.state import State

QUEUED: Final = ContactState.QUEUED
OFFERED: Final = ContactState.OFFERED


def selected(state: State, tenant: str, queue: str, shop: str, channel: str) -> list[int]:
    """Numbers in ascending order; empty criteria match everything. Whom an agent has just accepted is not waiting."""
    found: list[int] = []
    contacts = state.contacts
    for name, line in state.lines.items():
        if queue and name != queue:
            continue
        for number in line.waiting:
            contact = contacts[number]
            if contact.state is not QUEUED and contact.state is not OFFERED:
                continue
            # While a swap goes on, a contact may still stand in what is another tenant's queue by now.
            if tenant and contact.tenant != tenant:
                continue
            if (not shop or contact.shop == shop) and (not channel or contact.channel == channel):
                found.append(number)
    found.sort()
    return found
