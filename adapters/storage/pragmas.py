"""Which SQLite, which file, and how it is to be driven: checked when a journal is opened."""

from __future__ import annotations

from pathlib import Path

import apsw

from engine.ports import StoreError

# Older ones can lose a committed transaction when a checkpoint meets a WAL reset.
SQLITE_FLOOR = (3, 51, 3)
APPLICATION_ID = 0x534C5543  # "SLUC"
FORMAT = 1
# Pages (4 KiB) in the WAL before a commit writes them back: 16 MiB, so that few commits pay for it.
_CHECKPOINT_PAGES = 4_000
_WAL_KEPT_BYTES = 64 << 20


def check_sqlite(version: str) -> None:
    """Raises :class:`StoreError` for a SQLite with a known fault."""
    if tuple(int(part) for part in version.split(".")[:3]) < SQLITE_FLOOR:
        wanted = ".".join(str(part) for part in SQLITE_FLOOR)
        raise StoreError(f"SQLite {version} can lose committed records; wanted at least {wanted} (apsw bundles one)")


def configure(writer: apsw.Connection, path: Path) -> None:
    """Set what durability rests on, and read each back: SQLite answers a pragma it cannot follow with silence."""
    pragmas: list[tuple[str, str | int, str | int]] = [
        ("journal_mode", "WAL", "wal"),
        ("synchronous", "FULL", 2),
        ("fullfsync", 1, 1),
        ("checkpoint_fullfsync", 1, 1),
        ("cell_size_check", 1, 1),
        ("trusted_schema", 0, 0),
        ("wal_autocheckpoint", _CHECKPOINT_PAGES, _CHECKPOINT_PAGES),
        ("journal_size_limit", _WAL_KEPT_BYTES, _WAL_KEPT_BYTES),
    ]
    for name, value, wanted in pragmas:
        writer.execute(f"PRAGMA {name} = {value}").fetchall()
        got = writer.execute(f"PRAGMA {name}").get
        if got != wanted:
            raise StoreError(f"{path}: SQLite would not take {name}: got {got!r}, wanted {wanted!r}")


def check_format(connection: apsw.Connection, path: Path) -> None:
    application = connection.execute("PRAGMA application_id").get
    version = connection.execute("PRAGMA user_version").get
    if application != APPLICATION_ID:
        raise StoreError(f"{path}: not a Sluice journal (application id {application:#x}, wanted {APPLICATION_ID:#x})")
    if version != FORMAT:
        raise StoreError(f"{path}: journal format {version}; this release reads format {FORMAT}")
