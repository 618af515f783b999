"""Scenarios that come along: found by name, in the repository or beside the installed package."""

from __future__ import annotations

from pathlib import Path

_ROOM = Path(__file__).resolve().parent
# The repository's examples, else those that the package brings.
EXAMPLES = next((place for place in (_ROOM.parent / "examples", _ROOM / "examples") if place.exists()), _ROOM)


def ready_made() -> dict[str, Path]:
    """Name → scenario file."""
    shop = EXAMPLES / "shop" / "scenario.toml"
    named = {path.parent.name: path for path in sorted((EXAMPLES / "scenarios").glob("*/scenario.toml"))}
    return {**named, **({"shop": shop} if shop.exists() else {})}


def find_scenario(name: str) -> Path | None:
    """The file of this name or path; None when there is neither."""
    path = Path(name)
    if path.is_dir() and (path / "scenario.toml").exists():
        return path / "scenario.toml"
    return path if path.exists() else ready_made().get(name)
