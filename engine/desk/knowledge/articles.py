"""An article: what the shop tells, in one language, from one day to another."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

Language: TypeAlias = Literal["zh", "en"]
Audience: TypeAlias = Literal["public", "agents"]
Stage: TypeAlias = Literal["draft", "review", "published"]

# A body of 20,000 characters is ten pages: longer is a book, and should be several articles.
MAX_BODY = 20_000
MAX_TITLE = 200
MAX_SLUG = 80
MAX_TAGS = 50
MAX_TAG = 60
MAX_VERSION = 1_000_000


class Article(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``slug`` and ``language`` name it. ``valid_from``, ``valid_until``: first and last day, ``YYYY-MM-DD``; empty: no end.

    ``audience``: ``public`` for customers too, ``agents`` for staff only. ``facts``: names of the figures the body states.
    Only ``published`` ones are found; ``reviewed_by`` says who let it through.
    """

    slug: str
    language: Language
    title: str
    body: str
    category: str
    audience: Audience = "public"
    valid_from: str = ""
    valid_until: str = ""
    tags: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    version: int = 1
    state: Stage = "published"
    reviewed_by: str = ""

    @property
    def key(self) -> tuple[str, Language]:
        return self.slug, self.language

    def is_valid(self, today: str) -> bool:
        """On that day, ``YYYY-MM-DD``."""
        return self.valid_from <= today and (not self.valid_until or today <= self.valid_until)
