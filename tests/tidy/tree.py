"""The repository as the tidy tests see it: files, their text, their syntax."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("engine", "sim", "adapters", "bench", "docs", "examples", "tests", "tools", ".ci")
PRODUCT = ("engine", "sim", "adapters")
TEXT_SUFFIXES = {".py", ".md", ".toml", ".sh", ".lock", ".yaml", ".yml", ".json", ".html", ".js", ".css", ".txt", ""}


@cache
def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(text_of(path), filename=str(path))


@cache
def python_files(*rooms: str) -> tuple[Path, ...]:
    """Every Python file of these rooms (of all rooms when none is named), in a fixed order."""
    return tuple(path for path in text_files(*rooms) if path.suffix == ".py")


@cache
def text_files(*rooms: str) -> tuple[Path, ...]:
    """Every text file that we write, of these rooms, or of the whole repository."""
    found = [path for room in rooms or ROOMS for path in (ROOT / room).rglob("*")]
    if not rooms:
        found += ROOT.iterdir()
    return tuple(
        sorted(
            path
            for path in found
            if path.is_file() and path.suffix in TEXT_SUFFIXES and "__pycache__" not in path.parts
            if path.name not in {"LICENSE", ".coverage", ".git"}  # .git: a file where this is a worktree
        )
    )


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def comments(path: Path) -> Iterator[tuple[int, str]]:
    """(line, comment with its #) of a Python file."""
    for token in tokenize.generate_tokens(io.StringIO(text_of(path)).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def docstrings(path: Path) -> Iterator[tuple[int, str]]:
    """(line, text) of every docstring of a Python file."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node, clean=False)
            if text is not None:
                yield node.body[0].lineno, text


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of everything a Python file imports, wherever it does so."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)
