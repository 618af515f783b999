"""While a customer writes, the agent sees the articles and replies that fit best."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from engine.desk.knowledge.articles import Article, Language
from engine.desk.knowledge.index import Index
from engine.desk.knowledge.ranking import Found, Hit
from engine.desk.knowledge.terms import Terms

# The last text decides; when it says too little, those before it are added, up to so many texts.
LAST_TEXTS = 3
SHOWN = 3
# A list that is mostly noise is not read a second time: below, nothing is shown.
LEAST = 0.15
SURE = 0.6


class QuickReply(msgspec.Struct, frozen=True):
    """A reply that a person wrote once for all. ``name`` names it in its language; ``tags`` are what it is for."""

    name: str
    language: Language
    title: str
    text: str
    tags: tuple[str, ...] = ()


class Assistance(msgspec.Struct, frozen=True):
    """Best first, three at most; ``confidence`` that the first article answers. ``replies``: names of quick replies."""

    articles: tuple[Hit, ...]
    replies: tuple[str, ...]
    confidence: float


class Assistant:
    """``index``: the articles, those for agents too. Replies are put in and taken out like articles."""

    def __init__(self, index: Index, replies: Iterable[QuickReply] = (), terms: Terms | None = None) -> None:
        self._index = index
        self._replies = Index(map(_as_article, replies), terms or index.terms)

    def put(self, reply: QuickReply) -> None:
        self._replies.put(_as_article(reply))

    def remove(self, name: str, language: Language) -> None:
        self._replies.remove(name, language)

    def assist(self, messages: Sequence[str], language: Language, today: str) -> Assistance:
        """``messages``: the customer's texts, the newest last. ``today``: ``YYYY-MM-DD``."""
        articles = _search(self._index, messages, language, today)
        replies = _search(self._replies, messages, language, today)
        return Assistance(
            articles.hits if articles.confidence >= LEAST else (),
            tuple(hit.slug for hit in replies.hits) if replies.confidence >= LEAST else (),
            articles.confidence,
        )


def _search(index: Index, messages: Sequence[str], language: Language, today: str) -> Found:
    best = Found((), 0.0)
    for count in range(1, min(LAST_TEXTS, len(messages)) + 1):
        text = " ".join(reversed(messages[-count:]))
        found = index.search(text, language, today, audience="agents", limit=SHOWN)
        if found.confidence > best.confidence or not best.hits:
            best = found
        if best.confidence >= SURE:
            break
    return best


def _as_article(reply: QuickReply) -> Article:
    return Article(reply.name, reply.language, reply.title, reply.text, category="", tags=reply.tags)
