"""Patterns for people who write rules: no regular expressions, so none can be slow.

A pattern is parts with `*` between them, and a part is words with `|` between them: `where|when * order|parcel` is found where
one of the second words stands at most 20 characters behind one of the first. Capitals do not count. A word of letters is found
as a whole word only; a Chinese one anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from engine.desk.knowledge.tokens import MAX_QUERY, normal

MAX_PARTS = 6
MAX_WORDS = 60
MAX_PATTERN = 600
GAP = 20


class BadPattern(ValueError):
    """``got`` and ``wanted`` say what is wrong with it."""

    def __init__(self, got: str, wanted: str) -> None:
        super().__init__(f"got {got}, wanted {wanted}")
        self.got, self.wanted = got, wanted


class Pattern(msgspec.Struct, frozen=True):
    """Made by :func:`compile_pattern`. Looking at a text takes at most its length × the number of words."""

    parts: tuple[tuple[str, ...], ...]

    def is_in(self, text: str, *, whole: bool = False) -> bool:
        """``whole``: nothing but the pattern, gaps, spaces and punctuation may be in the text."""
        return any(True for _ in self._found(readable(text), whole))

    def without(self, text: str) -> str:
        """The text (as :func:`readable` gives it) with a blank for all that a pattern of one part finds."""
        for start, end in sorted(_places(text, self.parts[0]), reverse=True):
            text = text[:start] + " " * (end - start) + text[end:]
        return text

    def _found(self, text: str, whole: bool) -> Iterator[int]:
        starts = range(1) if whole else range(len(text) + 1)
        ends = {end for start, end in _places(text, self.parts[0]) if not whole or start in starts}
        for part in self.parts[1:]:
            ends = {end for start, end in _places(text, part) if any(0 <= start - before <= GAP for before in ends)}
        for end in sorted(ends):
            if not whole or end == len(text):
                yield end


def readable(text: str) -> str:
    """The text as patterns see it: small letters, single spaces, no punctuation, at most 500 characters."""
    kept = "".join(char if char.isalnum() else " " for char in normal(text[:MAX_QUERY]))
    return " ".join(kept.split())


def compile_pattern(text: str) -> Pattern:
    """Raises :class:`BadPattern`."""
    if len(text) > MAX_PATTERN:
        raise BadPattern(f"{len(text)} characters", f"at most {MAX_PATTERN}")
    parts = [[readable(word) for word in part.split("|")] for part in text.split("*")]
    if len(parts) > MAX_PARTS:
        raise BadPattern(f"{len(parts)} parts", f"at most {MAX_PARTS}")
    if sum(len(part) for part in parts) > MAX_WORDS:
        raise BadPattern(f"{sum(len(part) for part in parts)} words", f"at most {MAX_WORDS}")
    if not all(word for part in parts for word in part):
        raise BadPattern("an empty word", "words between | and *")
    return Pattern(tuple(tuple(part) for part in parts))


def _places(text: str, words: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    for word in words:
        start = text.find(word)
        while start >= 0:
            end = start + len(word)
            if not (splits(text, start) or splits(text, end)):
                yield start, end
            start = text.find(word, start + 1)


def splits(text: str, at: int) -> bool:
    """The place is inside an English word or a number."""
    return 0 < at < len(text) and _is_plain(text[at - 1]) and _is_plain(text[at])


def _is_plain(char: str) -> bool:
    return char.isascii() and char.isalnum()
