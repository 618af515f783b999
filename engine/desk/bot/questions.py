"""The labelled set: what customers ask, and which article answers it. Two splits, and the one that judges stays shut.

``dev`` is for tuning. ``test`` is read only when it is asked for by name, so that nobody looks at it by accident.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import msgspec

from engine.desk.knowledge.articles import Language

Split: TypeAlias = Literal["dev", "test"]

# The header of the file, in this order.
COLUMNS = ["language", "article", "question", "split"]
# Nothing in the knowledge answers it; the customer asks for a person.
NONE, HUMAN = "none", "human"
MAX_BYTES = 4_194_304
MAX_QUESTION = 500


class Question(msgspec.Struct, frozen=True):
    """``article``: the slug of the article that answers it, ``none`` or ``human``."""

    language: Language
    article: str
    text: str


class BadQuestions(ValueError):
    """The file is no labelled set: what, got, wanted, where."""


def read_questions(file: Path, split: Split = "dev") -> tuple[Question, ...]:
    """The questions of one split, in the file's order. Raises :class:`BadQuestions` or OSError."""
    with file.open("rb") as stream:
        data = stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise BadQuestions(f"{file}: too long, got more than {MAX_BYTES} bytes, wanted at most that")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadQuestions(f"{file}: not UTF-8 at byte {error.start}") from error
    return tuple(_read(text, split, str(file)))


def _read(text: str, split: Split, file: str) -> Iterable[Question]:
    rows = csv.reader(io.StringIO(text, newline=""))
    try:
        header = next(rows, [])
        if header != COLUMNS:
            raise BadQuestions(f"{file}:1: the header must be {','.join(COLUMNS)}, got {','.join(header)[:80]!r}")
        for row in rows:
            question = _question(row, f"{file}:{rows.line_num}")
            if row[3] == split:
                yield question
    except csv.Error as error:
        raise BadQuestions(f"{file}:{rows.line_num}: {error}") from error


def _question(row: list[str], place: str) -> Question:
    if len(row) != len(COLUMNS):
        raise BadQuestions(f"{place}: got {len(row)} columns, wanted {len(COLUMNS)}")
    language, article, text, split = row
    if split not in get_args(Split):
        raise BadQuestions(f"{place}: split must be dev or test, got {split[:40]!r}")
    if not article or not 0 < len(text) <= MAX_QUESTION:
        raise BadQuestions(
            f"{place}: article and question must not be empty; a question has ≤ {MAX_QUESTION} characters"
        )
    match language:
        case "zh" | "en":
            return Question(language, article, text)
    raise BadQuestions(f"{place}: language must be zh or en, got {language[:40]!r}")
