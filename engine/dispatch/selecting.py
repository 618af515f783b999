"""Which waiting contacts, or which agents, a bulk command's filter matches."""

from __future__ import annotations

from typing import Final

from engine.dispatch.contacts import ContactState
from engine.dispatch.state import State

QUEUED: Final = ContactState.QUEUED
OFFERED: Final = ContactState.OFFERED


def selected(state: State, tenant: str, queue: str, shop: str, channel: str) -> list[int]:
    """Numbers in ascending order; empty criteria match everything. Whom an agent has just accepted is not waiting."""
    if not shop and not channel and (not tenant or len(state.policy.tenants) == 1):
        return selected_lines(state, queue)
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


def selected_lines(state: State, queue: str) -> list[int]:
    """Everybody who waits in the queue (in any) without a look at each: a hundred thousand of them are cold memory."""
    found: list[int] = []
    for name, line in state.lines.items():
        if not queue or name == queue:
            found.extend(line.waiting)
    found.sort()
    held = {offer.contact for offer in state.offers.values() if offer.held}
    return [number for number in found if number not in held] if held else found


def selected_agents(state: State, tenant: str, pool: str, team: str) -> list[int]:
    """Sequence numbers in ascending order, of agents in any state; empty criteria match everybody. Who serves every tenant
    is each tenant's, too."""
    found: list[int] = []
    for agent in state.agents.values():
        profile = agent.profile
        if tenant and profile.tenant not in ("", tenant):
            continue
        if (not pool or pool in profile.pools) and (not team or profile.team == team):
            found.append(agent.seq)
    found.sort()
    return found
