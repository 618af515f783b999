"""TOML text → plain tables, and where each of them stands.

``tomllib`` checks the grammar but keeps no lines, so a scanner reads the text once more and notes at which line each
table and key begins. It is never asked what a value is, only where values end. What stands inside an inline table or a
list has the line of its key.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

Path: TypeAlias = tuple[str | int, ...]

# A policy of 2,000 queues with five steps each takes some 900 KB. Characters, so at most 4 MiB of UTF-8.
MAX_TEXT = 1_048_576
# queues.<name>.steps[n].<key> is the deepest path a policy knows; tomllib's cost grows with the square of a key's parts.
MAX_KEY_PARTS = 16

_BLANK = re.compile(r"[ \t\n]+")
_KEY_PART = re.compile(r"""[ \t]*([A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')[ \t]*""")
_VALUE_PART = re.compile(
    r'''(?P<skipped>"""(?:[^"\\]|\\.|"(?!""))*"{3,5}|\'\'\'(?:[^']|'(?!''))*'{3,5}
      |"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|\#[^\n]*|[^"'\#\[\]{}\n]+)
      |(?P<open>[\[{])|(?P<close>[\]}])|(?P<newline>\n)''',
    re.VERBOSE | re.DOTALL,
)


class SyntaxProblem(NamedTuple):
    """Why a text is no TOML: ``code`` is ``too_long``, ``too_deep`` or ``toml``; ``detail`` in tomllib's words."""

    code: str
    detail: str
    line: int


class Document(NamedTuple):
    """``tables`` as tomllib gives them (empty when ``problem``); ``lines``: path → 1-based line."""

    tables: dict[str, Any]
    lines: dict[Path, int]
    problem: SyntaxProblem | None = None

    def line_of(self, path: Path) -> int:
        """The line of the path or of the nearest table around it; 1 for what is missing altogether."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def load(text: str) -> Document:
    """Never raises, whatever the text."""
    if len(text) > MAX_TEXT:
        return Document({}, {}, SyntaxProblem("too_long", str(len(text)), 1))
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    if stray := re.search("[\ud800-\udfff]", text):
        return Document({}, {}, SyntaxProblem("toml", "half a character", text.count("\n", 0, stray.start()) + 1))
    lines: dict[Path, int] = {}
    for path, parts, line in _scan(text):
        if parts > MAX_KEY_PARTS:
            return Document({}, {}, SyntaxProblem("too_deep", str(parts), line))
        for length in range(1, len(path) + 1):
            lines.setdefault(path[:length], line)
    try:
        return Document(tomllib.loads(text), lines)
    except RecursionError:
        return Document({}, {}, SyntaxProblem("too_deep", "", 1))
    except ValueError as error:  # TOMLDecodeError, and int() on thousands of digits
        return Document({}, {}, _syntax_problem(text, str(error)))


def _syntax_problem(text: str, said: str) -> SyntaxProblem:
    place = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", said)
    if place is None:
        return SyntaxProblem("toml", "a whole number has thousands of digits", 1)
    line = int(place[1]) if place[1] else text.rstrip("\n").count("\n") + 1
    return SyntaxProblem("toml", said[: place.start()], line)


def _scan(text: str) -> Iterator[tuple[Path, int, int]]:
    """Yield (path, number of parts written, line) of each header and key. Stops where the text is no TOML."""
    at, line = 0, 1
    table: Path = ()
    last: dict[Path, int] = {}  # array of tables → index of its newest element
    while at < len(text):
        blank = _BLANK.match(text, at)
        if blank:
            line += blank.group().count("\n")
            at = blank.end()
            continue
        if text[at] == "#":
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
            continue
        if text[at] == "[":
            several = text.startswith("[[", at)
            parts, at = _key(text, at + (2 if several else 1))
            table = _resolved(parts[: MAX_KEY_PARTS + 1], last, several)
            yield table, len(parts), line
        else:
            parts, at = _key(text, at)
            if not parts:
                return
            yield table + tuple(parts[: MAX_KEY_PARTS + 1]), len(parts), line
        # Also after a header, where only `]` and a comment are left.
        newlines, at = _value_end(text, at)
        line += newlines


def _key(text: str, at: int) -> tuple[list[str], int]:
    parts: list[str] = []
    while match := _KEY_PART.match(text, at):
        parts.append(_plain(match[1]))
        at = match.end()
        if not text.startswith(".", at):
            break
        at += 1
    return parts, at


def _plain(part: str) -> str:
    if part[0] == "'":
        return part[1:-1]
    if part[0] != '"':
        return part
    if "\\" not in part:
        return part[1:-1]
    try:
        return next(iter(tomllib.loads(f"{part} = 0")))
    except tomllib.TOMLDecodeError:
        return part  # the whole text is refused in a moment


def _resolved(parts: list[str], last: dict[Path, int], several: bool) -> Path:
    """The path of a header: what lies in an array of tables belongs to the array's newest element."""
    path: Path = ()
    for number, part in enumerate(parts, start=1):
        path += (part,)
        if several and number == len(parts):
            last[path] = last.get(path, -1) + 1
        if path in last:
            path += (last[path],)
    return path


def _value_end(text: str, at: int) -> tuple[int, int]:
    """(newlines passed, where the value's line ends): quotes hide, brackets may span lines."""
    depth, newlines = 0, 0
    while match := _VALUE_PART.match(text, at):
        if match["newline"] and depth <= 0:
            break
        at = match.end()
        newlines += match.group().count("\n")
        if match["open"]:
            depth += 1
        elif match["close"]:
            depth -= 1
    # An unclosed quote: no TOML, and nothing behind it can be placed.
    return newlines, at if at == len(text) or text[at] == "\n" else len(text)
