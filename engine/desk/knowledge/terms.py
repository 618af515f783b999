"""Words that mean the same: wherever one of them stands, in an article or a question, its term's mark is added."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import ahocorasick
import msgspec

from engine.desk.knowledge.articles import Language
from engine.desk.knowledge.tokens import normal, stem, words


class Term(msgspec.Struct, frozen=True):
    """One meaning in one language, and the other ways to say it."""

    language: Language
    term: str
    synonyms: tuple[str, ...] = ()


class Terms:
    """Finds terms in texts. A term's mark is ``§`` and its number: a token like any other, in articles and in questions."""

    def __init__(self, terms: Sequence[Term] = ()) -> None:
        self._automata = {
            language: _automaton(
                (word, number)
                for number, term in enumerate(terms)
                if term.language == language
                for word in (term.term, *term.synonyms)
            )
            for language in ("zh", "en")
        }

    def marks(self, text: str, language: Language) -> list[str]:
        """Each term found, by its longest wording: a word inside a longer one that was found does not count again."""
        automaton = self._automata[language]
        if automaton is None:
            return []
        found = [(end - length + 1, end, number) for end, (number, length) in automaton.iter(key_of(text, language))]
        found.sort(key=lambda span: (span[0] - span[1], span[0]))
        kept: list[tuple[int, int, int]] = []
        for start, end, number in found:
            if not any(other[0] <= start and end <= other[1] for other in kept):
                kept.append((start, end, number))
        return [f"§{number}" for _, _, number in sorted(kept)]


def key_of(text: str, language: Language) -> str:
    """The text as terms are looked for in it: Chinese without spaces; English in stems with a space around each."""
    if language == "zh":
        return "".join(normal(text).split())
    return f" {' '.join(stem(word) for word in words(text))} "


def _automaton(pairs: Iterable[tuple[str, int]]) -> ahocorasick.Automaton | None:
    automaton = ahocorasick.Automaton()
    for word, number in pairs:
        if key := key_of(word, "zh" if not word.isascii() else "en"):
            automaton.add_word(key, (number, len(key)))
    if not len(automaton):
        return None
    automaton.make_automaton()
    return automaton
