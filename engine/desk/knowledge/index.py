"""Finds articles: SQLite's FTS5 in memory over tokens made here, then a closer look at the best of them.

Two tables. ``texts``: title, tags and body of each article (BM25, a title or tag counts four times a body). ``sayings``:
each title, tag and phrase by itself, because a question is as short as they are. What both find is scored together
(:mod:`engine.desk.knowledge.ranking`). Articles come and go one by one; nothing is ever built anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import apsw
import msgspec

from engine.desk.knowledge.articles import Article, Audience, Language
from engine.desk.knowledge.ranking import PHRASE_WEIGHT, Found, Hit, closeness, confidence, text_score
from engine.desk.knowledge.terms import Terms
from engine.desk.knowledge.tokens import MAX_QUERY, tokens
from engine.desk.knowledge.vocabulary import Vocabulary

SCHEMA = """
CREATE TABLE articles (id INTEGER PRIMARY KEY, slug TEXT, language TEXT, audience TEXT, valid_from TEXT, valid_until TEXT,
  title TEXT, UNIQUE (slug, language));
CREATE VIRTUAL TABLE texts USING fts5(title, tags, body, tokenize="unicode61 tokenchars '§'");
CREATE TABLE said (id INTEGER PRIMARY KEY, article INTEGER, tokens TEXT);
CREATE INDEX said_by ON said (article);
CREATE VIRTUAL TABLE sayings USING fts5(words, tokenize="unicode61 tokenchars '§'");
"""
VALID = """a.language = :language AND (a.audience = 'public' OR :all) AND a.valid_from <= :today
  AND (a.valid_until = '' OR a.valid_until >= :today)"""
BY_TEXT = f"""SELECT a.id, a.slug, a.title, -bm25(texts, 4.0, 4.0, 1.0) FROM texts JOIN articles a ON a.id = texts.rowid
  WHERE texts MATCH :match AND {VALID} ORDER BY 4 DESC, a.slug LIMIT 40"""
BY_SAYING = f"""SELECT a.id, a.slug, a.title, s.tokens FROM sayings JOIN said s ON s.id = sayings.rowid
  JOIN articles a ON a.id = s.article
  WHERE sayings MATCH :match AND {VALID} ORDER BY bm25(sayings), a.slug, s.id LIMIT 80"""

# The rarest tokens of a question decide; the rest would only cost time.
MAX_TOKENS = 24


class Phrase(msgspec.Struct, frozen=True):
    """How a customer put it when the article was the answer."""

    language: Language
    article: str
    text: str


class Index:
    """The published articles that can be found now. One thread at a time."""

    def __init__(
        self, articles: Iterable[Article] = (), terms: Terms | None = None, phrases: Iterable[Phrase] = ()
    ) -> None:
        self.terms = terms or Terms()
        self._phrases: dict[tuple[str, Language], list[str]] = {}
        for phrase in phrases:
            self._phrases.setdefault((phrase.article, phrase.language), []).append(phrase.text)
        self._articles: dict[tuple[str, Language], tuple[int, Article]] = {}
        self._vocabularies: dict[str, Vocabulary] = {"zh": Vocabulary(), "en": Vocabulary()}
        self._sayings: dict[str, Vocabulary] = {"zh": Vocabulary(), "en": Vocabulary()}
        self._next = 1
        self._db = apsw.Connection(":memory:")
        self._db.execute(SCHEMA)
        with self._db:
            for article in articles:
                self.put(article)

    def __len__(self) -> int:
        return len(self._articles)

    def get(self, slug: str, language: Language) -> Article | None:
        held = self._articles.get((slug, language))
        return held[1] if held else None

    def put(self, article: Article) -> None:
        """Add it, or put it in the place of its older version. One that is not published is taken out."""
        self.remove(article.slug, article.language)
        if article.state != "published":
            return
        number, self._next = self._next, self._next + 1
        self._articles[article.key] = (number, article)
        sayings = self._sayings_of(article)
        title, tags, body = (self._tokens(text, article.language) for text in _fields(article))
        self._vocabularies[article.language].add([*title, *tags, *body])
        with self._db:
            self._db.execute(
                "INSERT INTO articles VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    number,
                    article.slug,
                    article.language,
                    article.audience,
                    article.valid_from,
                    article.valid_until,
                    article.title,
                ),
            )
            self._db.execute(
                "INSERT INTO texts (rowid, title, tags, body) VALUES (?, ?, ?, ?)",
                (number, " ".join(title), " ".join(tags), " ".join(body)),
            )
            for saying in sayings:
                self._sayings[article.language].add(saying)
                joined = " ".join(saying)
                self._db.execute("INSERT INTO said (article, tokens) VALUES (?, ?)", (number, joined))
                self._db.execute("INSERT INTO sayings (rowid, words) VALUES (last_insert_rowid(), ?)", (joined,))

    def remove(self, slug: str, language: Language) -> None:
        """Nothing happens when it is not there."""
        held = self._articles.pop((slug, language), None)
        if held is None:
            return
        number, article = held
        self._vocabularies[language].remove(
            [token for text in _fields(article) for token in self._tokens(text, language)]
        )
        for saying in self._sayings_of(article):
            self._sayings[language].remove(saying)
        with self._db:
            self._db.execute("DELETE FROM sayings WHERE rowid IN (SELECT id FROM said WHERE article = ?)", (number,))
            self._db.execute("DELETE FROM said WHERE article = ?", (number,))
            self._db.execute("DELETE FROM texts WHERE rowid = ?", (number,))
            self._db.execute("DELETE FROM articles WHERE id = ?", (number,))

    def search(
        self, text: str, language: Language, today: str, *, audience: Audience = "public", limit: int = 5
    ) -> Found:
        """The articles nearest to a question. ``today`` is ``YYYY-MM-DD``; ``audience`` ``agents`` sees all articles.

        Any text will do; its first 500 characters are read.
        """
        asked = self._asked(text[:MAX_QUERY], language)
        if not asked:
            return Found((), 0.0, 0.0)
        chosen = self._telling(asked, language)
        match = " OR ".join(f'"{token}"' for token in chosen)
        given = {"match": match, "language": language, "all": audience == "agents", "today": today}
        best: dict[int, list[Any]] = {}
        for number, slug, title, bm25 in self._db.execute(BY_TEXT, given):
            best[number] = [slug, title, text_score(bm25), 0.0]
        weigh = self._vocabularies[language].weight
        for number, slug, title, saying in self._db.execute(BY_SAYING, given):
            near = closeness(asked, saying.split(), weigh)
            row = best.setdefault(number, [slug, title, 0.0, 0.0])
            row[3] = max(row[3], near)
        hits = sorted(
            (
                Hit(slug, language, title, words + PHRASE_WEIGHT * near, words, near)
                for slug, title, words, near in best.values()
            ),
            key=lambda hit: (-hit.score, hit.slug),
        )[: max(limit, 2)]
        covered = self._coverage(asked, language)
        return Found(tuple(hits[:limit]), covered, confidence(hits, covered))

    def _asked(self, text: str, language: Language) -> list[str]:
        """The question's tokens, slips repaired, each once."""
        plain = tokens(text)
        known, said = self._vocabularies[language], self._sayings[language]
        repaired = [token if said.is_known(token) else known.corrected(token) for token in plain]
        return list(dict.fromkeys([*repaired, *self.terms.marks(text, language)]))

    def _telling(self, asked: Sequence[str], language: Language) -> list[str]:
        """Known tokens, the rarest first."""
        known, said = self._vocabularies[language], self._sayings[language]
        found = [token for token in asked if known.is_known(token) or said.is_known(token)]
        found.sort(key=lambda token: -known.weight(token))
        return found[:MAX_TOKENS] or list(asked[:1])

    def _coverage(self, asked: Sequence[str], language: Language) -> float:
        known, said = self._vocabularies[language], self._sayings[language]
        total = sum(known.weight(token) for token in asked)
        held = sum(known.weight(token) for token in asked if known.is_known(token) or said.is_known(token))
        return held / total if total else 0.0

    def _tokens(self, text: str, language: Language) -> list[str]:
        return tokens(text) + self.terms.marks(text, language)

    def _sayings_of(self, article: Article) -> list[list[str]]:
        texts = [article.title, *article.tags, *self._phrases.get(article.key, ())]
        return [found for text in texts if (found := self._tokens(text, article.language))]


def _fields(article: Article) -> tuple[str, str, str]:
    return article.title, ", ".join(article.tags), article.body
