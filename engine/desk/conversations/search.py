"""Search over what was said: candidates from the blind index, then the messages themselves, so that no false hit is shown."""

from __future__ import annotations

from typing import Any

import msgspec

from engine.desk import limits
from engine.desk.conversations import queries as q
from engine.desk.conversations.story import Messages, message_item
from engine.desk.conversations.words import find, words_in
from engine.desk.customers.checks import check_text
from engine.desk.database import Reading
from engine.desk.deeds import Asker, refuse
from engine.desk.knowledge.tokens import normal
from engine.desk.refusals import DeskCode


class Candidates(msgspec.Struct):
    """``places``: (contact, seq, customer), newest first; one more than the page, if there are more."""

    words: list[str]
    places: list[tuple[int, int, str]]


def answer_search(reading: Reading, question: q.AskSearch, asker: Asker) -> Candidates:
    check_text("find", question.find, limits.FIND_CHARS)
    words = words_in(question.find)
    if not words:
        wanted = "two Chinese characters, or a word that is not in every sentence"
        raise refuse(DeskCode.BAD_VALUE, "find", "nothing to look for", wanted)
    before = (question.before_contact, question.before_seq)
    return Candidates(words, find(reading, asker, words, before, _limit(question) + 1))


async def look_at(messages: Messages, question: q.AskSearch, found: Candidates) -> dict[str, Any]:
    """The candidates whose text has all the words; ``before_contact`` and ``before_seq`` to ask on with."""
    limit, hits = _limit(question), []
    for contact, seq, customer in found.places[:limit]:
        for _, record in await messages.read_messages(contact, seq - 1, 1):
            item = message_item(contact, seq, record)
            if set(found.words) <= set(words_in(item.text)):
                piece = _piece(item.text, found.words)
                hits.append(q.SearchHit(contact, seq, customer, item.at, piece, item.role, item.who, item.ai))
    last = found.places[min(limit, len(found.places)) - 1] if found.places else (0, 0, "")
    more = len(found.places) > limit
    return {"hits": hits, "more": more, "before_contact": last[0] if more else 0, "before_seq": last[1] if more else 0}


def _limit(question: q.AskSearch) -> int:
    return max(1, min(question.limit, limits.HITS))


def _piece(text: str, words: list[str]) -> str:
    """What stands around the first word that is found as it is."""
    plain = normal(text)
    # A normal form of another length has other places: then the beginning is shown.
    at = min((place for word in words if (place := plain.find(word)) >= 0), default=0) if len(plain) == len(text) else 0
    begin = max(0, at - limits.PIECE_CHARS // 4)
    end = begin + limits.PIECE_CHARS
    return f"{'…' if begin else ''}{text[begin:end]}{'…' if end < len(text) else ''}"
