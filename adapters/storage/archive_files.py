"""The archive as a folder: one file per sealed segment, and ``manifest.json``, which alone says which of them count."""

from __future__ import annotations

from pathlib import Path

import msgspec

from adapters.storage.files import write_whole
from engine.ports import Corrupt, Segment, StoreError

MANIFEST = "manifest.json"
FORMAT = 1


class Manifest(msgspec.Struct, frozen=True):
    format: int
    segments: list[Segment]


_decoder = msgspec.json.Decoder(Manifest)


class ArchiveFolder:
    """``<first, 20 digits>.segment`` files. A file that the manifest does not name is left over from a crash."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: tuple[tuple[int, int], list[Segment]] = ((0, 0), [])

    def segments(self) -> list[Segment]:
        """Oldest first; read again only when the manifest has changed. Raises ``StoreError``."""
        path = self.folder / MANIFEST
        try:
            about = path.stat()
            state = about.st_mtime_ns, about.st_ino
            if state != self._known[0]:
                self._known = state, self._decode(path.read_bytes())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreError(f"{path}: cannot be read: {error.strerror}") from error
        return self._known[1]

    def load(self, segment: Segment) -> bytes:
        path = self._path(segment)
        try:
            return path.read_bytes()
        except OSError as error:
            raise Corrupt(f"{path}: cannot be read: {error.strerror}", segment.first) from error

    def add(self, segment: Segment, data: bytes) -> None:
        """The segment is durable before the manifest names it."""
        try:
            write_whole(self._path(segment), data)
            self._write([*self.segments(), segment])
        except OSError as error:
            raise StoreError(f"{self._path(segment)}: cannot be written: {error.strerror}") from error

    def drop_before(self, wall_ms: int) -> int:
        """Segments sealed earlier leave the manifest, then the disk; how many."""
        kept = [segment for segment in self.segments() if segment.sealed_ms >= wall_ms]
        old = self.segments()[: len(self.segments()) - len(kept)]
        if old:
            try:
                self._write(kept)
                for segment in old:
                    self._path(segment).unlink(missing_ok=True)
            except OSError as error:
                raise StoreError(f"{self.folder}: cannot be written: {error.strerror}") from error
        return len(old)

    def _write(self, segments: list[Segment]) -> None:
        write_whole(self.folder / MANIFEST, msgspec.json.format(msgspec.json.encode(Manifest(FORMAT, segments))))

    def _decode(self, data: bytes) -> list[Segment]:
        where = self.folder / MANIFEST
        try:
            found = _decoder.decode(data)
        except msgspec.MsgspecError as error:
            raise Corrupt(f"{where}: cannot be read: {error}", 0) from error
        if found.format != FORMAT:
            raise StoreError(f"{where}: archive format {found.format}; this release reads format {FORMAT}")
        return found.segments

    def _path(self, segment: Segment) -> Path:
        return self.folder / f"{segment.first:020d}.segment"
