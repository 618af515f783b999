"""The desk's tables that belong to no room, and the metadata that all rooms' tables join."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, LargeBinary, MetaData, Table, Text
from sqlalchemy import text as sql

METADATA = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)

# One row: the tables show the journal up to this record, whose stamp says of which history it is.
PROGRESS = Table(
    "desk_progress",
    METADATA,
    Column("one", BigInteger, primary_key=True, autoincrement=False),
    Column("lsn", BigInteger, nullable=False, server_default="0"),
    Column("stamp", BigInteger, nullable=False, server_default="0"),
)


def text(name: str, *, key: bool = False) -> Column[str]:
    return Column(name, Text, primary_key=key, nullable=False, server_default=None if key else sql("''"))


def number(name: str, *, key: bool = False) -> Column[int]:
    """A count, an instant in ms (0: never), an lsn, a contact."""
    if key:
        return Column(name, BigInteger, primary_key=True, autoincrement=False, nullable=False)
    return Column(name, BigInteger, nullable=False, server_default="0")


def sealed(name: str) -> Column[bytes]:
    """Personal data, sealed with the subject's key; None: nothing."""
    return Column(name, LargeBinary, nullable=True)
