"""How journal rows are laid out in both stores on disk: a few blobs, so that whole arrays go in with one statement.

======== =====================================================================================
journal  crc (4) · hash (32) · body
answers  key (16, a hash of the command key) | the encoded ``StoredAnswer``
messages contact (8) · seq (8) | lsn (8)
======== =====================================================================================

Numbers are big-endian, so that blobs sort as the numbers do.
"""

from __future__ import annotations

import hashlib

import msgspec

from engine.ports import CommandKey, Corrupt, MessageRow, StoredAnswer, StoredRecord

KEY_BYTES = 16
PLACE_BYTES = 16
_HASH_BYTES = 32
_HEAD_BYTES = 4 + _HASH_BYTES

_encoder = msgspec.msgpack.Encoder()
_answer_decoder = msgspec.msgpack.Decoder(StoredAnswer)


def pack_record(record: StoredRecord) -> bytes:
    return record.crc.to_bytes(4) + record.hash + record.body


def unpack_record(lsn: object, row: object) -> StoredRecord:
    """Raises :class:`Corrupt` when the row is none of ours; whether its bytes are right is the reader's to check."""
    assert isinstance(lsn, int), "an INTEGER PRIMARY KEY"
    if not isinstance(row, bytes) or len(row) < _HEAD_BYTES:
        raise Corrupt(f"journal record {lsn}: got a row of another kind, wanted at least {_HEAD_BYTES} bytes", lsn)
    return StoredRecord(lsn, row[_HEAD_BYTES:], int.from_bytes(row[:4]), row[4:_HEAD_BYTES])


def pack_key(key: CommandKey) -> bytes:
    return hashlib.blake2b(_encoder.encode(key), digest_size=KEY_BYTES).digest()


def pack_answer(answer: StoredAnswer) -> bytes:
    return pack_key(answer.key) + _encoder.encode(answer)


def unpack_answer(row: object) -> StoredAnswer:
    """The row without its key. Raises :class:`Corrupt`."""
    try:
        return _answer_decoder.decode(_bytes(row))
    except ValueError as error:
        raise Corrupt(f"a stored answer cannot be read: {error}", 0) from error


def pack_place(contact: int, seq: int) -> bytes:
    return contact.to_bytes(8) + seq.to_bytes(8)


def pack_message(row: MessageRow) -> bytes:
    return pack_place(row.contact, row.seq) + row.lsn.to_bytes(8)


def unpack_message(place: object, lsn: object) -> MessageRow:
    """Raises :class:`Corrupt`."""
    where = _bytes(place)
    return MessageRow(int.from_bytes(where[:8]), int.from_bytes(where[8:]), int.from_bytes(_bytes(lsn)))


def check_answer(place: object, key: object, row: object) -> tuple[int, StoredAnswer | Corrupt]:
    """A row of answers, or what is wrong with it."""
    assert isinstance(place, int), "an INTEGER PRIMARY KEY"
    try:
        answer = unpack_answer(row)
    except Corrupt as error:
        return place, Corrupt(f"stored answer {place}: {error}", 0)
    if pack_key(answer.key) != key:
        return place, Corrupt(f"stored answer {place}: it stands under another key, and no retry would find it", 0)
    return place, answer


def _bytes(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise Corrupt(f"a stored row holds {type(value).__name__}, wanted bytes", 0)
    return value
