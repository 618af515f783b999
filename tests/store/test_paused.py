"""An owner that was stopped longer than its lease: somebody else took over, and the first thing it does ends it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from engine.bootstrap import open_journal, open_store
from engine.store.verify import verify
from tests.store.stage import Scribe, Shelf

# Commits whenever it is told to, and says the lsn; ends as an engine does when its store raises.
OWNER = """
import sys
from engine.bootstrap import open_store
from engine.ports import StoreError
from tests.store.stage import Scribe
store, scribe = open_store(sys.argv[1]), Scribe()
store.open()
store.commit(scribe.begin())
print(scribe.lsn, flush=True)
for line in sys.stdin:
    try:
        store.commit(scribe.write(scribe.submits(1)))
    except StoreError as error:
        sys.exit(f"{type(error).__name__}: {error}")
    print(scribe.lsn, flush=True)
"""
ROOT = Path(__file__).parents[2]


def test_a_paused_owner_that_wakes_too_late_stops_by_itself(durable: Shelf) -> None:
    """SIGSTOP, a second owner, SIGCONT: the first's next append fails at its epoch, nothing of it arrives, and it exits

    with an error. The second one's records stand, in one chain.
    """
    command = [sys.executable, "-c", OWNER, durable.place]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    ) as owner:
        try:
            assert owner.stdin is not None
            assert owner.stdout is not None
            assert owner.stdout.readline() == "1\n"
            owner.stdin.write("go\n")
            owner.stdin.flush()
            assert owner.stdout.readline() == "2\n"
            owner.send_signal(signal.SIGSTOP)
            if durable.cluster is not None:
                durable.wait(5_000)
                second = open_store(durable.url)
            else:
                durable.boot.now = 1 << 50
                second = durable.store()
            assert second.open().epoch == 2
            scribe = Scribe()
            scribe.begin()
            scribe.write(scribe.submits(1))  # what the first one wrote before it was stopped
            scribe.epoch = 2
            second.commit(scribe.write(scribe.submits(5)))
            owner.send_signal(signal.SIGCONT)
            said, why = owner.communicate("go\n", timeout=60)
        finally:
            owner.kill()
    assert (owner.returncode, said) == (1, "")
    assert "LeaseLost" in why
    assert "our epoch 1, now 2" in why
    assert second.last_lsn() == 7
    second.close()
    reader = open_journal(durable.place)
    verdict = verify(reader)
    reader.close()
    assert (verdict.last_lsn, verdict.epoch) == (7, 2)
    assert verdict.problems == []
