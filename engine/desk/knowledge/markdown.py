"""An article as a Markdown file: `key: value` lines between two lines of three dashes, then the body.

Every problem of a file is named with its line. What cannot be an article (too long, not UTF-8) is refused before it is read.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from engine.desk.knowledge.articles import Article
from engine.desk.knowledge.checking import check_article
from engine.desk.problems import Problems

# The body's 20,000 characters in UTF-8, and front matter with 50 tags.
MAX_BYTES = 131_072
KEYS = (
    "title", "category", "audience", "valid_from", "valid_until", "tags", "facts", "version", "state", "reviewed_by",
)  # fmt: skip
# A key that may be left out: an article that somebody reviewed is published, one that nobody did is a draft.
OPTIONAL = frozenset({"state"})
NAME = re.compile(r"(?P<slug>.+)\.(?P<language>[^.]+)\.md")


def parse(name: str, text: str, categories: Collection[str], problems: Problems) -> Article | None:
    """The article of a file called ``slug.language.md``, or None with its problems reported. Never raises."""
    before = len(problems.found)
    named = NAME.fullmatch(name)
    if named is None:
        problems.report("bad_name", 0, "the file's name", repr(name[:80]), "slug.zh.md or slug.en.md")
        return None
    parts = re.split(r"^---[ \t]*\n", text, maxsplit=2, flags=re.MULTILINE)
    if len(parts) != 3 or parts[0].strip():
        problems.report("no_front", 1, "the article", "none", "front matter between two lines of ---")
        return None
    fields, lines = _front(parts[1], problems)
    fields |= {"slug": named["slug"], "language": named["language"], "body": parts[2].strip("\n")}
    first = parts[1].count("\n") + 3
    lines["body"] = first + len(parts[2]) - len(parts[2].lstrip("\n"))
    article = check_article(fields, lines, categories, problems)
    return article if len(problems.found) == before else None


def _front(text: str, problems: Problems) -> tuple[dict[str, str], dict[str, int]]:
    fields: dict[str, str] = {}
    lines: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), start=2):
        key, colon, value = line.partition(":")
        key = key.strip()
        if not line.strip():
            continue
        if not colon or key not in KEYS:
            problems.report("unknown_key", number, "front matter", repr(key[:40]), f"one of {', '.join(KEYS)}")
        elif key in fields:
            problems.report("twice", number, key, "it twice", "each key once")
        else:
            fields[key], lines[key] = value.strip(), number
    for key in KEYS:
        if key not in fields and key not in OPTIONAL:
            problems.report("missing", 2, key, "nothing", "a value")
    return fields, lines


def write(article: Article) -> str:
    """The file's text; :func:`parse` reads the same article from it. ``state`` is written where it does not go without saying."""
    values: Mapping[str, str] = {
        "title": article.title,
        "category": article.category,
        "audience": article.audience,
        "valid_from": article.valid_from,
        "valid_until": article.valid_until,
        "tags": ", ".join(article.tags),
        "facts": ", ".join(article.facts),
        "version": str(article.version),
        "state": article.state,
        "reviewed_by": article.reviewed_by,
    }
    silent = article.state == ("published" if article.reviewed_by else "draft")
    front = [f"{key}: {value}".rstrip() for key, value in values.items() if not (key == "state" and silent)]
    return "---\n" + "\n".join(front) + f"\n---\n\n{article.body}\n"


def file_name(article: Article) -> str:
    return f"{article.slug}.{article.language}.md"
