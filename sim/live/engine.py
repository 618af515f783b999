"""The engine as a child process of its own: started, waited for, stopped, its journal checked."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import trio

READY_S = 20.0
STOP_S = 20.0
LEAVE_S = 5.0
# What the console script does, by the very interpreter that runs us.
SLUICE = (sys.executable, "-c", "from engine.cli import main; main()")
# The same, on a leash: its standard input is our pipe, which ends when we do, be it by `kill -9`.
_LEASH = """
import os, signal, threading
threading.Thread(target=lambda: os.read(0, 1) or os.kill(os.getpid(), signal.SIGTERM), daemon=True).start()
from engine.cli import main
main()
"""
LEASHED = (sys.executable, "-c", _LEASH)


class EngineFailed(Exception):
    """The engine did not start, or ended on its own. The text ends with what it said last."""


class Engine:
    """A running child. ``ready`` is the line it said when it was: addresses by carrier, and more."""

    def __init__(self, process: trio.Process, ready: dict[str, Any], log: Path) -> None:
        self.process, self.ready, self.log = process, ready, log

    def url(self, carrier: str) -> str:
        """The address of ``ws``, ``msgpack`` or ``http``."""
        address = self.ready[carrier]
        return address if "://" in address else f"{carrier}://{address}"

    async def watch(self) -> None:
        """Until cancelled; raises :class:`EngineFailed` should the engine end."""
        code = await self.process.wait()
        raise EngineFailed(f"the engine ended on its own, code {code}\n{last_words(self.log)}".rstrip())

    async def stop(self) -> None:
        """Ask it to end; a code other than 0 raises :class:`EngineFailed`."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        with trio.move_on_after(STOP_S):
            await self.process.wait()
        if self.process.returncode != 0:
            raise EngineFailed(f"the engine ended with code {self.process.returncode}\n{last_words(self.log)}")


@asynccontextmanager
async def running_engine(policy: Path, store: Path, speed: float, log: Path) -> AsyncIterator[Engine]:
    """``sluice serve`` on free loopback ports; told to stop at the end, and killed should that take too long."""
    command = [
        *LEASHED, "serve", str(policy), "--store", str(store), "--dev", "--clock-speed", f"{speed:g}",
        "--ws", "127.0.0.1:0", "--msgpack", "127.0.0.1:0", "--http", "127.0.0.1:0",
    ]  # fmt: skip
    with log.open("wb") as said:
        process = await trio.lowlevel.open_process(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, start_new_session=True
        )
    try:
        yield Engine(process, await _ready(process, log), log)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            with trio.move_on_after(LEAVE_S, shield=True):
                await process.wait()
        if process.returncode is None:
            process.kill()
            with trio.CancelScope(shield=True):
                await process.wait()


async def _ready(process: trio.Process, log: Path) -> dict[str, Any]:
    assert process.stdout is not None
    line = b""
    with trio.move_on_after(READY_S):
        while not line.endswith(b"\n"):
            some = await process.stdout.receive_some(4096)
            if not some:
                break
            line += some
    try:
        ready = orjson.loads(line.splitlines()[0])
    except (orjson.JSONDecodeError, IndexError) as error:
        raise EngineFailed(f"the engine did not say that it is ready, got {line[:200]!r}\n{last_words(log)}") from error
    assert isinstance(ready, dict)
    return ready


async def verify_journal(store: Path) -> dict[str, Any]:
    """``sluice journal verify --json``: what it found; ``ok`` False with ``message`` when it could not even say that."""
    found = await trio.run_process(
        [*SLUICE, "journal", "verify", str(store), "--json"], capture_stdout=True, capture_stderr=True, check=False
    )
    try:
        verdict = orjson.loads(found.stdout.strip().splitlines()[-1])
    except (orjson.JSONDecodeError, IndexError):
        return {"ok": False, "message": found.stderr.decode(errors="replace")[-500:]}
    assert isinstance(verdict, dict)
    return verdict


def last_words(log: Path, lines: int = 12) -> str:
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""
