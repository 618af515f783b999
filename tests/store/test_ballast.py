"""The day the disk is full: room was kept back for those already connected, and only for them."""

from __future__ import annotations

from pathlib import Path

from adapters.storage.ballast import NAME, Ballast
from adapters.storage.sqlite import SqliteStore

MIB = 1 << 20


def test_the_ballast_goes_when_there_is_hardly_any_room(tmp_path: Path) -> None:
    """Laid with room to spare; kept while there is some; removed at the last; what it gave is not counted as room."""
    ballast = Ballast(tmp_path, 4 * MIB)
    ballast.lay(100 * MIB)
    assert (tmp_path / NAME).stat().st_size == 4 * MIB
    assert ballast.room(50 * MIB) == 50 * MIB
    assert ballast.room(10 * MIB) == 6 * MIB
    assert not (tmp_path / NAME).exists()
    assert ballast.room(14 * MIB) == 10 * MIB
    assert ballast.room(3 * MIB) == 0


def test_a_ballast_is_found_again_and_not_forced(tmp_path: Path) -> None:
    """The next engine finds it; where it would take half of what is left, none is laid; without a size, none at all."""
    for size, room, laid in ((4 * MIB, 7 * MIB, False), (0, 100 * MIB, False), (4 * MIB, 8 * MIB, True)):
        Ballast(tmp_path, size).lay(room)
        assert (tmp_path / NAME).exists() == laid
    again = Ballast(tmp_path, 4 * MIB)
    again.lay(1 * MIB)
    assert again.room(40 * MIB) == 40 * MIB


def test_a_store_lays_its_ballast(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path, ballast_bytes=MIB)
    store.open()
    assert (tmp_path / NAME).stat().st_size == MIB
    assert store.free_bytes() > 0
    store.close()
