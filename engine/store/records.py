"""Journal records as bytes: encoding, checksum, and the chain that ties each to the one before."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Sequence

import msgspec

from engine.dispatch.commands import AddMessage, Command
from engine.dispatch.events import Event, MessageAdded
from engine.ports import Committed, Corrupt, MessageRow, Principal, Record, Sealer, StoredRecord

# What record 1 chains to.
GENESIS = bytes(32)

_encoder = msgspec.msgpack.Encoder()
_record_decoder = msgspec.msgpack.Decoder(Record)
_command_decoder: msgspec.msgpack.Decoder[Command] = msgspec.msgpack.Decoder(Command)
_events_decoder: msgspec.msgpack.Decoder[list[Event]] = msgspec.msgpack.Decoder(list[Event])


def encode_command(command: Command) -> tuple[bytes, Command]:
    """The command's bytes, and the command as replay will read it from them.

    Raises ValueError when it has no such bytes: a value outside the types, a lone surrogate, a number past 64 bits.
    Reading back here, before the inbox, is what keeps one bad value out of everybody's commit.
    """
    try:
        data = _encoder.encode(command)
        return data, _command_decoder.decode(data)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(str(error)) from error


def decode_command(data: bytes) -> Command | None:
    """None for a tick. Raises ValueError (``msgspec.DecodeError`` is one)."""
    return _command_decoder.decode(data) if data else None


def encode_events(events: Sequence[Event]) -> bytes:
    return _encoder.encode(events)


def decode_events(data: bytes) -> list[Event]:
    return _events_decoder.decode(data)


def principal_text(principal: Principal) -> str:
    """``role/subject``; a role never holds a slash."""
    return f"{principal.role}/{principal.subject}"


def seal(record: Record, previous: bytes) -> StoredRecord:
    """``previous``: the hash of the record before, :data:`GENESIS` for the first."""
    body = _encoder.encode(record)
    return StoredRecord(record.lsn, body, zlib.crc32(body), chain_hash(previous, body))


def chain_hash(previous: bytes, body: bytes) -> bytes:
    return hashlib.sha256(previous + body).digest()


def open_record(stored: StoredRecord) -> Record:
    """The record, its bytes checked on their own (not against the chain). Raises :class:`Corrupt`."""
    if zlib.crc32(stored.body) != stored.crc:
        raise Corrupt(f"journal record {stored.lsn}: its bytes do not fit their checksum", stored.lsn)
    try:
        record = _record_decoder.decode(stored.body)
    except ValueError as error:
        raise Corrupt(f"journal record {stored.lsn}: cannot be read: {error}", stored.lsn) from error
    if record.lsn != stored.lsn:
        raise Corrupt(f"journal record {stored.lsn}: its body says it is record {record.lsn}", stored.lsn)
    return record


def check_chain(stored: Iterable[StoredRecord], after_lsn: int, previous: bytes) -> tuple[int, bytes]:
    """Check that the records follow ``after_lsn`` densely and chain on from ``previous``.

    Returns the last lsn and hash. Raises :class:`Corrupt` at the first that does not fit.
    """
    for one in stored:
        if one.lsn != after_lsn + 1:
            raise Corrupt(f"journal record {after_lsn + 1} is missing: the next one is {one.lsn}", after_lsn + 1)
        if chain_hash(previous, one.body) != one.hash:
            raise Corrupt(f"journal record {one.lsn}: its hash does not follow from the record before", one.lsn)
        after_lsn, previous = one.lsn, one.hash
    return after_lsn, previous


def events_of(record: Record) -> list[Event]:
    """Raises :class:`Corrupt` for an event of no known type."""
    try:
        return decode_events(record.events)
    except ValueError as error:
        raise Corrupt(f"journal record {record.lsn}: its events cannot be read: {error}", record.lsn) from error


def command_of(record: Record) -> Command | None:
    """Raises :class:`Corrupt` for a command of no known type."""
    try:
        return decode_command(record.input)
    except ValueError as error:
        raise Corrupt(f"journal record {record.lsn}: its input cannot be read: {error}", record.lsn) from error


def message_rows(command: Command | None, events: Sequence[Event], lsn: int) -> list[MessageRow]:
    """A message's place in its conversation, with or without a text: it is counted from 1, and read, without gaps."""
    if not isinstance(command, AddMessage):
        return []
    return [MessageRow(event.contact, event.seq, lsn) for event in events if isinstance(event, MessageAdded)]


def place_of(lsn: int) -> str:
    """Where a record's payload is sealed for."""
    return f"journal record {lsn}"


def committed(record: Record, sealer: Sealer | None = None) -> Committed:
    """The record decoded, as listeners got it. Raises :class:`Corrupt`, and ``StoreError`` where keys cannot be read."""
    role, _, subject = record.principal.partition("/")
    principal = Principal(record.tenant, role, subject)
    payload = payload_of(record, sealer)
    return Committed(
        record.lsn, record.stamp, principal, command_of(record), events_of(record), payload or b"", payload is None
    )


def payload_of(record: Record, sealer: Sealer | None) -> bytes | None:
    """The payload, plain. None: its key is gone, or not to be had here. Raises :class:`Corrupt`."""
    if not record.sealed:
        return record.payload
    if sealer is None:
        return None
    tenant, subject = record.sealed
    try:
        return sealer.unseal(tenant, subject, place_of(record.lsn), record.payload)
    except Corrupt as error:
        raise Corrupt(str(error), record.lsn) from error
