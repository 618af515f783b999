"""A shop's knowledge as a folder of files: `articles/*.md`, `categories.csv`, `terms.csv`, `phrases.csv`."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import msgspec

from engine.desk.files import read_bounded
from engine.desk.knowledge import markdown
from engine.desk.knowledge.articles import Article, Language
from engine.desk.knowledge.index import Index, Phrase
from engine.desk.knowledge.terms import Term, Terms
from engine.desk.problems import Problem, Problems, raise_if_any
from engine.desk.text import find_fault

MAX_ARTICLES = 20_000
MAX_TABLE_BYTES = 16_777_216
MAX_WORD = 100
MAX_PHRASE = 200


class Knowledge(msgspec.Struct, frozen=True):
    """What a folder holds. ``categories``: name → its name in each language."""

    articles: tuple[Article, ...]
    categories: dict[str, dict[str, str]]
    terms: tuple[Term, ...]
    phrases: tuple[Phrase, ...]

    def index(self) -> Index:
        return Index(self.articles, Terms(self.terms), self.phrases)


def read_folder(folder: Path) -> Knowledge:
    """Raises :class:`DeskErrors` with the problems of all files, or OSError. Terms and phrases may be left out."""
    problems: list[Problem] = []
    categories = {
        row["category"]: {"zh": row["zh"], "en": row["en"]}
        for _, row in _rows(folder / "categories.csv", ("category", "zh", "en"), problems)
    }
    articles = _articles(folder / "articles", categories, problems)
    terms = tuple(_terms(folder / "terms.csv", problems))
    phrases = tuple(_phrases(folder / "phrases.csv", {article.key for article in articles}, problems))
    raise_if_any(problems)
    return Knowledge(tuple(articles), categories, terms, phrases)


def _articles(folder: Path, categories: dict[str, dict[str, str]], problems: list[Problem]) -> list[Article]:
    articles: list[Article] = []
    for number, path in enumerate(sorted(folder.glob("*.md"))):
        here = Problems(str(path))
        if number >= MAX_ARTICLES:
            here.report("too_many", 0, "the folder", f"more than {MAX_ARTICLES} files", f"at most {MAX_ARTICLES}")
            problems += here.found
            break
        with path.open("rb") as stream:
            text = read_bounded(stream, here, markdown.MAX_BYTES)
        if text and (article := markdown.parse(path.name, text, categories, here)):
            articles.append(article)
        elif not here.found:
            here.report("empty", 0, "the file", "nothing", "front matter between two lines of ---")
        problems += here.found
    return articles


def _terms(path: Path, problems: list[Problem]) -> Iterator[Term]:
    """Each word in one row of its language only: else it would mean two things."""
    here = Problems(str(path))
    seen: dict[tuple[str, str], int] = {}
    for line, row in _rows(path, ("language", "term", "synonyms"), problems, optional=True):
        language = _language(row["language"], line, here)
        every = [word.strip() for word in (row["term"], *row["synonyms"].split("/")) if word.strip()]
        for word in every:
            if fault := find_fault(word, "a term", MAX_WORD, lines=False):
                here.report(fault.code, line, "a term", fault.got, fault.wanted)
            elif (first := seen.setdefault((row["language"], word), line)) != line:
                here.report("twice", line, repr(word[:40]), f"it in line {first} too", "each word in one row")
        if language and every:
            yield Term(language, every[0], tuple(every[1:]))
    problems += here.found


def _phrases(path: Path, known: set[tuple[str, Language]], problems: list[Problem]) -> Iterator[Phrase]:
    here = Problems(str(path))
    for line, row in _rows(path, ("language", "article", "phrases"), problems, optional=True):
        language = _language(row["language"], line, here)
        if language is None:
            continue
        if (row["article"], language) not in known:
            here.report("unknown_article", line, "article", repr(row["article"][:80]), "the slug of an article")
        for text in filter(None, (part.strip() for part in row["phrases"].split("/"))):
            if fault := find_fault(text, "a phrase", MAX_PHRASE, lines=False):
                here.report(fault.code, line, "a phrase", fault.got, fault.wanted)
            else:
                yield Phrase(language, row["article"], text)
    problems += here.found


def _language(text: str, line: int, problems: Problems) -> Language | None:
    match text:
        case "zh" | "en":
            return text
    problems.report("not_one_of", line, "language", repr(text[:40]), "zh or en")
    return None


def _rows(
    path: Path, columns: tuple[str, ...], problems: list[Problem], *, optional: bool = False
) -> Iterator[tuple[int, dict[str, str]]]:
    """(line, row) of a table with exactly these columns."""
    if optional and not path.exists():
        return
    here = Problems(str(path))
    with path.open("rb") as stream:
        text = read_bounded(stream, here, MAX_TABLE_BYTES)
    if not here.found:
        yield from table_rows(text, columns, here)
    problems += here.found


def table_rows(text: str, columns: tuple[str, ...], problems: Problems) -> Iterator[tuple[int, dict[str, str]]]:
    """(line, row) of a CSV text; a row with too few or too many cells is reported and left out."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader, [])
        if tuple(header) != columns:
            problems.report("bad_header", 1, "the header", repr(",".join(header)[:120]), ",".join(columns))
            return
        for row in reader:
            if len(row) == len(columns):
                yield reader.line_num, dict(zip(columns, row, strict=True))
            elif row:
                problems.report("bad_row", reader.line_num, "a row", f"{len(row)} cells", str(len(columns)))
    except csv.Error as error:
        problems.report("bad_csv", reader.line_num, "the table", str(error), "comma-separated values")
