"""The compiled dispatcher stands beside its source, and never before it once the source has changed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import engine
from engine.compiled import STAMP, fingerprint, stamped

ROOT = Path(__file__).parents[1]
ASK = "import engine, engine.dispatch.state as s; print(engine.COMPILED, s.__file__.rpartition('.')[2])"


def ask(root: Path, **environment: str) -> str:
    """What a fresh interpreter in ``root`` says of its dispatcher."""
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root), "SLUICE_PURE": "", **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_what_runs_is_what_was_compiled_from_these_sources() -> None:
    """The stamp beside the sources says so; wished away, the sources run."""
    compiled = stamped() == fingerprint()

    assert ask(ROOT) == ("True so" if compiled else "False py")
    assert ask(ROOT, SLUICE_PURE="1") == "False py"
    assert engine.COMPILED is (compiled and not os.environ.get("SLUICE_PURE"))


def test_a_changed_source_runs_as_it_now_is(tmp_path: Path) -> None:
    """A developer edits one line of one rule: nothing compiled is used until it is compiled again."""
    shutil.copytree(ROOT / "engine", tmp_path / "engine", ignore=shutil.ignore_patterns("__pycache__"))
    for built in ROOT.glob("*.so"):
        shutil.copyfile(built, tmp_path / built.name)
    before = ask(tmp_path)
    rule = tmp_path / "engine" / "dispatch" / "rules" / "offers.py"
    rule.write_text(rule.read_text() + "\n# another thought\n")

    assert before == ask(ROOT)
    assert ask(tmp_path) == "False py"


def test_an_unreadable_stamp_means_nothing_was_compiled(tmp_path: Path) -> None:
    """Half a stamp, no stamp, a stamp of something else: the sources run."""
    shutil.copytree(ROOT / "engine", tmp_path / "engine", ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    stamp = tmp_path / STAMP.relative_to(ROOT)
    for text in ("", "{", "[]", '{"fingerprint": "other"}'):
        stamp.write_text(text)
        assert ask(tmp_path) == "False py"
