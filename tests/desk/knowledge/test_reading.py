"""Articles as files: read and written without loss, and every problem of a bad one named with its line."""

from __future__ import annotations

import io
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.desk.files import read_bounded
from engine.desk.knowledge import markdown
from engine.desk.knowledge.articles import Article
from engine.desk.knowledge.folder import read_folder
from engine.desk.knowledge.table import read_table, write_table
from engine.desk.problems import DeskErrors, Problems

DESK = Path(__file__).resolve().parents[3] / "examples" / "desk"
CATEGORIES = {"delivery", "refunds"}
GOOD = """---
title: How much is shipping
category: delivery
audience: public
valid_from: 2026-01-01
valid_until:
tags: postage, free shipping
facts: shipping_fee
version: 2
reviewed_by: delivery team
---

From 99 yuan it is free.

1. It is shown before you pay.
"""
ARTICLE = Article(
    "delivery-fee", "en", "How much is shipping", "From 99 yuan it is free.\n\n1. It is shown before you pay.", "delivery",
    "public", "2026-01-01", "", ("postage", "free shipping"), ("shipping_fee",), 2, "published", "delivery team",
)  # fmt: skip


def problems_of(text: str, name: str = "delivery-fee.en.md") -> list[tuple[str, int, str]]:
    found = Problems(name)
    assert markdown.parse(name, text, CATEGORIES, found) is None
    return [(one.code, one.line, one.what) for one in found.found]


def test_an_article_is_read_from_its_file_and_written_as_it_was() -> None:
    """The same text again, to the byte; so a review shows what was changed and nothing else."""
    found = Problems("x")
    assert markdown.parse("delivery-fee.en.md", GOOD, CATEGORIES, found) == ARTICLE
    assert found.found == []
    assert markdown.write(ARTICLE) == GOOD


def test_every_article_of_the_shop_comes_back_from_both_forms() -> None:
    """All 146, through Markdown and through one table."""
    knowledge = read_folder(DESK)
    for article in knowledge.articles:
        file = DESK / "articles" / markdown.file_name(article)
        assert markdown.write(article) == file.read_text(encoding="utf-8")
    table = write_table(knowledge.articles)
    assert read_table(io.BytesIO(table.encode()), "t.csv", knowledge.categories) == list(knowledge.articles)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("title: How much is shipping", "title:", ("empty", 2, "title")),
        ("title: How much is shipping", "title: <b>How much</b>", ("html", 2, "title")),
        ("title: How much is shipping", "title: fee\u202egnp", ("bidi", 2, "title")),
        ("category: delivery", "category: shipping", ("not_one_of", 3, "category")),
        ("audience: public", "audience: everybody", ("not_one_of", 4, "audience")),
        ("valid_from: 2026-01-01", "valid_from: 2026-02-30", ("bad_date", 5, "valid_from")),
        ("valid_from: 2026-01-01", "valid_from: 20260101", ("bad_date", 5, "valid_from")),
        ("valid_until:", "valid_until: 2025-12-31", ("bad_dates", 6, "valid_until")),
        ("version: 2", "version: two", ("bad_version", 9, "version")),
        ("version: 2", "version: 0", ("bad_version", 9, "version")),
        ("version: 2", "version: 2\nstate: ready", ("not_one_of", 10, "state")),
        ("reviewed_by: delivery team", "reviewed_by:\nstate: published", ("unreviewed", 10, "reviewed_by")),
        ("version: 2\n", "", ("missing", 2, "version")),
        ("version: 2", "version: 2\nversion: 3", ("twice", 10, "version")),
        ("version: 2", "version: 2\ncolour: red", ("unknown_key", 10, "front matter")),
        ("From 99 yuan", "From <script>99</script> yuan", ("html", 13, "body")),
        ("From 99 yuan", "From 99\x00 yuan", ("control", 13, "body")),
        ("postage, free", "post\x1bage, free", ("control", 7, "tags")),
    ],
)  # fmt: skip
def test_a_bad_field_is_named_with_its_line(old: str, new: str, problem: tuple[str, int, str]) -> None:
    """One thing wrong, one problem, where it stands."""
    assert problem in problems_of(GOOD.replace(old, new, 1))


def test_all_problems_of_a_file_are_told_at_once() -> None:
    """Who repairs one shall not find the next by running it again."""
    text = GOOD.replace("delivery\n", "shipping\n", 1).replace("2026-01-01", "soon").replace("version: 2", "version: x")
    assert [code for code, *_ in problems_of(text)] == ["not_one_of", "bad_date", "bad_version"]


@pytest.mark.parametrize("text", ["", "no front matter", "---\ntitle: x\n", "before\n---\ntitle: x\n---\nbody"])
def test_a_file_without_front_matter_is_told_so(text: str) -> None:
    """And nothing else about it."""
    assert [code for code, *_ in problems_of(text)] == ["no_front"]


@pytest.mark.parametrize("name", ["fee.md", "Fee.en.md", "../fee.en.md", "fee.fr.md", "fee..en.md"])
def test_the_name_of_a_file_names_the_article(name: str) -> None:
    """A slug of small letters, a language, nothing that leads elsewhere."""
    assert problems_of(GOOD, name) != []


class Endless(io.RawIOBase):
    """A line without an end; counts what was read of it."""

    taken = 0

    def read(self, size: int = -1) -> bytes:
        assert size >= 0, "would never come back"
        self.taken += size
        return b"a" * size


def test_of_a_line_of_a_billion_characters_only_as_much_is_read_as_is_needed_to_refuse_it() -> None:
    """One byte more than an article may have."""
    stream, found = Endless(), Problems("big.en.md")
    assert read_bounded(stream, found, markdown.MAX_BYTES) == ""  # type: ignore[arg-type]  # all that is called is read
    assert stream.taken == markdown.MAX_BYTES + 1
    assert found.found[0].sentence() == (
        "the file: wanted at most 131072 bytes, got more than 131072 bytes (big.en.md:1)"
    )
    assert found.found[0].sentence("zh-CN").startswith("the file：应为最多 131072 bytes")


def test_bytes_that_are_no_text_are_placed() -> None:
    """Line and byte."""
    found = Problems("x.en.md")
    read_bounded(io.BytesIO(b"---\ntitle: \xff\n"), found, 100)
    assert (found.found[0].code, found.found[0].line) == ("not_utf8", 2)


@given(st.text(max_size=300))
def test_any_text_is_an_article_or_has_problems(text: str) -> None:
    """Never an exception."""
    for candidate in (text, f"---\n{text}\n---\n\n{text}", GOOD.replace("How much", text)):
        found = Problems("x")
        assert (markdown.parse("x.en.md", candidate, CATEGORIES, found) is None) == bool(found.found)


# --- the table ------------------------------------------------------------------------------------------------------


def read(text: str) -> list[Article]:
    return read_table(io.BytesIO(text.encode()), "t.csv", CATEGORIES)


def codes(text: str) -> list[tuple[str, int]]:
    with pytest.raises(DeskErrors) as refused:
        read(text)
    return [(one.code, one.line) for one in refused.value.problems]


def test_a_cell_that_a_spreadsheet_would_reckon_with_is_made_a_text_and_comes_back() -> None:
    """`=HYPERLINK(…)` in a title is a title."""
    risky = msgspec.structs.replace(ARTICLE, title="=1+1", body="'quoted' at the start", tags=("+86", "-5"))
    table = write_table([risky])
    assert ",'=1+1," in table
    assert read(table) == [risky]


def test_two_rows_for_one_article_are_refused() -> None:
    """Which of them would hold?"""
    table = write_table([ARTICLE, ARTICLE])
    assert codes(table) == [("twice", 7)]


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("slug,language\n", ("bad_header", 1)),
        (write_table([]) + "only,three,cells\n", ("bad_row", 2)),
        (write_table([]) + '"open\n', ("bad_csv", 2)),
        (write_table([msgspec.structs.replace(ARTICLE, category="other")]), ("not_one_of", 4)),
    ],
)
def test_a_bad_table_is_told_with_its_line(table: str, problem: tuple[str, int]) -> None:
    """A row's line is the one it ends in."""
    assert codes(table) == [problem]


# --- the folder -----------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "articles").mkdir()
    (tmp_path / "articles" / "delivery-fee.en.md").write_text(GOOD, encoding="utf-8")
    (tmp_path / "categories.csv").write_text("category,zh,en\ndelivery,配送,Delivery\n", encoding="utf-8")
    return tmp_path


def test_a_folder_needs_no_terms_and_no_phrases(folder: Path) -> None:
    """They make the search better; it works without."""
    knowledge = read_folder(folder)
    assert knowledge.articles == (ARTICLE,)
    assert knowledge.terms == knowledge.phrases == ()


def test_the_problems_of_all_files_come_together(folder: Path) -> None:
    """An article, a term in two rows, a phrase for an article that is not there."""
    (folder / "articles" / "a.en.md").write_text(GOOD.replace("delivery\n", "x\n", 1), encoding="utf-8")
    (folder / "terms.csv").write_text("language,term,synonyms\nen,fee,cost\nen,price,cost\n", encoding="utf-8")
    (folder / "phrases.csv").write_text("language,article,phrases\nen,gone,where is it\nfr,x,y\n", encoding="utf-8")
    with pytest.raises(DeskErrors) as refused:
        read_folder(folder)
    told = [(Path(one.file).name, one.line, one.code) for one in refused.value.problems]
    assert told == [
        ("a.en.md", 3, "not_one_of"),
        ("phrases.csv", 2, "unknown_article"),
        ("phrases.csv", 3, "not_one_of"),
        ("terms.csv", 3, "twice"),
    ]
