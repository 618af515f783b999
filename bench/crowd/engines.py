"""A real engine process: started on a core of its own, watched from outside, ended by its pid."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

POLICY = """
[policy]
name = "crowd"
[domain]
grace_ms = 60000
several_per_customer = true
[tenants.acme]
[channels.web]
[pools.onsite]
[queues.help]
tenant = "acme"
pools = ["onsite"]
offer_ms = 20000
wrap_up_ms = 60000
[[entry]]
name = "all"
queue = "help"
"""
_READY_S = 60
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG: no load outlives who drives it
_CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


def cores() -> list[int]:
    return sorted(os.sched_getaffinity(0))


def raise_fd_limit(wanted: int) -> None:
    """Raises OSError when the system does not allow so many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        if hard != resource.RLIM_INFINITY and hard < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))  # as root; else ValueError or OSError
        else:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class Engine:
    """``sluice serve`` over a policy and a folder (a temporary one unless given). A context manager: it ends the process."""

    def __init__(
        self,
        *options: str,
        policy: str = POLICY,
        folder: Path | None = None,
        core: int | None = None,
        ws: str = "127.0.0.1:0",
        msgpack: str = "127.0.0.1:0",
    ) -> None:
        self._temporary = folder is None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="sluice-crowd-"))
        self.policy = self.folder / "policy.toml"
        self.policy.write_text(policy, encoding="utf-8")
        self.ready: dict[str, Any] = {}
        self.process: subprocess.Popen[str] | None = None
        self._options, self._core, self._listen = options, core, (ws, msgpack)

    def __enter__(self) -> Engine:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        if self._temporary:
            shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Returns when it serves; raises RuntimeError with what it said when it does not."""
        self.begin()
        self.await_ready()

    def restart(self) -> None:
        """Again, on the ports it had."""
        ports = (self.ws.removeprefix("ws://"), self.msgpack.removeprefix("msgpack://"))
        self._listen = ports
        self.start()

    def begin(self) -> None:
        ws, framed = self._listen
        words = [sys.executable, "-c", "from engine.cli import main; main()", "serve", str(self.policy)]
        words += ["--store", str(self.folder / "store"), "--ws", ws, "--msgpack", framed, "--dev", *self._options]
        log = (self.folder / "serve.log").open("a", encoding="utf-8")
        core = self._core

        libc = ctypes.CDLL(None)

        def place() -> None:
            libc.prctl(_DIE_WITH_PARENT, signal.SIGKILL)
            if core is not None:
                os.sched_setaffinity(0, {core})

        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=log, text=True, preexec_fn=place)  # noqa: PLW1509  # one thread here, and nothing but system calls
        log.close()

    def await_ready(self) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.process.wait(_READY_S)
            said = (self.folder / "serve.log").read_text(encoding="utf-8")[-2000:]
            raise RuntimeError(f"the engine ended with {self.process.returncode} before it was ready: {said}")
        self.ready = json.loads(line)

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def ws(self) -> str:
        return str(self.ready["ws"])

    @property
    def msgpack(self) -> str:
        return str(self.ready["msgpack"])

    def rss_bytes(self) -> int:
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * resource.getpagesize()

    def cpu_s(self) -> float:
        """Processor time it has used, in all its threads."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _CLOCK_TICKS

    def terminate(self, within_s: float = 40) -> int:
        """SIGTERM; its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(within_s)

    def kill(self) -> None:
        """SIGKILL, when it still lives."""
        if self.process is not None:
            if self.process.poll() is None:
                self.process.kill()
            self.process.wait(_READY_S)
            if self.process.stdout is not None:
                self.process.stdout.close()
