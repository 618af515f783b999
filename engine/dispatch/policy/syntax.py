"""The requirement language's reader: text → tree, with every refusal at its column.

Tree nodes: ``("true",)`` anyone; ``("skill", name, level)``; ``("attr", name, values)``; ``("not", node)``;
``("and", node, …)``; ``("or", node, …)``. Nothing is simplified here: that is :mod:`requirements`' part.

    any     = all ("or" all)*
    all     = one ("and" one)*
    one     = "not" one | "(" any ")" | name [">=" level] | "@" name ("=" value | "in" "[" value ("," value)* "]")
    name    = a word, or anything in quotes        value = quoted text | number | true | false
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from engine.dispatch.commands import Value

Node = tuple[Any, ...]

# A requirement is typed by people and carried on every contact: 2,000 characters hold some 100 terms, and 16 levels
# are more than anybody reads. Both bounds keep the worst text's cost (under 5 ms) well inside one call of the dispatcher.
MAX_CHARS = 2_000
MAX_NESTING = 16
MIN_LEVEL, MAX_LEVEL = 1, 10
MAX_INT = 2**63 - 1

KEYWORDS = frozenset({"and", "or", "not", "in", "true", "false"})
WORD = re.compile(r"[^\W\d][\w.:-]*")
_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.]))
      | (?P<word>[^\W\d][\w.:-]*)
      | (?P<sign>>=|[()=@,\[\]])""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class RequirementError(ValueError):
    """Unreadable text: ``what``, ``got``, ``wanted`` and the 1-based ``column``."""

    def __init__(self, what: str, got: str, wanted: str, column: int) -> None:
        super().__init__(f"{what}, got {got}, wanted {wanted}, column {column}")
        self.what, self.got, self.wanted, self.column = what, got, wanted, column


class _Token(NamedTuple):
    kind: str  # quoted, number, word, sign, a keyword, or "end"
    text: str
    column: int

    def shown(self) -> str:
        return "the end of the text" if self.kind == "end" else f"`{self.text}`"


def read(text: str, *, max_chars: int | None = MAX_CHARS, max_nesting: int | None = MAX_NESTING) -> Node:
    """The tree of a text; raises :class:`RequirementError`. A bound of None is no bound (texts of our own making)."""
    if max_chars is not None and len(text) > max_chars:
        raise RequirementError(
            "the requirement is too long", f"{len(text)} characters", f"at most {max_chars}", max_chars + 1
        )
    tokens = _tokens(text)
    if tokens[0].kind == "end":
        return ("true",)
    reader = _Reader(tokens, max_nesting)
    node = reader.read_any(0)
    if reader.token.kind != "end":
        raise reader.unexpected("`and`, `or` or the end of the text")
    return node


def _tokens(text: str) -> list[_Token]:
    found, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _unreadable(text, at)
        kind, lexeme = str(match.lastgroup), match.group()
        if kind == "word" and lexeme.lower() in KEYWORDS:
            kind = lexeme.lower()
        if kind == "sign":
            kind = lexeme
        if kind != "space":
            found.append(_Token(kind, lexeme, at + 1))
        at = match.end()
    found.append(_Token("end", "", len(text) + 1))
    return found


def _unreadable(text: str, at: int) -> RequirementError:
    if text[at] in "\"'":
        return RequirementError(
            "a quoted text does not end", f"`{text[at : at + 20]}`", f"a closing {text[at]}", at + 1
        )
    if text[at] in "<>!":
        return RequirementError(
            "a comparison that does not exist",
            f"`{text[at : at + 2].strip()}`",
            "`>=` (and `not` for the rest)",
            at + 1,
        )
    if text[at].isdigit():
        word = re.match(r"[\w.:-]+", text[at:])
        shown = word.group() if word else text[at]
        return RequirementError(
            "an unreadable number", f"`{shown}`", f'a number; a name goes in quotes: "{shown}"', at + 1
        )
    return RequirementError(
        "a character that means nothing here", f"`{text[at]}`", "a skill, `@attribute` or `(`", at + 1
    )


class _Reader:
    """Recursive descent; ``depth`` counts open parentheses and nots."""

    def __init__(self, tokens: list[_Token], max_nesting: int | None) -> None:
        self.tokens, self.max_nesting, self.at = tokens, max_nesting, 0

    @property
    def token(self) -> _Token:
        return self.tokens[self.at]

    def take(self) -> _Token:
        token = self.tokens[self.at]
        self.at += 1
        return token

    def unexpected(self, wanted: str) -> RequirementError:
        return RequirementError("an unexpected word or sign", self.token.shown(), wanted, self.token.column)

    def expect(self, kind: str) -> _Token:
        if self.token.kind != kind:
            raise self.unexpected(f"`{kind}`")
        return self.take()

    def read_any(self, depth: int) -> Node:
        return self._joined("or", self.read_all, depth)

    def read_all(self, depth: int) -> Node:
        return self._joined("and", self.read_one, depth)

    def _joined(self, kind: str, read_part: Callable[[int], Node], depth: int) -> Node:
        parts = [read_part(depth)]
        while self.token.kind == kind:
            self.take()
            parts.append(read_part(depth))
        return parts[0] if len(parts) == 1 else (kind, *parts)

    def read_one(self, depth: int) -> Node:
        token = self.token
        if self.max_nesting is not None and depth > self.max_nesting:
            raise RequirementError(
                "the requirement is nested too deep", f"level {depth}", f"at most {self.max_nesting}", token.column
            )
        if token.kind == "not":
            self.take()
            return ("not", self.read_one(depth + 1))
        if token.kind == "(":
            self.take()
            node = self.read_any(depth + 1)
            self.expect(")")
            return node
        if token.kind == "@":
            self.take()
            return self._attribute()
        if token.kind in ("word", "quoted"):
            return self._skill()
        raise self.unexpected("a skill, `@attribute`, `not` or `(`")

    def _name(self, wanted: str) -> str:
        if self.token.kind not in ("word", "quoted"):
            raise self.unexpected(wanted)
        token = self.take()
        name = token.text if token.kind == "word" else _unquoted(token.text)
        if not name:
            raise RequirementError("a name is empty", '`""`', wanted, token.column)
        return name

    def _skill(self) -> Node:
        name = self._name("a skill")
        if self.token.kind == "=":
            raise self.unexpected("`>=` after a skill (`=` compares an `@attribute`)")
        if self.token.kind != ">=":
            return ("skill", name, MIN_LEVEL)
        self.take()
        wanted = f"a proficiency, {MIN_LEVEL}–{MAX_LEVEL}"
        if self.token.kind != "number":
            raise self.unexpected(wanted)
        token = self.take()
        if not token.text.isdecimal() or not MIN_LEVEL <= _number(token) <= MAX_LEVEL:
            raise RequirementError(f'the proficiency of "{name}" is out of range', token.shown(), wanted, token.column)
        return ("skill", name, int(token.text))

    def _attribute(self) -> Node:
        name = self._name("an attribute's name after `@`")
        if self.token.kind == "=":
            self.take()
            return ("attr", name, (self._value(),))
        if self.token.kind != "in":
            raise self.unexpected("`=` or `in` after an attribute")
        self.take()
        self.expect("[")
        values = [self._value()]
        while self.token.kind == ",":
            self.take()
            values.append(self._value())
        if self.token.kind != "]":
            raise self.unexpected("`,` or `]`")
        self.take()
        return ("attr", name, tuple(values))

    def _value(self) -> Value:
        kind = self.token.kind
        if kind in ("true", "false"):
            self.take()
            return kind == "true"
        if kind == "quoted":
            return _unquoted(self.take().text)
        if kind == "number":
            return _number(self.take())
        raise self.unexpected('a value: "text", a number, `true` or `false`')


def _unquoted(text: str) -> str:
    return _ESCAPED.sub(r"\1", text[1:-1])


def _number(token: _Token) -> int | float:
    """Whole numbers become int whichever way they are written, so that ``1.0`` and ``1`` are one value."""
    text = token.text
    if any(sign in text for sign in ".eE"):
        value = float(text)
        if math.isfinite(value) and not (value.is_integer() and abs(value) <= MAX_INT):
            return value
        if math.isfinite(value):
            return int(value)
    elif len(text) <= 20 and abs(int(text)) <= MAX_INT:
        return int(text)
    raise RequirementError("a number is too large", f"`{text[:40]}`", f"at most {MAX_INT}", token.column)
