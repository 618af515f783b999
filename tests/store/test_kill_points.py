"""SIGKILL in the middle of everything: what was acked is there, what is there is whole."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from adapters.storage.sqlite import SqliteJournal, SqliteStore
from engine.store.recovery import recover, take_snapshot
from engine.store.verify import verify

# Commits as fast as it can, saying each lsn once it is durable; with "snapshots", takes one after every third commit.
COMMITS = """
import sys
from adapters.storage.sqlite import SqliteStore
from engine.store.recovery import take_snapshot
from tests.store.stage import Scribe, message
store, scribe = SqliteStore(sys.argv[1]), Scribe()
store.open()
store.commit(scribe.begin())
number = 0
while True:
    number += 1
    store.commit(scribe.write(scribe.submits(20), ids=[f"{number}.{place}" for place in range(20)]))
    store.commit(scribe.write([message(scribe.customers)], payload=b"hello"))
    print(scribe.lsn, flush=True)
    if sys.argv[2] == "snapshots" and number % 3 == 0:
        take_snapshot(store)
"""


def run_and_kill(folder: Path, how: str, after: int) -> int:
    """Start the child, wait for so many acks, kill it wherever it is. Returns the last lsn it acked."""
    root = Path(__file__).parents[2]
    child = subprocess.Popen([sys.executable, "-c", COMMITS, str(folder), how], stdout=subprocess.PIPE, cwd=root)
    assert child.stdout is not None
    said = [child.stdout.readline() for _ in range(after)]
    child.kill()
    said += child.stdout.read().splitlines(keepends=True)
    child.wait()
    child.stdout.close()
    return int([line for line in said if line.endswith(b"\n")][-1])


@pytest.mark.parametrize("how", ["commits", "snapshots"])
@pytest.mark.parametrize("after", [1, 2, 5, 14, 40])
def test_killed_at_any_moment_nothing_acked_is_lost(tmp_path: Path, how: str, after: int) -> None:
    """Acked ⊆ recovered; the chain, the message index and every snapshot hold; the next engine writes on."""
    acked = run_and_kill(tmp_path, how, after)
    with closing(SqliteJournal(tmp_path)) as journal:
        verdict = verify(journal, replay=True)
        assert verdict.problems == []
        assert verdict.last_lsn >= acked
        found = recover(journal)
    assert found is not None
    assert found.lsn == verdict.last_lsn
    assert found.dispatcher.audit() == []
    store = SqliteStore(tmp_path)
    opened = store.open()
    assert (opened.epoch, opened.last_lsn, opened.last_hash) == (2, found.lsn, found.hash)
    assert take_snapshot(store) == found.lsn
    store.close()
