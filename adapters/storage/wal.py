"""What SQLite keeps quiet about: a write-ahead log whose end it could not read, and so left out.

SQLite takes the log up to the last commit whose checksums fit. What follows is usually nothing, or frames of an older
round; frames of *this* round are a commit that was being written (torn: nobody was told of it), or, when further commits
stand behind it, damage to records that were acknowledged.
"""

from __future__ import annotations

import struct
from pathlib import Path

import apsw

from engine.ports import Corrupt

_HEAD = 32
_FRAME_HEAD = 24
_MAGIC = (0x377F0682, 0x377F0683)  # checksums over little-endian words, over big-endian ones
# More than one frame is read at a time: four MiB.
_FRAMES_AT_ONCE = 1_000


class Log:
    """The file beside a database, read through the same file layer as SQLite reads it."""

    def __init__(self, database: Path, vfs: str | None) -> None:
        self._database = database
        self._vfs = vfs or ""
        self._path = f"{database}-wal"

    def unread(self, connection: apsw.Connection) -> str:
        """What of the log SQLite did not take, in words; empty when nothing. Raises :class:`Corrupt` for more than a
        torn end."""
        _, taken, _ = connection.execute("PRAGMA wal_checkpoint(NOOP)").get
        data = self._open()
        if data is None:
            return ""
        try:
            size = data.xFileSize()
            if size < _HEAD + _FRAME_HEAD:
                return ""
            head = data.xRead(_HEAD, 0)
            page = struct.unpack(">I", head[8:12])[0]
            if not _fits(head) or not page:
                self._check_saved(data, size, connection.execute("PRAGMA page_size").get)
                return ""
            frames, commits = _after(data, size, page, max(taken, 0), head[16:24])
        finally:
            data.xClose()
        if commits > 1:
            raise Corrupt(
                f"{self._path}: frame {taken + 1} cannot be read, and {commits} commits stand behind it: acknowledged"
                " records are lost",
                0,
            )
        if not frames:
            return ""
        return f"{self._path}: its end is torn: {frames} frames of one commit that never became durable are left out"

    def _open(self) -> apsw.VFSFile | None:
        flags = [apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_WAL, 0]
        try:
            return apsw.VFSFile(self._vfs, self._path, flags)
        except apsw.CantOpenError:
            return None

    def _check_saved(self, data: apsw.VFSFile, size: int, page: int) -> None:
        """The log's head is torn: fine when it was being begun anew, for then all it held is in the database.

        Raises :class:`Corrupt` when it is not.
        """
        newest: dict[int, int] = {}
        salts = data.xRead(_FRAME_HEAD, _HEAD)[8:16]
        for offset in range(_HEAD, size - page - _FRAME_HEAD + 1, page + _FRAME_HEAD):
            head = data.xRead(_FRAME_HEAD, offset)
            if head[8:16] != salts:
                break
            newest[int.from_bytes(head[:4])] = offset + _FRAME_HEAD
        flags = [apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_MAIN_DB, 0]
        database = apsw.VFSFile(self._vfs, str(self._database), flags)
        try:
            for number, offset in newest.items():
                if number and data.xRead(page, offset) != database.xRead(page, (number - 1) * page):
                    raise Corrupt(f"{self._path}: its head is damaged, and what follows is not in the database", 0)
        finally:
            database.xClose()


def _after(data: apsw.VFSFile, size: int, page: int, taken: int, salts: bytes) -> tuple[int, int]:
    """Frames of this round after the first ``taken``, and how many of them end a commit."""
    stride = page + _FRAME_HEAD
    frames = commits = 0
    offset = _HEAD + taken * stride
    while offset + _FRAME_HEAD <= size:
        block = data.xRead(min(stride * _FRAMES_AT_ONCE, size - offset), offset)
        for start in range(0, len(block) - _FRAME_HEAD + 1, stride):
            if block[start + 8 : start + 16] == salts:
                frames += 1
                commits += block[start + 4 : start + 8] != bytes(4)
        offset += stride * _FRAMES_AT_ONCE
    return frames, commits


def _fits(head: bytes) -> bool:
    """The head's own checksum."""
    magic = int.from_bytes(head[:4])
    if magic not in _MAGIC:
        return False
    words = struct.unpack(">6I" if magic & 1 else "<6I", head[:24])
    one = two = 0
    for first, second in zip(words[::2], words[1::2], strict=True):
        one = (one + first + two) & 0xFFFFFFFF
        two = (two + second + one) & 0xFFFFFFFF
    return (one, two) == struct.unpack(">2I", head[24:32])
