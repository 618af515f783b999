"""Sealed payloads: plain above the driver, sealed below it, and a retry is a retry all the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar, TypeVarTuple

import msgspec
import pytest
import trio
import trio.testing

from engine.dispatch import commands as cm
from engine.ports import Corrupt, KeyRow, StoreError
from engine.store.records import open_record, seal
from engine.store.sealing import KeyRing, KeysInMemory
from tests.driver.stage import ANN, CHANNEL, SUPERVISOR, Asker, BreakingStore, Hand, World, contact, ends_with, sign_on

T = TypeVar("T")
Args = TypeVarTuple("Args")

TEXT = "我叫王小明，电话 13800138000".encode()
MESSAGE = cm.AddMessage(tenant="acme", contact=1)


def ring(keys: KeysInMemory) -> KeyRing:
    return KeyRing(keys, bytes(32))


async def test_a_text_is_plain_to_who_hears_of_it_and_sealed_in_the_journal(
    autojump_clock: trio.testing.MockClock,
) -> None:
    world, keys = World(), KeysInMemory()
    async with world.engine(sealer=ring(keys)) as driver:
        await driver.submit(contact(), CHANNEL)
        answer = await driver.submit(MESSAGE, CHANNEL, "m1", TEXT)
        assert [record.payload for record in world.heard if record.lsn == answer.lsn] == [TEXT]
        ((_, read),) = await driver.read_messages(1, 0, 10)
        assert (read.payload, read.erased) == (TEXT, False)
    assert not any(TEXT in stored.body for stored in world.journal.records)
    assert ("acme", "c1") in keys.rows


async def test_a_retry_after_a_restart_gets_the_first_answer_and_another_text_is_a_conflict(
    autojump_clock: trio.testing.MockClock,
) -> None:
    world, keys = World(), KeysInMemory()
    async with world.engine(sealer=ring(keys)) as driver:
        await driver.submit(contact(), CHANNEL)
        first = await driver.submit(MESSAGE, CHANNEL, "m1", TEXT)
    async with world.engine(sealer=ring(keys)) as driver:
        assert await driver.submit(MESSAGE, CHANNEL, "m1", TEXT) == first
        assert (await driver.submit(MESSAGE, CHANNEL, "m1", b"something else")).code == "conflict"


async def test_a_retry_across_the_start_of_sealing_gets_the_first_answer_too(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Answered by an engine without keys, asked again of the next, which has some; another text is a conflict there too."""
    world, keys = World(), KeysInMemory()
    async with world.engine() as driver:
        await driver.submit(contact(), CHANNEL)
        first = await driver.submit(MESSAGE, CHANNEL, "m1", TEXT)
    async with world.engine(sealer=ring(keys)) as driver:
        assert await driver.submit(MESSAGE, CHANNEL, "m1", TEXT) == first
        assert (await driver.submit(MESSAGE, CHANNEL, "m1", b"something else")).code == "conflict"


async def test_people_are_erased_one_by_one(autojump_clock: trio.testing.MockClock) -> None:
    """Also what an agent wrote to them; what happened stays, and somebody else's words too."""
    world, keys = World(), KeysInMemory()
    sealer = ring(keys)
    async with world.engine(sealer=sealer) as driver:
        await sign_on(driver, capacity=2)
        for number in (1, 2):
            await driver.submit(contact(number), CHANNEL)
            await driver.submit(cm.AcceptOffer("ann", number), ANN)
            for by, who in ((cm.Sender.CUSTOMER, CHANNEL), (cm.Sender.AGENT, ANN)):
                message = cm.AddMessage("acme", number, by, "ann" if who is ANN else "")
                assert not (await driver.submit(message, who, payload=TEXT)).code
        sealer.erase("acme", "c1")
        gone, kept = [await driver.read_messages(number, 0, 10) for number in (1, 2)]
        assert [(record.payload, record.erased) for _, record in gone] == [(b"", True)] * 2
        assert [record.payload for _, record in kept] == [TEXT] * 2
        assert len([event for _, record in gone for event in record.events]) >= 2


async def test_a_text_that_was_put_into_another_record_is_found(autojump_clock: trio.testing.MockClock) -> None:
    world, keys = World(), KeysInMemory()
    async with world.engine(sealer=ring(keys)) as driver:
        await driver.submit(contact(), CHANNEL)
        places = [(await driver.submit(MESSAGE, CHANNEL, payload=text)).lsn for text in (TEXT, b"no")]
    first, second = (open_record(world.journal.records[lsn - 1]) for lsn in places)
    moved = msgspec.structs.replace(second, payload=first.payload)
    world.journal.records[second.lsn - 1] = seal(moved, world.journal.records[second.lsn - 2].hash)
    async with world.engine(sealer=ring(keys)) as driver:
        with pytest.raises(Corrupt, match=f"journal record {second.lsn} does not fit"):
            await driver.read_committed(second.lsn - 1, 1)


class FullDisk(KeysInMemory):
    """Takes the tenant's own key, and no customer's."""

    def add(self, rows: list[KeyRow]) -> list[KeyRow]:  # type: ignore[override]
        if any(row.subject for row in rows):
            raise StoreError("keys: the disk is full")
        return super().add(rows)


async def test_nothing_is_acknowledged_that_cannot_be_sealed(autojump_clock: trio.testing.MockClock) -> None:
    """The engine stops, as for any store that fails; what came is neither in the journal nor answered."""
    world = World()
    with ends_with(StoreError, "the disk is full"):
        async with world.engine(sealer=ring(FullDisk())) as driver:
            asker = Asker()
            await asker.submit(driver, contact(), SUPERVISOR, "s1", TEXT)
            await trio.sleep_forever()
    assert isinstance(asker.outcome, StoreError)
    assert not any(b"contact.submit" in stored.body for stored in world.journal.records)


async def test_an_end_between_the_key_and_the_journal_loses_nothing(autojump_clock: trio.testing.MockClock) -> None:
    """The key is durable, the record is not: what is sent again is new, and opens under that key."""
    world, keys = World(), KeysInMemory()
    asker = Asker()
    with ends_with(StoreError, "the disk is gone"):
        async with world.engine(BreakingStore(world.journal, fail_at=2), sealer=ring(keys)) as driver:
            await asker.submit(driver, contact(), CHANNEL, "s1", TEXT)
            await trio.sleep_forever()
    assert isinstance(asker.outcome, StoreError)
    made = dict(keys.rows)
    assert ("acme", "c1") in made
    async with world.engine(sealer=ring(keys)) as driver:
        answer = await driver.submit(contact(), CHANNEL, "s1", TEXT)
        (read,) = await driver.read_committed(answer.lsn - 1, 1)
        assert (answer.code, read.payload) == ("", TEXT)
    assert keys.rows == made


class Blocking(Hand):
    """Knows how many threads are at work."""

    blocking = 0

    async def __call__(self, function: Callable[[*Args], T], *args: *Args) -> T:
        def marked(*args: *Args) -> T:
            self.blocking += 1
            try:
                return function(*args)
            finally:
                self.blocking -= 1

        marked.__name__ = function.__name__
        return await super().__call__(marked, *args)


class Counted(KeysInMemory):
    """Counts its transactions, and knows whether the loop had to wait for one."""

    def __init__(self, hand: Blocking) -> None:
        super().__init__()
        self.hand = hand
        self.added: list[tuple[int, int]] = []

    def add(self, rows: Iterable[KeyRow]) -> list[KeyRow]:
        given = list(rows)
        if any(row.subject for row in given):
            self.added.append((len(given), self.hand.blocking))
        return super().add(given)


async def test_whoever_comes_at_once_gets_keys_in_one_transaction_beside_the_loop(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """With a command id or without one, and a known contact's message after its customer was erased as well."""
    world = World()
    world.hand = hand = Blocking()
    keys = Counted(hand)
    sealer = ring(keys)
    async with world.engine(sealer=sealer) as driver:
        async with trio.open_nursery() as nursery:
            for number, id in ((1, "s1"), (2, ""), (3, "s3")):
                nursery.start_soon(driver.submit, contact(number), CHANNEL, id, TEXT)
        assert keys.added == [(3, 1)]
        for customer in ("c1", "c2", "c3"):
            sealer.erase("acme", customer)
        await driver.submit(MESSAGE, CHANNEL, payload=TEXT)
    assert keys.added == [(3, 1), (1, 1)]


async def test_without_a_sealer_texts_are_as_they_came(autojump_clock: trio.testing.MockClock) -> None:
    world = World()
    async with world.engine() as driver:
        await driver.submit(contact(), CHANNEL)
        await driver.submit(MESSAGE, CHANNEL, payload=TEXT)
    assert any(TEXT in stored.body for stored in world.journal.records)
