"""Contacts as rows of a snapshot: values in one order, without names, cut off where only defaults follow.

A million waiting contacts are read back before an engine answers anybody. Setting fields one by one from maps with names
takes twice as long as this, and their bytes are four times as many.
"""

from __future__ import annotations

from typing import Any, Final

from engine.dispatch.contacts import NOBODY, Contact, ContactState
from engine.dispatch.names import Names

WRAP_UP: Final = ContactState.WRAP_UP
QUEUED: Final = ContactState.QUEUED.value
STATES: Final[dict[str, ContactState]] = {state.value: state for state in ContactState}
# The fields, in the order of a row. New ones come last, so that older rows stay readable.
FIELDS: Final = (
    "contact", "tenant", "channel", "external_id", "customer", "shop", "queue", "rule", "stage", "priority",
    "requires", "attributes", "transcript", "arrived_at", "start", "step_at", "state", "version", "cost", "source",
    "asks", "owed", "replying", "reply_since", "reply_round", "reply_alarm", "waited", "step", "raised", "messages",
    "agent", "offer", "offers", "left_at", "connected_at", "answered", "answered_at", "fruitless", "decliners",
    "prefer", "prefer_until", "prefer_only", "team", "wrote", "silent_at", "reminded", "intent", "reason",
    "wrap_up_until", "resume_until", "pinned", "promised", "behind", "also", "joined",
)  # fmt: skip
# Of the fields that may be left out at the end, from ``state`` on; values are compared, so none is shared state.
REQUIRED: Final = 16
DEFAULTS: Final[tuple[Any, ...]] = (
    QUEUED, 1, 1, "", "", False, False, 0, 0, 0, 0, 0, 0, 0, "", 0, 0, 0, 0, False, 0, 0, NOBODY, "", 0, False, "",
    False, 0, False, "", "", 0, 0, False, False, False, (), (),
)  # fmt: skip


def row_of(contact: Contact) -> tuple[Any, ...]:
    """Ends with the last value that is not its field's default."""
    row: tuple[Any, ...] = (
        contact.contact, contact.tenant, contact.channel, contact.external_id, contact.customer, contact.shop,
        contact.queue, contact.rule, contact.stage, contact.priority, contact.requires, contact.attributes,
        contact.transcript, contact.arrived_at, contact.start, contact.step_at, contact.state.value, contact.version,
        contact.cost, contact.source, contact.asks, contact.owed, contact.replying, contact.reply_since,
        contact.reply_round, contact.reply_alarm, contact.waited, contact.step, contact.raised, contact.messages,
        contact.agent, contact.offer, contact.offers, contact.left_at, contact.connected_at, contact.answered,
        contact.answered_at, contact.fruitless, contact.decliners, contact.prefer, contact.prefer_until,
        contact.prefer_only, contact.team, contact.wrote, contact.silent_at, contact.reminded, contact.intent,
        contact.reason, contact.wrap_up_until, contact.resume_until, contact.pinned, contact.promised,
        contact.behind, contact.also, contact.joined,
    )  # fmt: skip
    end = len(row)
    while end > REQUIRED and row[end - 1] == DEFAULTS[end - 1 - REQUIRED]:
        end -= 1
    return row[:end]


def contact_of(row: tuple[Any, ...], shared: dict[str, str]) -> Contact:
    """``shared``: texts that many contacts have in common, kept once.

    Raises ``TypeError``, ``IndexError``, ``KeyError`` or ``ValueError`` for what is no row.
    """
    missing = len(FIELDS) - len(row)
    if missing < 0:
        raise ValueError(f"a contact of {len(row)} fields; this release knows {len(FIELDS)}")
    row += DEFAULTS[len(DEFAULTS) - missing :] if missing else ()
    contact = Contact.__new__(Contact)
    _fill(contact, row, shared)
    return contact


def _fill(contact: Contact, row: tuple[Any, ...], shared: dict[str, str]) -> None:
    contact.contact = row[0]
    contact.tenant = shared.setdefault(row[1], row[1])
    contact.channel = shared.setdefault(row[2], row[2])
    contact.external_id = row[3]
    contact.customer = row[4]
    contact.shop = shared.setdefault(row[5], row[5])
    contact.queue = shared.setdefault(row[6], row[6])
    contact.rule = shared.setdefault(row[7], row[7])
    contact.stage = shared.setdefault(row[8], row[8])
    contact.priority = row[9]
    contact.requires = shared.setdefault(row[10], row[10])
    contact.attributes = row[11]
    contact.transcript = row[12]
    contact.arrived_at = row[13]
    contact.start = row[14]
    contact.step_at = row[15]
    contact.state = STATES[row[16]]
    contact.version = row[17]
    contact.cost = row[18]
    contact.source = shared.setdefault(row[19], row[19])
    contact.asks = shared.setdefault(row[20], row[20])
    contact.owed = row[21]
    contact.replying = row[22]
    contact.reply_since = row[23]
    contact.reply_round = row[24]
    contact.reply_alarm = row[25]
    contact.waited = row[26]
    contact.step = row[27]
    contact.raised = row[28]
    contact.messages = row[29]
    contact.agent = shared.setdefault(row[30], row[30])
    contact.offer = row[31]
    contact.offers = row[32]
    contact.left_at = row[33]
    contact.connected_at = row[34]
    contact.answered = row[35]
    contact.answered_at = row[36]
    contact.fruitless = row[37]
    contact.decliners = row[38]
    contact.prefer = row[39]
    contact.prefer_until = row[40]
    contact.prefer_only = row[41]
    contact.team = row[42]
    contact.wrote = row[43]
    contact.silent_at = row[44]
    contact.reminded = row[45]
    contact.intent = row[46]
    contact.reason = row[47]
    contact.wrap_up_until = row[48]
    contact.resume_until = row[49]
    contact.pinned = row[50]
    contact.promised = row[51]
    contact.behind = row[52]
    contact.also = tuple(row[53])
    contact.joined = tuple([(channel, external_id) for channel, external_id in row[54]])
    contact.seat = None


def contacts_of(rows: list[tuple[Any, ...]], shared: dict[str, str]) -> list[Contact]:
    return [contact_of(row, shared) for row in rows]


def index_names(contacts: list[Contact], by_external: Names, by_customer: Names) -> None:
    """The ids and the customers under which contacts are found while they are open or may come back."""
    for contact in contacts:
        if contact.state is WRAP_UP:
            continue
        number = contact.contact
        by_external.add(contact.tenant, contact.channel, contact.external_id, number)
        for channel, external_id in contact.joined:
            by_external.add(contact.tenant, channel, external_id, number)
        by_customer.add(contact.tenant, contact.shop, contact.customer, number)
