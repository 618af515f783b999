"""How long a search, the agent's assist and the bot's answer take among many articles. `bench desk` prints what this measures."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import numpy as np

from engine.desk.bot.brain import Brain
from engine.desk.bot.questions import Question, read_questions
from engine.desk.bot.reading import read_bot
from engine.desk.bot.turns import Said, State
from engine.desk.knowledge.articles import Article
from engine.desk.knowledge.assist import Assistant, QuickReply
from engine.desk.knowledge.folder import Knowledge, read_folder
from engine.desk.knowledge.index import Index
from engine.desk.knowledge.terms import Terms

DESK = Path(__file__).resolve().parents[1] / "examples" / "desk"
DAY = "2026-12-01"
ROUNDS = 3


def measure(articles: int = 10_000, seed: int = 1) -> dict[str, float]:
    """Milliseconds, p50 and p99, over the dev questions asked three times; `put_ms`: one article changed, on average.

    The shop's articles, and others made of parts of two of them each, so that every question finds many.
    """
    knowledge = read_folder(DESK)
    every = [*knowledge.articles, *_made(knowledge, articles - len(knowledge.articles), seed)]
    start = time.perf_counter()
    index = Index(every, Terms(knowledge.terms), knowledge.phrases)
    figures = {"articles": float(len(index)), "build_s": time.perf_counter() - start}
    questions = read_questions(DESK / "questions.csv") * ROUNDS
    brain = Brain(read_bot((DESK / "bot.toml").read_text(encoding="utf-8")), index)
    replies = [QuickReply(f"r-{n}", one.language, one.title, one.body, one.tags) for n, one in enumerate(every[:500])]
    assistant = Assistant(index, replies)

    def answer(question: Question) -> None:
        brain.reply(State(language=question.language), Said(question.text, DAY))

    figures |= _timed("search", questions, lambda one: index.search(one.text, one.language, DAY))
    figures |= _timed("answer", questions, answer)
    figures |= _timed("assist", questions, lambda one: assistant.assist([one.text], one.language, DAY))
    start = time.perf_counter()
    for article in every[-100:]:
        index.put(article)
    figures["put_ms"] = (time.perf_counter() - start) * 10
    return {name: round(value, 3) for name, value in figures.items()}


def _timed(name: str, questions: Sequence[Question], do: Callable[[Question], object]) -> dict[str, float]:
    took = []
    for question in questions:
        start = time.perf_counter()
        do(question)
        took.append((time.perf_counter() - start) * 1_000)
    p50, p99 = np.percentile(took, [50, 99])
    return {f"{name}_p50_ms": float(p50), f"{name}_p99_ms": float(p99), f"{name}_max_ms": max(took)}


def _made(knowledge: Knowledge, count: int, seed: int) -> list[Article]:
    stream = np.random.default_rng(seed)
    by_language = [[one for one in knowledge.articles if one.language == language] for language in ("zh", "en")]
    made = []
    for number in range(count):
        pool = by_language[number % 2]
        one, other = (pool[int(at)] for at in stream.integers(0, len(pool), 2))
        lines = [*one.body.split("\n")[::2], *other.body.split("\n")[1::2]]
        made.append(
            msgspec.structs.replace(
                one,
                slug=f"{one.slug}-{number}",
                title=f"{one.title} {other.title}",
                body="\n".join(lines),
                tags=one.tags[:3] + other.tags[:2],
            )
        )
    return made
