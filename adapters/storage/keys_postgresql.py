"""Wrapped keys in a PostgreSQL schema of their own (``sluice_keys`` beside a journal in ``public``, ``NAME_keys`` else)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import psycopg
from psycopg import sql

from engine.ports import KeyRow, StoreError

T = TypeVar("T")


class PostgresqlKeys:
    """``engine.ports.KeyStore``; one call at a time, from any thread. A connection that was lost is opened again once.

    Erasing holds from when the server has recycled its write-ahead log, which is where a destroyed row still stands.
    """

    def __init__(self, url: str) -> None:
        """Raises ``StoreError``."""
        self._url = url
        self._connection: psycopg.Connection[Any] | None = None
        self._table = sql.Identifier("")
        self._try(self._prepare)

    def find(self, subjects: Sequence[tuple[str, str]]) -> list[KeyRow]:
        if not subjects:
            return []
        statement = sql.SQL(
            "SELECT k.tenant, k.subject, k.id, k.wrapped FROM {} k JOIN unnest(%s::text[], %s::text[]) w (tenant, subject)"
            " USING (tenant, subject)"
        ).format(self._table)
        given = [each[0] for each in subjects], [each[1] for each in subjects]
        rows = self._try(lambda connection: connection.execute(statement, given).fetchall())
        found = {(row[0], row[1]): KeyRow(row[0], row[1], bytes(row[2]), bytes(row[3])) for row in rows}
        return [found[each] for each in subjects if each in found]

    def add(self, rows: Sequence[KeyRow]) -> list[KeyRow]:
        statement = sql.SQL("INSERT INTO {} VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING").format(self._table)

        def insert(connection: psycopg.Connection[Any]) -> None:
            with connection.transaction():
                connection.execute("SET LOCAL synchronous_commit = on")
                for row in rows:
                    connection.execute(statement, (row.tenant, row.subject, row.id, row.wrapped))

        self._try(insert)
        return self.find([(row.tenant, row.subject) for row in rows])

    def remove(self, tenant: str, subject: str) -> None:
        def destroy(connection: psycopg.Connection[Any]) -> None:
            delete = sql.SQL("DELETE FROM {} WHERE tenant = %s AND subject = %s").format(self._table)
            connection.execute(delete, (tenant, subject))
            connection.execute(sql.SQL("VACUUM {}").format(self._table))

        self._try(destroy)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _prepare(self, connection: psycopg.Connection[Any]) -> None:
        schema = _schema_of(connection)
        self._table = sql.Identifier(schema, "keys")
        connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
        connection.execute(
            sql.SQL(
                "CREATE TABLE IF NOT EXISTS {} (tenant text NOT NULL, subject text NOT NULL, id bytea NOT NULL,"
                " wrapped bytea NOT NULL, PRIMARY KEY (tenant, subject))"
            ).format(self._table)
        )

    def _try(self, work: Callable[[psycopg.Connection[Any]], T]) -> T:
        for last in (False, True):
            try:
                if self._connection is None or self._connection.closed:
                    self._connection = psycopg.connect(self._url, autocommit=True)
                return work(self._connection)
            except psycopg.OperationalError as error:
                if last:
                    raise StoreError(f"keys: PostgreSQL does not answer, got {_said(error)}") from error
                self.close()
            except psycopg.Error as error:
                raise StoreError(f"keys: got {_said(error)}") from error
        raise AssertionError("either it worked or it was raised")


def has_keys(url: str) -> bool:
    """Whether this journal's texts are sealed, as far as its keys tell. Raises ``StoreError``."""
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            found = connection.execute(
                "SELECT 1 FROM pg_tables WHERE schemaname = %s AND tablename = 'keys'", (_schema_of(connection),)
            )
            return found.fetchone() is not None
    except psycopg.Error as error:
        raise StoreError(f"keys: PostgreSQL does not answer, got {_said(error)}") from error


def _schema_of(connection: psycopg.Connection[Any]) -> str:
    row = connection.execute("SELECT current_schema()").fetchone()
    journal = row[0] if row else "public"
    return "sluice_keys" if journal in (None, "public") else f"{journal}_keys"


def _said(error: psycopg.Error) -> str:
    return str(error).strip().partition("\n")[0]
