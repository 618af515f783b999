"""A disk that keeps two images of each file: what is written (live), and what would survive the power (durable).

An APSW VFS stands under the unchanged store. The live image is the real file, in memory where the machine has a place for
that; the durable one follows with each ``xSync``. When the power goes, each write since then is kept, lost or torn by
sectors, in any mixture: disks promise no order. When only the process dies, the live image stays.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import apsw

from tests.faults.chance import Chance

SECTOR = 512
_TRACKED = apsw.SQLITE_OPEN_MAIN_DB | apsw.SQLITE_OPEN_WAL
_names = itertools.count(1)


class Platter:
    """One file's durable bytes (None: the file may not even be there), and what was written since, in order.

    A write is (offset, bytes), a truncation (size, None).
    """

    def __init__(self) -> None:
        self.durable: bytearray | None = None
        self.pending: list[tuple[int, bytes | None]] = []

    def promote(self) -> None:
        if self.durable is None:
            self.durable = bytearray()
        for change in self.pending:
            _apply(self.durable, change)
        self.pending.clear()

    def after_power_cut(self, chance: Chance, kept: float) -> bytes | None:
        """``kept``: the share of the unsynced writes that landed all the same."""
        if self.durable is None and not chance.happens(kept):
            return None
        image = bytearray(self.durable or b"")
        for where, data in self.pending:
            if not chance.happens(kept):
                continue
            if data is not None and len(data) > SECTOR and chance.happens(0.3):
                for start in range(0, len(data), SECTOR):
                    if chance.happens(0.5):
                        _apply(image, (where + start, data[start : start + SECTOR]))
            else:
                _apply(image, (where, data))
        return bytes(image)


def folder_in_memory() -> Path:
    """Where files are written and synced at the speed of memory, if the machine has such a place."""
    memory = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix="sluice-", dir=memory if memory.is_dir() else None))


class Disk:
    """``folder``: where the store is to be opened; another one after each death, so that no dead handle reaches it."""

    def __init__(self, chance: Chance) -> None:
        self.root = folder_in_memory()
        self.full = False
        self.free_bytes = 1 << 40
        self._chance = chance
        self._generation = 0
        self._platters: dict[str, Platter] = {}
        self.folder = self.root / "0"

    def platter(self, path: str) -> Platter:
        found = self._platters.get(path)
        if found is None:
            found = self._platters[path] = Platter()
        return found

    def forget(self, path: str) -> None:
        self._platters.pop(path, None)

    def after_kill(self) -> None:
        """Everybody who had it open is dead, the machine is not: what was written is still there, synced or not."""
        self._move_on(lambda path, platter: path.read_bytes() if path.exists() else None, keep_pending=True)

    def after_power_cut(self) -> None:
        kept = self._chance.one_of((0.0, 0.3, 0.7, 1.0))
        self._move_on(lambda path, platter: platter.after_power_cut(self._chance, kept), keep_pending=False)

    def _move_on(self, image_of: Callable[[Path, Platter], bytes | None], *, keep_pending: bool) -> None:
        before, self._generation = self.folder, self._generation + 1
        self.folder = self.root / str(self._generation)
        if before.exists():
            shutil.copytree(before, self.folder, ignore=shutil.ignore_patterns("journal.sqlite*", "keys.db*"))
        platters, self._platters = self._platters, {}
        for name, platter in sorted(platters.items()):
            image = image_of(Path(name), platter)
            if image is None:
                continue
            moved = Path(str(name).replace(str(before), str(self.folder), 1))
            moved.parent.mkdir(parents=True, exist_ok=True)
            moved.write_bytes(image)
            after = self._platters[str(moved)] = Platter()
            if keep_pending:
                after.durable, after.pending = platter.durable, platter.pending
            else:
                after.durable = bytearray(image)

    def holding(self, text: bytes) -> list[str]:
        """The files, of now and of before each death, in which this stands."""
        files = (path for path in self.root.rglob("*") if path.is_file())
        return sorted(str(path.relative_to(self.root)) for path in files if text in path.read_bytes())

    def remove(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)


class Layer(apsw.VFS):
    """One process's way to the disk. ``before_io(kind)`` is called before each ``read``, ``write`` and ``sync``; what it
    raises is what SQLite gets."""

    def __init__(self, disk: Disk, before_io: Callable[[str], None]) -> None:
        self.name = f"faults-{next(_names)}"
        self.disk = disk
        self.before_io = before_io
        super().__init__(self.name, "")

    def xOpen(self, name: object, flags: list[int]) -> apsw.VFSFile:
        return _File(self, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        super().xDelete(filename, syncdir)
        self.disk.forget(filename)


class _File(apsw.VFSFile):
    def __init__(self, layer: Layer, name: object, flags: list[int]) -> None:
        self._layer = layer
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        self._platter = layer.disk.platter(str(path)) if path and flags[0] & _TRACKED else None
        super().__init__("", name, flags)  # type: ignore[arg-type]  # a URIFilename passes through

    def xSync(self, flags: int) -> None:
        self._layer.before_io("sync")
        if self._platter is not None:
            self._platter.promote()

    def xWrite(self, data: bytes, offset: int) -> None:
        self._layer.before_io("write")
        super().xWrite(data, offset)
        if self._platter is not None:
            self._platter.pending.append((offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:
        self._layer.before_io("write")
        super().xTruncate(newsize)
        if self._platter is not None:
            self._platter.pending.append((newsize, None))


def _apply(image: bytearray, change: tuple[int, bytes | None]) -> None:
    where, data = change
    if data is None:
        del image[where:]
        return
    if len(image) < where:
        image.extend(bytes(where - len(image)))
    image[where : where + len(data)] = data
