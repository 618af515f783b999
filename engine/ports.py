"""Every port: what the engine needs from the world, and nothing about who provides it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal, Protocol, TypeAlias, TypeVar, TypeVarTuple

import msgspec

from engine.dispatch.commands import Command
from engine.dispatch.events import Event

# A restored store's epoch begins at the next multiple: an engine on the original would have to start a thousand times after
# the backup for two histories to share one.
EPOCHS_APART = 1_000

T = TypeVar("T")
Args = TypeVarTuple("Args")


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


class Draw(Protocol):
    """Chance: a whole number from 0 to ``below`` − 1. The system's own in an engine; from one seed in a rehearsal of faults.

    Session ids come from it, so in an engine nobody may foresee it.
    """

    def __call__(self, below: int, /) -> int: ...


class RunBlocking(Protocol):
    """The one door to threads: runs ``function(*args)`` where blocking hurts nobody."""

    async def __call__(self, function: Callable[[*Args], T], *args: *Args) -> T: ...


# --- the journal ----------------------------------------------------------------------------------------------------


class Record(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One journal record: an input, its stamp and who asked, and the events it produced.

    ``input`` and ``events`` are msgpack (a Command, empty bytes for a tick; a list of Events); ``payload`` is opaque
    (message text, names). ``principal`` is ``role/subject``. ``lsn`` is dense from 1. ``sealed``: tenant and subject whose
    key has sealed the payload; empty: it is plain.
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
    sealed: tuple[str, ...] = ()


class StoredRecord(msgspec.Struct, frozen=True, gc=False):
    """A record as a store keeps it. ``body``: the encoded :class:`Record`; ``crc``: of the body alone;

    ``hash``: 32 bytes over the hash of the record before and the body, so that none can be changed or left out.
    Only ``engine.store.records`` makes and reads these; a store keeps the bytes.
    """

    lsn: int
    body: bytes
    crc: int
    hash: bytes


class CommandKey(msgspec.Struct, frozen=True, gc=False):
    """Same key, same body: the stored answer again. Same key, other body: conflict."""

    tenant: str
    principal: str
    command_id: str


class StoredAnswer(msgspec.Struct, frozen=True, gc=False):
    """``body_hash``: 16 bytes over the command's and payload's encoding; ``answer``: encoded ``Answer``.

    ``lsn``: the record of the command; ``crc`` covers all other fields.
    """

    key: CommandKey
    body_hash: bytes
    answer: bytes
    stamp: int
    lsn: int
    crc: int


class MessageRow(msgspec.Struct, frozen=True, gc=False):
    """A conversation's line: where message ``seq`` of ``contact`` stands in the journal."""

    contact: int
    seq: int
    lsn: int


class Batch(msgspec.Struct, frozen=True):
    """What one commit makes durable, all or nothing; the commit renews the lease as well.

    ``wall_ms`` and ``now_ms``: the wall clock and dispatcher time, read at the same moment; the next start finds the
    length of its absence from them.
    """

    records: Sequence[StoredRecord]
    answers: Sequence[StoredAnswer]
    messages: Sequence[MessageRow]
    wall_ms: int
    now_ms: int


class Opened(msgspec.Struct, frozen=True):
    """What a store found on opening. ``last_hash`` of the last record (empty: no record yet).

    ``last_wall_ms`` and ``last_now_ms``: the pair last made durable by a commit or a renewal; 0 in a fresh store.
    ``remarks``: what the self-test found that does not forbid serving, a sentence each. ``sync_ms``: of the quickest of a
    few commits that were tried.
    """

    epoch: int
    last_lsn: int
    last_hash: bytes
    last_wall_ms: int
    last_now_ms: int
    created: bool
    remarks: tuple[str, ...] = ()
    sync_ms: float = 0.0


class Segment(msgspec.Struct, frozen=True):
    """A sealed run of records, ``first`` to ``last``, that the journal itself need not hold any more.

    ``previous``: the hash of the record before it (empty: it begins with record 1), ``hash`` that of its last record;
    ``digest``: over its stored bytes, of which there are ``size_bytes``; ``sealed_ms``: by the wall clock.
    """

    first: int
    last: int
    previous: bytes
    hash: bytes
    digest: bytes
    sealed_ms: int
    size_bytes: int


class StoreError(Exception):
    """The store cannot go on: one clear line; the process stops acking and exits non-zero."""


class LeaseHeld(StoreError):
    """Another engine owns the store."""


class LeaseLost(StoreError):
    """Our epoch is over: somebody else took the store."""


class Corrupt(StoreError):
    """Stored bytes do not fit their checksum or chain. ``lsn``: the first bad record (0: not one record's fault)."""

    def __init__(self, message: str, lsn: int) -> None:
        super().__init__(message)
        self.lsn = lsn


class HistoryTrimmed(Exception):
    """The journal no longer holds what is needed to rebuild the state asked for."""


class JournalReader(Protocol):
    """The reading side. Blocks; may be called while the writing side works, from another thread."""

    def last_lsn(self) -> int:
        """0: no record yet."""

    def read(self, after_lsn: int, limit: int) -> list[StoredRecord]:
        """Records with lsn > ``after_lsn`` in order, at most ``limit``, sealed ones too. Raises :class:`Corrupt`."""

    def read_messages(self, contact: int, after_seq: int, limit: int) -> list[tuple[int, StoredRecord]]:
        """(seq, record) of a contact's messages after ``after_seq``, in order."""

    def read_answers(self, after_place: int, limit: int) -> list[tuple[int, StoredAnswer | Corrupt]]:
        """(place, stored answer) with place > ``after_place``, in the order of commits; places begin at 1.

        An answer that cannot be read, or not be found by its key, is given as what is wrong with it.
        """

    def snapshots(self) -> list[int]:
        """The lsns of the snapshots kept, oldest first."""

    def load_snapshot(self, lsn: int) -> bytes:
        """The bytes given to ``save_snapshot``; raises :class:`StoreError` when there is none for this lsn."""

    def save_snapshot(self, lsn: int, data: bytes) -> None:
        """Make it durable, then show it (never half a snapshot). Keep two; an older third is removed."""

    def segments(self) -> list[Segment]:
        """The archive, oldest first, without gaps between them."""

    def archive(self, through_lsn: int, wall_ms: int, keep_ms: int) -> int:
        """Seal full segments of the records up to ``through_lsn``; how many were made. Commits remove them from the journal.

        Segments sealed more than ``keep_ms`` ago are dropped (0: none ever is). One process at a time.
        """

    def damage(self) -> list[str]:
        """Faults of the store's own structure (indexes, pages), each as a sentence; reads everything, so slow."""

    def close(self) -> None: ...


class Store(JournalReader, Protocol):
    """A journal. The writing side blocks and is called through ``run_blocking`` by the driver alone, one at a time."""

    def open(self) -> Opened:
        """Take the lease (epoch + 1) or raise :class:`LeaseHeld` in less than a second."""

    def commit(self, batch: Batch) -> None:
        """Make the batch durable (fsync) or raise :class:`StoreError`; checks the epoch in the same transaction.

        After a failure the store takes no more commits, and nothing is synced again.
        """

    def begin_at(self, after_lsn: int, epoch: int) -> None:
        """Of a new store, opened: its first record follows ``after_lsn``, and its epoch is this one (for restoring)."""

    def cut_tail(self, lsn: int) -> None:
        """Take the last record, ``lsn``, out of the journal: it cannot be read. Its bytes are put aside, not destroyed."""

    def find_answers(self, keys: Sequence[CommandKey]) -> dict[CommandKey, StoredAnswer]:
        """The newest stored answer of each key that has one."""

    def renew_lease(self, wall_ms: int, now_ms: int) -> None:
        """Once a second when nothing was committed; raises :class:`LeaseLost`. The pair: see :class:`Batch`."""

    def forget_answers(self, before_stamp: int, limit: int) -> int:
        """Remove at most ``limit`` answers stamped earlier; how many were removed."""

    def free_bytes(self) -> int:
        """Room left where the journal grows."""

    def close(self) -> None:
        """Release the lease (unless a commit failed) and every handle. Safe to call twice."""


# --- bots from elsewhere --------------------------------------------------------------------------------------------


class BotLine(msgspec.Struct, frozen=True):
    """A line of the conversation, as data: whatever it says, it instructs nobody."""

    author: Literal["customer", "agent", "bot"]
    text: str


class BotSource(msgspec.Struct, frozen=True):
    """An article that the answer may draw on."""

    title: str
    body: str


class BotQuestion(msgspec.Struct, frozen=True):
    """``lines``: the conversation, the customer's question last; ``sources``: the nearest articles, best first.

    ``instructions``: the shop's own, trusted words; ``language``: ``zh`` or ``en``.
    """

    language: str
    lines: tuple[BotLine, ...]
    sources: tuple[BotSource, ...] = ()
    instructions: str = ""


class BotFailed(Exception):
    """No answer. ``reason``: ``slow`` (a time limit passed), ``busy`` (a budget is used up), ``open`` (it failed too often and
    is not asked for a while), ``lied`` (what came is not what was agreed on), ``failed`` (no connection, or an error).
    """

    def __init__(self, reason: Literal["slow", "busy", "open", "lied", "failed"], detail: str) -> None:
        super().__init__(f"the bot gave no answer ({reason}): {detail}")
        self.reason, self.detail = reason, detail


class Bot(Protocol):
    """A bot that somebody else runs. What it says is data: whoever asks makes it harmless before it is shown."""

    async def answer(self, question: BotQuestion) -> str:
        """Its words, bounded in length and not empty, within its time limits; or raises :class:`BotFailed`."""


# --- keys -----------------------------------------------------------------------------------------------------------


class KeyRow(msgspec.Struct, frozen=True, gc=False):
    """A subject's key, under its tenant's; ``subject`` empty: the tenant's own, under the master key. ``id``: 8 bytes."""

    tenant: str
    subject: str
    id: bytes
    wrapped: bytes


class KeyStore(Protocol):
    """Where wrapped keys are kept. Blocks; one call at a time, from any thread. Raises :class:`StoreError`."""

    def find(self, subjects: Sequence[tuple[str, str]]) -> list[KeyRow]:
        """Those of (tenant, subject) that there are."""

    def add(self, rows: Sequence[KeyRow]) -> list[KeyRow]:
        """Durable when this returns. Whoever has a key keeps it; the answer is what stands for these subjects now."""

    def remove(self, tenant: str, subject: str) -> None:
        """Destroy it, durably; nothing happens where there is none."""

    def close(self) -> None: ...


class Sealer(Protocol):
    """Seals what is personal under its subject's key. Blocks where a key must be fetched; may be called from any thread.

    The same text in the same place gives the same bytes. ``subject`` empty: the tenant's own key. Raises :class:`StoreError`.
    """

    def ready(self, subjects: Iterable[tuple[str, str]]) -> None:
        """Have the keys of (tenant, subject) at hand, new ones made durable, all in one go: sealing need not wait then."""

    def seal(self, tenant: str, subject: str, place: str, plain: bytes) -> bytes:
        """``place``: where it will stand (a record, a table's column); no two texts of a subject have one place."""

    def unseal(self, tenant: str, subject: str, place: str, sealed: bytes) -> bytes | None:
        """None: the key was destroyed. Raises :class:`Corrupt` for what was changed or moved."""

    def mark(self, tenant: str, data: bytes) -> bytes:
        """16 bytes that stand for the data and tell nobody without the tenant's key what it was."""

    def index_key(self, tenant: str) -> bytes:
        """The tenant's own, 32 bytes, always the same: words are blinded with it, so that they can be found and not read."""

    def erase(self, tenant: str, subject: str) -> None:
        """Destroy the subject's key, durably: what it sealed, here, in the journal and in backups, is gone."""


# --- the driver's door ----------------------------------------------------------------------------------------------


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


class Committed(msgspec.Struct, frozen=True, gc=False):
    """A durable record, decoded: what listeners get, in lsn order. ``command`` None: time passed (a tick).

    ``payload`` is plain; ``erased``: there was one, and the key that it was sealed with is gone or not to be had here.
    """

    lsn: int
    stamp: int
    principal: Principal
    command: Command | None
    events: Sequence[Event]
    payload: bytes = b""
    erased: bool = False


Listener: TypeAlias = Callable[[Sequence[Committed]], None]
# Gets the answer once it is durable, or the reason why there will be none.
Deliver: TypeAlias = Callable[[Answer | Exception], None]


class Submit(Protocol):
    """The way into the journal for who works beside the server: the desk."""

    def post(
        self,
        command: Command,
        principal: Principal,
        command_id: str,
        payload: bytes,
        deliver: Deliver,
        asked: Command | None = None,
        *,
        only_again: bool = False,
    ) -> None:
        """Into the inbox; ``deliver`` is called once, after the commit, perhaps before this returns.

        ``asked``: what the client asked for, where more was added to it: retries are compared by it. ``only_again``: it is done
        only if it was done before, else :class:`Unanswered`.
        Raises :class:`Overloaded`, :class:`Stopped` or :class:`StoreError`, and then never delivers.
        """

    def now_ms(self) -> int:
        """Dispatcher time."""


class Unanswered(Exception):
    """Nothing was ever answered under this command id, and nothing was done now."""


# --- other systems --------------------------------------------------------------------------------------------------


class ConnectorQuestion(msgspec.Struct, frozen=True, omit_defaults=True):
    """What another system is asked about one customer. ``customers``: all keys of the one; ``kind``: of what (``orders``), or what is
    to be done (``change_address``); ``key``: which one (an order's number); ``fields``: what goes with it.
    """

    kind: str
    tenant: str
    customers: tuple[str, ...]
    key: str = ""
    fields: dict[str, str] = {}
    limit: int = 20


class ConnectorAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """``records``: flat rows of short plain values; of a deed: the row that was changed, none if it was not."""

    records: tuple[dict[str, str | int | float | bool | None], ...] = ()
    more: bool = False


class ConnectorError(Exception):
    """Why there is no answer: a short sentence without anything that the other system said."""


class Connector(Protocol):
    """Another system: orders, parcels, accounts."""

    async def ask(self, question: ConnectorQuestion) -> ConnectorAnswer:
        """Raises :class:`ConnectorError`; returns within the time that it was given, whatever the other system does."""

    async def aclose(self) -> None: ...


class Overloaded(Exception):
    """Refused before the inbox, nothing stored: try again after ``retry_after_ms`` (real ms)."""

    def __init__(self, message: str, retry_after_ms: int) -> None:
        super().__init__(message)
        self.retry_after_ms = retry_after_ms


class Stopped(Exception):
    """The engine is going down; the command was not handled and may be sent again to the next one."""
