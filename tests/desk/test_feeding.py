"""Tables that cannot be written, or lag: routing goes on, nothing is lost, and whoever has to wait is told."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import trio
import trio.testing
from sqlalchemy.exc import OperationalError

from engine.desk import feeding, limits
from engine.ports import Record, StoredRecord, StoreError
from engine.store.records import open_record, seal
from tests.desk.stage import Archive, desk_house
from tests.server.stage import House


async def routed(house: House, contact: int) -> None:
    """A contact comes and finds ann."""
    web = await house.framed("channel", "web")
    done = await web.done("contact.submit", channel="web", external_id=f"e{contact}", customer=f"c{contact}")
    assert done["contact"] == contact


async def test_a_full_disk_under_the_tables_stops_the_desk_and_not_the_routing(
    archive: Archive, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deeds that need the tables are refused for now, contacts come in; with room again all is as if nothing had been."""
    write, full = feeding.write_batch, True

    def try_to_write(*args: Any) -> Any:
        if full:
            raise OperationalError("INSERT", None, Exception("database or disk is full"))
        return write(*args)

    async with desk_house(archive) as house:
        sue = await house.framed("supervisor", "sue")
        await sue.done("customer.tag", customer="c1", add=["before"])
        monkeypatch.setattr(feeding, "write_batch", try_to_write)
        await sue.done("customer.tag", customer="c2", add=["taken in"])
        await trio.sleep(0.5)
        refused = await sue.do("customer.tag", customer="c1", add=["refused"])
        assert (refused["code"], refused["wanted"]) == ("unavailable", "a retry later")
        for contact in (1, 2, 3):
            await routed(house, contact)
        full = False
        await trio.sleep(limits.RETRY_S)
        await sue.done("customer.tag", customer="c1", add=["after"])
        assert (await sue.ask("customer", customer="c1"))["tags"] == ["after", "before"]
        assert (await sue.ask("customer", customer="c2"))["tags"] == ["taken in"]
        assert len((await sue.ask("customer.history", customer="c3"))["contacts"]) == 1
    assert archive.check().ok


async def test_tables_that_cannot_be_written_at_the_start_say_where(
    on_disk: Archive, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine that could not show what the journal holds does not pretend to have a desk."""

    async with desk_house(on_disk) as house:
        await routed(house, 1)
    on_disk.tables().drop()

    def fail(*_: Any) -> None:
        raise KeyError("a fault of ours")

    monkeypatch.setattr(feeding, "write_batch", fail)
    with pytest.RaisesGroup(
        pytest.RaisesExc(StoreError, match=r"cannot be written \(KeyError\) between records 1 and"),
        flatten_subgroups=True,
    ):
        async with desk_house(on_disk):
            raise AssertionError("it was not to start")


async def test_the_scrape_says_how_far_the_tables_are(
    on_disk: Archive, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Caught up: 0; while they cannot be written it grows, and the desk is said to refuse."""
    async with desk_house(on_disk) as house:
        desk = house.core.desk
        assert desk is not None
        await routed(house, 1)
        await trio.testing.wait_all_tasks_blocked()
        assert (desk.records_behind, desk.refuses) == (0, False)

        def fail(*_: Any) -> None:
            raise OperationalError("INSERT", None, Exception("disk is full"))

        monkeypatch.setattr(feeding, "write_batch", fail)
        await routed(house, 2)
        await trio.sleep(0.1)
        assert desk.records_behind >= 1 and desk.refuses


async def test_what_does_not_fit_the_buffer_is_read_from_the_journal(
    archive: Archive, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tables stand still while a hundred records go by; memory keeps four, and none is missed."""
    monkeypatch.setattr(limits, "FEED_BUFFER", 4)
    monkeypatch.setattr(limits, "FEED_RECORDS", 7)
    write, let_go = feeding.write_batch, trio.Event()
    async with desk_house(archive) as house:
        feeder = house.core.desk.feeder  # type: ignore[union-attr]  # the desk of this house

        async def slow(function: Any, *args: Any) -> Any:
            if function is write:
                await let_go.wait()
            return function(*args)

        feeder._run_blocking = slow
        for contact in range(1, 101):
            await routed(house, contact)
        assert len(feeder._heard) < 20
        let_go.set()
        sue = await house.framed("supervisor", "sue")
        await sue.done("customer.tag", customer="c1", add=["seen"])
        for customer in ("c1", "c50", "c100"):
            assert len((await sue.ask("customer.history", customer=customer))["contacts"]) == 1
    assert archive.check().rows["customer_contacts"] == 100


async def test_tables_of_another_journal_are_not_written_on(
    on_disk: Archive, autojump_clock: trio.testing.MockClock
) -> None:
    """A journal was restored from a backup, the tables are from after it: said so, with what to do."""
    async with desk_house(on_disk) as house:
        sue = await house.framed("supervisor", "sue")
        for number in range(20):
            await sue.done("customer.tag", customer=f"c{number}", add=["x"])
    records = list(on_disk.journal.records)
    for another in (records[:5], [*records[:5], *another_history(records)]):
        on_disk.journal.records[:] = another
        await begins_not(on_disk)


def another_history(records: list[StoredRecord]) -> list[StoredRecord]:
    """What was written after the restore: as many records, each a second later."""
    made, chain = [], records[4].hash
    for stored in records[5:]:
        record = open_record(stored)
        sealed = seal(
            Record(record.lsn, record.epoch, record.stamp + 1_000, *msgspec.structs.astuple(record)[3:]), chain
        )
        made.append(sealed)
        chain = sealed.hash
    return made


async def begins_not(on_disk: Archive) -> None:
    with pytest.RaisesGroup(pytest.RaisesExc(StoreError, match="sluice desk rebuild"), flatten_subgroups=True):
        async with desk_house(on_disk):
            raise AssertionError("it was not to start")
