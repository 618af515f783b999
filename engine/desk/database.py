"""The desk's own database: a SQLite file beside the journal, or a schema of its own in the journal's PostgreSQL.

Everything here blocks, and is called through ``run_blocking``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import Executable, Select
from sqlalchemy.sql.schema import Table

from engine.desk.schema import METADATA, PROGRESS
from engine.desk.sealing import Sealer
from engine.ports import StoreError

FILE = "desk.db"
# Readers at once, and a writer: what the door to threads lets through.
_CONNECTIONS = 8
_BUSY_MS = 5_000


class Reading:
    """A look at the tables, as of one moment."""

    def __init__(self, connection: Connection, sealer: Sealer) -> None:
        self.connection = connection
        self.sealer = sealer

    def rows(self, select: Select[Any]) -> list[Any]:
        return list(self.connection.execute(select))

    def row(self, select: Select[Any]) -> Any | None:
        return self.connection.execute(select).first()


class Pen(Reading):
    """Writes the tables of one batch of records. Changes of one row are gathered, and written together."""

    def __init__(self, connection: Connection, sealer: Sealer) -> None:
        super().__init__(connection, sealer)
        self._changes: dict[Table, dict[tuple[Any, ...], dict[str, Any]]] = {}
        self._insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert

    def change(self, table: Table, **values: Any) -> None:
        """Set columns of the row that the key columns among ``values`` name; a new row has the defaults elsewhere."""
        key = tuple(values[column.name] for column in table.primary_key)
        self._changes.setdefault(table, {}).setdefault(key, {}).update(values)

    def execute(self, statement: Executable) -> None:
        self.flush()
        self.connection.execute(statement)

    def rows(self, select: Select[Any]) -> list[Any]:
        self.flush()
        return super().rows(select)

    def row(self, select: Select[Any]) -> Any | None:
        self.flush()
        return super().row(select)

    def flush(self) -> None:
        for table, changes in self._changes.items():
            shapes: dict[tuple[str, ...], list[dict[str, Any]]] = {}
            for values in changes.values():
                shapes.setdefault(tuple(sorted(values)), []).append(values)
            for names, rows in shapes.items():
                self._upsert(table, names, rows)
        self._changes.clear()

    def _upsert(self, table: Table, names: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
        keys = [column.name for column in table.primary_key]
        insert = self._insert(table)
        others = {name: insert.excluded[name] for name in names if name not in keys}
        if others:
            insert = insert.on_conflict_do_update(index_elements=keys, set_=others)
        else:
            insert = insert.on_conflict_do_nothing(index_elements=keys)
        self.connection.execute(insert, rows)


class Database:
    """``place``: a file, or a URL of PostgreSQL with the schema in it (see :func:`open_database`)."""

    def __init__(self, engine: Engine, sealer: Sealer, name: str) -> None:
        self.engine = engine
        self.sealer = sealer
        self.name = name

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        with self.engine.connect() as connection:
            yield Reading(connection, self.sealer)

    @contextmanager
    def writing(self) -> Iterator[Pen]:
        """One transaction: all or nothing."""
        with self.engine.begin() as connection:
            pen = Pen(connection, self.sealer)
            yield pen
            pen.flush()

    def progress(self) -> int:
        """The last record that the tables show; 0: none."""
        with self.engine.connect() as connection:
            return int(connection.execute(select(PROGRESS.c.lsn)).scalar_one())

    def close(self) -> None:
        self.engine.dispose()


def open_database(place: Path | str, sealer: Sealer, *, schema: str = "") -> Database:
    """A file, or a ``postgresql://`` URL whose ``schema`` is made if need be (empty: after the journal's).

    The tables are brought to this release's form. Raises ``StoreError``.
    """
    from engine.desk.migrations import upgrade

    engine = _sqlite(place) if isinstance(place, Path) else _postgresql(place, schema)
    try:
        with engine.begin() as connection:
            upgrade(connection, METADATA)
    except DBAPIError as error:
        engine.dispose()
        raise StoreError(f"the desk's tables cannot be opened: {_said(error)}") from error
    return Database(engine, sealer, FILE if isinstance(place, Path) else "schema")


def _said(error: DBAPIError) -> str:
    return str(error.orig).strip().partition("\n")[0]


# --- SQLite ---------------------------------------------------------------------------------------------------------


def _sqlite(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}", pool_size=_CONNECTIONS, connect_args={"timeout": _BUSY_MS / 1000})
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine


def _configure(connection: Any, _record: object) -> None:
    """The tables can be made again: a commit need not wait for the disk, and the file is whole all the same."""
    connection.isolation_level = None  # the module's own idea of when a transaction begins would leave DDL out of it
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "trusted_schema = 0", "cell_size_check = 1"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


# --- PostgreSQL -----------------------------------------------------------------------------------------------------


def _postgresql(url: str, schema: str) -> Engine:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    told = conninfo_to_dict(url)
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            current = connection.execute("SELECT current_schema()").fetchone()
            schema = schema or desk_schema(None if current is None else current[0])
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)}".encode())
    except psycopg.Error as error:
        raise StoreError(f"the desk's tables cannot be opened: {str(error).strip().partition(chr(10))[0]}") from error
    options = f"{told.get('options') or ''} -csearch_path={schema}".strip()
    return create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(url, options=options), pool_size=_CONNECTIONS
    )


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def desk_schema(journal: str | None) -> str:
    """``sluice_desk`` beside a journal in the public schema; several journals in one database have one each."""
    return "sluice_desk" if journal in (None, "public") else f"{journal}_desk"


def count_rows(connection: Connection, table: Table) -> int:
    return int(connection.execute(select(func.count()).select_from(table)).scalar_one())
