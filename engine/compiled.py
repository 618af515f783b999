"""Whether the dispatcher runs as compiled C or as the Python it is written in; both decide the same.

``tools/compile.py`` compiles ``engine/dispatch`` in place and writes down which sources it compiled. A source that has
changed since would be shadowed by its compiled past, so then, and with ``SLUICE_PURE`` set, everything runs from source.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).parent
STAMP = HERE / "dispatch" / "compiled.json"
PREFIX = "engine.dispatch."


def fingerprint() -> str:
    """Of all sources of the dispatcher, and of the interpreter they were compiled for."""
    sha = hashlib.sha256(f"{sys.version} {sys.platform}".encode())
    for source in sorted((HERE / "dispatch").rglob("*.py")):
        sha.update(f"\n{source.relative_to(HERE)}\n".encode())
        sha.update(source.read_bytes())
    return sha.hexdigest()


def stamped() -> str:
    """The fingerprint of what was compiled last; empty when nothing was."""
    try:
        found = json.loads(STAMP.read_bytes())
    except (OSError, ValueError):
        return ""
    return str(found.get("fingerprint", "")) if isinstance(found, dict) else ""


class FromSource:
    """Finds the dispatcher's modules as source, whatever lies compiled beside it."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if not name.startswith(PREFIX) or path is None:
            return None
        found = PathFinder.find_spec(name, path, target)
        if found is None or found.origin is None or found.origin.endswith(".py"):
            return found
        source = Path(found.origin).parent / f"{name.rpartition('.')[2]}.py"
        return spec_from_file_location(name, source, loader=SourceFileLoader(name, str(source)))


def choose() -> bool:
    """Called once, before the dispatcher's first import: is the compiled form there, right, and wanted?"""
    stamp = stamped()
    if not stamp:
        return False
    if os.environ.get("SLUICE_PURE") or stamp != fingerprint():
        sys.meta_path.insert(0, FromSource)
        return False
    return True


COMPILED = choose()
