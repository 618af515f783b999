"""Sets the stage for store stories: a shelf that several engines may reach for, and a scribe who fills journals."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import apsw

from adapters.storage.lease import Holder
from adapters.storage.postgresql import PostgresqlStore
from adapters.storage.sqlite import JOURNAL, SqliteStore
from engine.dispatch import commands as cm
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.policy.compile import compile_policy
from engine.driver.batches import BatchInMaking
from engine.ports import Answer, Batch, CommandKey, Principal, Store, StoredAnswer
from engine.store.answers import body_hash, seal_answer
from engine.store.memory import JournalInMemory, MemoryStore
from engine.store.records import GENESIS, encode_command, principal_text
from tests.cluster import Cluster

DAWN = 1_000_000
CHANNEL = Principal("acme", "channel", "web")

POLICY = """
[policy]
name = "shelf"
[tenants.acme]
[shops.flagship]
tenant = "acme"
[channels.web]
[pools.onsite]
[queues.help]
tenant = "acme"
pools = ["onsite"]
offer_ms = 20000
[[entry]]
name = "default"
queue = "help"
"""


class BootClock:
    """Milliseconds since the machine started, as the test says."""

    def __init__(self) -> None:
        self.now = 50_000

    def __call__(self) -> int:
        return self.now


class Shelf:
    """One place where a journal is kept; each call of :meth:`store` is another engine reaching for it."""

    def __init__(self, kind: str, folder: Path, cluster: Cluster | None = None) -> None:
        self.kind = kind
        self.cluster = cluster
        self.url = cluster.new_place() if cluster is not None else ""
        self.folder = folder / "store"
        self.boot = BootClock()
        self._memory = JournalInMemory()
        self._stores: list[Store] = []

    def store(self, holder: Holder | None = None) -> Store:
        store: Store
        if self.kind == "memory":
            store = MemoryStore(self._memory, boot_ms=self.boot)
        elif self.kind == "postgresql":
            store = PostgresqlStore(self.url, holder=holder)
        else:
            store = SqliteStore(self.folder, boot_ms=self.boot, holder=holder)
        self._stores.append(store)
        return store

    @property
    def place(self) -> str:
        """As the command line and ``engine.bootstrap`` take it."""
        return self.url or str(self.folder)

    def change(self, on_disk: str, on_server: str) -> None:
        """One statement behind the store's back."""
        if self.cluster is not None:
            self.execute(on_server)
            return
        connection = apsw.Connection(str(self.folder / JOURNAL))
        connection.execute(on_disk)
        connection.close()

    def wait(self, ms: int) -> None:
        """Time passes since the last renewal. A server has its own clock: there the renewal moves into the past."""
        self.boot.now += ms
        if self.cluster is not None:
            self.execute(f"UPDATE sluice_lease SET renewed = renewed - interval '{ms} ms'")

    def execute(self, statement: str) -> list[tuple[object, ...]]:
        """On the server, beside the store."""
        assert self.cluster is not None
        return self.cluster.execute(statement, self.url)

    def clear(self) -> None:
        for store in self._stores:
            store.close()


class Scribe:
    """Decides with a real dispatcher and makes batches for a store, as the driver does."""

    def __init__(self, epoch: int = 1, policy: str = POLICY) -> None:
        self.dispatcher = Dispatcher(compile_policy(policy))
        self.policy = policy
        self.epoch = epoch
        self.lsn, self.hash = 0, GENESIS
        self.now = DAWN
        self.customers = 0

    def begin(self) -> Batch:
        """The first record of every journal."""
        return self.write([cm.ApplyPolicy(self.policy)])

    def write(self, commands: Sequence[cm.Command], ids: Sequence[str] = (), payload: bytes = b"") -> Batch:
        """One batch with a record for each command; ``ids`` make them known to later retries."""
        batch = BatchInMaking(self.lsn, self.hash, self.epoch)
        for place, command in enumerate(commands):
            self.now += 10
            encoded, _ = encode_command(command)
            events = self.dispatcher.handle(command, self.now)
            command_id = ids[place] if place < len(ids) else ""
            batch.add(self.now, CHANNEL, principal_text(CHANNEL), command_id, command, encoded, events, payload)
            if command_id:
                batch.answers.append(sealed(command_id, encoded, payload, Answer(lsn=batch.lsn), self.now))
        self.lsn, self.hash = batch.lsn, batch.hash
        return batch.to_commit(wall_ms=self.now + 7, now_ms=self.now)

    def submits(self, count: int) -> list[cm.Command]:
        """Contacts of new customers."""
        made: list[cm.Command] = []
        for _ in range(count):
            self.customers += 1
            number = self.customers
            made.append(
                cm.SubmitContact(
                    tenant="acme", channel="web", external_id=f"x{number}", customer=f"c{number}", shop="flagship"
                )
            )
        return made


def key_of(command_id: str) -> CommandKey:
    return CommandKey(CHANNEL.tenant, principal_text(CHANNEL), command_id)


def sealed(command_id: str, encoded: bytes, payload: bytes, answer: Answer, stamp: int) -> StoredAnswer:
    return seal_answer(key_of(command_id), body_hash(encoded, payload), answer, stamp)


def message(contact: int) -> cm.Command:
    return cm.AddMessage(tenant="acme", contact=contact, sender=cm.Sender.CUSTOMER)
