"""A bot from a folder: ``bot.toml``, ``articles/``, ``categories.csv``, ``terms.csv``, ``phrases.csv``."""

from __future__ import annotations

from pathlib import Path

import msgspec

from engine.desk.bot.brain import Brain
from engine.desk.bot.questions import Question
from engine.desk.bot.reading import read_bot_file
from engine.desk.knowledge.folder import read_folder


def load_brain(folder: Path, questions: tuple[Question, ...] = ()) -> Brain:
    """The folder's bot, without those phrases that are one of the questions word for word.

    Raises :class:`DeskErrors` with the problems of a file, or OSError.
    """
    knowledge = read_folder(folder)
    asked = {(question.language, question.text) for question in questions}
    kept = tuple(phrase for phrase in knowledge.phrases if (phrase.language, phrase.text) not in asked)
    knowledge = msgspec.structs.replace(knowledge, phrases=kept)
    slugs = {article.slug for article in knowledge.articles}
    return Brain(read_bot_file(folder / "bot.toml", slugs), knowledge.index())
