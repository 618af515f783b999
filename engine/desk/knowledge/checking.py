"""The fields of an article as texts, from whatever form → an :class:`Article`, or every problem with its line."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, get_args

from engine.desk.dates import is_day
from engine.desk.knowledge.articles import (
    MAX_BODY,
    MAX_SLUG,
    MAX_TAG,
    MAX_TAGS,
    MAX_TITLE,
    MAX_VERSION,
    Article,
    Audience,
    Language,
    Stage,
)
from engine.desk.problems import Problems
from engine.desk.text import find_fault

SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


def check_article(
    fields: Mapping[str, str], lines: Mapping[str, int], categories: Collection[str], problems: Problems
) -> Article | None:
    """``fields``: name → text as it stands in the file; ``lines``: where. None when anything was reported."""
    before = len(problems.found)
    check = _Check(fields, lines, problems)
    read: dict[str, Any] = {
        "slug": check.slug(),
        "language": check.choice("language", get_args(Language), "zh or en"),
        "title": check.text("title", MAX_TITLE, lines=False),
        "body": check.text("body", MAX_BODY, lines=True),
        "category": check.choice("category", sorted(categories), ""),
        "audience": check.choice("audience", get_args(Audience), "public or agents"),
        "valid_from": check.date("valid_from"),
        "valid_until": check.date("valid_until"),
        "tags": check.listed("tags"),
        "facts": check.listed("facts"),
        "version": check.version(),
        "reviewed_by": check.text("reviewed_by", MAX_TITLE, lines=False, optional=True),
    }
    read["state"] = "published" if read["reviewed_by"] else "draft"
    if fields.get("state"):
        read["state"] = check.choice("state", get_args(Stage), "draft, review or published")
    if read["state"] == "published" and not read["reviewed_by"]:
        check.report("unreviewed", "reviewed_by", "nothing", "a name that says who reviewed it")
    if read["valid_until"] and read["valid_until"] < read["valid_from"]:
        check.report("bad_dates", "valid_until", read["valid_until"], "a day on or after valid_from")
    return Article(**read) if len(problems.found) == before else None


class _Check:
    """Each method gives the field's value; with a problem reported, some value of the right type."""

    def __init__(self, fields: Mapping[str, str], lines: Mapping[str, int], problems: Problems) -> None:
        self.fields, self.lines, self.problems = fields, lines, problems

    def report(self, code: str, field: str, got: str, wanted: str) -> None:
        self.problems.report(code, self.lines.get(field, 0), field, got, wanted)

    def text(self, field: str, limit: int, *, lines: bool, optional: bool = False) -> str:
        value = self.fields.get(field, "")
        if optional and not value:
            return ""
        if fault := find_fault(value, field, limit, lines=lines):
            at = self.lines.get(field, 0)
            self.problems.report(fault.code, at, field, fault.got, fault.wanted)
        return value

    def slug(self) -> str:
        value = self.fields.get("slug", "")
        if len(value) > MAX_SLUG or not SLUG.fullmatch(value):
            wanted = f"small letters, figures and single hyphens, at most {MAX_SLUG}"
            self.report("bad_slug", "slug", repr(value[:40]), wanted)
        return value

    def choice(self, field: str, choices: Collection[str], wanted: str) -> str:
        value = self.fields.get(field, "")
        if value not in choices:
            shown = wanted or f"one of {', '.join(list(choices)[:20])}"
            self.report("not_one_of", field, repr(value[:40]) if value else "nothing", shown)
        return value

    def date(self, field: str) -> str:
        value = self.fields.get(field, "")
        if not value or is_day(value):
            return value
        self.report("bad_date", field, repr(value[:40]), "a date YYYY-MM-DD")
        return ""

    def listed(self, field: str) -> tuple[str, ...]:
        """Parted by commas; each at most 60 characters, at most 50 of them, none twice."""
        parts = [part.strip() for part in self.fields.get(field, "")[: MAX_TAGS * MAX_TAG * 4].split(",")]
        found = tuple(dict.fromkeys(part for part in parts if part))
        if len(found) > MAX_TAGS:
            self.report("too_many", field, str(len(found)), f"at most {MAX_TAGS}")
            return ()
        for part in found:
            if fault := find_fault(part, field, MAX_TAG, lines=False):
                self.report(fault.code, field, fault.got, fault.wanted)
        return found

    def version(self) -> int:
        value = self.fields.get("version", "")
        if not re.fullmatch(r"[1-9][0-9]{0,6}", value) or int(value) > MAX_VERSION:
            self.report("bad_version", "version", repr(value[:40]), "a whole number from 1")
            return 1
        return int(value)
