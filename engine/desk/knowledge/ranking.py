"""How well an article answers a question: three numbers between 0 and 1, their sum, and how sure that makes us."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import msgspec

from engine.desk.knowledge.articles import Language

# Of BM25, with their usual values: how soon a repeated token says no more, how much a long text is held against it.
K1, B = 1.2, 0.75
# Where BM25 counts for one half, over whole articles (FTS5's figure) and over what customers say.
HALF_TEXT, HALF_SAID = 12.0, 15.0
# Fitted on the dev questions and on phrases that were held out (each sixth in turn): a softmax over articles, of which the
# right one shall win; rounded, for it hardly matters.
BY_TEXT, BY_SAID, BY_COVERED = 4.5, 9.0, 5.0
# A question that is a title, a tag or a phrase of one article, and of no other, word for word, is about that article.
EXACT = 10.0
# Likewise: logistic regression of "the first one is right", questions that no article answers among them.
INTERCEPT, BY_SCORE, BY_LEAD = -2.4, 0.26, 0.54


class Hit(msgspec.Struct, frozen=True):
    """An article that was found; ``score`` 0 to 28.5: :func:`score` of its three parts, and ``EXACT``."""

    slug: str
    language: Language
    title: str
    score: float
    text: float
    said: float
    covered: float


class Found(msgspec.Struct, frozen=True):
    """``hits`` best first; ``confidence``: the chance that the first of them answers the question."""

    hits: tuple[Hit, ...]
    confidence: float


class Sayings(msgspec.Struct, frozen=True):
    """An article's title, tags and phrases: in how many of them each token stands, and the sum of that."""

    counts: Mapping[str, int]
    length: int


def bent(bm25: float, half: float) -> float:
    """0 and up → 0 to 1: x ÷ (x + half)."""
    return max(bm25, 0.0) / (max(bm25, 0.0) + half)


def said_score(asked: Mapping[str, float], sayings: Sayings, average: float) -> float:
    """BM25 of a question over an article's sayings as one text. ``asked``: its tokens, each with its weight."""
    norm = K1 * (1 - B + B * sayings.length / average)
    counts = sayings.counts
    return sum(
        weight * counts[token] * (K1 + 1) / (counts[token] + norm) for token, weight in asked.items() if token in counts
    )


def covered_share(asked: Mapping[str, float], sayings: Sayings) -> float:
    """The share of the question's weight in tokens that stand in the article's sayings."""
    total = sum(asked.values())
    return sum(weight for token, weight in asked.items() if token in sayings.counts) / total if total else 0.0


def score(text: float, said: float, covered: float) -> float:
    """4.5 × the article's text + 9 × what customers say + 5 × how much of the question that covers."""
    return BY_TEXT * text + BY_SAID * said + BY_COVERED * covered


def confidence(hits: Sequence[Hit]) -> float:
    """σ(−2.4 + 0.26 × score + 0.54 × lead), σ the logistic function; lead: the first score less the second's (or 0's)."""
    if not hits:
        return 0.0
    first = hits[0].score
    lead = first - (hits[1].score if len(hits) > 1 else 0.0)
    return 1 / (1 + math.exp(-(INTERCEPT + BY_SCORE * first + BY_LEAD * lead)))
