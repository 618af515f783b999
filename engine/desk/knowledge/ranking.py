"""How well an article answers a question: numbers between 0 and 1, and what they are made of."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import msgspec

from engine.desk.knowledge.articles import Language

Weigh = Callable[[str], float]


class Hit(msgspec.Struct, frozen=True):
    """An article that was found. ``score`` 0–2: ``text`` + ``phrase``, see :func:`text_score` and :func:`closeness`."""

    slug: str
    language: Language
    title: str
    score: float
    text: float
    phrase: float


class Found(msgspec.Struct, frozen=True):
    """``hits`` best first. ``coverage``: the share of the question's weight in words that any article or phrase knows."""

    hits: tuple[Hit, ...]
    coverage: float
    confidence: float


# BM25 at which the text's score is one half.
HALF_BM25 = 12.0
# A near phrase says more than many words somewhere in a text.
PHRASE_WEIGHT = 2.0


def text_score(bm25: float) -> float:
    """BM25 (0 and up, over title, tags and body) bent into 0–1: x ÷ (x + 12)."""
    return bm25 / (bm25 + HALF_BM25)


def closeness(question: Sequence[str], phrase: Sequence[str], weigh: Weigh) -> float:
    """Cosine of two token sets, each token weighed by :meth:`Vocabulary.weight`: 1 the same, 0 nothing shared."""
    one, other = dict.fromkeys(question), dict.fromkeys(phrase)
    shared = sum(weigh(token) ** 2 for token in one if token in other)
    if not shared:
        return 0.0
    return shared / math.sqrt(sum(weigh(token) ** 2 for token in one) * sum(weigh(token) ** 2 for token in other))


# Fitted on the dev questions (logistic regression of "the first hit is right"), none of them among the phrases.
INTERCEPT, BY_SCORE, BY_MARGIN, BY_COVERAGE = -4.0, 3.0, 4.0, 2.0


def confidence(hits: Sequence[Hit], coverage: float) -> float:
    """The chance that the first hit answers the question.

    σ(a + b·score + c·margin + d·coverage), σ the logistic function; margin: the first score less the second, over the first.
    """
    if not hits:
        return 0.0
    first = hits[0].score
    second = hits[1].score if len(hits) > 1 else 0.0
    margin = (first - second) / first if first > 0 else 0.0
    z = INTERCEPT + BY_SCORE * first + BY_MARGIN * margin + BY_COVERAGE * coverage
    return 1 / (1 + math.exp(-z))
