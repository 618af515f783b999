"""A journal in PostgreSQL. A commit is one statement in one round trip: nothing is held between the two.

The statement renews the lease where its epoch is still ours, and only then adds the rows; the row lock on the lease puts
it before or after any opener's. A connection lost meanwhile leaves the result unknown: it is read back before deciding.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec
import psycopg
from psycopg import errors
from psycopg_pool import ConnectionPool, PoolTimeout

from adapters.storage.lease import VALID_MS, Holder
from adapters.storage.postgresql_schema import Connection, check_format, check_server, has_tables, make_tables
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
from adapters.storage.snapshot_files import KEPT
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

T = TypeVar("T")

# A server that does not answer this long is taken for unreachable; twice that is less than the lease.
_CONNECT_S = 2
# An opener waits this long for a commit in progress, so that a second engine refuses within a second.
_OPEN_WAIT = "400ms"
# Sockets on which nothing is heard are given up within the lease.
_SOCKET = {"keepalives_idle": 2, "keepalives_interval": 1, "keepalives_count": 2, "tcp_user_timeout": 4_000}
_READERS = 4
# A snapshot of a million contacts has half a gigabyte, a value of PostgreSQL at most one.
_PART_BYTES = 8 << 20
# The server's disk cannot be asked for by SQL.
_UNKNOWN_ROOM = 1 << 40

_COMMIT = f"""
WITH fence AS (
    UPDATE sluice_lease SET renewed = clock_timestamp(), wall_ms = %(wall)s, now_ms = %(now)s, last_lsn = %(last)s
    WHERE epoch = %(epoch)s AND last_lsn = %(before)s RETURNING epoch
), records AS (
    INSERT INTO sluice_journal SELECT %(before)s + place, row
    FROM fence, unnest(%(records)b::bytea[]) WITH ORDINALITY AS given (row, place)
), answers AS (
    INSERT INTO sluice_answers (key, row) SELECT substr(row, 1, {KEY_BYTES}), substr(row, {KEY_BYTES + 1})
    FROM fence, unnest(%(answers)b::bytea[]) WITH ORDINALITY AS given (row, place) ORDER BY place
), messages AS (
    INSERT INTO sluice_messages SELECT substr(row, 1, {PLACE_BYTES}), substr(row, {PLACE_BYTES + 1})
    FROM fence, unnest(%(messages)b::bytea[]) AS given (row)
), trimmed AS (
    DELETE FROM sluice_journal USING fence WHERE lsn <= %(trim)s
)
SELECT count(*) FROM fence
"""

_encoder = msgspec.msgpack.Encoder()
_holder_decoder = msgspec.msgpack.Decoder(Holder)


class PostgresqlJournal:
    """The reading side (``engine.ports.JournalReader``): needs no lease, may look on while an engine runs."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)  # what is shown holds neither user, password nor options
        self.where = f"postgresql://{parts.netloc.rpartition('@')[2]}{parts.path}"
        self._url = url
        self._pool: ConnectionPool[Connection] | None = None
        self._shelves = Shelves(self._load_segment)

    def last_lsn(self) -> int:
        with self._reading() as connection:
            return _last(connection)[0]

    def read(self, after_lsn: int, limit: int) -> list[StoredRecord]:
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT lsn, row FROM sluice_journal WHERE lsn > %s ORDER BY lsn LIMIT %s",
                (after_lsn, limit),
                binary=True,
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
                "SELECT place, lsn FROM sluice_messages WHERE place > %s AND place < %s ORDER BY place LIMIT %s",
                (first, last, limit),
                binary=True,
            ).fetchall()
            for place in places:
                where = unpack_message(*place)
                found = connection.execute(
                    "SELECT row FROM sluice_journal WHERE lsn = %s", (where.lsn,), binary=True
                ).fetchone()
                if found is not None:
                    result.append((where.seq, unpack_record(where.lsn, found[0])))
                elif (sealed := self._shelves.find(self.segments(), where, contact)) is not None:
                    result.append((where.seq, sealed))
        return result

    def read_answers(self, after_place: int, limit: int) -> list[tuple[int, StoredAnswer | Corrupt]]:
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT place, key, row FROM sluice_answers WHERE place > %s ORDER BY place LIMIT %s",
                (after_place, limit),
                binary=True,
            ).fetchall()
        return [check_answer(*row) for row in rows]

    def snapshots(self) -> list[int]:
        with self._reading() as connection:
            return [lsn for (lsn,) in connection.execute("SELECT DISTINCT lsn FROM sluice_snapshots ORDER BY lsn")]

    def load_snapshot(self, lsn: int) -> bytes:
        with self._reading() as connection:
            parts = connection.execute(
                "SELECT data FROM sluice_snapshots WHERE lsn = %s ORDER BY part", (lsn,), binary=True
            ).fetchall()
        if not parts:
            raise StoreError(f"{self.where}: there is no snapshot {lsn}")
        return b"".join(data for (data,) in parts)

    def save_snapshot(self, lsn: int, data: bytes) -> None:
        with self._reading() as connection, connection.transaction():
            connection.execute("DELETE FROM sluice_snapshots WHERE lsn = %s", (lsn,))
            for part, start in enumerate(range(0, max(len(data), 1), _PART_BYTES)):
                connection.execute(
                    "INSERT INTO sluice_snapshots VALUES (%s, %s, %b)", (lsn, part, data[start : start + _PART_BYTES])
                )
            connection.execute(
                "DELETE FROM sluice_snapshots WHERE lsn NOT IN"
                " (SELECT DISTINCT lsn FROM sluice_snapshots ORDER BY lsn DESC LIMIT %s)",
                (KEPT,),
            )

    def segments(self) -> list[Segment]:
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT first, last, previous, hash, digest, sealed_ms, length(data) FROM sluice_segments ORDER BY first",
                binary=True,
            ).fetchall()
        return [Segment(*row) for row in rows]

    def archive(self, through_lsn: int, wall_ms: int, keep_ms: int) -> int:
        made = seal_all(self.read, self.segments(), through_lsn, wall_ms, self._save_segment)
        if keep_ms:
            with self._reading() as connection:
                connection.execute("DELETE FROM sluice_segments WHERE sealed_ms < %s", (wall_ms - keep_ms,))
        return made

    def _save_segment(self, segment: Segment, data: bytes) -> None:
        with self._reading() as connection:
            connection.execute(
                "INSERT INTO sluice_segments VALUES (%s, %s, %b, %b, %b, %s, %b)",
                (segment.first, segment.last, segment.previous, segment.hash, segment.digest, segment.sealed_ms, data),
            )

    def _load_segment(self, segment: Segment) -> bytes:
        with self._reading() as connection:
            found = connection.execute(
                "SELECT data FROM sluice_segments WHERE first = %s", (segment.first,), binary=True
            ).fetchone()
        if found is None:
            raise Corrupt(f"archive segment {segment.first} is missing", segment.first)
        return bytes(found[0])

    def damage(self) -> list[str]:
        """What the server itself can say of its pages (``data_checksums``, amcheck) is asked of the server."""
        with self._reading() as connection:
            last = _last(connection)[0]
            cut = _cut_off(connection, last)
        return [str(missing) for missing in cut] + damage(self.segments(), self._load_segment)

    def close(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._in_our_words():
            if self._pool is None:
                with self._connect() as first:  # a wrong address is said at once, and not tried for half a minute
                    self._check_readable(first)
                self._pool = ConnectionPool(
                    self._url, kwargs=_options(), min_size=0, max_size=_READERS, timeout=30, open=True
                )
            with self._pool.connection() as connection:
                yield connection

    def _check_readable(self, connection: Connection) -> None:
        if not has_tables(connection):
            raise StoreError(f"{self.where}: there is no journal here")
        check_format(connection, self.where)

    def _connect(self) -> Connection:
        return psycopg.connect(self._url, **_options())

    @contextmanager
    def _in_our_words(self) -> Iterator[None]:
        try:
            yield
        except (psycopg.Error, PoolTimeout) as error:
            said = " ".join(str(error).split()) or type(error).__name__
            raise StoreError(f"{self.where}: {said}") from error


class PostgresqlStore(PostgresqlJournal):
    """A journal with its writing side (``engine.ports.Store``)."""

    def __init__(self, url: str, *, holder: Holder | None = None) -> None:
        super().__init__(url)
        self._holder = holder or Holder.this_process()
        self._writer: Connection | None = None
        self._broken = ""
        self._epoch = 0
        self._last_lsn = 0
        self._sealed = 0  # the last record that the archive holds
        self._trimmed = 0  # the last record that left the journal for the archive

    def open(self) -> Opened:
        with self._in_our_words():
            writer = self._connect()
            try:
                check_server(writer, self.where)
                with writer.transaction():
                    opened = self._take(writer)
                    trimmed = _value(writer, "SELECT coalesce(min(lsn), 1) - 1 FROM sluice_journal")
            except errors.LockNotAvailable as error:
                writer.close()
                raise LeaseHeld(f"{self.where}: another process is writing to it") from error
            except BaseException:
                writer.close()
                raise
        self._writer, self._broken = writer, ""
        self._epoch, self._last_lsn, self._trimmed = opened.epoch, opened.last_lsn, trimmed
        return opened

    def commit(self, batch: Batch) -> None:
        assert batch.records, "a commit without records"
        first, last = batch.records[0].lsn, batch.records[-1].lsn
        given = {
            "wall": batch.wall_ms,
            "now": batch.now_ms,
            "epoch": self._epoch,
            "before": self._last_lsn,
            "last": last,
            "records": [pack_record(record) for record in batch.records],
            "answers": [pack_answer(answer) for answer in batch.answers],
            "messages": [pack_message(row) for row in batch.messages],
            "trim": (trim := min(self._sealed, self._trimmed + 2 * len(batch.records))),
        }
        with self._writing() as writer:
            assert (first, last) == (self._last_lsn + 1, self._last_lsn + len(batch.records)), "lsns are dense"
            try:
                fenced = writer.execute(_COMMIT, given, prepare=True).fetchone()
            except psycopg.OperationalError as error:
                if not writer.broken:
                    raise
                self._read_back(batch.records[-1], error)
            else:
                if fenced != (1,):
                    raise self._fenced_off(writer)
            self._last_lsn, self._trimmed = last, max(trim, self._trimmed)

    def begin_at(self, after_lsn: int, epoch: int) -> None:
        with self._writing() as writer:
            assert self._last_lsn == 0, "only a new store"
            writer.execute(
                "UPDATE sluice_lease SET epoch = %s, last_lsn = %s WHERE epoch = %s", (epoch, after_lsn, self._epoch)
            )
            self._epoch, self._last_lsn, self._trimmed = epoch, after_lsn, after_lsn

    def cut_tail(self, lsn: int) -> None:
        with self._writing() as writer, writer.transaction():
            assert lsn == self._last_lsn, "only the last record"
            writer.execute("CREATE TABLE IF NOT EXISTS sluice_damaged (lsn bigint, row bytea, put timestamptz)")
            writer.execute(
                "WITH gone AS (DELETE FROM sluice_journal WHERE lsn = %s RETURNING lsn, row)"
                " INSERT INTO sluice_damaged SELECT lsn, row, clock_timestamp() FROM gone",
                (lsn,),
            )
            writer.execute("DELETE FROM sluice_messages WHERE lsn = %b", (lsn.to_bytes(8),))
            for place, row in writer.execute(
                "SELECT place, row FROM sluice_answers ORDER BY place DESC LIMIT 1000", binary=True
            ).fetchall():
                if unpack_answer(row).lsn == lsn:
                    writer.execute("DELETE FROM sluice_answers WHERE place = %s", (place,))
            writer.execute("UPDATE sluice_lease SET last_lsn = %s WHERE epoch = %s", (lsn - 1, self._epoch))
            self._last_lsn = lsn - 1

    def find_answers(self, keys: Sequence[CommandKey]) -> dict[CommandKey, StoredAnswer]:
        if not keys:
            return {}
        packed = [pack_key(key) for key in keys]

        def find(writer: Connection) -> list[tuple[Any, ...]]:
            return writer.execute(
                "SELECT row FROM sluice_answers WHERE key = ANY(%b::bytea[]) ORDER BY place", (packed,), binary=True
            ).fetchall()

        answers = (unpack_answer(row) for (row,) in self._again_if_cut(find))
        wanted = set(keys)
        return {answer.key: answer for answer in answers if answer.key in wanted}

    def renew_lease(self, wall_ms: int, now_ms: int) -> None:
        def renew(writer: Connection) -> None:
            done = writer.execute(
                "UPDATE sluice_lease SET renewed = clock_timestamp(), wall_ms = %s, now_ms = %s WHERE epoch = %s",
                (wall_ms, now_ms, self._epoch),
            )
            if done.rowcount != 1:
                raise self._fenced_off(writer)
            self._sealed = _value(writer, "SELECT coalesce(max(last), 0) FROM sluice_segments")

        self._again_if_cut(renew)

    def forget_answers(self, before_stamp: int, limit: int) -> int:
        def forget(writer: Connection) -> int:
            old, until = 0, 0
            for place, row in writer.execute(
                "SELECT place, row FROM sluice_answers ORDER BY place LIMIT %s", (limit,), binary=True
            ):
                if unpack_answer(row).stamp >= before_stamp:
                    break
                old, until = old + 1, place
            if old:
                writer.execute("DELETE FROM sluice_answers WHERE place <= %s", (until,))
            return old

        return self._again_if_cut(forget)

    def free_bytes(self) -> int:
        """Ample: a server's disk is the server's to watch; a full one fails the commit."""
        return _UNKNOWN_ROOM

    def close(self) -> None:
        super().close()
        writer, self._writer = self._writer, None
        if writer is None:
            return
        try:
            if not self._broken:
                with self._in_our_words():
                    writer.execute(
                        "UPDATE sluice_lease SET holder = '', last_lsn = %s WHERE epoch = %s",
                        (self._last_lsn, self._epoch),
                    )
        finally:
            writer.close()

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """The writing connection; a failure on it is the last thing it does."""
        if self._broken:
            raise StoreError(f"{self.where}: closed to commits after: {self._broken}")
        assert self._writer is not None, "the store is not open"
        try:
            with self._in_our_words():
                yield self._writer
        except BaseException as error:
            self._broken = str(error) or type(error).__name__
            raise

    def _again_if_cut(self, work: Callable[[Connection], T]) -> T:
        """``work`` may be done twice without harm; a connection cut meanwhile is made anew, once."""
        with self._writing() as writer:
            try:
                return work(writer)
            except psycopg.OperationalError:
                if not writer.broken:
                    raise
            return work(self._reconnect())

    def _reconnect(self) -> Connection:
        assert self._writer is not None
        self._writer.close()
        self._writer = self._connect()
        return self._writer

    def _read_back(self, last: StoredRecord, lost: psycopg.Error) -> None:
        """The connection went while the server may have been committing: is our last record there, as we wrote it?

        The lock on the lease waits for a commit still under way. Not there: nothing is tried again; nobody was told of
        it, the senders ask the next engine under the same ids, and a commit that comes late fails at its epoch.
        """
        writer = self._reconnect()
        with writer.transaction():
            writer.execute("SET LOCAL lock_timeout = '4s'")
            epoch = _value(writer, "SELECT epoch FROM sluice_lease FOR UPDATE")
            found = writer.execute("SELECT row FROM sluice_journal WHERE lsn = %s", (last.lsn,), binary=True).fetchone()
        if epoch != self._epoch:
            raise LeaseLost(f"{self.where}: another engine took this store: our epoch {self._epoch}, now {epoch}")
        if found is None or bytes(found[0]) != pack_record(last):
            raise StoreError(
                f"{self.where}: the connection was lost during a commit, and record {last.lsn} is not there"
            ) from lost

    def _take(self, writer: Connection) -> Opened:
        writer.execute(f"SET LOCAL lock_timeout = '{_OPEN_WAIT}'")
        created = make_tables(writer)
        check_format(writer, self.where)
        row = writer.execute(
            "SELECT epoch, holder, holder_name, wall_ms, now_ms,"
            " extract(epoch FROM clock_timestamp() - renewed) * 1000 FROM sluice_lease FOR UPDATE",
            binary=True,
        ).fetchone()
        assert row is not None, "made with the tables"
        epoch, holder, name, wall, now, ago = row
        self._refuse_while_held(bytes(holder), name, float(ago))
        writer.execute(
            "UPDATE sluice_lease SET epoch = %s, holder = %b, holder_name = %s, renewed = clock_timestamp()",
            (epoch + 1, _encoder.encode(self._holder), f"process {self._holder.pid} on {socket.gethostname()}"),
        )
        last_lsn, last_hash = _last(writer)
        if cut := _cut_off(writer, last_lsn):
            raise cut[0]
        return Opened(epoch + 1, last_lsn, last_hash, wall, now, created)

    def _refuse_while_held(self, held_by: bytes, name: str, ago_ms: float) -> None:
        if not held_by:
            return
        try:
            holder = _holder_decoder.decode(held_by)
        except ValueError as error:
            raise Corrupt(f"{self.where}: the lease cannot be read: {error}", 0) from error
        if ago_ms < VALID_MS and not holder.is_surely_gone(self._holder):
            raise LeaseHeld(
                f"{self.where}: another engine ({name}) owns this store; it renewed its lease"
                f" {max(0, round(ago_ms))} ms ago, and the lease is valid for {VALID_MS} ms"
            )

    def _fenced_off(self, writer: Connection) -> StoreError:
        epoch = _value(writer, "SELECT epoch FROM sluice_lease")
        if epoch != self._epoch:
            return LeaseLost(f"{self.where}: another engine took this store: our epoch {self._epoch}, now {epoch}")
        known = _value(writer, "SELECT last_lsn FROM sluice_lease")
        return Corrupt(f"{self.where}: the journal goes to {known}, ours to {self._last_lsn}", self._last_lsn + 1)


def _options() -> dict[str, Any]:
    return {"autocommit": True, "connect_timeout": _CONNECT_S, "fallback_application_name": "sluice", **_SOCKET}


def _last(connection: Connection) -> tuple[int, bytes]:
    found = connection.execute("SELECT lsn, row FROM sluice_journal ORDER BY lsn DESC LIMIT 1", binary=True).fetchone()
    if found is None:
        return 0, b""
    record = unpack_record(*found)
    return record.lsn, record.hash


def _cut_off(connection: Connection, last_lsn: int) -> list[Corrupt]:
    known = _value(connection, "SELECT last_lsn FROM sluice_lease")
    if last_lsn >= known:
        return []
    return [Corrupt(f"journal record {last_lsn + 1} is missing: the journal once went to {known}", last_lsn + 1)]


def _value(connection: Connection, query: str) -> Any:
    row = connection.execute(query).fetchone()
    assert row is not None, "one row, made with the tables"
    return row[0]
