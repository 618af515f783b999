"""Moves of a history that concern several: a colleague asked to help, many contacts at once, a whole pool."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from engine.dispatch import commands as cm
from engine.dispatch.agents import AgentState
from tests.reference_dispatcher import bulk as bulks
from tests.reference_dispatcher import policies

if TYPE_CHECKING:
    from tests.reference_dispatcher.histories import Author


def answer(author: Author) -> cm.Command | None:
    """A colleague was asked: answer, or make an end of it."""
    dice, asked = author.dice, [*author.desk.consults.values()]
    if not asked:
        return None
    found = dice.pick(asked)
    tenant, agent = author.tenant(found.contact), dice.pick([found.to_agent, found.to_agent, found.agent])
    agent = author.anybody() if dice.flip(0.04) else agent
    if dice.flip(0.6):
        return cm.AcceptConsult(tenant=tenant, contact=found.contact, agent=agent)
    return cm.EndConsult(tenant=tenant, contact=found.contact, agent=agent)


def consult(author: Author) -> cm.Command | None:
    """Ask a colleague."""
    dice = author.dice
    number = author.contact("connected")
    if number is None:
        return None
    free = [agent.name for agent in author.desk.agents.values() if agent.state == AgentState.AVAILABLE]
    named = dice.pick(free) if free and dice.flip(0.85) else author.anybody()
    queue, agent = (author.queue(), "") if dice.flip(0.3) else ("", named)
    if dice.flip(0.03):
        queue, agent = dice.pick([("", ""), ("a", "ann")])
    return cm.ConsultAgent(
        tenant=author.tenant(number), contact=number, agent=author.holder(number), to_queue=queue, to_agent=agent
    )


def bulk(author: Author) -> cm.Command:
    """Mostly with the count that is right."""
    dice = author.dice
    asked = cm.BulkCommand(
        tenant=dice.pick(["", "acme", "acme", "bell", "carl"][: 5 if dice.flip(0.1) else 3]),
        queue=author.queue() if dice.flip(0.6) else "",
        shop=dice.pick(["", "", "flagship", "tower" if dice.flip(0.2) else "corner"]),
        channel=dice.pick(["", "", "web", "phone" if dice.flip(0.9) else "pigeon"]),
        action=dice.pick(["move", "prioritise", "bot", "message"]), to_queue=author.queue(),
        priority=dice.pick([0, 1, 4, 3_000_000 if dice.flip(0.1) else 2]), reason=dice.pick(["", "storm"]),
        preview=dice.flip(0.1), everything=dice.flip(0.8),
    )  # fmt: skip
    count = sum(bulks.matches(contact, asked) for contact in author.desk.contacts.values())
    return msgspec.structs.replace(asked, expect_count=count + dice.flip(0.05))


def pools(author: Author) -> cm.Command:
    pool = "cellar" if author.dice.flip(0.03) else author.dice.pick(policies.POOLS)
    drained = [*author.desk.drained]
    if drained and author.dice.flip(0.7):
        return cm.OpenPool(pool=author.dice.pick(drained))
    return cm.DrainPool(pool=pool) if author.dice.flip(0.8) else cm.OpenPool(pool=pool)
