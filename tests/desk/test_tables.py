"""The desk's tables: the same form on both stores, and always what the journal says."""

from __future__ import annotations

import trio
import trio.testing
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from engine.desk.customers.tables import CUSTOMER_TAGS, CUSTOMERS
from engine.desk.folding import Folds
from engine.desk.rebuilding import Difference
from engine.desk.rooms import all_folds
from engine.desk.schema import METADATA
from tests.desk.stage import Archive, desk_house
from tests.server.stage import House


def test_the_migrations_give_the_very_tables_that_the_code_speaks_of(archive: Archive) -> None:
    """Column for column and index for index; and opening them again changes nothing."""
    archive.tables().close()
    database = archive.tables()
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, METADATA) == []
    database.close()


async def busy_morning(house: House) -> None:
    sue = await house.framed("supervisor", "sue")
    ann = await house.agent("ann")
    cai = await house.framed("customer", "c1")
    await cai.done("contact.submit", channel="web", external_id="e1", text="hello")
    offer = await ann.event("offer.made")
    await ann.done("offer.accept", offer=offer["offer"])
    await ann.done("customer.save", customer="c1", attributes={"name": "Cai Hua", "language": "zh"})
    await sue.done("customer.tag", customer="c1", add=["vip", "slow payer"])
    await ann.done("contact.close", contact=1)
    await sue.done("customer.tag", customer="c1", remove=["vip"], add=["regular"])


async def test_tables_made_anew_are_the_same_tables(archive: Archive, autojump_clock: trio.testing.MockClock) -> None:
    """A morning's work, fed batch by batch while it happened, and once more from the journal alone."""
    async with desk_house(archive) as house:
        await busy_morning(house)
    verdict = archive.check()
    assert verdict.ok
    assert verdict.rows["customer_tags"] == 2 and verdict.rows["contact_agents"] == 1


async def test_a_row_that_somebody_changed_is_named(archive: Archive, autojump_clock: trio.testing.MockClock) -> None:
    """A tag moved to another customer by hand: the table, the row that is there and the one that should be."""
    async with desk_house(archive) as house:
        await busy_morning(house)
    tables = archive.tables()
    with tables.writing() as pen:
        pen.execute(CUSTOMER_TAGS.update().where(CUSTOMER_TAGS.c.tag == "regular").values(customer="c9"))
    tables.close()
    verdict = archive.check()
    assert not verdict.ok
    assert verdict.first == Difference(
        "customer_tags",
        "tenant=acme, customer=c1, tag=slow payer",
        "",
        "tenant=acme, customer=c1, tag=slow payer",
        "tenant=acme, customer=c1, tag=regular",
    )
    tables = archive.tables()
    with tables.writing() as pen:
        pen.execute(CUSTOMER_TAGS.update().values(customer="c1"))
        pen.execute(CUSTOMERS.update().values(attributes="{}"))
    tables.close()
    first = archive.check().first
    assert first == Difference("customers", "tenant=acme, customer=c1", "attributes", "{}", '{"language":"zh"}')


async def test_a_feeder_that_was_away_catches_up_before_anything_is_asked(
    archive: Archive, autojump_clock: trio.testing.MockClock
) -> None:
    """The tables are lost; the next engine's first answer is what the last one's was."""
    async with desk_house(archive) as house:
        await busy_morning(house)
    lost = archive.tables()
    with lost.writing() as pen:
        for table in reversed(METADATA.sorted_tables):
            pen.execute(table.update().values(lsn=0) if table.name == "desk_progress" else table.delete())
    lost.close()
    async with desk_house(archive) as house:
        sue = await house.framed("supervisor", "sue")
        row = await sue.ask("customer", customer="c1")
        assert row["attributes"] == {"language": "zh", "name": "Cai Hua"} and row["tags"] == ["regular", "slow payer"]


def test_no_two_rooms_fold_one_deed_unawares() -> None:
    """Each deed has somebody who keeps it."""
    folds: Folds = all_folds()
    assert all(folds.deeds.values())
