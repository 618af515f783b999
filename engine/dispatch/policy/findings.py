"""Problems gathered while a document is read, each with its place."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from engine.dispatch.policy.loader import Document, Path
from engine.dispatch.policy.model import KIND_OF, MAX_NAME
from engine.dispatch.policy.problems import Problem, problem, quoted, show_path

# A thousand problems are more than anyone repairs in one go; hints cost a search through all names each.
MAX_PROBLEMS = 1_000
MAX_HINTS = 20


# Lists of tables: what one of them is called, and the key that holds its name.
_LISTED: dict[str | int, tuple[str, str]] = {"entry": ("entry rule", "name"), "agents": ("agent", "agent")}


class Findings:
    """Problems with their places, in a document."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[Problem] = []
        self.hints = 0

    def report(self, code: str, path: Path, /, **params: str) -> Any:
        """Note a problem. Always None: the value of what was refused."""
        line = self.document.line_of(path)
        if len(self.problems) < MAX_PROBLEMS:
            subject, rest = self._subject(path)
            params.setdefault("field", show_path(rest) or show_path(path))
            self.problems.append(problem(code, path, line, subject, **params))
        elif len(self.problems) == MAX_PROBLEMS:
            self.problems.append(problem("more", (), line, ("", ""), got=str(MAX_PROBLEMS)))

    def hint(self, word: str, known: Iterable[str]) -> str:
        if self.hints >= MAX_HINTS or len(word) > MAX_NAME:
            return ""
        self.hints += 1
        near = difflib.get_close_matches(word, list(known), 1)
        return quoted(near[0]) if near else ""

    def _subject(self, path: Path) -> tuple[tuple[str, str], Path]:
        if len(path) < 2 or path[0] in ("policy", "domain"):
            return ("", ""), path
        section, name = path[0], path[1]
        if section in _LISTED and isinstance(name, int):
            kind, key = _LISTED[section]
            table = self.document.tables[str(section)][name]
            called = table.get(key) if isinstance(table, dict) else None
            return (kind, called if isinstance(called, str) and called else f"#{name + 1}"), path[2:]
        return (KIND_OF[str(section)], str(name)), path[2:]

    def sorted(self) -> list[Problem]:
        return sorted(self.problems, key=lambda found: (found.line, found.path, found.code))
