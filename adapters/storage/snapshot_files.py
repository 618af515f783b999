"""Snapshots as files: written whole beside their place, synced, then renamed into it."""

from __future__ import annotations

import os
from pathlib import Path

from engine.ports import StoreError

# The newest, and one to fall back to.
KEPT = 2
_SUFFIX = ".snap"


class SnapshotFolder:
    """``<lsn, 20 digits>.snap`` files in one folder, which is made on the first write."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def lsns(self) -> list[int]:
        """Oldest first."""
        names = [path.stem for path in self.folder.glob(f"*{_SUFFIX}")]
        return sorted(int(name) for name in names if name.isascii() and name.isdigit())

    def load(self, lsn: int) -> bytes:
        try:
            return self._path(lsn).read_bytes()
        except OSError as error:
            raise StoreError(f"{self._path(lsn)}: cannot be read: {error.strerror}") from error

    def save(self, lsn: int, data: bytes) -> None:
        """A crash at any point leaves the old snapshots, or the old and the new; never half of one under its name."""
        partial = self._path(lsn).with_suffix(f".partial-{os.getpid()}")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with partial.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(self._path(lsn))
            sync_folder(self.folder)
            for old in self.lsns()[:-KEPT]:
                self._path(old).unlink(missing_ok=True)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise StoreError(f"{self._path(lsn)}: cannot be written: {error.strerror}") from error

    def _path(self, lsn: int) -> Path:
        return self.folder / f"{lsn:020d}{_SUFFIX}"


def sync_folder(folder: Path) -> None:
    """Make names in a folder durable, not only the files behind them."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
