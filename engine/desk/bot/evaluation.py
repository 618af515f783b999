"""How good is the bot? Each labelled question is asked once, of a bot that has heard nothing before.

What counts, per language and in total (shares of the rows named, 0 where there are none):

- **precision_at_1**: of the rows that an article answers, those whose reply names that article *first*: as the answer, or as
  the first of those it offers when it asks back. A reply that names none (sorry, a hand-off, a rule's words) is wrong here.
  Beginning a flow (asking for the order's number to change its address) is answering with the flow's first article, here and
  below: right if that is the row's, confidently wrong if not.
- **confident_wrong**: of *all* rows, those answered with an article (not merely offered one) that is not the row's. A row
  ``none`` or ``human`` has no right article, so any article given as the answer is a wrong one.
- **answered**: of the rows that an article answers, those answered with an article; **right_when_answered**: the right ones.
- **clarified**: of all rows, those asked back; **offered_right**: of the article rows asked back, those with the right one
  among what is offered.
- **none_held_back**: of the ``none`` rows, those that got no article as the answer (offering some is no answer).
- **human_handed_off**: of the ``human`` rows, those handed to a person.
- **handed_off**: of all rows; **needless**: of the rows that are not ``human``, those handed off.
- **containment**: of the rows that are not ``human``, those answered or talked to by a rule, or in a flow: nothing is left for a person.

A bot never learns from what it is asked here: phrases that are one of the split's questions word for word are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import msgspec

from engine.desk.bot.brain import Brain
from engine.desk.bot.questions import HUMAN, NONE, Question
from engine.desk.bot.turns import Reply, Said, State


class Asked(msgspec.Struct, frozen=True):
    question: Question
    reply: Reply

    @property
    def wanted(self) -> str:
        return self.question.article

    @property
    def is_answered(self) -> bool:
        return self.reply.act in ("answer", "ask", "confirm", "lookup") and bool(self.reply.article)

    @property
    def is_right(self) -> bool:
        return self.reply.article == self.wanted

    @property
    def is_confidently_wrong(self) -> bool:
        return self.is_answered and not self.is_right


class Figures(msgspec.Struct, frozen=True):
    """Shares are rounded to four places; ``questions``, ``with_article``: how many there are."""

    questions: int
    with_article: int
    precision_at_1: float
    confident_wrong: float
    answered: float
    right_when_answered: float
    clarified: float
    offered_right: float
    none_held_back: float
    human_handed_off: float
    handed_off: float
    needless: float
    containment: float


def ask_all(brain: Brain, questions: Iterable[Question], today: str) -> list[Asked]:
    """The questions in their order; ``today`` decides which articles hold."""
    return [
        Asked(question, brain.reply(State(language=question.language), Said(question.text, today)))
        for question in questions
    ]


def figures(asked: Sequence[Asked]) -> Figures:
    with_article = [one for one in asked if one.wanted not in (NONE, HUMAN)]
    answered = [one for one in with_article if one.is_answered]
    clarified = [one for one in asked if one.reply.act == "clarify"]
    not_human = [one for one in asked if one.wanted != HUMAN]
    return Figures(
        questions=len(asked),
        with_article=len(with_article),
        precision_at_1=_share(with_article, lambda one: one.is_right),
        confident_wrong=_share(asked, lambda one: one.is_confidently_wrong),
        answered=_share(with_article, lambda one: one.is_answered),
        right_when_answered=_share(answered, lambda one: one.is_right),
        clarified=_share(asked, lambda one: one.reply.act == "clarify"),
        offered_right=_share(
            [one for one in clarified if one.wanted not in (NONE, HUMAN)], lambda one: one.wanted in one.reply.offered
        ),
        none_held_back=_share([one for one in asked if one.wanted == NONE], lambda one: not one.is_answered),
        human_handed_off=_share([one for one in asked if one.wanted == HUMAN], lambda one: one.reply.act == "hand_off"),
        handed_off=_share(asked, lambda one: one.reply.act == "hand_off"),
        needless=_share(not_human, lambda one: one.reply.act == "hand_off"),
        containment=_share(not_human, lambda one: one.is_answered or one.reply.act == "talk"),
    )


def by_language(asked: Sequence[Asked]) -> dict[str, Figures]:
    """``total``, and each language that has questions."""
    languages = sorted({one.question.language for one in asked}, reverse=True)
    found = {"total": figures(asked)}
    for language in languages:
        found[language] = figures([one for one in asked if one.question.language == language])
    return found


def confusions(asked: Sequence[Asked]) -> list[tuple[str, str, str, int]]:
    """(wanted, named first or the act, act, how often) of what went wrong, the most frequent first."""
    wrong = Counter(
        (one.wanted, one.reply.article or one.reply.act, one.reply.act)
        for one in asked
        if (one.is_confidently_wrong if one.wanted in (NONE, HUMAN) else not one.is_right)
        or (one.wanted == HUMAN and one.reply.act != "hand_off")
    )
    return [(*key, times) for key, times in sorted(wrong.items(), key=lambda pair: (-pair[1], pair[0]))]


def _share(rows: Sequence[Asked], counts: Callable[[Asked], bool]) -> float:
    return round(sum(map(counts, rows)) / len(rows), 4) if rows else 0.0
