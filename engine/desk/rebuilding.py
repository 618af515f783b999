"""The tables made anew beside the old ones, from the journal and its archive alone; and what differs, row by row."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from itertools import zip_longest
from typing import Any

import msgspec
from sqlalchemy import Connection, Table, select

from engine.desk.database import Database
from engine.desk.feeding import feed_from
from engine.desk.folding import Folds
from engine.desk.schema import METADATA, PROGRESS
from engine.ports import Committed, StoreError

Read = Callable[[int, int], list[Committed]]


class Difference(msgspec.Struct, frozen=True):
    """The first row that is not the same: ``key`` as column=value; ``column`` empty: one side has no such row.

    Sealed bytes are shown as their length, texts of rows are not personal.
    """

    table: str
    key: str
    column: str
    got: str
    wanted: str


class Verdict(msgspec.Struct, frozen=True, omit_defaults=True):
    """``rows`` by table, of the tables made anew; ``wanted`` in ``first`` is what the journal gives."""

    ok: bool
    lsn: int
    rows: dict[str, int]
    replaced: bool = False
    first: Difference | None = None


def check(live: Database, anew: Database, read: Read, folds: Folds) -> Verdict:
    """``anew`` is empty. An engine may go on feeding ``live``: one moment of it is looked at. Blocks."""
    with live.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
        until = int(connection.execute(select(PROGRESS.c.lsn)).scalar_one())
        make(anew, read, folds, until)
        with anew.engine.connect() as other:
            rows: dict[str, int] = {}
            for table in METADATA.sorted_tables:
                rows[table.name], first = _compare(table, connection, other)
                if first is not None:
                    return Verdict(False, until, rows, first=first)
    return Verdict(True, until, rows)


def make(anew: Database, read: Read, folds: Folds, until: int) -> Verdict:
    """Write the tables up to record ``until``. Raises ``StoreError`` when the journal does not reach so far."""
    reached = feed_from(read, anew, folds, until)
    if reached != until:
        raise StoreError(f"the tables show record {until}, and the journal can be read to {reached}")
    with anew.engine.connect() as connection:
        rows = {table.name: sum(1 for _ in _rows(table, connection)) for table in METADATA.sorted_tables}
    return Verdict(True, until, rows)


def _rows(table: Table, connection: Connection) -> Generator[Any]:
    """In order of their keys, a thousand at a time in memory."""
    select_all = table.select().order_by(*table.primary_key)
    with connection.execution_options(yield_per=1_000).execute(select_all) as found:
        yield from found


def _compare(table: Table, live: Connection, anew: Connection) -> tuple[int, Difference | None]:
    with closing(_rows(table, live)) as got, closing(_rows(table, anew)) as wanted:
        return _first_difference(table, got, wanted)


def _first_difference(table: Table, live: Iterator[Any], anew: Iterator[Any]) -> tuple[int, Difference | None]:
    keys = [column.name for column in table.primary_key]
    count = 0
    for got, wanted in zip_longest(live, anew):
        if got == wanted:
            count += 1
            continue
        if got is None or wanted is None or _key(got, keys) != _key(wanted, keys):
            row = wanted if got is None else got
            return count, Difference(table.name, _key(row, keys), "", _there(got, keys), _there(wanted, keys))
        column = next(name for name in got._fields if getattr(got, name) != getattr(wanted, name))
        shown = (_shown(getattr(row, column)) for row in (got, wanted))
        return count, Difference(table.name, _key(got, keys), column, *shown)
    return count, None


def _key(row: Any, keys: list[str]) -> str:
    return ", ".join(f"{name}={getattr(row, name)}" for name in keys)


def _there(row: Any | None, keys: list[str]) -> str:
    return "no more rows" if row is None else _key(row, keys)


def _shown(value: object) -> str:
    return f"{len(value)} sealed bytes" if isinstance(value, bytes) else str(value)[:200]
