"""Nothing grows too long to be read in one sitting."""

from __future__ import annotations

import ast

from tests.tidy.tree import name_of, python_files, text_of, tree_of

# Measured in the cleanest public code: functions under 60 lines without their docstring, files of 60 to 400 lines.
FUNCTION_LINES = 60
FILE_LINES = 500


def _length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = function.body[0]
    assert function.end_lineno is not None and first.end_lineno is not None
    length = function.end_lineno - function.lineno + 1
    return length if ast.get_docstring(function) is None else length - (first.end_lineno - first.lineno + 1)


def test_no_function_is_longer_than_a_page() -> None:
    """Every function, docstring apart, fits on a page."""
    too_long = [
        f"{name_of(path)}:{node.lineno} {node.name} has {_length(node)} lines, wanted ≤ {FUNCTION_LINES}"
        for path in python_files()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _length(node) > FUNCTION_LINES
    ]
    assert too_long == []


def test_no_file_is_longer_than_a_chapter() -> None:
    """Every Python file stays under the ratchet."""
    too_long = [
        f"{name_of(path)} has {lines} lines, wanted ≤ {FILE_LINES}"
        for path in python_files()
        if (lines := text_of(path).count("\n")) > FILE_LINES
    ]
    assert too_long == []
