"""Room kept back for the day the disk is full: a file that is removed so that contacts in hand can still be journaled."""

from __future__ import annotations

import os
from pathlib import Path

from adapters.storage.files import sync_folder

NAME = "ballast"
# Below this the ballast goes: some minutes of commits of those already connected.
_LAST_ROOM_BYTES = 16 << 20


class Ballast:
    """``size_bytes`` 0: none is kept. Laid when an engine starts with room to spare, dropped when there is hardly any."""

    def __init__(self, folder: Path, size_bytes: int) -> None:
        self._path = folder / NAME
        self._size = size_bytes
        self._laid = False

    def lay(self, room_bytes: int) -> None:
        """Raises ``OSError``."""
        self._laid = self._size > 0 and self._path.exists()
        if not self._size or self._laid or room_bytes < 2 * self._size:
            return
        with self._path.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, self._size)
            os.fsync(file.fileno())
        sync_folder(self._path.parent)
        self._laid = True

    def room(self, room_bytes: int) -> int:
        """What may be used of the room there is; drops the ballast when that is next to nothing.

        Room that only the dropped ballast gave is nobody's to fill with new contacts: it is not counted.
        """
        if self._laid and room_bytes < _LAST_ROOM_BYTES:
            self._path.unlink(missing_ok=True)
            self._laid = False
        return room_bytes if self._laid else max(0, room_bytes - self._size)
