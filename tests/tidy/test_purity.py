"""What decides is pure, and what blocks passes one door."""

from __future__ import annotations

import ast
import sys

from tests.tidy.tree import PRODUCT, imports, name_of, python_files, tree_of

# No clock, no I/O, no chance, no concurrency, no logging. `hashlib` names a policy's version, `tomllib` reads its text,
# `weakref` keeps equal requirements one object.
STDLIB = {
    "__future__", "array", "ast", "bisect", "collections", "dataclasses", "difflib", "enum", "functools", "hashlib", "heapq",
    "itertools", "math", "operator", "re", "string", "textwrap", "tomllib", "types", "typing", "weakref",
}  # fmt: skip
THIRD_PARTY = {"msgspec", "mypy_extensions", "typing_extensions"}
# One module reads the rules of civil time into tables (its clock-reading calls are banned by ruff, as everywhere).
ALSO = {"engine/dispatch/policy/zones.py": {"datetime", "zoneinfo"}}


def test_the_dispatcher_imports_nothing_that_could_surprise() -> None:
    """Same inputs, same events, in any process: what could differ between two of them is not even imported."""
    wrong = [
        f"{name_of(path)}:{line}: imports {name}"
        for path in python_files("engine/dispatch")
        for line, name in imports(path)
        if name.split(".")[0] not in STDLIB | THIRD_PARTY | ALSO.get(name_of(path), set())
        and not name.startswith("engine.dispatch")
    ]
    assert wrong == []


def test_the_dispatcher_reads_no_identity_and_no_hash() -> None:
    """id() and hash() differ from run to run: no decision may rest on them (a __hash__ may, it only finds)."""
    wrong = []
    for path in python_files("engine/dispatch"):
        excused = {
            inner
            for node in ast.walk(tree_of(path))
            if isinstance(node, ast.FunctionDef) and node.name == "__hash__"
            for inner in ast.walk(node)
        }
        wrong += [
            f"{name_of(path)}:{node.lineno}: calls {node.func.id}()"
            for node in ast.walk(tree_of(path))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node not in excused
            if node.func.id in {"id", "hash", "open", "print", "input"}
        ]
    assert wrong == []


def test_threads_are_entered_in_one_file() -> None:
    """All blocking work passes the run_blocking port, which one file implements."""
    files = {
        name_of(path)
        for path in python_files(*PRODUCT)
        for node in ast.walk(tree_of(path))
        if (isinstance(node, ast.Attribute) and node.attr in ("to_thread", "start_new_thread"))
        or (isinstance(node, ast.alias) and node.name.endswith(("to_thread", "Thread", "threading")))
    }
    assert len(files) <= 1, f"threads are begun in {sorted(files)}, wanted one file"


def test_the_suite_keeps_its_asserts() -> None:
    """Asserts stay on: they are how an invariant speaks."""
    assert sys.flags.optimize == 0
