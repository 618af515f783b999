"""``sluice`` on a disk of which one call fails, once: ``python -m tests.killer.failing_disk N serve …``.

Counted are the calls that change something or must be believed: open, write, sync, truncate, delete. Call 0 never comes.
"""

from __future__ import annotations

import sys
from typing import Any

import apsw

from adapters.storage import sqlite
from engine.cli import main


class Disk(apsw.VFS):
    """The system's file layer, counting."""

    def __init__(self, fails_at: int) -> None:
        self._fails_at = fails_at
        self._calls = 0
        super().__init__("failing", "")

    def call(self, what: str) -> None:
        self._calls += 1
        if self._calls == self._fails_at:
            raise apsw.IOError(f"the disk did not do call {self._calls} ({what})")

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:
        self.call("open")
        return File(self, name, flags)

    def xDelete(self, name: str, sync_directory: bool) -> None:
        self.call("delete")
        super().xDelete(name, sync_directory)


class File(apsw.VFSFile):
    def __init__(self, disk: Disk, name: Any, flags: list[int]) -> None:
        self._disk = disk
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        self._disk.call("write")
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:
        self._disk.call("sync")
        super().xSync(flags)

    def xTruncate(self, size: int) -> None:
        self._disk.call("truncate")
        super().xTruncate(size)


if __name__ == "__main__":
    disk = Disk(int(sys.argv.pop(1)))
    whole = sqlite.SqliteStore

    class StoreOnFailingDisk(whole):  # type: ignore[misc, valid-type]  # the class as it is, on another disk
        def __init__(self, folder: Any, **rest: Any) -> None:
            super().__init__(folder, **{**rest, "vfs": "failing"})

    sqlite.SqliteStore = StoreOnFailingDisk  # type: ignore[misc]  # the composition root takes it from there
    main()
