"""The embedded journal: one SQLite file (WAL, every commit synced) and a folder of snapshots.

One connection writes and checkpoints; others read, read-only. Rows go in as whole arrays (SQLite's carray), so a commit
takes the same handful of steps for one record or five hundred: each step gives the interpreter away, and getting it
back from a busy event loop is what a commit spends its time on.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import apsw
import msgspec

from adapters.storage.archive_files import ArchiveFolder
from adapters.storage.ballast import Ballast
from adapters.storage.files import sync_folder, write_whole
from adapters.storage.lease import VALID_MS, Holder, boot_ms
from adapters.storage.pragmas import APPLICATION_ID, FORMAT, check_format, check_sqlite, configure
from adapters.storage.rows import (
    KEY_BYTES,
    PLACE_BYTES,
    check_answer,
    pack_answer,
    pack_key,
    pack_message,
    pack_place,
    pack_record,
    unpack_answer,
    unpack_message,
    unpack_record,
)
from adapters.storage.segments import Shelves, damage, seal_all
from adapters.storage.snapshot_files import SnapshotFolder
from adapters.storage.wal import Log
from engine.ports import (
    Batch,
    CommandKey,
    Corrupt,
    LeaseHeld,
    LeaseLost,
    Opened,
    Segment,
    StoredAnswer,
    StoredRecord,
    StoreError,
)

JOURNAL = "journal.sqlite"
SNAPSHOTS = "snapshots"
ARCHIVE = "archive"
DAMAGED = "damaged"
# More answers than one commit has.
_TAIL = 1_000
# A disk that takes this long for one sync cannot carry a service; one that takes a tenth of it is worth a word.
_SYNC_LIMIT_MS = 1_000.0
_SYNC_TRIES = 3
# An opener waits this long for a writer, so that a second engine refuses within a second; a committing engine waits
# longer: only another opener's look at the lease can be in its way.
_OPEN_BUSY_MS = 400
_COMMIT_BUSY_MS = 10_000
# A commit renews the lease when the last renewal is at least this old.
_RENEW_AFTER_MS = 500

_SCHEMA = f"""
CREATE TABLE journal (lsn INTEGER PRIMARY KEY, row BLOB NOT NULL);
CREATE TABLE answers (place INTEGER PRIMARY KEY, key BLOB NOT NULL, row BLOB NOT NULL);
CREATE INDEX answers_by_key ON answers (key);
CREATE TABLE messages (place BLOB PRIMARY KEY, lsn BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE lease (
    only INTEGER PRIMARY KEY CHECK (only = 1), epoch INTEGER NOT NULL, holder BLOB NOT NULL, renewed_ms INTEGER NOT NULL,
    wall_ms INTEGER NOT NULL, now_ms INTEGER NOT NULL, last_lsn INTEGER NOT NULL
);
INSERT INTO lease VALUES (1, 0, x'', 0, 0, 0, 0);
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {FORMAT};
"""

_encoder = msgspec.msgpack.Encoder()
_holder_decoder = msgspec.msgpack.Decoder(Holder)


class SqliteJournal:
    """The reading side (``engine.ports.JournalReader``): needs no lease, may look on while an engine runs."""

    def __init__(self, folder: str | os.PathLike[str], vfs: str | None = None) -> None:
        """``folder`` holds the journal; ``vfs`` names another file layer than the system's (tests of bad disks)."""
        check_sqlite(apsw.sqlite_lib_version())
        self.folder = Path(folder)
        self.path = self.folder / JOURNAL
        self._vfs = vfs
        self._snapshots = SnapshotFolder(self.folder / SNAPSHOTS)
        self._archive = ArchiveFolder(self.folder / ARCHIVE)
        self._shelves = Shelves(self._archive.load)
        # Taken from and put back by whichever thread reads; both are single steps of the interpreter.
        self._idle: deque[apsw.Connection] = deque()

    def last_lsn(self) -> int:
        with self._reading() as connection:
            return _last(connection)[0]

    def read(self, after_lsn: int, limit: int) -> list[StoredRecord]:
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT lsn, row FROM journal WHERE lsn > ? ORDER BY lsn LIMIT ?", (after_lsn, limit)
            ).fetchall()
        found = [unpack_record(lsn, row) for lsn, row in rows]
        if found and found[0].lsn == after_lsn + 1:
            return found
        return self._shelves.before(found, self.segments(), after_lsn, limit)

    def read_messages(self, contact: int, after_seq: int, limit: int) -> list[tuple[int, StoredRecord]]:
        first, last = pack_place(contact, after_seq), pack_place(contact + 1, 0)
        result = []
        with self._reading() as connection:
            places = connection.execute(
                "SELECT place, lsn FROM messages WHERE place > ? AND place < ? ORDER BY place LIMIT ?",
                (first, last, limit),
            ).fetchall()
            for place in places:
                where = unpack_message(*place)
                found = connection.execute("SELECT row FROM journal WHERE lsn = ?", (where.lsn,)).fetchone()
                if found is not None:
                    result.append((where.seq, unpack_record(where.lsn, found[0])))
                elif (sealed := self._shelves.find(self.segments(), where, contact)) is not None:
                    result.append((where.seq, sealed))
        return result

    def read_answers(self, after_place: int, limit: int) -> list[tuple[int, StoredAnswer | Corrupt]]:
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT place, key, row FROM answers WHERE place > ? ORDER BY place LIMIT ?", (after_place, limit)
            ).fetchall()
        return [check_answer(*row) for row in rows]

    def snapshots(self) -> list[int]:
        return self._snapshots.lsns()

    def load_snapshot(self, lsn: int) -> bytes:
        return self._snapshots.load(lsn)

    def save_snapshot(self, lsn: int, data: bytes) -> None:
        self._snapshots.save(lsn, data)

    def segments(self) -> list[Segment]:
        return self._archive.segments()

    def archive(self, through_lsn: int, wall_ms: int, keep_ms: int) -> int:
        made = seal_all(self.read, self.segments(), through_lsn, wall_ms, self._archive.add)
        if keep_ms:
            self._archive.drop_before(wall_ms - keep_ms)
        return made

    def damage(self) -> list[str]:
        with self._reading() as connection:
            said = [str(line) for (line,) in connection.execute("PRAGMA integrity_check(100)")]
            cut = _cut_off(connection, _last(connection)[0])
        own = [f"{self.path}: {line}" for line in said if line != "ok"] + [str(missing) for missing in cut]
        return own + damage(self.segments(), self._archive.load)

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def _reading(self) -> Iterator[apsw.Connection]:
        """A read-only connection nobody else uses; as many are opened as there are readers at once."""
        with self._in_our_words():
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = self._open_reader()
            try:
                yield connection
            except BaseException:
                connection.close()
                raise
            self._idle.append(connection)

    def _open_reader(self) -> apsw.Connection:
        if not self.path.exists():
            raise StoreError(f"{self.path}: there is no journal here")
        connection = apsw.Connection(str(self.path), flags=apsw.SQLITE_OPEN_READONLY, vfs=self._vfs)
        connection.set_busy_timeout(_COMMIT_BUSY_MS)
        check_format(connection, self.path)
        return connection

    @contextmanager
    def _in_our_words(self) -> Iterator[None]:
        try:
            yield
        except (apsw.CorruptError, apsw.NotADBError) as error:
            raise Corrupt(f"{self.path}: {error}", 0) from error
        except UnicodeDecodeError as error:  # a blob whose type was changed to text
            raise Corrupt(f"{self.path}: a row is not of its kind: {error}", 0) from error
        except apsw.Error as error:
            raise StoreError(f"{self.path}: {type(error).__name__.removesuffix('Error')}: {error}") from error
        except OSError as error:
            raise StoreError(f"{error.filename or self.path}: {error.strerror}") from error


class SqliteStore(SqliteJournal):
    """A journal with its writing side (``engine.ports.Store``)."""

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        boot_ms: Callable[[], int] = boot_ms,
        holder: Holder | None = None,
        vfs: str | None = None,
        ballast_bytes: int = 0,
    ) -> None:
        super().__init__(folder, vfs)
        self._ballast = Ballast(self.folder, ballast_bytes)
        self._boot_ms = boot_ms
        self._holder = holder or Holder.this_process()
        self._writer: apsw.Connection | None = None
        self._broken = ""
        self._epoch = 0
        self._last_lsn = 0
        self._renewed_ms = 0
        self._oldest = 1  # the first record that the journal itself still holds
        self._sealed = 0  # the last record that the archive holds

    def open(self) -> Opened:
        with self._in_our_words():
            if new := not self.folder.exists():
                self.folder.mkdir(mode=0o700, parents=True)
                sync_folder(self.folder.parent)
            new = new or not self.path.exists()
            writer = apsw.Connection(str(self.path), vfs=self._vfs)
            try:
                opened = self._take(writer)
            except BaseException:
                writer.close()
                raise
            self._writer = writer
            if new:
                sync_folder(self.folder)
            self._ballast.lay(self._room())
        return opened

    def commit(self, batch: Batch) -> None:
        assert batch.records, "a commit without records"
        first, count = batch.records[0].lsn, len(batch.records)
        with self._writing() as writer:
            assert (first, batch.records[-1].lsn) == (self._last_lsn + 1, self._last_lsn + count), "lsns are dense"
            writer.execute("BEGIN IMMEDIATE")
            writer.execute(
                "INSERT INTO journal SELECT ? + rowid - 1, value FROM carray(?) WHERE (SELECT epoch FROM lease) = ?",
                (first, _blobs([pack_record(record) for record in batch.records]), self._epoch),
            )
            if writer.changes() != count:
                raise self._lease_lost(writer)
            if batch.answers:
                writer.execute(
                    f"INSERT INTO answers (key, row) SELECT substr(value, 1, {KEY_BYTES}), substr(value, {KEY_BYTES + 1})"
                    " FROM carray(?)",
                    (_blobs([pack_answer(one) for one in batch.answers]),),
                )
            if batch.messages:
                writer.execute(
                    f"INSERT INTO messages SELECT substr(value, 1, {PLACE_BYTES}), substr(value, {PLACE_BYTES + 1})"
                    " FROM carray(?)",
                    (_blobs([pack_message(row) for row in batch.messages]),),
                )
            self._last_lsn += count
            if self._oldest <= self._sealed:
                self._trim(writer, count)
            if (now := self._boot_ms()) >= self._renewed_ms + _RENEW_AFTER_MS:
                self._renew(writer, now, batch.wall_ms, batch.now_ms)
            writer.execute("COMMIT")

    def begin_at(self, after_lsn: int, epoch: int) -> None:
        with self._writing() as writer:
            assert self._last_lsn == 0, "only a new store"
            writer.execute("UPDATE lease SET epoch = ?, last_lsn = ? WHERE epoch = ?", (epoch, after_lsn, self._epoch))
            self._epoch, self._last_lsn, self._oldest = epoch, after_lsn, after_lsn + 1

    def cut_tail(self, lsn: int) -> None:
        with self._writing() as writer:
            assert lsn == self._last_lsn, "only the last record"
            row = writer.execute("SELECT row FROM journal WHERE lsn = ?", (lsn,)).get
            write_whole(
                self.folder / DAMAGED / f"{lsn:020d}.row", row if isinstance(row, bytes) else repr(row).encode()
            )
            writer.execute("BEGIN IMMEDIATE")
            writer.execute("DELETE FROM journal WHERE lsn = ?", (lsn,))
            writer.execute("DELETE FROM messages WHERE lsn = ?", (lsn.to_bytes(8),))
            places = [
                (place,)
                for place, row in writer.execute("SELECT place, row FROM answers ORDER BY place DESC LIMIT ?", (_TAIL,))
                if unpack_answer(row).lsn == lsn
            ]
            writer.executemany("DELETE FROM answers WHERE place = ?", places)
            self._last_lsn = lsn - 1
            writer.execute("UPDATE lease SET last_lsn = ?", (self._last_lsn,))
            writer.execute("COMMIT")

    def find_answers(self, keys: Sequence[CommandKey]) -> dict[CommandKey, StoredAnswer]:
        if not keys:
            return {}
        with self._writing() as writer:
            rows = writer.execute(
                "SELECT row FROM answers WHERE key IN (SELECT value FROM carray(?)) ORDER BY place",
                (_blobs([pack_key(key) for key in keys]),),
            ).fetchall()
        answers = (unpack_answer(row) for (row,) in rows)
        wanted = set(keys)
        return {answer.key: answer for answer in answers if answer.key in wanted}

    def renew_lease(self, wall_ms: int, now_ms: int) -> None:
        with self._writing() as writer:
            self._renew(writer, self._boot_ms(), wall_ms, now_ms)

    def forget_answers(self, before_stamp: int, limit: int) -> int:
        with self._writing() as writer:
            old, until = 0, 0
            for place, row in writer.execute("SELECT place, row FROM answers ORDER BY place LIMIT ?", (limit,)):
                if unpack_answer(row).stamp >= before_stamp:
                    break
                old, until = old + 1, place
            if old:
                writer.execute("DELETE FROM answers WHERE place <= ?", (until,))
        return old

    def free_bytes(self) -> int:
        with self._in_our_words():
            return self._ballast.room(self._room())

    def _room(self) -> int:
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize

    def close(self) -> None:
        super().close()
        writer, self._writer = self._writer, None
        if writer is None:
            return
        with self._in_our_words():
            try:
                if not self._broken:
                    self._broken = "not released"
                    writer.execute(
                        "UPDATE lease SET holder = x'', last_lsn = ? WHERE epoch = ?", (self._last_lsn, self._epoch)
                    )
                    self._broken = ""
            finally:
                if self._broken:  # the pages in memory are not to be trusted: nothing more is written
                    writer.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
                writer.close(True)

    @contextmanager
    def _writing(self) -> Iterator[apsw.Connection]:
        """The writing connection; a failure on it is the last thing it does."""
        if self._broken:
            raise StoreError(f"{self.path}: closed to commits after: {self._broken}")
        assert self._writer is not None, "the store is not open"
        try:
            with self._in_our_words():
                yield self._writer
        except BaseException as error:
            self._broken = str(error) or type(error).__name__
            raise

    def _trim(self, writer: apsw.Connection, count: int) -> None:
        """Sealed records leave the journal within the commits that make it longer, two for each new one: no stall of
        its own, no sync of its own."""
        until = min(self._sealed, self._oldest + 2 * count - 1)
        writer.execute("DELETE FROM journal WHERE lsn BETWEEN ? AND ?", (self._oldest, until))
        self._oldest = until + 1

    def _note_sealed(self, writer: apsw.Connection) -> None:
        segments = self.segments()
        self._sealed = segments[-1].last if segments else 0
        self._oldest = writer.execute("SELECT coalesce(min(lsn), 1) FROM journal").get

    def _take(self, writer: apsw.Connection) -> Opened:
        writer.set_busy_timeout(_OPEN_BUSY_MS)
        try:
            configure(writer, self.path)
            torn = self._unread_log(writer)
            writer.execute("BEGIN IMMEDIATE")
        except apsw.BusyError as error:
            raise LeaseHeld(f"{self.path}: another process is writing to it") from error
        created = not writer.execute("SELECT count(*) FROM sqlite_schema").get
        if created:
            writer.execute(_SCHEMA)
        check_format(writer, self.path)
        epoch, holder, renewed, wall, now = writer.execute(
            "SELECT epoch, holder, renewed_ms, wall_ms, now_ms FROM lease"
        ).get
        boot_now = self._boot_ms()
        self._refuse_while_held(holder, renewed, boot_now)
        # The first commit renews at once: with it the clocks become known, from which the next start counts our absence.
        self._epoch, self._renewed_ms = epoch + 1, boot_now - _RENEW_AFTER_MS
        writer.execute(
            "UPDATE lease SET epoch = ?, holder = ?, renewed_ms = ?",
            (self._epoch, _encoder.encode(self._holder), boot_now),
        )
        self._last_lsn, last_hash = _last(writer)
        if cut := _cut_off(writer, self._last_lsn):
            raise cut[0]
        writer.execute("COMMIT")
        writer.set_busy_timeout(_COMMIT_BUSY_MS)
        if isinstance(torn, Corrupt):
            raise torn
        if torn:  # the log begins anew, so that what is left out now is not met again
            writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        sync_ms = self._probe(writer)
        remarks: tuple[str, ...] = (torn,) if torn else ()
        if sync_ms > _SYNC_LIMIT_MS / 10:
            remarks += (
                f"{self.path}: a commit takes {sync_ms:.0f} ms to be durable here: every answer waits for that",
            )
        return Opened(self._epoch, self._last_lsn, last_hash, wall, now, created, remarks, sync_ms)

    def _unread_log(self, writer: apsw.Connection) -> str | Corrupt:
        """Asked before the lease is looked at, judged after it: a living owner's log is being written."""
        writer.execute("SELECT count(*) FROM sqlite_schema").fetchall()  # SQLite reads the log now
        try:
            return Log(self.path, self._vfs).unread(writer)
        except Corrupt as error:
            return error

    def _probe(self, writer: apsw.Connection) -> float:
        """Milliseconds of the quickest of a few real commits. Raises :class:`StoreError` when even that is too long."""
        took = []
        for _ in range(_SYNC_TRIES):
            before = time.perf_counter()
            writer.execute("UPDATE lease SET renewed_ms = ? WHERE epoch = ?", (self._boot_ms(), self._epoch))
            took.append((time.perf_counter() - before) * 1_000)
        if min(took) > _SYNC_LIMIT_MS:
            raise StoreError(
                f"{self.path}: a commit takes {min(took):.0f} ms to be durable, wanted at most {_SYNC_LIMIT_MS:.0f}:"
                " move the store to a disk that can sync"
            )
        return min(took)

    def _refuse_while_held(self, held_by: bytes, renewed_ms: int, now_ms: int) -> None:
        if not held_by:
            return
        try:
            holder = _holder_decoder.decode(held_by)
        except (ValueError, TypeError) as error:  # TypeError: the column holds no bytes
            raise Corrupt(f"{self.path}: the lease cannot be read: {error}", 0) from error
        left = renewed_ms + VALID_MS - now_ms
        if holder.is_same_boot(self._holder) and left > 0 and not holder.is_surely_gone(self._holder):
            raise LeaseHeld(
                f"{self.path}: another engine (process {holder.pid}) owns this store; it renewed its lease"
                f" {max(0, now_ms - renewed_ms)} ms ago, and the lease is valid for {VALID_MS} ms"
            )

    def _renew(self, writer: apsw.Connection, boot_now: int, wall_ms: int, now_ms: int) -> None:
        writer.execute(
            "UPDATE lease SET renewed_ms = ?, wall_ms = ?, now_ms = ?, last_lsn = ? WHERE epoch = ?",
            (boot_now, wall_ms, now_ms, self._last_lsn, self._epoch),
        )
        if writer.changes() != 1:
            raise self._lease_lost(writer)
        self._renewed_ms = boot_now
        self._note_sealed(writer)

    def _lease_lost(self, writer: apsw.Connection) -> LeaseLost:
        epoch = writer.execute("SELECT epoch FROM lease").get
        return LeaseLost(f"{self.path}: another engine took this store: our epoch {self._epoch}, now {epoch}")


def _cut_off(connection: apsw.Connection, last_lsn: int) -> list[Corrupt]:
    """A damaged page can hide the newest rows without a trace in themselves; the lease remembers how far they went."""
    known = connection.execute("SELECT last_lsn FROM lease").get
    if last_lsn >= known:
        return []
    return [Corrupt(f"journal record {last_lsn + 1} is missing: the journal once went to {known}", last_lsn + 1)]


def _last(connection: apsw.Connection) -> tuple[int, bytes]:
    found = connection.execute("SELECT lsn, row FROM journal ORDER BY lsn DESC LIMIT 1").fetchone()
    if found is None:
        return 0, b""
    record = unpack_record(*found)
    return record.lsn, record.hash


def _blobs(values: list[bytes]) -> apsw.CArrayBinding:
    return apsw.carray(tuple(values), flags=apsw.SQLITE_CARRAY_BLOB)
