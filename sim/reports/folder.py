"""A folder that is there whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class FolderError(Exception):
    """The folder cannot be written; says why and what would do."""


def check_target(target: Path) -> None:
    """Before hours of play: it may be new, empty, or a report of ours, which is replaced. Raises :class:`FolderError`."""
    if target.exists() and not target.is_dir():
        raise FolderError(f"--out: got {target}, which is a file, wanted a folder")
    if target.is_dir() and any(target.iterdir()) and not (target / "run.json").exists():
        raise FolderError(f"--out: got {target}, which holds other things (no run.json), wanted a new or empty folder")
    parent = next(each for each in target.absolute().parents if each.exists())
    if not os.access(parent, os.W_OK):
        raise FolderError(f"--out: got {target}, but {parent} cannot be written to")


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """A temporary folder beside ``target`` that takes its place at the end; on an exception nothing is left of it."""
    check_target(target)
    target = target.absolute()
    target.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        yield made
        made.chmod(0o755)
        if target.exists():
            before = Path(tempfile.mkdtemp(prefix=f".{target.name}-old-", dir=target.parent)) / "was"
            target.rename(before)
            made.rename(target)
            shutil.rmtree(before.parent)
        else:
            made.rename(target)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
