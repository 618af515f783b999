"""Finds articles: SQLite's FTS5 in memory over tokens made here, then a closer look at the best of them.

Two tables with a row for each article. ``texts``: title, tags and body (BM25, a title or a tag counts four times a body).
``sayings``: title, tags and the phrases customers use, because a question is worded as they are. The best of both are scored
together (:mod:`engine.desk.knowledge.ranking`). Articles come and go one by one; nothing is ever built anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import apsw
import msgspec

from engine.desk.knowledge import ranking
from engine.desk.knowledge.articles import Article, Audience, Language
from engine.desk.knowledge.ranking import Found, Hit, Sayings
from engine.desk.knowledge.terms import Terms
from engine.desk.knowledge.tokens import MAX_QUERY, normal, tokens
from engine.desk.knowledge.vocabulary import Vocabulary

SCHEMA = """
CREATE TABLE articles (id INTEGER PRIMARY KEY, language TEXT, audience TEXT, valid_from TEXT, valid_until TEXT);
CREATE VIRTUAL TABLE texts USING fts5(title, tags, body, content='', contentless_delete=1,
  tokenize="unicode61 remove_diacritics 0 tokenchars '§'");
CREATE VIRTUAL TABLE sayings USING fts5(words, content='', contentless_delete=1,
  tokenize="unicode61 remove_diacritics 0 tokenchars '§'");
"""
VALID = """a.language = :language AND (a.audience = 'public' OR :all) AND a.valid_from <= :today
  AND (a.valid_until = '' OR a.valid_until >= :today)"""
BY_TEXT = f"""SELECT a.id, -bm25(texts, 4.0, 4.0, 1.0) FROM texts JOIN articles a ON a.id = texts.rowid
  WHERE texts MATCH :match AND {VALID} ORDER BY 2 DESC, a.id LIMIT 100"""
BY_SAYING = f"""SELECT a.id FROM sayings JOIN articles a ON a.id = sayings.rowid
  WHERE sayings MATCH :match AND {VALID} ORDER BY bm25(sayings), a.id LIMIT 40"""

# The rarest tokens of a question decide which articles are looked at; the rest would only cost time.
MAX_TOKENS = 24
# A token of more articles than these tells them apart no more, as long as the question has others.
MANY_ARTICLES = 1_000


class Phrase(msgspec.Struct, frozen=True):
    """How a customer put it when the article was the answer."""

    language: Language
    article: str
    text: str


class _Held(msgspec.Struct, frozen=True):
    article: Article
    sayings: Sayings
    wordings: frozenset[str]


class _Shelf:
    """What is counted over the articles of one language."""

    def __init__(self) -> None:
        self.texts, self.sayings = Vocabulary(), Vocabulary()
        self.length = 0
        # Wording → the articles that it is a saying of, word for word.
        self.wordings: dict[str, set[int]] = {}

    def knows(self, token: str) -> bool:
        return self.texts.is_known(token) or self.sayings.is_known(token)

    def only_one_said(self, wording: str) -> int:
        """The number of the one article that says it so; 0 when none or several do."""
        numbers = self.wordings.get(wording, ())
        return next(iter(numbers)) if len(numbers) == 1 else 0

    def corrected(self, token: str) -> str:
        return token if self.knows(token) else self.texts.corrected(token)


class Index:
    """The published articles that can be found now. One thread at a time."""

    def __init__(
        self, articles: Iterable[Article] = (), terms: Terms | None = None, phrases: Iterable[Phrase] = ()
    ) -> None:
        self.terms = terms or Terms()
        self._phrases: dict[tuple[str, Language], list[str]] = {}
        for phrase in phrases:
            self._phrases.setdefault((phrase.article, phrase.language), []).append(phrase.text)
        self._numbers: dict[tuple[str, Language], int] = {}
        self._held: dict[int, _Held] = {}
        self._shelves: dict[Language, _Shelf] = {"zh": _Shelf(), "en": _Shelf()}
        self._next = 1
        self._db = apsw.Connection(":memory:")
        self._db.execute(SCHEMA)
        with self._db:
            for article in articles:
                self.put(article)

    def __len__(self) -> int:
        return len(self._held)

    def get(self, slug: str, language: Language) -> Article | None:
        number = self._numbers.get((slug, language))
        return None if number is None else self._held[number].article

    def put(self, article: Article) -> None:
        """Add it, or put it in the place of its older version. One that is not published is taken out."""
        self.remove(article.slug, article.language)
        if article.state != "published":
            return
        number, self._next = self._next, self._next + 1
        fields = self._fields(article)
        texts = (article.title, *article.tags, *self._phrases.get(article.key, ()))
        sayings = self._sayings(texts, article.language)
        held = _Held(article, sayings, frozenset(filter(None, map(_wording, texts))))
        shelf = self._shelves[article.language]
        shelf.texts.add(token for field in fields for token in field)
        shelf.sayings.add(sayings.counts)
        shelf.length += sayings.length
        for wording in held.wordings:
            shelf.wordings.setdefault(wording, set()).add(number)
        self._numbers[article.key], self._held[number] = number, held
        row = (number, article.language, article.audience, article.valid_from, article.valid_until)
        with self._db:
            self._db.execute("INSERT INTO articles VALUES (?, ?, ?, ?, ?)", row)
            columns = (number, *(" ".join(field) for field in fields))
            self._db.execute("INSERT INTO texts (rowid, title, tags, body) VALUES (?, ?, ?, ?)", columns)
            self._db.execute("INSERT INTO sayings (rowid, words) VALUES (?, ?)", (number, " ".join(sayings.counts)))

    def remove(self, slug: str, language: Language) -> None:
        """Nothing happens when it is not there."""
        number = self._numbers.pop((slug, language), None)
        if number is None:
            return
        held, shelf = self._held.pop(number), self._shelves[language]
        shelf.texts.remove(token for field in self._fields(held.article) for token in field)
        shelf.sayings.remove(held.sayings.counts)
        shelf.length -= held.sayings.length
        for wording in held.wordings:
            shelf.wordings[wording].discard(number)
            if not shelf.wordings[wording]:
                del shelf.wordings[wording]
        with self._db:
            for table in ("sayings", "texts"):
                self._db.execute(f"DELETE FROM {table} WHERE rowid = ?", (number,))
            self._db.execute("DELETE FROM articles WHERE id = ?", (number,))

    def search(
        self, text: str, language: Language, today: str, *, audience: Audience = "public", limit: int = 5
    ) -> Found:
        """The articles nearest to a question. ``today`` is ``YYYY-MM-DD``; ``audience`` ``agents`` sees all articles.

        Any text will do; its first 500 characters are read.
        """
        shelf = self._shelves[language]
        asked = self._asked(text[:MAX_QUERY], language)
        chosen = _telling(asked, shelf)
        if not chosen:
            return Found((), 0.0)
        match = " OR ".join(f'"{token}"' for token in chosen)
        given = {"match": match, "language": language, "all": audience == "agents", "today": today}
        texts: dict[int, float] = dict(self._db.execute(BY_TEXT, given))
        for (number,) in self._db.execute(BY_SAYING, given):
            texts.setdefault(number, 0.0)
        exact = shelf.only_one_said(_wording(text))
        weights = {token: shelf.sayings.weight(token) for token in asked}
        hits = [self._hit(number, bm25, weights, number == exact) for number, bm25 in texts.items()]
        hits.sort(key=lambda hit: (-hit.score, hit.slug))
        return Found(tuple(hits[:limit]), ranking.confidence(hits))

    def _hit(self, number: int, bm25: float, asked: Mapping[str, float], is_exact: bool) -> Hit:
        held = self._held[number]
        article, sayings = held.article, held.sayings
        shelf = self._shelves[article.language]
        average = shelf.length / shelf.sayings.texts
        text = ranking.bent(bm25, ranking.HALF_TEXT)
        said = ranking.bent(ranking.said_score(asked, sayings, average), ranking.HALF_SAID)
        covered = ranking.covered_share(asked, sayings)
        score = ranking.score(text, said, covered) + (ranking.EXACT if is_exact else 0.0)
        return Hit(article.slug, article.language, article.title, score, text, said, covered)

    def _asked(self, text: str, language: Language) -> list[str]:
        """The question's tokens, slips repaired, each once, and the marks of its terms."""
        shelf = self._shelves[language]
        repaired = [shelf.corrected(token) for token in tokens(text)]
        return list(dict.fromkeys([*repaired, *self.terms.marks(text, language)]))

    def _tokens(self, text: str, language: Language) -> list[str]:
        return tokens(text) + self.terms.marks(text, language)

    def _fields(self, article: Article) -> list[list[str]]:
        texts = (article.title, ", ".join(article.tags), article.body)
        return [self._tokens(text, article.language) for text in texts]

    def _sayings(self, texts: Iterable[str], language: Language) -> Sayings:
        counts = Counter(token for text in texts for token in set(self._tokens(text, language)))
        return Sayings(dict(sorted(counts.items())), sum(counts.values()))


def _wording(text: str) -> str:
    return "".join(char for char in normal(text) if char.isalnum())


def _telling(asked: Sequence[str], shelf: _Shelf) -> list[str]:
    """The known tokens, the rarest first, without those of too many articles where others are left."""
    found = sorted((token for token in asked if shelf.knows(token)), key=lambda token: -shelf.texts.weight(token))
    rare = [token for token in found if shelf.texts.count(token) <= MANY_ARTICLES]
    return (rare or found)[:MAX_TOKENS]
