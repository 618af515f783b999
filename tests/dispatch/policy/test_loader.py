"""TOML with lines: every table and key is found where it stands, and no text does harm."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.dispatch.policy.loader import MAX_KEY_PARTS, MAX_TEXT, Path, load

TRICKY = '''\
# a comment with [brackets]
top = 1
"quoted key" = "a # b [c]"
dotted.key.'third part' = 2

[queues."pre sale"]   # [queues.nobody]
text = """
fake = 1
[queues.fake]
""\\""""
literal = \'\'\'
it's \'fake = 2\'
\'\'\'
list = [
  1,  # ]
  "]", [ 2,
  3 ] ]
after = { x = 1, y = "}" }

[[queues."pre sale".steps]]
name = "one"
[[ queues . "pre sale" . steps ]]
name = "two"
  [queues."pre sale".steps.inner]
  deep = true
[other]
"esc\\u0061ped" = 1
'''


def lines_of(text: str) -> dict[Path, int]:
    document = load(text)
    assert document.problem is None
    return document.lines


def test_every_table_and_key_has_its_line() -> None:
    """A file full of traps: quotes that look like tables, brackets in comments, values over several lines."""
    lines = lines_of(TRICKY)
    rows = TRICKY.splitlines()
    expected = {
        ("top",): "top = 1",
        ("quoted key",): '"quoted key"',
        ("dotted", "key", "third part"): "dotted.key",
        ("queues", "pre sale"): '[queues."pre sale"]',
        ("queues", "pre sale", "text"): 'text = """',
        ("queues", "pre sale", "literal"): "literal =",
        ("queues", "pre sale", "list"): "list = [",
        ("queues", "pre sale", "after"): "after =",
        ("queues", "pre sale", "steps", 0): "[[queues",
        ("queues", "pre sale", "steps", 0, "name"): 'name = "one"',
        ("queues", "pre sale", "steps", 1): "[[ queues",
        ("queues", "pre sale", "steps", 1, "name"): 'name = "two"',
        ("queues", "pre sale", "steps", 1, "inner"): '  [queues."pre sale".steps.inner]',
        ("queues", "pre sale", "steps", 1, "inner", "deep"): "  deep",
        ("other",): "[other]",
        ("other", "escaped"): '"esc',
    }
    assert {path: rows[lines[path] - 1] for path in expected} == {
        path: next(row for row in rows if row.startswith(start)) for path, start in expected.items()
    }
    assert ("queues", "fake") not in lines
    assert ("queues", "pre sale", "fake") not in lines


def test_what_has_no_line_of_its_own_has_that_of_what_is_around_it() -> None:
    """Inside an inline table or a list: the key's line; missing altogether: the table's, then the file's first."""
    document = load(TRICKY)
    after = document.lines["queues", "pre sale", "after"]
    assert document.line_of(("queues", "pre sale", "after", "y")) == after
    assert document.line_of(("queues", "pre sale", "offer_ms")) == document.lines["queues", "pre sale"]
    assert document.line_of(("nowhere",)) == 1


def test_windows_line_ends_and_a_byte_order_mark_change_nothing() -> None:
    """A file saved by another editor has the same lines."""
    assert lines_of("\ufeff" + TRICKY.replace("\n", "\r\n")) == lines_of(TRICKY)


keys = st.text("ab-_1", min_size=1, max_size=3) | st.text(max_size=4)
scalars = st.one_of(
    st.integers(-9, 9).map(str),
    st.booleans().map(lambda value: str(value).lower()),
    st.text("a#[]{}=\n'", max_size=6).map(lambda text: '"""' + text + ' """'),
    st.text('a#[]{}=."', max_size=6).map(lambda text: f"'{text}'"),
    st.text("a#[]{}='\n", max_size=6).map(lambda text: f"[ # {text.splitlines()[0] if text else ''}\n 1, '{{' ]"),
    st.just("{ a = 1, b.c = '}' }"),
)


def key_text(key: str) -> str:
    bare = key and all(char.isascii() and (char.isalnum() or char in "-_") for char in key)
    return key if bare else '"' + "".join(f"\\U{ord(char):08X}" for char in key) + '"'


@given(st.lists(st.tuples(keys, scalars, st.integers(0, 2)), max_size=8, unique_by=lambda row: row[0]), st.data())
def test_random_files_have_the_right_lines(rows: list[tuple[str, str, int]], data: st.DataObject) -> None:
    """Lines are noted while the file is being written; the scanner, which only reads it, finds the same."""
    text = ""
    expected: dict[Path, int] = {}
    tables: dict[str, int] = {}
    where: Path = ()
    for key, value, before in rows:
        text += "\n" * before
        if data.draw(st.booleans()):
            header = data.draw(st.sampled_from(["t", "u"]))
            tables[header] = tables.get(header, -1) + 1
            where = (header, tables[header])
            expected[where] = text.count("\n") + 1
            text += f"[[{header}]] # [[x]]\n"
        if not where:
            continue
        expected[(*where, key)] = text.count("\n") + 1
        text += f"  {key_text(key)} = {value}\n"
    tomllib.loads(text)
    lines = lines_of(text)
    assert {path: lines.get(path) for path in expected} == expected


@pytest.mark.parametrize(
    ("text", "line", "detail"),
    [
        ("[policy]\nname = \n", 2, "Invalid value"),
        ("[policy\n", 1, "Expected"),
        ("a = 1\n\na = 2\n", 3, "Cannot overwrite a value"),
        ("a = 1\nb = '''\n\n", 2, "Expected"),
        ("a = 1\nb", 2, "Expected '='"),
        ('a = 1\n"\\q" = 2', 2, "Unescaped"),
        ("a = " + "9" * 5000, 1, "thousands of digits"),
        ("a = 1\nb = '\ud800'", 2, "half a character"),
    ],
)
def test_a_syntax_error_has_its_line(text: str, line: int, detail: str) -> None:
    """What is no TOML is one problem, where the reader stopped."""
    problem = load(text).problem
    assert problem is not None
    assert (problem.code, problem.line) == ("toml", line)
    assert detail in problem.detail


def test_length_and_nesting_are_bounded() -> None:
    """At the bound: read; one more: refused, in a moment and without a crash."""
    comment = "#" * MAX_TEXT
    assert load(comment).problem is None
    too_long = load(comment + "#").problem
    assert too_long is not None and too_long.code == "too_long"
    assert load(".".join("a" * MAX_KEY_PARTS) + " = 1").problem is None
    for text in (".".join("a" * (MAX_KEY_PARTS + 1)) + " = 1", "a." * 400_000 + "a = 1", "a = " + "[" * 100_000):
        problem = load("\n" + text).problem
        assert problem is not None and problem.code == "too_deep"


@given(st.text(max_size=200) | st.text("[]{}\"'=.,#\n\\ab1-", max_size=60))
def test_no_text_does_harm(text: str) -> None:
    """Whatever it is: tables with lines, or one problem with its line."""
    document = load(text)
    if document.problem is None:
        assert document.tables == tomllib.loads(text.removeprefix("\ufeff"))
        assert _declared(document.tables) <= {path[0] for path in document.lines}
    else:
        assert 1 <= document.problem.line <= text.count("\n") + 1


def _declared(tables: dict[str, Any]) -> set[str | int]:
    return set(tables)
