"""Snapshots as files in a folder."""

from __future__ import annotations

from pathlib import Path

from adapters.storage.files import write_whole
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
        try:
            write_whole(self._path(lsn), data)
            for old in self.lsns()[:-KEPT]:
                self._path(old).unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"{self._path(lsn)}: cannot be written: {error.strerror}") from error

    def _path(self, lsn: int) -> Path:
        return self.folder / f"{lsn:020d}{_SUFFIX}"
