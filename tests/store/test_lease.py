"""Who may hold a folder: other processes, other boots, stopped and dead ones."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from adapters.storage.lease import Holder, boot_ms
from adapters.storage.sqlite import SqliteStore
from engine.ports import LeaseHeld
from tests.store.stage import Scribe, Shelf

# An engine in a process of its own: opens, says so, and holds until it is told to end.
HOLD = """
import sys
from adapters.storage.sqlite import SqliteStore
store = SqliteStore(sys.argv[1])
print(store.open().epoch, flush=True)
if sys.argv[2] == "writing":
    store._writer.execute("BEGIN IMMEDIATE")
    print("writing", flush=True)
sys.stdin.read()
store.close()
"""


def hold(folder: Path, how: str = "idle") -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder), how], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "1\n"
    if how == "writing":
        assert child.stdout.readline() == "writing\n"
    return child


def end(child: subprocess.Popen[str], sig: int = signal.SIGKILL) -> None:
    child.send_signal(sig)
    child.communicate()


@pytest.mark.parametrize("how", ["idle", "writing"])
def test_a_stopped_engine_is_still_an_engine(tmp_path: Path, how: str) -> None:
    """The first is frozen by SIGSTOP, once between commits and once inside one; the second is refused within a second."""
    first = hold(tmp_path, how)
    try:
        first.send_signal(signal.SIGSTOP)
        before = time.perf_counter()
        with pytest.raises(LeaseHeld):
            SqliteStore(tmp_path).open()
        assert time.perf_counter() - before < 1
    finally:
        end(first)


def test_a_killed_engine_frees_its_store_at_once(tmp_path: Path) -> None:
    """SIGKILL leaves a lease that looks valid; this machine knows the process is gone, so nobody waits five seconds."""
    first = hold(tmp_path)
    end(first)
    store = SqliteStore(tmp_path)
    assert store.open().epoch == 2
    store.close()


def test_a_killed_engine_frees_its_store_even_before_it_is_buried(tmp_path: Path) -> None:
    """Dead, but its parent has not asked yet: a zombie holds nothing."""
    first = hold(tmp_path)
    first.kill()
    os.waitid(os.P_PID, first.pid, os.WEXITED | os.WNOWAIT)
    store = SqliteStore(tmp_path)
    assert store.open().epoch == 2
    store.close()
    first.communicate()


def test_a_reboot_frees_the_store(disk: Shelf) -> None:
    """The lease is of another boot; its clock says nothing here."""
    disk.store(Holder("yesterday's boot", "", 1, "1")).open()
    assert disk.store().open().epoch == 2


def test_a_holder_in_another_container_counts_until_its_lease_ends(disk: Shelf) -> None:
    """Same machine, another pid namespace: its pid means nothing here, so only time frees the store."""
    here = Holder.this_process()
    disk.store(Holder(here.boot, "pid:[elsewhere]", 1 << 30, "1")).open()
    with pytest.raises(LeaseHeld, match="process 1073741824"):
        disk.store().open()
    disk.boot.now += 5_000
    assert disk.store().open().epoch == 2


def test_a_reused_pid_is_another_process(disk: Shelf) -> None:
    """Our own pid, but started at another time: whoever had it is gone."""
    here = Holder.this_process()
    disk.store(Holder(here.boot, here.namespace, here.pid, "1")).open()
    assert disk.store().open().epoch == 2


def test_this_process_is_not_gone() -> None:
    here = Holder.this_process()
    assert not here.is_surely_gone(here)
    assert boot_ms() > 0


def test_two_engines_in_one_process_are_two_engines(disk: Shelf) -> None:
    """The second open of the same folder by the same program is refused like any other."""
    disk.store().open()
    with pytest.raises(LeaseHeld):
        disk.store().open()


def test_an_opener_does_not_disturb_commits(disk: Shelf) -> None:
    """Refused openers come and go; the holder's commits go through."""
    first, scribe = disk.store(), Scribe()
    first.open()
    first.commit(scribe.begin())
    for _ in range(3):
        with pytest.raises(LeaseHeld):
            disk.store().open()
        first.commit(scribe.write(scribe.submits(1)))
    assert first.last_lsn() == 4
