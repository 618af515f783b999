"""The journal's tables in PostgreSQL, and what of the server durability rests on: checked when a journal is opened.

Tables are found by the connection's search path (``?options=-csearch_path%3Dshop`` in the URL names a schema), so that
one database may hold several journals. Rows are the embedded store's blobs, one layout for both (``rows.py``).
"""

from __future__ import annotations

from typing import Any

import psycopg

from engine.ports import StoreError

Connection = psycopg.Connection[tuple[Any, ...]]

# The oldest line that its makers still mend; tested with 15.
SERVER_FLOOR = 140_000
FORMAT = 1

SCHEMA = """
CREATE TABLE sluice_journal (lsn bigint PRIMARY KEY, row bytea NOT NULL);
CREATE TABLE sluice_answers (
    place bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, key bytea NOT NULL, row bytea NOT NULL
);
CREATE INDEX sluice_answers_by_key ON sluice_answers (key);
CREATE TABLE sluice_messages (place bytea PRIMARY KEY, lsn bytea NOT NULL);
CREATE TABLE sluice_snapshots (lsn bigint, part int, data bytea NOT NULL, PRIMARY KEY (lsn, part));
CREATE TABLE sluice_segments (
    first bigint PRIMARY KEY, last bigint NOT NULL, previous bytea NOT NULL, hash bytea NOT NULL, digest bytea NOT NULL,
    sealed_ms bigint NOT NULL, data bytea NOT NULL
);
ALTER TABLE sluice_segments ALTER data SET STORAGE EXTERNAL;
CREATE TABLE sluice_lease (
    one int PRIMARY KEY CHECK (one = 1), format int NOT NULL, epoch bigint NOT NULL, holder bytea NOT NULL,
    holder_name text NOT NULL, renewed timestamptz NOT NULL, wall_ms bigint NOT NULL, now_ms bigint NOT NULL,
    last_lsn bigint NOT NULL
) WITH (fillfactor = 10);
"""
# Two openers of an empty schema: one makes the tables, the other waits for it.
MAKING = 0x534C5543  # "SLUC"

# What a commit's promise rests on: (setting, values under which it holds).
_SETTINGS = (
    ("fsync", ("on",)),
    ("full_page_writes", ("on",)),
    ("synchronous_commit", ("on", "remote_apply")),
    ("default_transaction_read_only", ("off",)),
)


def check_server(connection: Connection, where: str) -> None:
    """Raises :class:`StoreError` for a server that is too old, follows another one, or does not sync its commits."""
    version = connection.info.server_version
    if version < SERVER_FLOOR:
        raise StoreError(f"{where}: PostgreSQL {version // 10_000}; wanted at least {SERVER_FLOOR // 10_000}")
    if _one(connection, "SELECT pg_is_in_recovery()"):
        raise StoreError(f"{where}: the server is a standby and takes no commits; wanted the primary")
    for name, wanted in _SETTINGS:
        got = _one(connection, "SELECT current_setting(%s)", name)
        if got not in wanted:
            raise StoreError(
                f"{where}: {name} is {got!r}, wanted {' or '.join(map(repr, wanted))}: a commit could be lost;"
                f" mend it with: ALTER SYSTEM SET {name} = '{wanted[0]}'; SELECT pg_reload_conf()"
            )


def has_tables(connection: Connection) -> bool:
    return _one(connection, "SELECT to_regclass('sluice_lease')") is not None


def check_format(connection: Connection, where: str) -> None:
    found = _one(connection, "SELECT format FROM sluice_lease")
    if found != FORMAT:
        raise StoreError(f"{where}: journal format {found}; this release reads format {FORMAT}")


def make_tables(connection: Connection) -> bool:
    """True when there were none. Inside the opener's transaction; waits for another opener that is making them."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (MAKING,))
    if has_tables(connection):
        return False
    connection.execute(SCHEMA)
    connection.execute(
        "INSERT INTO sluice_lease VALUES (1, %s, 0, '', '', to_timestamp(0), 0, 0, 0)",
        (FORMAT,),
    )
    return True


def _one(connection: Connection, query: str, *values: object) -> Any:
    row = connection.execute(query, values).fetchone()
    return row[0] if row is not None else None
