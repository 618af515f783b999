"""Moves of a history that concern several: a colleague asked to help, many contacts at once, a whole pool."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from engine.dispatch import commands as cm
from engine.dispatch.agents import AgentState
from tests.reference_dispatcher import bulk as bulks
from tests.reference_dispatcher import capacity, policies

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


def group(author: Author) -> cm.Command:
    """More or less room for all of a pool or a team; mostly with the count that is right."""
    dice = author.dice
    asked = cm.SetGroupCapacity(
        tenant=dice.pick(["", "", "acme", "bell", "carl" if dice.flip(0.1) else "acme"]),
        pool=dice.pick(["", *policies.POOLS, "cellar" if dice.flip(0.1) else "onsite"]),
        team=dice.pick(["", "", "red", "blue"]),
        capacity=dice.pick([0, 1, 2, 3, 5, -1 if dice.flip(0.1) else 2]),
        until=author.now + dice.pick([0, 1_000, 4_000]) if dice.flip(0.7) else 0,
        reason=dice.pick(["", "peak"]),
        preview=dice.flip(0.1),
    )
    count = len(capacity.group(author.desk, asked))
    return msgspec.structs.replace(asked, expect_count=count + dice.flip(0.05))


def ask_bot(author: Author) -> cm.Command | None:
    """Rather the bot than to wait on."""
    number = author.contact("queued", "queued", "offered", "held", "connected" if author.dice.flip(0.1) else "queued")
    if number is None:
        return None
    reason = author.dice.pick(["customer_asked", "customer_asked", "tired"])
    return cm.AskBot(tenant=author.tenant(number), contact=number, reason=reason)


def pools(author: Author) -> cm.Command:
    pool = "cellar" if author.dice.flip(0.03) else author.dice.pick(policies.POOLS)
    drained = [*author.desk.drained]
    if drained and author.dice.flip(0.7):
        return cm.OpenPool(pool=author.dice.pick(drained))
    return cm.DrainPool(pool=pool) if author.dice.flip(0.8) else cm.OpenPool(pool=pool)
