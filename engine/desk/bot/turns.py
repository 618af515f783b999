"""What goes into the brain and what comes out: turns, replies, and the little it remembers between them."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from engine.desk.knowledge.articles import Language

# Of a conversation the summary keeps so many of the customer's last texts, each cut to so many characters.
KEPT_TEXTS = 6
KEPT_CHARS = 200
KEPT_INTENTS = 8

Outcome: TypeAlias = Literal["found", "missing", "failed", "slow"]
# answer: with an article, or a rule's own words; clarify: which of these do you mean; ask: for a slot; confirm: shall I;
# lookup: nothing is said yet, the answer to `lookup` decides; talk: a rule's words that answer nothing (a greeting);
# sorry: not understood; hand_off: to a person; silent: a person has it already.
Act: TypeAlias = Literal["answer", "clarify", "ask", "confirm", "lookup", "talk", "sorry", "hand_off", "silent"]


class Said(msgspec.Struct, frozen=True, tag="said"):
    """The customer wrote. ``today``: ``YYYY-MM-DD`` where the shop is; which articles hold depends on it."""

    text: str
    today: str


class LookedUp(msgspec.Struct, frozen=True, tag="looked_up"):
    """The answer to a reply's ``lookup``. ``fields`` fill the flow's words; from the shop's system, so made harmless first."""

    outcome: Outcome
    fields: dict[str, str] = {}


class Answered(msgspec.Struct, frozen=True, tag="answered"):
    """A bot outside answered the text before: it counts as understood, and nothing is offered any more."""


Turn: TypeAlias = Said | LookedUp | Answered


class Lookup(msgspec.Struct, frozen=True):
    """Asked of whoever runs the brain: ``kind`` of the connector's request, its ``key``, and what else it takes."""

    kind: str
    key: str
    fields: dict[str, str] = {}


class HandOff(msgspec.Struct, frozen=True):
    """What the person gets. ``reason``: ``asked``, ``unsure``, ``upset``, ``sensitive``, ``lookup_failed``, ``lookup_slow``
    or ``rule``; ``detail``: the kind of a sensitive text, the rule's name. ``summary``: lines of plain text.
    """

    intent: str
    reason: str
    detail: str
    slots: dict[str, str]
    summary: str


class State(msgspec.Struct, frozen=True, omit_defaults=True):
    """All that the brain remembers; :func:`engine.desk.bot.brain.resume` makes it again from the conversation.

    ``topic``: slug of the article last spoken of. ``offered``: what the numbers of the last question stand for, as
    ``article:slug``, ``flow:name``, ``menu:name`` or ``person:``. ``unsure``: turns in a row that were not understood.
    ``waiting``: kind of a lookup that is not answered yet.
    """

    language: Language = "zh"
    topic: str = ""
    offered: tuple[str, ...] = ()
    unsure: int = 0
    flow: str = ""
    asked_slot: str = ""
    slots: dict[str, str] = {}
    waiting: str = ""
    said: tuple[str, ...] = ()
    intents: tuple[str, ...] = ()
    handed_off: bool = False


class Reply(msgspec.Struct, frozen=True):
    """What the bot does now, and the state after it. ``text`` is empty for ``lookup`` and ``silent``.

    ``article``: the slug it answers with, or the first it offers, or what the flow that it begins is about; ``intent``: the rule, flow or article it took the turn for.
    """

    act: Act
    text: str
    state: State
    article: str = ""
    offered: tuple[str, ...] = ()
    intent: str = ""
    confidence: float = 0.0
    lookup: Lookup | None = None
    hand_off: HandOff | None = None
