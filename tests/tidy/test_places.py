"""The repository works anywhere: it names no machine, no registry, no folder outside itself."""

from __future__ import annotations

import re
import tomllib

from tests.tidy.tree import ROOT, name_of, text_files, text_of

# Taken apart, so that this very file does not hold what it looks for.
ELSEWHERE = re.compile(
    "|".join(["/wo" + r"rk/", r"\bsha" + r"red/", "/ro" + r"ot/", "/ho" + r"me/\w", "/op" + r"t/\w"])
)
REGISTRY = re.compile(
    "|".join(["py" + r"pi\.org", "python" + r"hosted\.org", "index-" + "url=", "arti" + "factory", "find-" + "links="])
)
# `name==version`, then an environment marker.
ROW = re.compile(r"[a-z0-9][a-z0-9._-]*==[^\s;]+( ; .+)?")


def _lines_with(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name_of(path)}:{number}: {line.strip()[:100]}"
        for path in text_files()
        for number, line in enumerate(text_of(path).splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_file_names_a_place_outside_the_repository() -> None:
    """Cloned into another folder on another machine, nothing points back here."""
    assert _lines_with(ELSEWHERE) == []


def test_no_file_names_a_package_registry() -> None:
    """Where packages come from is the reader's business."""
    assert _lines_with(REGISTRY) == []


def test_the_lock_pins_everything_we_declare() -> None:
    """Every machine gets the same versions: all direct dependencies stand in the lock, as plain pins."""
    rows = text_of(ROOT / "requirements.lock").splitlines()
    assert [row for row in rows if not ROW.fullmatch(row)] == []
    pinned = {row.split("==")[0] for row in rows}
    project = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]
    declared = [
        *project["dependencies"],
        *(row for extra in project["optional-dependencies"].values() for row in extra),
    ]
    names = {re.split(r"[\[><=!~ ;]", row)[0].lower().replace("_", "-").replace(".", "-") for row in declared}
    assert names - pinned == set()
