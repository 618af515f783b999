"""Snapshots as bytes: the dispatcher's state, the place in the journal it stands for, and a checksum over both."""

from __future__ import annotations

import hashlib

import msgspec

from engine.ports import Corrupt

_MAGIC = b"sluice-snapshot-1\n"
_DIGEST = 32


class Snapshot(msgspec.Struct, frozen=True, array_like=True):
    """``state``: ``Dispatcher.snapshot()`` after record ``lsn``; ``hash``: that record's, to know the journal again.

    A state read back is a view of the bytes it was read from: a million contacts have half a gigabyte, and every copy of
    that is half a second of a restart.
    """

    lsn: int
    hash: bytes
    state: bytes | memoryview


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(tuple[int, bytes, memoryview])


def encode_snapshot(snapshot: Snapshot) -> bytes:
    body = _encoder.encode(snapshot)
    return b"".join((_MAGIC, hashlib.blake2b(body, digest_size=_DIGEST).digest(), body))


def decode_snapshot(data: bytes, lsn: int) -> Snapshot:
    """Raises :class:`Corrupt` unless the bytes are whole and stand for ``lsn``."""
    head = len(_MAGIC) + _DIGEST
    body = memoryview(data)[head:]
    if data[: len(_MAGIC)] != _MAGIC:
        raise Corrupt(f"snapshot {lsn}: not a snapshot of a format known here", lsn)
    if hashlib.blake2b(body, digest_size=_DIGEST).digest() != data[len(_MAGIC) : head]:
        raise Corrupt(f"snapshot {lsn}: its bytes do not fit their checksum", lsn)
    snapshot = Snapshot(*_decoder.decode(body))
    if snapshot.lsn != lsn:
        raise Corrupt(f"snapshot {lsn}: its body says it stands for record {snapshot.lsn}", lsn)
    return snapshot
