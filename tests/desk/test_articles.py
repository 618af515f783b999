"""The desk's articles: whole in both languages, of one mind about every figure, and long enough to be an answer."""

from __future__ import annotations

import csv
import datetime as dt
import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

DESK = Path(__file__).resolve().parents[2] / "examples" / "desk"
LANGUAGES = ("zh", "en")
KEYS = ["title", "category", "audience", "valid_from", "valid_until", "tags", "facts", "version", "reviewed_by"]
MAY_BE_EMPTY = {"valid_until", "facts"}

FIGURE = re.compile(r"\d+(?:[:.,]\d+)*")
STEP = re.compile(r"^\d+\. ", re.MULTILINE)


@dataclass(frozen=True)
class Article:
    """One file: its front matter as written, and its body without the numbers of the steps."""

    front: dict[str, str]
    body: str

    def listed(self, key: str) -> list[str]:
        return [part.strip() for part in self.front[key].split(",") if part.strip()]


def read_article(text: str) -> Article:
    """`key: value` lines between two lines of three dashes, then the body."""
    opening, front, body = re.split(r"^---\n", text, maxsplit=2, flags=re.MULTILINE)
    assert opening == "", "an article begins with its front matter"
    pairs = [line.partition(":") for line in front.splitlines()]
    assert [key for key, _, _ in pairs] == KEYS
    return Article({key: value.strip() for key, _, value in pairs}, STEP.sub("", body).strip())


def rows(name: str) -> list[dict[str, str]]:
    with (DESK / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@cache
def articles() -> dict[tuple[str, str], Article]:
    found = {}
    for path in sorted((DESK / "articles").iterdir()):
        slug, language, suffix = path.name.split(".")
        assert suffix == "md", path.name
        found[slug, language] = read_article(path.read_text(encoding="utf-8"))
    return found


@cache
def facts() -> dict[str, dict[str, str]]:
    return {row["name"]: row for row in rows("facts.csv")}


def figures_in(body: str, language: str, known: list[dict[str, str]]) -> list[str]:
    """What is wrong with the figures of a body: one that no known fact explains, or a fact that is not stated."""
    unstated = {fact["name"] for fact in known}
    problems = []
    for figure in FIGURE.finditer(body):
        after = body[figure.end() :].lstrip(" -")
        means = {fact["name"] for fact in known if fact["value"] == figure[0] and after.startswith(fact[language])}
        unstated -= means
        if not means:
            problems.append(f"no fact says {body[figure.start() : figure.end() + 12]!r}")
    return problems + [f"{name} is listed and not stated" for name in sorted(unstated)]


def test_each_title_has_an_article_in_both_languages_and_no_other_article_is_there() -> None:
    """A slug names one title; its file's title is the title of the list, word for word."""
    titles = rows("titles.csv")
    assert [slug for slug, times in Counter(row["article"] for row in titles).items() if times > 1] == []
    wanted = {(row["article"], language): row[language] for row in titles for language in LANGUAGES}
    assert {key: article.front["title"] for key, article in articles().items()} == wanted


def test_the_front_matter_is_filled_in() -> None:
    """Everything but the end of validity and the facts must say something; dates are dates and in order."""
    categories = {row["category"] for row in rows("categories.csv")}
    for key, article in articles().items():
        front = article.front
        assert [name for name in KEYS if not front[name] and name not in MAY_BE_EMPTY] == [], key
        assert front["category"] in categories, key
        assert front["audience"] in {"public", "agents"}, key
        assert front["version"].isdecimal(), key
        assert len(article.listed("tags")) >= 3 and len(set(article.listed("tags"))) == len(article.listed("tags")), key
        start = dt.date.fromisoformat(front["valid_from"])
        assert not front["valid_until"] or dt.date.fromisoformat(front["valid_until"]) > start, key


def test_no_category_is_empty_or_named_twice() -> None:
    """Eight to twelve categories, each with a name in both languages and at least one article."""
    names = [row["category"] for row in rows("categories.csv")]
    assert 8 <= len(names) <= 12
    assert all(row["zh"] and row["en"] for row in rows("categories.csv"))
    assert sorted(names) == sorted({article.front["category"] for article in articles().values()})


def test_both_languages_of_an_article_say_the_same_about_it() -> None:
    """Only words differ between languages: category, audience, dates, facts and version are one decision."""
    for row in rows("titles.csv"):
        chinese, english = (articles()[row["article"], language].front for language in LANGUAGES)
        for key in ("category", "audience", "valid_from", "valid_until", "facts", "version"):
            assert chinese[key] == english[key], (row["article"], key)


def test_an_article_is_long_enough_to_help_and_short_enough_to_be_read() -> None:
    """100 to 300 Chinese characters, 60 to 200 English words."""
    for (slug, language), article in articles().items():
        if language == "zh":
            assert 100 <= len(re.findall(r"[\u4e00-\u9fff]", article.body)) <= 300, slug
        else:
            assert 60 <= len(article.body.split()) <= 200, slug


def test_every_figure_in_an_article_is_a_fact_of_the_shop() -> None:
    """A number with its unit stands in facts.csv, under a name that the article lists; what is listed is stated."""
    problems = []
    for (slug, language), article in articles().items():
        known = [facts()[name] for name in article.listed("facts")]
        problems += [f"{slug}.{language}: {problem}" for problem in figures_in(article.body, language, known)]
    assert problems == []


def test_no_fact_is_named_twice_or_used_by_nobody() -> None:
    """One name, one value; a fact that no article states is dead."""
    names = [row["name"] for row in rows("facts.csv")]
    used = {name for article in articles().values() for name in article.listed("facts")}
    assert sorted(names) == sorted(used)


@pytest.mark.parametrize(
    ("body", "problems"),
    [
        ("Send it back within 7 days.", []),
        ("The 7-day return.", []),
        ("Send it back within 8 days.", ["no fact says '8 days.'", "return_days is listed and not stated"]),
        ("Send it back within 7 hours.", ["no fact says '7 hours.'", "return_days is listed and not stated"]),
        ("Send it back in time.", ["return_days is listed and not stated"]),
    ],
)
def test_a_figure_with_another_value_or_unit_is_found(body: str, problems: list[str]) -> None:
    """The check above sees a wrong number, a wrong unit, and a fact that was left out."""
    fact = {"name": "return_days", "value": "7", "zh": "天", "en": "day"}
    assert figures_in(body, "en", [fact]) == problems


def test_a_shop_term_stands_in_one_row_of_its_language() -> None:
    """A word with two meanings would lead a search to both: it belongs to one row only."""
    terms = rows("terms.csv")
    assert len(terms) >= 120 and {row["language"] for row in terms} == set(LANGUAGES)
    words = Counter(
        (row["language"], word.casefold()) for row in terms for word in [row["term"], *row["synonyms"].split("/")]
    )
    assert [word for word, times in words.items() if times > 1 or not word[1].strip()] == []
