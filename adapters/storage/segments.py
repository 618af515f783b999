"""Sealed archive segments: runs of journal rows that no longer change, as compressed bytes with a checksum.

The manifest's entry of a segment (``engine.ports.Segment``) says which records it holds, the hash before its first and
that of its last record, so that the chain goes on from segment to segment, and when it was sealed.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Sequence

import msgspec

from adapters.storage.rows import pack_record, unpack_record
from engine.ports import Corrupt, MessageRow, Segment, StoredRecord

# About 8 MiB of usual records, a quarter of that when sealed; a message's text is found by opening one segment.
SEGMENT_RECORDS = 20_000
_MAGIC = b"sluice-segment-1\n"
_DIGEST = 32
# Three times smaller for a tenth of a second's work; the best level takes ten times that for a sixth more.
_LEVEL = 3

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[bytes])

Read = Callable[[int, int], list[StoredRecord]]
Load = Callable[[Segment], bytes]


def seal(records: Sequence[StoredRecord], previous: bytes, wall_ms: int) -> tuple[Segment, bytes]:
    """``previous``: the hash of the record before the first."""
    data = _MAGIC + zlib.compress(_encoder.encode([pack_record(record) for record in records]), _LEVEL)
    digest = hashlib.blake2b(data, digest_size=_DIGEST).digest()
    first, last = records[0], records[-1]
    return Segment(first.lsn, last.lsn, previous, last.hash, digest, wall_ms, len(data)), data


def unseal(segment: Segment, data: bytes) -> list[StoredRecord]:
    """Raises :class:`Corrupt` unless the bytes are those that were sealed."""
    name = f"archive segment {segment.first} to {segment.last}"
    if hashlib.blake2b(data, digest_size=_DIGEST).digest() != segment.digest:
        raise Corrupt(f"{name}: its bytes do not fit their checksum", segment.first)
    if not data.startswith(_MAGIC):
        raise Corrupt(f"{name}: not a segment of a format known here", segment.first)
    rows = _decoder.decode(zlib.decompress(data[len(_MAGIC) :]))
    return [unpack_record(segment.first + place, row) for place, row in enumerate(rows)]


def seal_all(
    read: Read, segments: Sequence[Segment], through_lsn: int, wall_ms: int, save: Callable[[Segment, bytes], None]
) -> int:
    """Seal every full segment's worth of records up to ``through_lsn``; how many segments that made."""
    done, previous = (segments[-1].last, segments[-1].hash) if segments else (0, b"")
    made = 0
    while done + SEGMENT_RECORDS <= through_lsn:
        records = read(done, SEGMENT_RECORDS)
        if [record.lsn for record in records] != list(range(done + 1, done + SEGMENT_RECORDS + 1)):
            raise Corrupt(
                f"journal record {done + 1} and those after it cannot be archived: some are missing", done + 1
            )
        segment, data = seal(records, previous, wall_ms)
        unseal(segment, data)  # what is about to be the only copy has been read back once
        save(segment, data)
        done, previous, made = segment.last, segment.hash, made + 1
    return made


class Shelves:
    """Reads records out of segments; keeps the last segment it opened, as readers go through in order."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._open: tuple[int, list[StoredRecord]] = (0, [])

    def read(self, segments: Sequence[Segment], after_lsn: int, limit: int) -> list[StoredRecord]:
        """Records after ``after_lsn`` as far as the segments go, at most ``limit``."""
        found: list[StoredRecord] = []
        for segment in segments:
            if segment.last <= after_lsn or len(found) >= limit:
                continue
            records = self._records(segment)
            start = max(0, after_lsn + 1 - segment.first)
            found += records[start : start + limit - len(found)]
        return found

    def before(
        self, found: list[StoredRecord], segments: Sequence[Segment], after_lsn: int, limit: int
    ) -> list[StoredRecord]:
        """``found`` in the journal, with what stands before it in the archive; at most ``limit`` in all."""
        sealed = self.read(segments, after_lsn, limit)
        after_lsn = sealed[-1].lsn if sealed else after_lsn
        return sealed + [record for record in found if record.lsn > after_lsn][: limit - len(sealed)]

    def find(self, segments: Sequence[Segment], row: MessageRow, contact: int) -> StoredRecord | None:
        """The record of a message. None: its segment was dropped for its age. Raises :class:`Corrupt` when it should be."""
        sealed = self.read([one for one in segments if one.first <= row.lsn <= one.last], row.lsn - 1, 1)
        if not sealed and not (segments and row.lsn < segments[0].first):
            raise Corrupt(f"message {row.seq} of contact {contact} points to a missing record", row.lsn)
        return sealed[0] if sealed else None

    def _records(self, segment: Segment) -> list[StoredRecord]:
        first, records = self._open
        if first != segment.first:
            records = unseal(segment, self._load(segment))
            self._open = segment.first, records
        return records


def damage(segments: Sequence[Segment], load: Load) -> list[str]:
    """What is wrong with the segments themselves and with the chain between them."""
    problems = []
    for place, segment in enumerate(segments):
        try:
            unseal(segment, load(segment))
        except Corrupt as error:
            problems.append(str(error))
        before = segments[place - 1] if place else None
        if before is not None and (before.last + 1, before.hash) != (segment.first, segment.previous):
            problems.append(f"archive segment {segment.first} does not follow from the one that ends at {before.last}")
    return problems
