"""What only a server can do to a journal: cut connections, settings, other engines on other machines."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.storage import postgresql_schema
from adapters.storage.lease import Holder
from adapters.storage.postgresql import PostgresqlJournal, PostgresqlStore
from engine.bootstrap import name_of, open_journal, open_store
from engine.ports import Corrupt, LeaseHeld, LeaseLost, Store, StoreError
from tests.store.stage import Scribe, Shelf, key_of


class Cut:
    """A connection whose server is told to end it around the commit; what the caller learns is only that it is gone."""

    def __init__(self, shelf: Shelf, real: Any, when: str) -> None:
        self.shelf, self.real, self.when = shelf, real, when

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def execute(self, statement: str, *rest: Any, **options: Any) -> Any:
        if self.when == "after":
            self.real.execute(statement, *rest, **options)
        self.shelf.execute(f"SELECT pg_terminate_backend({self.real.info.backend_pid}, 5000)")
        return self.real.execute("SELECT 1")


def opened(shelf: Shelf) -> tuple[PostgresqlStore, Scribe]:
    store, scribe = shelf.store(), Scribe()
    assert isinstance(store, PostgresqlStore)
    store.open()
    store.commit(scribe.begin())
    return store, scribe


def cut(shelf: Shelf, store: PostgresqlStore, when: str) -> None:
    store._writer = Cut(shelf, store._writer, when)  # type: ignore[assignment]  # stands in for a connection


def test_a_commit_whose_answer_is_lost_is_read_back(server: Shelf) -> None:
    """The server committed, the connection went before it could say so: found under its lsn, and the engine goes on."""
    store, scribe = opened(server)
    cut(server, store, "after")
    store.commit(scribe.write(scribe.submits(3), ids=["a", "b", "c"]))
    assert store.last_lsn() == 4
    assert set(store.find_answers([key_of("b")])) == {key_of("b")}
    store.commit(scribe.write(scribe.submits(1)))
    assert store.last_lsn() == 5


def test_a_commit_that_never_arrived_is_not_acked(server: Shelf) -> None:
    """Cut before the server heard of it: nothing is there, nothing is tried again, and the store is closed to commits."""
    store, scribe = opened(server)
    cut(server, store, "before")
    lost = scribe.write(scribe.submits(3))
    with pytest.raises(StoreError, match=r"connection was lost during a commit, and record 4 is not there"):
        store.commit(lost)
    with pytest.raises(StoreError, match="closed to commits after"):
        store.commit(lost)
    assert store.last_lsn() == 1


def test_a_commit_cut_off_finds_the_store_taken(server: Shelf) -> None:
    """By the time the connection is back somebody else is the owner: our records are there, but we are not to go on."""
    store, scribe = opened(server)
    server.wait(5_000)
    other = server.store()
    other.open()
    cut(server, store, "before")
    with pytest.raises(LeaseLost, match="our epoch 1, now 2"):
        store.commit(scribe.write(scribe.submits(1)))


def test_an_idle_connection_that_was_cut_is_made_anew(server: Shelf) -> None:
    """A firewall forgot it: renewals and look-ups may be done twice, and are."""
    store, scribe = opened(server)
    for work in (lambda: store.renew_lease(1, 1), lambda: store.find_answers([key_of("a")])):
        server.execute(f"SELECT pg_terminate_backend({store._writer.info.backend_pid}, 5000)")  # type: ignore[union-attr]  # open
        work()
    store.commit(scribe.write(scribe.submits(1)))
    assert store.last_lsn() == 2


def test_a_record_somebody_else_wrote_stops_the_owner(server: Shelf) -> None:
    """A row under our next lsn that is not ours: the commit is refused by the server, and the store is closed."""
    store, scribe = opened(server)
    server.execute("INSERT INTO sluice_journal VALUES (2, 'x')")
    with pytest.raises(StoreError, match="duplicate key"):
        store.commit(scribe.write(scribe.submits(1)))


def test_acked_records_that_are_gone_are_noticed(server: Shelf) -> None:
    """A server restored behind our back: an opener is refused with the first missing lsn, a running owner too."""
    store, scribe = opened(server)
    store.commit(scribe.write(scribe.submits(3)))
    store.close()
    server.execute("DELETE FROM sluice_journal WHERE lsn > 2")
    with pytest.raises(Corrupt, match="record 3 is missing: the journal once went to 4") as caught:
        server.store().open()
    assert caught.value.lsn == 3
    journal = PostgresqlJournal(server.url)
    assert len(journal.damage()) == 1
    journal.close()


def test_a_restored_server_stops_its_old_owner(server: Shelf) -> None:
    store, scribe = opened(server)
    server.execute("UPDATE sluice_lease SET last_lsn = 0")
    with pytest.raises(Corrupt, match="the journal goes to 0, ours to 1"):
        store.commit(scribe.write(scribe.submits(1)))


def test_an_engine_on_another_machine_counts_until_its_lease_ends(server: Shelf) -> None:
    """Another boot id is another machine here, not an earlier boot of this one: only time frees the store."""
    elsewhere = server.store(Holder("another machine", "", 1, "1"))
    elsewhere.open()
    with pytest.raises(LeaseHeld, match=r"another engine \(process 1 on .*\) owns this store"):
        server.store().open()
    server.wait(5_000)
    assert server.store().open().epoch == 2


def test_a_dead_engine_of_this_machine_frees_the_store_at_once(server: Shelf) -> None:
    here = Holder.this_process()
    server.store(Holder(here.boot, here.namespace, 1 << 30, "1")).open()
    assert server.store().open().epoch == 2


def test_an_opener_waits_for_a_commit_but_not_for_ever(server: Shelf) -> None:
    """The lease row is locked by a transaction that does not end: refused, as held."""
    import psycopg

    store, _ = opened(server)
    store.close()
    with psycopg.connect(server.url) as other:
        other.execute("SELECT * FROM sluice_lease FOR UPDATE")
        with pytest.raises(LeaseHeld, match="another process is writing"):
            server.store().open()


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("synchronous_commit=off", "synchronous_commit is 'off'"),
        ("default_transaction_read_only=on", "read_only is 'on'"),
    ],
)
def test_a_server_that_could_lose_a_commit_is_refused(server: Shelf, setting: str, said: str) -> None:
    """What durability rests on is read back; the refusal says which statement mends it."""
    url = server.url.replace("options=", f"options=-c{setting.replace('=', '%3D')}%20")
    with pytest.raises(StoreError, match=said) as caught:
        PostgresqlStore(url).open()
    assert "ALTER SYSTEM SET" in str(caught.value)


def test_an_old_server_is_refused(server: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgresql_schema, "SERVER_FLOOR", 990_000)
    with pytest.raises(StoreError, match="wanted at least 99"):
        server.store().open()


def test_a_journal_of_a_later_release_is_refused(server: Shelf) -> None:
    """Format 99: this release does not guess, neither to write nor to read."""
    store, _ = opened(server)
    store.close()
    server.execute("UPDATE sluice_lease SET format = 99")
    with pytest.raises(StoreError, match="format 99"):
        server.store().open()
    with pytest.raises(StoreError, match="format 99"):
        PostgresqlJournal(server.url).last_lsn()


def test_a_lease_that_is_none_of_ours_is_not_acted_upon(server: Shelf) -> None:
    opened(server)[0].close()
    server.execute("UPDATE sluice_lease SET holder = 'nobody'")
    with pytest.raises(Corrupt, match="the lease cannot be read"):
        server.store().open()


def test_a_message_whose_record_is_gone_is_said(server: Shelf) -> None:
    opened(server)
    server.execute(r"INSERT INTO sluice_messages VALUES ('\x00000000000000010000000000000001', '\x00000000000003e8')")
    with pytest.raises(Corrupt, match="points to a missing record"):
        server.store().read_messages(1, 0, 5)


def test_looking_needs_a_journal_and_a_server(server: Shelf) -> None:
    """An empty schema is said to be so and stays empty; a server that is not there is said in one line."""
    with pytest.raises(StoreError, match="there is no journal here"):
        open_journal(server.url).last_lsn()
    assert server.execute("SELECT to_regclass('sluice_lease')") == [(None,)]
    nowhere = "postgresql:///postgres?host=/nowhere"
    store: Store = open_store(nowhere)
    with pytest.raises(StoreError, match=r"^postgresql:///postgres: .*No such file") as caught:
        store.open()
    assert "\n" not in str(caught.value)


def test_a_place_is_shown_without_its_secrets() -> None:
    """User, password and options stay out of logs and messages."""
    url = "postgresql://sluice:hunter2@db.example:5433/shop?sslmode=require&options=-csearch_path%3Dx"
    assert name_of(url) == PostgresqlStore(url).where == "postgresql://db.example:5433/shop"
    assert name_of("./day") == "./day"


def test_a_big_snapshot_is_kept_in_parts(server: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.storage.postgresql._PART_BYTES", 10)
    store, _ = opened(server)
    whole = bytes(range(95))
    store.save_snapshot(1, whole)
    assert store.load_snapshot(1) == whole
    assert server.execute("SELECT count(*) FROM sluice_snapshots") == [(10,)]
    with pytest.raises(StoreError, match="no snapshot 9"):
        store.load_snapshot(9)


def test_nothing_asked_nothing_looked_up(server: Shelf) -> None:
    assert opened(server)[0].find_answers([]) == {}
