"""Every module has a name that says what is in it, and every module is used."""

from __future__ import annotations

from tests.tidy.tree import PRODUCT, ROOT, name_of, python_files, text_files, text_of

BANNED = {
    "utils": "the thing the functions are about",
    "util": "the thing the functions are about",
    "helpers": "the thing they help with",
    "helper": "the thing it helps with",
    "common": "the thing it holds",
    "base": "what the class is",
    "manager": "what it does",
    "misc": "the thing it holds",
}


def test_no_module_is_named_after_nothing() -> None:
    """No drawer for everything: each banned name has a better one."""
    found = [
        f"{name_of(path)}: {part!r} says nothing; name it after {BANNED[part]}"
        for path in python_files()
        for part in path.relative_to(ROOT).with_suffix("").parts
        if part in BANNED
    ]
    assert found == []


def test_no_module_is_dead() -> None:
    """Somebody names every module: an import, an entry point, a command."""
    everything = {path: text_of(path) for path in text_files()}
    dead = []
    for path in python_files(*PRODUCT):
        if path.name in {"__init__.py", "__main__.py"} or path.parent.name == "versions":  # Alembic finds those
            continue
        room, stem = ".".join(path.relative_to(ROOT).parent.parts), path.stem
        wanted = (f"{room}.{stem}", f"from {room} import")
        if not any(
            wanted[0] in text or (wanted[1] in text and stem in text)
            for other, text in everything.items()
            if other != path
        ):
            dead.append(f"{name_of(path)}: nothing names {room}.{stem}")
    assert dead == []
