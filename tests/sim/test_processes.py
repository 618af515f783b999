"""Processes that work for a simulation are gone when it is, whatever ended it."""

from __future__ import annotations

import os
import select
import subprocess
import sys

import pytest

PARENT = """
import os
from sim.processes import workers
if __name__ == "__main__":
    with workers(1) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        input()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent has ended")
def test_workers_end_with_a_parent_that_is_killed(tmp_path):
    (tmp_path / "parent.py").write_text(PARENT)
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, str(tmp_path / "parent.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env) as parent:
        worker = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
    with os.fdopen(worker) as fd:
        ended, _, _ = select.select([fd], [], [], 30)
    assert ended
