"""Texts by code in a language: fields filled in, lengths of time in words, codes as a team lead would say them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

from engine.console import chinese, english

Language: TypeAlias = Literal["en", "zh-CN"]
LANGUAGES: dict[Language, Mapping[str, str]] = {"en": english.TEXTS, "zh-CN": chinese.TEXTS}


def language_of(tag: str) -> Language:
    """The language for a tag or a ``LANG`` value (``zh_CN.UTF-8``, ``zh-Hans``): Chinese for any ``zh``, else English."""
    return "zh-CN" if tag.lower().startswith("zh") else "en"


class Words:
    """One language's texts. ``names``: agent id → the name to show (the id where there is none)."""

    def __init__(self, language: Language = "en", names: Mapping[str, str] | None = None) -> None:
        self.texts = LANGUAGES[language]
        self.names = names or {}

    def say(self, key: str, **fields: object) -> str:
        """The text of a key that must exist."""
        return self.texts[key].format(**fields)

    def code(self, family: str, code: str) -> str:
        """What a code means; a code without a text (a reason somebody typed, say) stands for itself."""
        return self.texts.get(f"{family}.{code}", code)

    def has(self, key: str) -> bool:
        return key in self.texts

    def agent(self, agent: str) -> str:
        return self.names.get(agent) or agent or self.texts["nobody"]

    def length(self, ms: int) -> str:
        """A length of time as people say it: 340 ms, 21 s, 2 min 03 s, 1 h 05 min."""
        ms = max(ms, 0)
        if ms < 1_000:
            return self.say("ms", n=ms) if ms else self.say("s", n=0)
        seconds = ms // 1_000
        if seconds < 60:
            return self.say("s", n=seconds)
        if seconds < 3_600:
            return self.say("min", m=seconds // 60, s=f"{seconds % 60:02}")
        return self.say("h", h=seconds // 3_600, m=f"{seconds % 3_600 // 60:02}")

    def listed(self, items: Iterable[str]) -> str:
        return self.texts["list"].join(items)

    def joined(self, sentences: Iterable[str]) -> str:
        """Sentences one after the other."""
        return self.texts["join"].join(sentence for sentence in sentences if sentence)


def requirement(text: str) -> str:
    """A requirement as people write it."""
    return text.replace(">=", "≥")
