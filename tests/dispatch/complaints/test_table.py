"""The page of complaints and the stories agree."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
ROW = re.compile(r"^\| (\d+) \| .+ \| .+ \| `(test_complaint_(\d\d)_\w+)` \|$", re.MULTILINE)


def stories() -> dict[str, str]:
    """Every story's name → the first line of its docstring."""
    found: dict[str, str] = {}
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_complaint_"):
                found[node.name] = (ast.get_docstring(node) or "").split("\n")[0]
    return found


def test_every_complaint_has_a_row_and_a_story() -> None:
    """Numbers 1 to 35 without a gap, each with a story that exists and begins with the complaint."""
    rows = ROW.findall((ROOT / "docs/complaints.md").read_text(encoding="utf-8"))
    assert sorted(int(number) for number, _, _ in rows) == list(range(1, 36))
    assert all(int(number) == int(named) for number, _, named in rows)
    told = stories()
    assert [story for _, story, _ in rows if story not in told] == []
    for story, line in told.items():
        assert line.startswith(f"Routing complaint {int(story.split('_')[2])}"), story
