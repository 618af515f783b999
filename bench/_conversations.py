"""What conversations cost at size: a customer's thousand contacts listed, and a search over many messages."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import trio

from engine.desk.conversations import words
from engine.desk.conversations.queries import AskSearch, AskStory
from engine.desk.conversations.search import answer_search, look_at
from engine.desk.conversations.story import answer_story, tell
from engine.desk.customers.answers import answer_history
from engine.desk.customers.queries import AskCustomerHistory
from engine.desk.customers.tables import CONTACT_AGENTS, CUSTOMER_CONTACTS
from engine.desk.database import Database, open_database
from engine.desk.deeds import Asker
from engine.desk.plain import NotSealed
from engine.dispatch.events import MessageAdded
from engine.ports import Committed, Principal

_PER_CONTACT = 10
_AGENTS = 50
_TENANT = "acme"


def measure_conversations(texts: Sequence[str], messages: int = 200_000, histories: int = 1_000) -> dict[str, float]:
    """Milliseconds at the median and the worst of some tries, on SQLite. ``texts``: what is said, drawn from over and over."""
    said = _Said(texts, messages)
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(Path(folder) / "desk.db", NotSealed())
        begin = time.perf_counter()
        said.write(database, histories)
        seconds = time.perf_counter() - begin
        try:
            return {
                "messages": messages,
                "indexed_per_s": round(messages / seconds),
                "bytes_per_message": round((Path(folder) / "desk.db").stat().st_size / messages),
                **_figures("search", said.finders(database)),
                **_figures("history", [lambda: _history(database, histories)] * 5),
                **_figures("story", [lambda: _story(database, said)] * 5),
            }
        finally:
            database.close()


def _figures(name: str, calls: Sequence[Callable[[], Any]]) -> dict[str, float]:
    took = []
    for call in calls:
        begin = time.perf_counter()
        call()
        took.append((time.perf_counter() - begin) * 1000)
    took.sort()
    return {f"{name}_ms": round(took[len(took) // 2], 2), f"{name}_max_ms": round(took[-1], 2)}


class _Said:
    """Stands for the journal: every message is one of the texts."""

    def __init__(self, texts: Sequence[str], messages: int) -> None:
        self.count = messages
        draw = np.random.default_rng(6)
        self.texts = [texts[place] for place in draw.integers(len(texts), size=messages)]

    async def read_messages(self, contact: int, after_seq: int, limit: int) -> list[tuple[int, Committed]]:
        found = []
        for seq in range(after_seq + 1, after_seq + 1 + limit):
            place = (contact - 1) * _PER_CONTACT + seq - 1
            if seq <= _PER_CONTACT and place < self.count:
                event = MessageAdded(0, contact, seq, "customer")
                who = Principal(_TENANT, "customer", "c1")
                found.append((seq, Committed(place + 1, 0, who, None, [event], self.texts[place].encode())))
        return found

    def write(self, database: Database, histories: int) -> None:
        for first in range(0, self.count, 5_000):
            with database.writing() as pen:
                for place in range(first, min(first + 5_000, self.count)):
                    contact, seq = place // _PER_CONTACT + 1, place % _PER_CONTACT + 1
                    if seq == 1:
                        customer = "c1" if contact <= histories else f"c{contact}"
                        pen.change(CUSTOMER_CONTACTS, contact=contact, tenant=_TENANT, customer=customer, channel="web")
                        pen.change(CONTACT_AGENTS, contact=contact, agent=f"a{contact % _AGENTS}")
                    words.enter(pen, _TENANT, contact, seq, self.texts[place])

    def finders(self, database: Database) -> list[Callable[[], Any]]:
        """Whole questions, pairs of words, and the commonest one; by a supervisor and by an agent."""
        sought = [text[:60] for text in self.texts[:10]] + [
            "退款",
            "快递",
            "order",
            "退款 耳机",
            "refund order",
        ]
        askers = [Asker(_TENANT, "supervisor", "sue"), Asker(_TENANT, "agent", "a7", own=True)]
        return [
            lambda asker=asker, find=find: _search(database, self, asker, find)  # type: ignore[misc]  # bound now
            for find in sought
            for asker in askers
            if words.words_in(find)
        ]


def _search(database: Database, said: _Said, asker: Asker, find: str) -> Any:
    question = AskSearch(_TENANT, find, limit=50)
    with database.reading() as reading:
        found = answer_search(reading, question, asker)
    return trio.run(look_at, said, question, found)


def _history(database: Database, histories: int) -> None:
    with database.reading() as reading:
        rows = answer_history(
            reading, AskCustomerHistory(_TENANT, "c1", limit=1_000), Asker(_TENANT, "supervisor", "s")
        )
    assert len(rows["contacts"]) == min(histories, 1_000), rows


def _story(database: Database, said: _Said) -> None:
    question = AskStory(_TENANT, customer="c1")
    with database.reading() as reading:
        found = answer_story(reading, question, Asker(_TENANT, "supervisor", "sue"))
    trio.run(tell, said, question, found)
