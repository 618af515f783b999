"""Comments and docstrings tell the truth, and every exception to a rule says why."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.tidy.tree import ROOT, comments, docstrings, name_of, python_files, text_files, text_of, tree_of

# A silenced rule, type error or uncovered line: words must follow it. (mypy does not read the tests: there a type-ignore
# is for the reader's editor.)
EXCEPTION = re.compile(r"#\s*(noqa\b(?::\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*)?|type:\s*ignore(?:\[[^\]]*\])?|pragma:[\w\s]*)")
UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")
TEST_FILE = re.compile(r"tests/[\w/]+\.py")
TEST_NAME = re.compile(r"(?<![\w/])test_\w+")


def _words(path: Path) -> list[tuple[int, str]]:
    return [*comments(path), *docstrings(path)]


def _known_tests() -> set[str]:
    names = {path.stem for path in python_files("tests")}
    for path in python_files("tests"):
        names |= {
            node.name
            for node in ast.walk(tree_of(path))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        }
    return names


def test_a_comment_names_only_tests_that_exist() -> None:
    """A comment says "kept by test so-and-so": that test exists."""
    known = _known_tests()
    wrong = []
    for path in python_files():
        for line, text in _words(path):
            wrong += [
                f"{name_of(path)}:{line}: no file {file}"
                for file in TEST_FILE.findall(text)
                if not (ROOT / file).exists()
            ]
            wrong += [
                f"{name_of(path)}:{line}: no test {name}" for name in TEST_NAME.findall(text) if name not in known
            ]
    assert wrong == []


def test_every_exception_to_a_rule_says_why() -> None:
    """No bare noqa and no bare type-ignore in the product: the reason stands beside it."""
    bare = []
    for path in python_files():
        for line, text in comments(path):
            for match in EXCEPTION.finditer(text):
                reason = text[match.end() :].strip(" #:—–-")
                in_tests = path.is_relative_to(ROOT / "tests") and match[1].startswith("type")
                if not reason and not in_tests:
                    bare.append(f"{name_of(path)}:{line}: {text!r}, wanted a reason after it")
    assert bare == []


def test_nothing_is_left_for_later() -> None:
    """What is missing is an issue, not a mark in the code."""
    found = [
        f"{name_of(path)}:{number}: {line.strip()[:80]}"
        for path in text_files()
        if path.suffix in {".py", ".md", ".sh", ".toml", ""}
        for number, line in enumerate(text_of(path).splitlines(), 1)
        if UNFINISHED.search(line)
    ]
    assert found == []
