"""An engine as a process of its own, on ports that stay the same when it is started again."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SLUICE = (sys.executable, "-c", "from engine.cli import main; main()")
PATIENCE_S = 60


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class EngineProcess:
    """``folder`` holds policy, store and log. ``ports``: WebSocket, framed msgpack; ``program``: what to run instead;
    ``options``: what else ``serve`` is told."""

    def __init__(
        self,
        folder: Path,
        policy: str,
        *,
        store: str = "",
        ports: tuple[int, int] | None = None,
        program: tuple[str, ...] = SLUICE,
        log: str = "engine.log",
        options: tuple[str, ...] = (),
    ) -> None:
        self.folder = folder
        self.store = store or str(folder / "store")
        self.log = folder / log
        self.ws_port, self.msgpack_port = ports or (free_port(), free_port())
        self.program = program
        self.options = options
        self._policy = folder / "policy.toml"
        self._policy.write_text(policy)
        self.process: subprocess.Popen[bytes] | None = None
        self.ready: dict[str, Any] = {}

    @property
    def addresses(self) -> dict[str, str]:
        return {"ws": f"ws://127.0.0.1:{self.ws_port}", "msgpack": f"msgpack://127.0.0.1:{self.msgpack_port}"}

    def start(self) -> None:
        """Returns at once; :meth:`wait_ready` waits."""
        words = [*self.program, "serve", self._policy, "--store", self.store, "--dev"]
        words += ["--ws", f"127.0.0.1:{self.ws_port}", "--msgpack", f"127.0.0.1:{self.msgpack_port}"]
        words += self.options
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(list(map(str, words)), stdout=subprocess.PIPE, stderr=log, cwd=ROOT)

    def wait_ready(self) -> bool:
        """False when it ended instead; the log says why."""
        assert self.process is not None
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.process.wait(PATIENCE_S)
            return False
        self.ready = json.loads(line)
        return True

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
        self.wait()

    def stop(self) -> int:
        """SIGTERM; its exit code."""
        self.send(signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        if self.process is None:
            return 0
        code = self.process.wait(PATIENCE_S)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def memory_kib(self, row: str = "VmRSS") -> int:
        """``VmRSS``: now; ``VmHWM``: at most so far."""
        assert self.process is not None
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(f"{row}:"):
                return int(line.split()[1])
        return 0

    def log_lines(self, event: str) -> list[dict[str, Any]]:
        """What it logged under this name."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        found = (json.loads(line) for line in lines if line.startswith("{"))
        return [line for line in found if line.get("event") == event]

    def last_words(self) -> str:
        return self.log.read_text().rstrip().rpartition("\n")[2] if self.log.exists() else ""
