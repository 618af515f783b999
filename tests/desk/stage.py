"""Sets the stage for the desk: the real server, driver and desk on virtual time, tables in a file or a schema."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from engine.desk.customers.records import Records
from engine.desk.database import Database, open_database
from engine.desk.desk import Desk
from engine.desk.rebuilding import Verdict, check
from engine.desk.rooms import all_folds
from engine.desk.schema import METADATA
from engine.desk.settings import AttributeKind, Entitlement, Settings, Tier
from engine.driver import Driver
from engine.ports import Committed
from engine.store.memory import JournalInMemory
from engine.store.records import committed, open_record
from engine.store.sealing import KeyRing, KeysInMemory
from tests.cluster import Cluster
from tests.server.stage import House, house, inline

SETTINGS = Settings(
    attributes={
        "name": AttributeKind(type="string"),
        "birthday": AttributeKind(type="date"),
        "language": AttributeKind(type="enum", personal=False, routing=True, values=("zh", "en")),
        "points": AttributeKind(type="int", personal=False, routing=True, min=0, max=100_000),
        "wholesale": AttributeKind(type="bool", personal=False),
    },
    tiers={"gold": Tier(("returns",)), "silver": Tier()},
    entitlements={"returns": Entitlement(quota=3), "hotline": Entitlement()},
)


class Ring(KeyRing):
    """The real keys, in memory. ``erased``: whose were destroyed."""

    def __init__(self) -> None:
        super().__init__(KeysInMemory(), hashlib.sha256(b"the tests' own").digest())
        self.erased: set[tuple[str, str]] = set()

    def erase(self, tenant: str, subject: str) -> None:
        super().erase(tenant, subject)
        self.erased.add((tenant, subject))


class Archive:
    """What outlives an engine: the journal, the keys, and the desk's tables."""

    def __init__(self, place: Path | str) -> None:
        self.journal = JournalInMemory()
        self.keys = Ring()
        self.place = place

    def tables(self, *, beside: bool = False) -> Database:
        return open_database(self.place, self.keys, beside=beside)

    def read(self, after: int, limit: int) -> list[Committed]:
        """Records as the feeder reads them."""
        return [committed(open_record(stored), self.keys) for stored in self.journal.records[after : after + limit]]

    def bytes_of_tables(self) -> bytes:
        """Every row of every table, as it is stored."""
        database = self.tables()
        with database.engine.connect() as connection:
            rows = [repr(tuple(row)) for table in METADATA.sorted_tables for row in connection.execute(table.select())]
        database.close()
        return "\n".join(rows).encode()

    def check(self) -> Verdict:
        """The tables made anew from the journal alone, beside those that are there."""
        live, anew = self.tables(), self.tables(beside=True)
        try:
            return check(live, anew, self.read, all_folds())
        finally:
            live.close()
            anew.drop()


@asynccontextmanager
async def desk_house(
    archive: Archive, settings: Settings = SETTINGS, records: Records | None = None, **rest: Any
) -> AsyncIterator[House]:
    """The engine with its desk; the same archive again is the same engine restarted."""
    database = archive.tables()

    def make(driver: Driver) -> Desk:
        return Desk(driver, database, inline, settings, records=records)

    try:
        async with house(archive.journal, desk=make, sealer=archive.keys, **rest) as found:
            yield found
    finally:
        database.close()


def new_place(kind: str, folder: Path, cluster: Cluster | None) -> Path | str:
    if kind == "sqlite":
        return folder / "desk.db"
    assert cluster is not None
    return cluster.new_place()
