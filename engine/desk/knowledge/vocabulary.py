"""Which tokens the articles of a language hold, how much each of them says, and what a mistyped one was meant to be."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

from rapidfuzz import process
from rapidfuzz.distance import OSA

from engine.desk.knowledge.tokens import is_chinese, weight_of

# A shorter word has too many neighbours to guess which one was meant.
MIN_TYPO = 4
LONG_WORD = 8


class Vocabulary:
    """Counts, over whatever was added, in how many texts each token stands."""

    def __init__(self) -> None:
        self.texts = 0
        self._counts: Counter[str] = Counter()
        self._words: list[str] | None = None

    def add(self, tokens: Iterable[str]) -> None:
        self.texts += 1
        self._counts.update(set(tokens))
        self._words = None

    def remove(self, tokens: Iterable[str]) -> None:
        """What was added with the same tokens."""
        self.texts -= 1
        self._counts.subtract(set(tokens))
        self._words = None

    def count(self, token: str) -> int:
        return self._counts.get(token, 0)

    def is_known(self, token: str) -> bool:
        return self.count(token) > 0

    def weight(self, token: str) -> float:
        """Its kind's weight × how rare it is: ln(1 + (N − n + ½) ÷ (n + ½)), the probabilistic idf that BM25 uses.

        A token nobody knows weighs a little more than one that stands in a single text.
        """
        n = self.count(token)
        return weight_of(token) * math.log(1 + (self.texts - n + 0.5) / (n + 0.5))

    def corrected(self, token: str) -> str:
        """The known token that this unknown one was most likely meant to be; itself when there is no near one.

        An English word may have one slip (a letter changed, lost, added, or two changed about), from eight letters on two. A
        Chinese pair may stand the wrong way round. A known token is never changed.
        """
        if self.is_known(token) or not token.isalpha():
            return token
        if is_chinese(token):
            return token[::-1] if self.is_known(token[::-1]) else token
        if len(token) < MIN_TYPO:
            return token
        if self._words is None:
            self._words = sorted(
                word for word, n in self._counts.items() if n > 0 and word.isascii() and word.isalpha()
            )
        slips = 2 if len(token) >= LONG_WORD else 1
        near = process.extractOne(token, self._words, scorer=OSA.distance, score_cutoff=slips)
        # The first letter is seldom the wrong one, and without this rule "robot" would be "boot".
        return near[0] if near and near[0][0] == token[0] else token
