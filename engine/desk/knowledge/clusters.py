"""Questions that nothing answered, put together: each heap may be an article that is missing. A person decides.

Leader clustering: the texts are taken in a fixed order (the most frequent first, then by text); each joins the nearest heap whose
first text is near enough, or begins its own. Same input, in whatever order, same heaps.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

import msgspec

from engine.desk.knowledge.articles import Language
from engine.desk.knowledge.tokens import MAX_QUERY, STOP_HAN, tokens, weight_of

# Rarer texts beyond are not looked at: some seconds of work, and more than anybody reads.
MAX_TEXTS = 5_000
MAX_EXAMPLES = 10
NEAR = 0.5


class Cluster(msgspec.Struct, frozen=True):
    """``title``: the text that is nearest to all others of it; ``questions``: how often it was asked, repeats counted;
    ``examples``: different texts, the most frequent first, ten at most.
    """

    language: Language
    title: str
    questions: int
    examples: tuple[str, ...]


def _content(text: str) -> frozenset[str]:
    """Tokens without the pairs that a particle is in: every question has those."""
    return frozenset(token for token in tokens(text) if STOP_HAN.isdisjoint(token))


def similarity(one: frozenset[str], other: frozenset[str]) -> float:
    """Dice's coefficient of two token sets, tokens weighed by kind: 1 the same, 0 nothing shared."""
    shared = sum(map(weight_of, one & other))
    return 2 * shared / (sum(map(weight_of, one)) + sum(map(weight_of, other))) if shared else 0.0


def cluster(asked: Iterable[tuple[str, Language]], *, near: float = NEAR, least: int = 2) -> list[Cluster]:
    """Heaps of at least ``least`` questions, the largest first. ``asked``: (text, language); any text will do."""
    counts = Counter((language, " ".join(text[:MAX_QUERY].split())) for text, language in asked)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MAX_TEXTS]
    heaps: list[list[tuple[str, frozenset[str], int]]] = []
    languages: list[Language] = []
    # Token → the heaps whose first text has it: only they can be near.
    leaders: defaultdict[tuple[Language, str], list[int]] = defaultdict(list)
    for (language, text), times in ordered:
        found = _content(text)
        if not found:
            continue
        candidates = sorted({heap for token in found for heap in leaders[language, token]})
        best = max(candidates, key=lambda heap: similarity(found, heaps[heap][0][1]), default=-1)
        if best >= 0 and similarity(found, heaps[best][0][1]) >= near:
            heaps[best].append((text, found, times))
            continue
        for token in sorted(found):
            leaders[language, token].append(len(heaps))
        heaps.append([(text, found, times)])
        languages.append(language)
    made = [_cluster(language, heap) for language, heap in zip(languages, heaps, strict=True)]
    return sorted(
        (one for one in made if one.questions >= least), key=lambda one: (-one.questions, one.language, one.title)
    )


def _cluster(language: Language, heap: list[tuple[str, frozenset[str], int]]) -> Cluster:
    # Against the first hundred: more would not change which text stands in the middle.
    others = heap[:100]
    title = min(
        others,
        key=lambda one: (
            -sum(similarity(one[1], other[1]) * other[2] for other in others),
            -one[2],
            len(one[0]),
            one[0],
        ),
    )
    return Cluster(
        language, title[0], sum(times for *_, times in heap), tuple(text for text, *_ in heap[:MAX_EXAMPLES])
    )
