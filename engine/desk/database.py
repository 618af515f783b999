"""The desk's own database: a SQLite file beside the journal, or a schema of its own in the journal's PostgreSQL.

Everything here blocks, and is called through ``run_blocking``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import Executable, Insert, Select
from sqlalchemy.sql.schema import Table

from engine.desk.schema import METADATA, PROGRESS
from engine.desk.settings import NO_SETTINGS, Settings
from engine.ports import Sealer, StoreError

# Readers at once, and a writer: what the door to threads lets through.
_CONNECTIONS = 8
_BUSY_MS = 5_000


class Reading:
    """A look at the tables, as of one moment: ``now`` in dispatcher ms. ``settings`` are for answers, never for folds."""

    def __init__(self, connection: Connection, sealer: Sealer, now: int = 0, settings: Settings = NO_SETTINGS) -> None:
        self.connection = connection
        self.sealer = sealer
        self.now = now
        self.settings = settings

    def rows(self, select: Select[Any], **values: Any) -> list[Any]:
        """``values``: of the bound parameters of a statement that is made once for all."""
        return list(self.connection.execute(select, values))

    def row(self, select: Select[Any], **values: Any) -> Any | None:
        return self.connection.execute(select, values).first()


class Pen(Reading):
    """Writes the tables of one batch of records. Changes of one row are gathered, and written together.

    ``touched``: the customers (tenant, key) about whom something changed.
    """

    def __init__(self, connection: Connection, sealer: Sealer) -> None:
        super().__init__(connection, sealer)
        self._changes: dict[Table, dict[tuple[Any, ...], dict[str, Any]]] = {}
        self._rows: dict[Table, list[tuple[int, ...]]] = {}
        self.touched: set[tuple[str, str]] = set()

    def change(self, table: Table, **values: Any) -> None:
        """Set columns of the row that the key columns among ``values`` name; a new row has the defaults elsewhere."""
        key = tuple(values[column.name] for column in table.primary_key)
        self._changes.setdefault(table, {}).setdefault(key, {}).update(values)

    def append(self, table: Table, rows: Sequence[tuple[int, ...]]) -> None:
        """Many new rows of numbers, in the columns' order; those that are there already stay."""
        self._rows.setdefault(table, []).extend(rows)

    def execute(self, statement: Executable) -> None:
        self.flush()
        self.connection.execute(statement)

    def rows(self, select: Select[Any], **values: Any) -> list[Any]:
        self.flush()
        return super().rows(select, **values)

    def row(self, select: Select[Any], **values: Any) -> Any | None:
        self.flush()
        return super().row(select, **values)

    def flush(self) -> None:
        for table, changes in self._changes.items():
            shapes: dict[tuple[str, ...], list[dict[str, Any]]] = {}
            for values in changes.values():
                shapes.setdefault(tuple(sorted(values)), []).append(values)
            for names, rows in shapes.items():
                self.connection.execute(_upsert(self.connection.dialect.name, table, names), rows)
        self._changes.clear()
        mark = "%s" if self.connection.dialect.name == "postgresql" else "?"
        for table, numbers in self._rows.items():
            marks = ", ".join([mark] * len(table.columns))
            self.connection.exec_driver_sql(
                f"INSERT INTO {table.name} VALUES ({marks}) ON CONFLICT DO NOTHING",  # names of our own
                numbers,
            )
        self._rows.clear()


@cache
def _upsert(dialect: str, table: Table, names: tuple[str, ...]) -> Insert:
    """Rows with these columns, put over those that have their keys. Made once: it takes longer than to carry it out."""
    keys = [column.name for column in table.primary_key]
    insert = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    others = {name: insert.excluded[name] for name in names if name not in keys}
    if others:
        return insert.on_conflict_do_update(index_elements=keys, set_=others)
    return insert.on_conflict_do_nothing(index_elements=keys)


class Database:
    """The tables at one place (see :func:`open_database`)."""

    def __init__(self, engine: Engine, sealer: Sealer, place: SqlitePlace | SchemaPlace) -> None:
        self.engine = engine
        self.sealer = sealer
        self.place = place

    @contextmanager
    def reading(self, now: int = 0, settings: Settings = NO_SETTINGS) -> Iterator[Reading]:
        with self.engine.connect() as connection:
            yield Reading(connection, self.sealer, now, settings)

    @contextmanager
    def writing(self) -> Iterator[Pen]:
        """One transaction: all or nothing."""
        with self.engine.begin() as connection:
            pen = Pen(connection, self.sealer)
            yield pen
            pen.flush()

    def progress(self) -> tuple[int, int]:
        """The last record that the tables show (0: none), and its stamp."""
        with self.engine.connect() as connection:
            row = connection.execute(select(PROGRESS.c.lsn, PROGRESS.c.stamp)).one()
            return int(row.lsn), int(row.stamp)

    def close(self) -> None:
        self.engine.dispose()

    def take_the_place_of(self, old: Database) -> None:
        """These tables instead of those, which are gone; both are closed afterwards. Nobody else may use them."""
        self.close()
        old.close()
        old.place.replace_with(self.place)

    def drop(self) -> None:
        """Away with the tables and all that is in them."""
        self.close()
        self.place.remove()


def open_database(where: Path | str, sealer: Sealer, *, beside: bool = False) -> Database:
    """A file, or a ``postgresql://`` URL: there a schema of its own, named after the journal's.

    ``beside``: new and empty tables next to those, to be compared with them or to take their place.
    The tables are brought to this release's form. Raises ``StoreError``.
    """
    from engine.desk.migrations import upgrade

    place: SqlitePlace | SchemaPlace
    place = SqlitePlace(where, beside) if isinstance(where, Path) else SchemaPlace.of(where, beside)
    if beside:
        place.remove()
    engine = place.engine()
    try:
        with engine.begin() as connection:
            upgrade(connection, METADATA)
    except DBAPIError as error:
        engine.dispose()
        said = str(error.orig).strip().partition("\n")[0]
        raise StoreError(f"the desk's tables cannot be opened: {said}") from error
    return Database(engine, sealer, place)


# --- SQLite ---------------------------------------------------------------------------------------------------------


class SqlitePlace:
    def __init__(self, path: Path, beside: bool) -> None:
        self.path = path.with_name(f"{path.name}.new") if beside else path

    def engine(self) -> Engine:
        made = create_engine(
            f"sqlite:///{self.path}", pool_size=_CONNECTIONS, connect_args={"timeout": _BUSY_MS / 1000}
        )
        event.listen(made, "connect", _configure)
        event.listen(made, "begin", _begin)
        return made

    def replace_with(self, other: Any) -> None:
        self.remove()
        other.path.replace(self.path)
        other.remove()

    def remove(self) -> None:
        for ending in ("-wal", "-shm", ""):
            self.path.with_name(self.path.name + ending).unlink(missing_ok=True)


def _configure(connection: Any, _record: object) -> None:
    """The tables can be made again: a commit need not wait for the disk, and the file is whole all the same."""
    connection.isolation_level = None  # the module's own idea of when a transaction begins would leave DDL out of it
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "trusted_schema = 0", "cell_size_check = 1"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


# --- PostgreSQL -----------------------------------------------------------------------------------------------------


class SchemaPlace:
    """A schema of its own: ``sluice_desk`` beside a journal in ``public``; several journals in one database have one each."""

    def __init__(self, url: str, schema: str) -> None:
        self.url = url
        self.schema = schema

    @classmethod
    def of(cls, url: str, beside: bool) -> SchemaPlace:
        place = cls(url, "")
        found = place._run("SELECT current_schema()")
        journal = found[0][0] if found else "public"
        place.schema = ("sluice_desk" if journal in (None, "public") else f"{journal}_desk") + "_new" * beside
        return place

    def engine(self) -> Engine:
        import psycopg
        from psycopg.conninfo import conninfo_to_dict

        self._run(f"CREATE SCHEMA IF NOT EXISTS {_quoted(self.schema)}")
        options = f"{conninfo_to_dict(self.url).get('options') or ''} -csearch_path={_quoted(self.schema)}".strip()
        return create_engine(
            "postgresql+psycopg://",
            creator=lambda: psycopg.connect(self.url, options=options),
            pool_size=_CONNECTIONS,
        )

    def replace_with(self, other: Any) -> None:
        old, new = _quoted(self.schema), _quoted(other.schema)
        self._run(f"BEGIN; DROP SCHEMA {old} CASCADE; ALTER SCHEMA {new} RENAME TO {old}; COMMIT")

    def remove(self) -> None:
        self._run(f"DROP SCHEMA IF EXISTS {_quoted(self.schema)} CASCADE")

    def _run(self, statement: str) -> list[Any]:
        """Raises ``StoreError``."""
        import psycopg

        try:
            with psycopg.connect(self.url, autocommit=True) as connection:
                done = connection.execute(statement.encode())
                return done.fetchall() if done.description else []
        except psycopg.Error as error:
            said = str(error).strip().partition("\n")[0]
            raise StoreError(f"the desk's tables cannot be opened: {said}") from error


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
