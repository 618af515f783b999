"""Erasing, to its end: the keys of everybody whom an erasure names are destroyed, also when the engine dies in between."""

from __future__ import annotations

from sqlalchemy import select

from engine.desk.customers.commands import CustomerErased
from engine.desk.customers.tables import CUSTOMER_ERASURES
from engine.desk.database import Database
from engine.desk.deeds import tag_of
from engine.desk.folding import encode_deed
from engine.dispatch.commands import RecordDesk
from engine.ports import Answer, Principal, RunBlocking, Submit

DESK = Principal("", "server", "desk")


class Eraser:
    """An erasure is a record first, then the keys go, then a second record says that they are gone."""

    def __init__(self, driver: Submit, database: Database, run_blocking: RunBlocking) -> None:
        self._driver = driver
        self._database = database
        self._run_blocking = run_blocking
        self._finished: set[int] = set()  # by this engine, whatever the tables show yet

    async def finish_all(self) -> None:
        """Those that were asked for, and of which nobody has said that they are done."""
        for tenant, lsn in await self._run_blocking(self._unfinished):
            await self.finish(tenant, lsn)

    async def finish(self, tenant: str, lsn: int) -> None:
        """Return when the keys are gone; that this is so is on its way into the journal.

        Once only: whoever comes again after it has keys of its own, which a repeated command must not destroy.
        """
        if lsn in self._finished or not await self._run_blocking(self._destroy, lsn):
            return
        self._finished.add(lsn)
        deed = CustomerErased(tenant, lsn)
        record = RecordDesk(tenant, tag_of(deed))
        self._driver.post(record, DESK, f"erased-{lsn}", encode_deed(deed), _nobody_waits)

    def _unfinished(self) -> list[tuple[str, int]]:
        columns = CUSTOMER_ERASURES.c
        with self._database.reading() as reading:
            rows = reading.rows(
                select(columns.tenant, columns.lsn).distinct().where(columns.done_at == 0).order_by(columns.lsn)
            )
        return [(row.tenant, row.lsn) for row in rows]

    def _destroy(self, lsn: int) -> bool:
        """False: it was done before."""
        columns = CUSTOMER_ERASURES.c
        with self._database.reading() as reading:
            wanted = select(columns.tenant, columns.customer).where(columns.lsn == lsn, columns.done_at == 0)
            rows = reading.rows(wanted)
        for row in rows:
            self._database.sealer.erase(row.tenant, row.customer)
        return bool(rows)


def _nobody_waits(_answer: Answer | Exception) -> None:
    """Should it not come into the journal, the next start destroys what is destroyed already."""
