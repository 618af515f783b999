"""Articles as one CSV table: a row each, every field a column, for those who edit in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable
from typing import BinaryIO

from engine.desk.files import read_bounded
from engine.desk.knowledge.articles import Article, Language
from engine.desk.knowledge.checking import check_article
from engine.desk.knowledge.folder import MAX_ARTICLES, MAX_TABLE_BYTES, table_rows
from engine.desk.problems import Problems, raise_if_any

COLUMNS = (
    "slug", "language", "title", "category", "audience", "valid_from", "valid_until", "tags", "facts", "version", "state",
    "reviewed_by", "body",
)  # fmt: skip
# A spreadsheet takes a cell that begins so for a formula.
_FORMULA = ("=", "+", "-", "@")


def write_table(articles: Iterable[Article]) -> str:
    """Lists parted by commas. A cell that a spreadsheet would reckon with has a ' before it, which :func:`read_table` takes off."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for article in articles:
        cells = (getattr(article, column) for column in COLUMNS)
        texts = (", ".join(cell) if isinstance(cell, tuple) else str(cell) for cell in cells)
        writer.writerow([f"'{cell}" if cell.startswith((*_FORMULA, "'")) else cell for cell in texts])
    return text.getvalue()


def read_table(stream: BinaryIO, file: str, categories: Collection[str]) -> list[Article]:
    """Raises :class:`DeskErrors` with every problem of every row; a slug and language may come once."""
    problems = Problems(file)
    text = read_bounded(stream, problems, MAX_TABLE_BYTES)
    articles: list[Article] = []
    seen: dict[tuple[str, Language], int] = {}
    if not problems.found:
        for line, row in table_rows(text, COLUMNS, problems):
            fields = {name: cell.removeprefix("'") for name, cell in row.items()}
            article = check_article(fields, dict.fromkeys(COLUMNS, line), categories, problems)
            if article is None:
                continue
            if (first := seen.setdefault(article.key, line)) != line:
                wanted = "one article for each slug and language"
                problems.report("twice", line, "slug", f"{article.slug}.{article.language} of line {first}", wanted)
            articles.append(article)
        if len(articles) > MAX_ARTICLES:
            problems.report("too_many", 0, "the table", str(len(articles)), f"at most {MAX_ARTICLES}")
    raise_if_any(problems.found)
    return articles
