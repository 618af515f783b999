"""Every port: what the engine needs from the world, and nothing about who provides it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import msgspec

T = TypeVar("T")


class Clock(Protocol):
    """Dispatcher time: integer milliseconds that never go back while the process lives.

    Only the driver reads it. ``scale``: dispatcher ms per real ms (1.0 but for ``--clock-speed``).
    """

    scale: float

    def now_ms(self) -> int: ...

    async def sleep_until(self, instant_ms: int) -> None:
        """Return at or after the instant; at once when it has passed."""

    def set(self, instant_ms: int) -> None:
        """Called once, before the first stamp: time goes on from here."""


class RunBlocking(Protocol):
    """The one door to threads: runs ``function(*args)`` where blocking hurts nobody."""

    async def __call__(self, function: Callable[..., T], *args: object) -> T: ...


class Record(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One journal record: an input, its stamp and who asked, and the events it produced.

    ``input`` and ``events`` are msgpack (a Command, empty bytes for a tick; a list of Events); ``payload`` is opaque
    (message text, names). ``lsn`` is dense from 1. ``hash`` chains over the stored bytes of the record before.
    """

    lsn: int
    epoch: int
    stamp: int
    tenant: str
    principal: str
    command_id: str
    input: bytes
    events: bytes
    payload: bytes = b""
    hash: bytes = b""


class CommandKey(msgspec.Struct, frozen=True, gc=False):
    """Same key, same body: the stored answer again. Same key, other body: conflict."""

    tenant: str
    principal: str
    command_id: str


class StoredAnswer(msgspec.Struct, frozen=True, gc=False):
    """``body_hash``: 16 bytes over the command's and payload's encoding; ``answer``: encoded ``Answer``."""

    key: CommandKey
    body_hash: bytes
    answer: bytes
    stamp: int


class MessageRow(msgspec.Struct, frozen=True, gc=False):
    """A conversation's line: where message ``seq`` of ``contact`` stands in the journal."""

    contact: int
    seq: int
    lsn: int


class Batch(msgspec.Struct, frozen=True):
    """What one commit makes durable, all or nothing."""

    records: Sequence[Record]
    answers: Sequence[StoredAnswer]
    messages: Sequence[MessageRow]


class Opened(msgspec.Struct, frozen=True):
    """What a store found on opening. ``snapshot`` (lsn it stands for, bytes) or None; ``last_hash`` of the last record."""

    epoch: int
    last_lsn: int
    last_stamp: int
    last_hash: bytes
    last_wall_ms: int
    snapshot: tuple[int, bytes] | None
    created: bool


class StoreError(Exception):
    """The store cannot go on: one clear line; the process stops acking and exits non-zero."""


class LeaseHeld(StoreError):
    """Another engine owns the store."""


class LeaseLost(StoreError):
    """Our epoch is over: somebody else took the store."""


class Corrupt(StoreError):
    """Stored bytes do not fit their checksum or chain. ``lsn``: the first bad record."""

    def __init__(self, message: str, lsn: int) -> None:
        super().__init__(message)
        self.lsn = lsn


class Store(Protocol):
    """A journal. Every method blocks and is called through ``run_blocking``, one at a time."""

    def open(self, wall_ms: int) -> Opened:
        """Take the lease (epoch + 1) or raise :class:`LeaseHeld`; check the tail or raise :class:`Corrupt`."""

    def commit(self, batch: Batch) -> None:
        """Make the batch durable (fsync) or raise :class:`StoreError`; checks the epoch in the same transaction."""

    def find_answers(self, keys: Sequence[CommandKey]) -> dict[CommandKey, StoredAnswer]: ...

    def read(self, after_lsn: int, limit: int) -> list[Record]:
        """Records with lsn > ``after_lsn`` in order, at most ``limit``."""

    def read_messages(self, contact: int, after_seq: int, limit: int) -> list[tuple[int, Record]]:
        """(seq, record) of a contact's messages after ``after_seq``, in order."""

    def renew_lease(self, wall_ms: int) -> None:
        """Once a second; raises :class:`LeaseLost`. Stores ``wall_ms`` for the next start's ``down_ms``."""

    def forget_answers(self, before_stamp: int) -> int: ...

    def save_snapshot(self, lsn: int, data: bytes) -> None:
        """Keep two; an older third is removed."""

    def snapshots(self) -> list[int]:
        """The lsns of the snapshots kept, oldest first."""

    def load_snapshot(self, lsn: int) -> bytes: ...

    def close(self) -> None: ...


class Principal(msgspec.Struct, frozen=True):
    """Who asks, from the token. ``subject``: the agent's id for role agent or bot, the adapter's name for channel."""

    tenant: str
    role: str
    subject: str


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """The durable answer to a command: ``result`` when ``code`` is empty, else a refusal in the catalogue's words."""

    lsn: int = 0
    result: dict[str, str | int | bool] = {}
    code: str = ""
    message: str = ""
    what: str = ""
    got: str = ""
    wanted: str = ""
