"""Keys: what is sealed opens under its own key in its own place, and nowhere once that key is destroyed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.storage.keys_sqlite import SqliteKeys
from engine.bootstrap import open_keys
from engine.ports import Corrupt, KeyStore, StoreError
from engine.store.master_key import make_master_key, read_master_key
from engine.store.sealing import KeyRing, KeysInMemory
from tests.store.stage import Shelf

MASTER = bytes(range(32))
TEXT = "我叫王小明，电话 13800138000".encode()


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], KeyStore]]:
    """The same key store, opened again each time."""
    opened: list[KeyStore] = []
    kept = KeysInMemory()
    url = request.getfixturevalue("cluster").new_place() if request.param == "postgresql" else ""

    def again() -> KeyStore:
        if request.param == "memory":
            return kept
        if request.param == "sqlite":
            opened.append(SqliteKeys(tmp_path / "keys.db"))
        else:
            from adapters.storage.keys_postgresql import PostgresqlKeys

            opened.append(PostgresqlKeys(url))
        return opened[-1]

    yield again
    for store in opened:
        store.close()


def test_what_was_sealed_opens_after_a_restart(reopen: Callable[[], KeyStore]) -> None:
    sealed = KeyRing(reopen(), MASTER).seal("acme", "c1", "record 7", TEXT)
    assert TEXT not in sealed
    assert KeyRing(reopen(), MASTER).unseal("acme", "c1", "record 7", sealed) == TEXT


def test_an_erased_customer_is_gone_for_good(reopen: Callable[[], KeyStore]) -> None:
    """Also for who had the key in memory, also after a restart, also when the customer comes back: with another key."""
    ring = KeyRing(reopen(), MASTER)
    sealed, others = ring.seal("acme", "c1", "a", TEXT), ring.seal("acme", "c2", "a", TEXT)
    ring.erase("acme", "c1")
    ring.erase("acme", "c1")
    assert ring.unseal("acme", "c1", "a", sealed) is None
    again = ring.seal("acme", "c1", "b", TEXT)
    afresh = KeyRing(reopen(), MASTER)
    assert afresh.unseal("acme", "c1", "a", sealed) is None
    assert afresh.unseal("acme", "c1", "b", again) == TEXT
    assert afresh.unseal("acme", "c2", "a", others) == TEXT


def test_two_engines_that_meet_a_customer_at_once_have_one_key(reopen: Callable[[], KeyStore]) -> None:
    first, second = KeyRing(reopen(), MASTER), KeyRing(reopen(), MASTER)
    for ring in (first, second):
        ring.ready([("acme", "c1"), ("acme", "c2"), ("acme", "c1")])
    assert second.unseal("acme", "c1", "x", first.seal("acme", "c1", "x", TEXT)) == TEXT


def test_another_master_key_opens_nothing(reopen: Callable[[], KeyStore]) -> None:
    KeyRing(reopen(), MASTER)
    with pytest.raises(StoreError, match="not the one under which"):
        KeyRing(reopen(), bytes(32))


@given(st.binary(max_size=200), st.text(max_size=8), st.text(min_size=1, max_size=8), st.integers(0))
def test_what_was_changed_or_moved_is_found(plain: bytes, tenant: str, subject: str, at: int) -> None:
    ring = KeyRing(KeysInMemory(), MASTER)
    tenant, subject = (each.encode(errors="replace").decode() for each in (tenant, subject))
    sealed = ring.seal(tenant, subject, "here", plain)
    assert ring.seal(tenant, subject, "here", plain) == sealed
    assert ring.unseal(tenant, subject, "here", sealed) == plain
    with pytest.raises(Corrupt):
        ring.unseal(tenant, subject, "there", sealed)
    at %= len(sealed)
    changed = bytes([*sealed[:at], sealed[at] ^ 1, *sealed[at + 1 :]])
    try:
        assert ring.unseal(tenant, subject, "here", changed) is None and 1 <= at <= 8, "another key's id"
    except Corrupt:
        pass


def test_a_mark_depends_on_the_tenant_and_tells_nothing() -> None:
    ring = KeyRing(KeysInMemory(), MASTER)
    assert ring.mark("acme", TEXT) == ring.mark("acme", TEXT) != ring.mark("zenith", TEXT)
    assert len(ring.mark("acme", TEXT)) == 16


def test_a_destroyed_key_is_in_none_of_the_files(tmp_path: Path) -> None:
    store = SqliteKeys(tmp_path / "keys.db")
    KeyRing(store, MASTER).ready([("acme", "c1")])
    (row,) = store.find([("acme", "c1")])
    assert row.wrapped in files(tmp_path)
    store.remove("acme", "c1")
    assert row.wrapped not in files(tmp_path)
    store.close()


def files(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


def test_the_master_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "master.key"
    make_master_key(path)
    assert path.stat().st_mode & 0o777 == 0o600 and len(read_master_key(path)) == 32
    with pytest.raises(StoreError, match="is there already"):
        make_master_key(path)
    path.chmod(0o644)
    with pytest.raises(StoreError, match="mode 0644, wanted 0600"):
        read_master_key(path)
    path.chmod(0o600)
    path.write_text("secret\n")
    with pytest.raises(StoreError, match="holds no key"):
        read_master_key(path)


def test_who_has_lost_the_master_key_is_told_and_gets_no_new_one(durable: Shelf, tmp_path: Path) -> None:
    """Also when nothing was to be made: an engine without it would write in plain what was promised to be sealed."""
    place, master = durable.place, tmp_path / "safe" / "master.key"
    assert open_keys(place, make=False) is None, "a store without keys"
    make_master_key(master)
    close(open_keys(place, master))
    close(open_keys(place, master, make=False))
    for make in (True, False):
        for gone in (None, tmp_path / "mistyped.key"):
            with pytest.raises(StoreError, match=r"wanted the one that .* is sealed with"):
                open_keys(place, gone, make=make)
    assert [path.name for path in tmp_path.rglob("*.key")] == ["master.key"]


def test_a_master_key_that_was_named_is_not_made_up(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"there is no .*mistyped.key, wanted what `sluice desk key"):
        open_keys(tmp_path / "store", tmp_path / "mistyped.key")


def test_a_folder_has_a_master_key_of_its_own_when_none_is_named(tmp_path: Path) -> None:
    for _ in range(2):
        close(open_keys(tmp_path / "store"))
    assert {path.name for path in (tmp_path / "store").iterdir()} == {"keys.db", "master.key"}


def close(ring: KeyRing | None) -> None:
    assert ring is not None
    ring.close()
