"""Does a text need a person? By words, and by how it is written."""

from __future__ import annotations

import re
from functools import cache

import ahocorasick

from engine.desk.bot import words
from engine.desk.bot.patterns import Pattern, compile_pattern, readable, splits

UPSET_FROM = 2
# Three and more of them, mixed as they come.
SHOUTED_MARKS = re.compile(r"[!！?？]{3}")
MIN_SHOUT = 8


def find_sensitive(text: str) -> str:
    """The kind of a text that is for a person whatever the bot knows (see :data:`words.SENSITIVE`), or ""."""
    seen = readable(text)
    found = [
        (order, kind)
        for end, (order, kind, length) in _sensitive().iter(seen)
        if not splits(seen, end + 1) and not splits(seen, end + 1 - length)
    ]
    return min(found)[1] if found else ""


def asks_for_person(text: str) -> bool:
    """A person is asked for; not: which hours people work, or that none is wanted."""
    seen = readable(text)
    for pattern in _patterns("NOT_PERSON"):
        seen = pattern.without(seen)
    if not _any("PERSON", seen):
        return False
    return not _any("ABOUT_HOURS", text) or _any("DEMAND", text)


def upset(text: str, before: tuple[str, ...] = ()) -> int:
    """How many signs: two for insults, one each for anger, `!!!` or `???`, shouting, and saying the same thing a third time."""
    signs = 2 * _any("INSULTS", text) + _any("ANGER", text) + bool(SHOUTED_MARKS.search(text[:2_000]))
    letters = [char for char in text[:2_000] if char.isascii() and char.isalpha()]
    if len(letters) >= MIN_SHOUT and sum(map(str.isupper, letters)) > 0.8 * len(letters):
        signs += 1
    seen = readable(text)
    if seen and sum(readable(earlier) == seen for earlier in before) >= 2:
        signs += 1
    return signs


def is_upset(text: str, before: tuple[str, ...] = ()) -> bool:
    return upset(text, before) >= UPSET_FROM


@cache
def _patterns(name: str) -> tuple[Pattern, ...]:
    return tuple(compile_pattern(text) for text in getattr(words, name))


def _any(name: str, text: str) -> bool:
    return any(pattern.is_in(text) for pattern in _patterns(name))


@cache
def _sensitive() -> ahocorasick.Automaton:
    automaton = ahocorasick.Automaton()
    for order, (kind, listed) in enumerate(words.SENSITIVE.items()):
        for word in listed:
            seen = readable(word)
            automaton.add_word(seen, (order, kind, len(seen)))
    automaton.make_automaton()
    return automaton
