"""A blind index: which words a message holds, told only to whoever has the tenant's key. No text, and no word, is on any disk.

A word is HMAC-SHA256 under that key, cut to 64 bits: among a million words of a tenant two are alike once in 40 million
tenants, and every hit's real text is looked at before it is shown.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import delete, exists, func, select
from sqlalchemy.sql import Select

from engine.desk import limits
from engine.desk.conversations.tables import SEARCH_WORDS
from engine.desk.customers.tables import CONTACT_AGENTS, CUSTOMER_CONTACTS
from engine.desk.database import Pen, Reading
from engine.desk.deeds import Asker
from engine.desk.knowledge.tokens import is_chinese, tokens

# A word that is in so many messages is common: which of two such is rarer does not matter.
_COMMON = 2_000


def words_in(text: str) -> list[str]:
    """Each once, in order: pairs of neighbouring Chinese characters, English stems and figures."""
    found = (word for word in tokens(text) if len(word) > 1 or not is_chinese(word))
    return list(dict.fromkeys(found))


def blind(key: bytes, words: Iterable[str]) -> list[int]:
    """Signed, as both stores keep whole numbers."""
    return [int.from_bytes(hmac.digest(key, word.encode(), "sha256")[:8], signed=True) for word in words]


def enter(pen: Pen, tenant: str, contact: int, seq: int, text: str) -> None:
    """A message's words; of a very long one the first."""
    found = words_in(text)[: limits.WORDS]
    if found:
        key = pen.sealer.index_key(tenant)
        pen.append(SEARCH_WORDS, [(word, contact, seq) for word in blind(key, found)])


def forget(pen: Pen, contacts: Select[Any]) -> None:
    pen.execute(delete(SEARCH_WORDS).where(SEARCH_WORDS.c.contact.in_(contacts)))


def find(
    reading: Reading, asker: Asker, words: Collection[str], before: tuple[int, int], limit: int
) -> list[tuple[int, int, str]]:
    """(contact, seq, customer) of messages with all the words, newest first, that the asker may see.

    Walks along the rarest word, and looks the others up beside it.
    """
    rarest = sorted(blind(reading.sealer.index_key(asker.tenant), words), key=lambda word: _count(reading, word))
    first, contacts = SEARCH_WORDS.alias(), CUSTOMER_CONTACTS.c
    wanted = (
        select(first.c.contact, first.c.seq, contacts.customer)
        .join(CUSTOMER_CONTACTS, contacts.contact == first.c.contact)
        .where(first.c.word == rarest[0], contacts.tenant == asker.tenant)
    )
    for word in rarest[1 : limits.WORDS_LOOKED_UP]:
        other = SEARCH_WORDS.alias()
        same = (other.c.contact == first.c.contact, other.c.seq == first.c.seq)
        wanted = wanted.where(exists().where(other.c.word == word, *same))
    if asker.own:
        agents = CONTACT_AGENTS.c
        wanted = wanted.where(exists().where(agents.contact == first.c.contact, agents.agent == asker.subject))
    if before[0]:
        contact, seq = before
        wanted = wanted.where(
            (first.c.contact < contact) | ((first.c.contact == contact) & (first.c.seq < seq)),
            first.c.contact <= contact,
        )
    found = reading.rows(wanted.order_by(first.c.contact.desc(), first.c.seq.desc()).limit(limit))
    return [(row.contact, row.seq, row.customer) for row in found]


def _count(reading: Reading, word: int) -> int:
    some = select(SEARCH_WORDS.c.seq).where(SEARCH_WORDS.c.word == word).limit(_COMMON).subquery()
    row = reading.row(select(func.count()).select_from(some))
    return 0 if row is None else int(row[0])
