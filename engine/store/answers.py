"""Command keys: the same key with the same body gets the stored answer again, with another body a conflict."""

from __future__ import annotations

import hashlib
import zlib
from collections import OrderedDict

import msgspec

from engine.ports import Answer, CommandKey, Corrupt, StoredAnswer

# How long a command key is remembered, by stamp.
RETENTION_MS = 24 * 60 * 60 * 1_000
CONFLICT = "conflict"

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Answer)


def body_hash(command: bytes, payload: bytes) -> bytes:
    """16 bytes over the encoded command and its payload (msgpack ends by itself, so the two cannot be confused)."""
    return hashlib.blake2b(command + payload, digest_size=16).digest()


def seal_answer(key: CommandKey, body: bytes, answer: Answer, stamp: int) -> StoredAnswer:
    encoded = _encoder.encode(answer)
    return StoredAnswer(key, body, encoded, stamp, answer.lsn, _crc(key, body, encoded, stamp, answer.lsn))


def open_answer(stored: StoredAnswer) -> Answer:
    """The answer as it was given the first time. Raises :class:`Corrupt`."""
    if _crc(stored.key, stored.body_hash, stored.answer, stored.stamp, stored.lsn) != stored.crc:
        raise Corrupt(f"the stored answer of journal record {stored.lsn} does not fit its checksum", stored.lsn)
    try:
        return _decoder.decode(stored.answer)
    except msgspec.MsgspecError as error:
        raise Corrupt(
            f"the stored answer of journal record {stored.lsn} cannot be read: {error}", stored.lsn
        ) from error


def answer_again(stored: StoredAnswer, body: bytes, command_type: str) -> Answer:
    """What a second command under a known key gets."""
    if stored.body_hash == body:
        return open_answer(stored)
    return Answer(
        code=CONFLICT,
        message="this command id was already used for a command with another body",
        what=f"{command_type}: id {stored.key.command_id!r}",
        got="another body than the first time",
        wanted=f"a new id, or the body of record {stored.lsn}",
    )


def is_kept(stored: StoredAnswer, now: int) -> bool:
    return stored.stamp > now - RETENTION_MS


class RecentAnswers:
    """The newest answers in memory, so that a retry seldom asks the store. Holds at most ``limit``."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        # Ordered, because a plain dict looks for its first key past the places of all that were deleted before it.
        self._answers: OrderedDict[CommandKey, StoredAnswer] = OrderedDict()

    def __len__(self) -> int:
        return len(self._answers)

    def find(self, key: CommandKey, now: int) -> StoredAnswer | None:
        stored = self._answers.get(key)
        return stored if stored is not None and is_kept(stored, now) else None

    def add(self, stored: StoredAnswer) -> None:
        self._answers.pop(stored.key, None)  # a key past its retention comes in anew, at the young end
        self._answers[stored.key] = stored
        if len(self._answers) > self._limit:
            self._answers.popitem(last=False)


def _crc(key: CommandKey, body: bytes, answer: bytes, stamp: int, lsn: int) -> int:
    return zlib.crc32(_encoder.encode((key, body, answer, stamp, lsn)))
