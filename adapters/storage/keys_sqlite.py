"""Wrapped keys in a SQLite file of their own, so that a backup of the journal need not carry them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import apsw

from adapters.storage.pragmas import check_sqlite, configure
from engine.ports import KeyRow, StoreError

_BUSY_MS = 5_000
_SCHEMA = """
CREATE TABLE IF NOT EXISTS keys (
    tenant TEXT NOT NULL, subject TEXT NOT NULL, id BLOB NOT NULL, wrapped BLOB NOT NULL, PRIMARY KEY (tenant, subject)
) WITHOUT ROWID
"""


class SqliteKeys:
    """``engine.ports.KeyStore``; one call at a time, from any thread."""

    def __init__(self, path: Path, vfs: str | None = None) -> None:
        """``vfs`` names another file layer than the system's (tests of bad disks). Raises ``StoreError``."""
        check_sqlite(apsw.sqlite_lib_version())
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
            self._connection = apsw.Connection(os.fspath(path), vfs=vfs)
            self._connection.set_busy_timeout(_BUSY_MS)
            # What is destroyed is overwritten, not only forgotten.
            self._connection.execute("PRAGMA secure_delete = ON").fetchall()
            configure(self._connection, path)
            self._connection.execute(_SCHEMA)
        except (OSError, apsw.Error) as error:
            raise StoreError(f"keys: cannot be opened, got {error} ({path})") from error
        self._path = path

    def find(self, subjects: Sequence[tuple[str, str]]) -> list[KeyRow]:
        return [row for each in subjects if (row := self._row(*each)) is not None]

    def add(self, rows: Sequence[KeyRow]) -> list[KeyRow]:
        try:
            with self._connection:
                self._connection.executemany(
                    "INSERT OR IGNORE INTO keys VALUES (?, ?, ?, ?)",
                    ((row.tenant, row.subject, row.id, row.wrapped) for row in rows),
                )
        except apsw.Error as error:
            raise StoreError(f"keys: cannot be written, got {error} ({self._path})") from error
        return self.find([(row.tenant, row.subject) for row in rows])

    def remove(self, tenant: str, subject: str) -> None:
        try:
            with self._connection:
                self._connection.execute("DELETE FROM keys WHERE tenant = ? AND subject = ?", (tenant, subject))
            # The page as it was is in the write-ahead log until that is written back and begun anew.
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except apsw.Error as error:
            raise StoreError(f"keys: cannot be destroyed, got {error} ({self._path})") from error

    def close(self) -> None:
        self._connection.close()

    def _row(self, tenant: str, subject: str) -> KeyRow | None:
        try:
            found = self._connection.execute(
                "SELECT id, wrapped FROM keys WHERE tenant = ? AND subject = ?", (tenant, subject)
            ).fetchone()
        except apsw.Error as error:
            raise StoreError(f"keys: cannot be read, got {error} ({self._path})") from error
        return None if found is None else KeyRow(tenant, subject, *found)
