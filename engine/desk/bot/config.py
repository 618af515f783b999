"""A bot's configuration as types: what it is called, when it is sure, its rules, menus and flows."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec

from engine.desk.bot.patterns import Pattern
from engine.desk.knowledge.articles import Language

Name: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Sentence: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=1_000)]
Chance: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=1)]
Patterns: TypeAlias = Annotated[tuple[str, ...], msgspec.Meta(max_length=200)]
# What a slot's text must look like: 6 to 24 letters and figures with at least five figures, a telephone number, or any text.
SlotKind: TypeAlias = Literal["order", "phone", "text"]


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The same in both languages. ``{name}`` stands for a slot or a field of a look-up."""

    zh: Sentence
    en: Sentence

    def of(self, language: Language) -> str:
        return self.zh if language == "zh" else self.en


class Thresholds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``answer``: from this confidence on an article is the answer; ``clarify``: from here on the nearest are offered."""

    answer: Chance = 0.82
    clarify: Chance = 0.25


class General(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``hosts``: whose pages a reply may link. ``max_text``: characters of a reply at most. ``menu``: shown when lost."""

    name: Name = "Sluice"
    hosts: Annotated[tuple[Name, ...], msgspec.Meta(max_length=100)] = ()
    max_text: Annotated[int, msgspec.Meta(ge=100, le=4_000)] = 2_000
    menu: str = ""


class Target(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a rule or an option of a menu leads: exactly one of them."""

    reply: Words | None = None
    article: str = ""
    flow: str = ""
    menu: str = ""
    person: bool = False

    def named(self) -> str:
        """``article:slug``, ``flow:name``, ``menu:name`` or ``person:``; "" for words."""
        if self.person:
            return "person:"
        return next((f"{kind}:{name}" for kind in ("article", "flow", "menu") if (name := getattr(self, kind))), "")


class Rule(Target, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The first rule whose pattern is found in the text decides. ``whole``: the pattern must be all of the text; ``weak``: the
    rule is looked at only where no article is a sure answer.
    """

    name: Name
    zh: Patterns = ()
    en: Patterns = ()
    whole: bool = False
    weak: bool = False


class Option(Target, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A line of a menu."""

    label: Words


class Menu(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    text: Words
    options: Annotated[tuple[Option, ...], msgspec.Meta(min_length=1, max_length=9)]


class Slot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Name
    ask: Words
    kind: SlotKind = "text"


class Flow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Slots are asked for one by one; then, where ``confirm`` is set, consent; then ``lookup`` is asked of the connector, its key
    the first slot. ``offer`` is added to the answers of ``articles``. ``fields``: what a look-up may fill in beside the slots;
    ``values``: of a field, in words (field → value → words); a value without words stands as it is.
    """

    lookup: Name
    slots: Annotated[tuple[Slot, ...], msgspec.Meta(min_length=1, max_length=6)]
    found: Words
    missing: Words
    confirm: Words | None = None
    offer: Words | None = None
    articles: tuple[str, ...] = ()
    fields: tuple[Name, ...] = ()
    values: dict[str, dict[str, Words]] = {}
    zh: Patterns = ()
    en: Patterns = ()


class BotConfig(msgspec.Struct, frozen=True):
    """What :func:`engine.desk.bot.reading.read_bot` makes. ``patterns``: of a rule (``rules[n]``) or flow, by language."""

    bot: General = General()
    confidence: Thresholds = Thresholds()
    rules: tuple[Rule, ...] = ()
    menus: dict[str, Menu] = {}
    flows: dict[str, Flow] = {}
    patterns: dict[str, dict[Language, tuple[Pattern, ...]]] = {}
