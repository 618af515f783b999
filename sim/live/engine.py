"""The engine as a child process of its own: started, waited for, stopped, its journal checked."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import trio

READY_S = 20.0
STOP_S = 20.0
LEAVE_S = 5.0
CARRIERS = ("ws", "msgpack", "http")
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
    """``sluice serve`` as a child. ``ready`` is the line it said when it was: addresses by carrier, and more."""

    def __init__(self, policy: Path, store: Path, log: Path, options: Sequence[str] = ()) -> None:
        """``options``: more of ``sluice serve``."""
        self.policy, self.store, self.log, self.options = policy, store, log, tuple(options)
        self.ready: dict[str, Any] = {}
        self._process: trio.Process | None = None
        self._told_to_stop = False

    @property
    def process(self) -> trio.Process:
        assert self._process is not None, "not started"
        return self._process

    def url(self, carrier: str) -> str:
        """The address of ``ws``, ``msgpack`` or ``http``."""
        address = self.ready[carrier]
        return address if "://" in address else f"{carrier}://{address}"

    async def start(self, speed: float) -> None:
        """On free loopback ports; again after :meth:`stop`: on the same ones. Raises :class:`EngineFailed`."""
        places = {
            carrier: self.url(carrier).partition("://")[2] if self.ready else "127.0.0.1:0" for carrier in CARRIERS
        }
        command = [
            *LEASHED, "serve", str(self.policy), "--store", str(self.store), "--dev", "--clock-speed", f"{speed:g}",
            *(word for carrier, place in places.items() for word in (f"--{carrier}", place)), *self.options,
        ]  # fmt: skip
        with self.log.open("ab") as said:
            self._process = await trio.lowlevel.open_process(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, start_new_session=True
            )
        self._told_to_stop = False
        self.ready = await _ready(self.process, self.log)

    async def watch(self) -> None:
        """Until it has been told to stop, or cancelled; raises :class:`EngineFailed` should the engine end by itself."""
        code = await self.process.wait()
        if not self._told_to_stop:
            raise EngineFailed(f"the engine ended on its own, code {code}\n{last_words(self.log)}".rstrip())

    async def stop(self) -> None:
        """Ask it to end; a code other than 0 raises :class:`EngineFailed`."""
        if self.process.returncode is None:
            self._told_to_stop = True
            self.process.send_signal(signal.SIGTERM)
        with trio.move_on_after(STOP_S):
            await self.process.wait()
        if self.process.returncode != 0:
            raise EngineFailed(f"the engine ended with code {self.process.returncode}\n{last_words(self.log)}")

    async def end(self) -> None:
        """Whatever has happened, no process is left; killed should it not go by itself."""
        process = self._process
        if process is not None and process.returncode is None:
            process.send_signal(signal.SIGTERM)
            with trio.move_on_after(LEAVE_S, shield=True):
                await process.wait()
        if process is not None and process.returncode is None:
            process.kill()
            with trio.CancelScope(shield=True):
                await process.wait()


class RunningElsewhere:
    """An engine that somebody else has started, and that is left as it is."""

    def __init__(self, websocket: str, framed: str) -> None:
        self._urls = {"ws": websocket, "http": websocket, "msgpack": framed}
        self.store = Path()
        self.policy = Path()

    def url(self, carrier: str) -> str:
        return self._urls[carrier]

    async def start(self, speed: float) -> None:
        """It runs already."""

    async def watch(self) -> None:
        """Its process is none of ours: should it end, the clients hear it."""
        await trio.sleep_forever()

    async def stop(self) -> None:
        """It goes on."""


@asynccontextmanager
async def running_engine(
    policy: Path, store: Path, speed: float, log: Path, options: Sequence[str] = ()
) -> AsyncIterator[Engine]:
    """A started :class:`Engine`; told to stop at the end, and killed should that take too long."""
    engine = Engine(policy, store, log, options)
    try:
        await engine.start(speed)
        yield engine
    finally:
        await engine.end()


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
