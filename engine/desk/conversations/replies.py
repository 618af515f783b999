"""Replies at hand: kept for all of a tenant, for a shop, or for oneself; found by shortcut, and filled in."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import select

from engine.desk import limits
from engine.desk.conversations import commands as c
from engine.desk.conversations import queries as q
from engine.desk.conversations.checks import contact_of
from engine.desk.conversations.tables import DESK_AGENTS, REPLIES
from engine.desk.conversations.variables import GIVEN, check_variables, fill, nearest
from engine.desk.customers.answers import customer_row
from engine.desk.customers.checks import check_text
from engine.desk.database import Reading
from engine.desk.deeds import Asker, refuse
from engine.desk.refusals import DeskCode
from engine.desk.settings import Settings
from engine.desk.text import find_fault


def complete_reply(deed: c.SaveReply, asker: Asker, settings: Settings, _now: int) -> c.SaveReply:
    owned: c.SaveReply = own_one(deed, asker, settings, 0)
    fault = find_fault(deed.text, "text", limits.REPLY_CHARS)
    if fault is not None:
        raise refuse(DeskCode.BAD_VALUE, fault.what, fault.got, fault.wanted)
    if deed.title:
        check_text("title", deed.title, limits.TAG_CHARS)
    check_variables(deed.text, settings)
    return owned


def own_one(deed: Any, asker: Asker, _settings: Settings, _now: int) -> Any:
    """An agent's are its own; a supervisor's are for everybody."""
    check_text("shortcut", deed.shortcut, limits.TAG_CHARS)
    if deed.shop:
        check_text("shop", deed.shop, limits.TAG_CHARS)
    whose = asker.subject if asker.own else ""
    if deed.agent not in ("", whose):
        raise refuse(DeskCode.BAD_VALUE, "agent", deed.agent[:80], f"nothing, or {whose!r}: it comes from the token")
    return msgspec.structs.replace(deed, agent=whose)


def check_room(reading: Reading, deed: c.SaveReply, _now: int) -> None:
    r = REPLIES.c
    rows = reading.rows(select(r.shop, r.shortcut).where(r.tenant == deed.tenant, r.agent == deed.agent))
    if len(rows) >= limits.REPLIES and (deed.shop, deed.shortcut) not in {tuple(row) for row in rows}:
        raise refuse(DeskCode.TOO_MANY, "replies", len(rows) + 1, f"at most {limits.REPLIES} of one owner")


def check_there(reading: Reading, deed: c.RemoveReply, _now: int) -> None:
    r = REPLIES.c
    one = select(r.shortcut).where(r.tenant == deed.tenant, r.shop == deed.shop, r.agent == deed.agent)
    if reading.row(one.where(r.shortcut == deed.shortcut)) is None:
        raise refuse(DeskCode.WRONG_STATE, "shortcut", deed.shortcut[:64], "a reply of yours in this shop")


# --- what is asked --------------------------------------------------------------------------------------------------


def answer_replies(reading: Reading, question: q.AskReplies, asker: Asker) -> dict[str, Any]:
    limit, wanted = max(1, min(question.limit, limits.PAGE)), question.find.casefold()
    found = [
        row
        for row in _for(reading, asker, question.shop)
        if row.shortcut.casefold().startswith(wanted) or wanted in f"{row.title}\n{row.text}".casefold()
    ]
    # Whose shortcut begins so comes before whose text only holds it.
    found.sort(key=lambda row: not row.shortcut.casefold().startswith(wanted))
    return {"replies": [_row(row) for row in found[:limit]], "more": len(found) > limit}


def answer_reply(reading: Reading, question: q.AskReply, asker: Asker) -> q.FilledReply:
    contact = contact_of(reading, question.tenant, question.contact, question.customer)
    row = next((row for row in _for(reading, asker, contact.shop) if row.shortcut == question.shortcut), None)
    if row is None:
        raise refuse(DeskCode.WRONG_STATE, "shortcut", question.shortcut[:64], "a reply at hand (ask replies)")
    return q.FilledReply(row.shortcut, fill(row.text, _values(reading, question, asker, contact)))


def _for(reading: Reading, asker: Asker, shop: str) -> list[Any]:
    """The asker's own before everybody's, the shop's before every shop's, then by shortcut."""
    r, whose = REPLIES.c, asker.subject if asker.own else ""
    rows = reading.rows(
        select(REPLIES).where(r.tenant == asker.tenant, r.shop.in_({"", shop}), r.agent.in_({"", whose}))
    )
    return sorted(rows, key=lambda row: (not row.agent, not row.shop, row.shortcut))


def _row(row: Any) -> q.ReplyRow:
    return q.ReplyRow(row.shortcut, row.text, row.title, row.shop, row.agent, row.changed_at)


def _values(reading: Reading, question: q.AskReply, asker: Asker, contact: Any) -> dict[str, str]:
    for name, value in question.values.items():
        if name not in GIVEN:
            raise refuse(DeskCode.BAD_VALUE, "values", f"{{{name[:80]}}}", nearest(name[:80], GIVEN))
        check_text(f"values.{name}", value, limits.VALUE_CHARS)
    customer = customer_row(reading, question.tenant, question.customer)
    agent = reading.row(select(DESK_AGENTS.c.name).where(DESK_AGENTS.c.agent == asker.subject))
    return {
        **{f"customer.{name}": str(value) for name, value in customer.attributes.items()},
        **question.values,
        "customer.key": customer.customer,
        "customer.tier": customer.tier,
        "agent.id": asker.subject,
        "agent.name": agent.name if agent is not None and agent.name else asker.subject,
        "contact.id": str(question.contact),
        "contact.queue": contact.queue,
        "shop.id": contact.shop,
    }
