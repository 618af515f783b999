"""All listeners of one engine, from the first bind to the last goodbye."""

from __future__ import annotations

from dataclasses import dataclass

import trio

from engine.config import Address, ServeConfig
from engine.server.core import Core
from engine.server.http import HttpPort
from engine.server.listeners import Listeners, bind, bound_address
from engine.telemetry.metrics import EngineMetrics
from engine.wire.websocket import OriginRule

# What sockets get to take our goodbye; then they are cut.
GOODBYE_S = 5.0


@dataclass(frozen=True)
class Addresses:
    """Where we listen, as URLs that a client takes; empty: not opened."""

    ws: str = ""
    msgpack: str = ""
    http: str = ""


class Server:
    """``run`` until ``stop`` was called; inside a running driver."""

    def __init__(self, core: Core, config: ServeConfig) -> None:
        self.core = core
        self._config = config
        self._stop = trio.Event()
        self.stopped = trio.Event()
        self._metrics = EngineMetrics(core.tally, core.counters, core.teller.calibration)
        core.door.figures.observe_decide_s = self._metrics.decide.observe
        core.door.figures.observe_commit_s = self._metrics.commit.observe

    def stop(self) -> None:
        """Accept nobody any more, say bye to all, and return from ``run`` when they are gone."""
        self._stop.set()

    async def run(self, task_status: trio.TaskStatus[Addresses] = trio.TASK_STATUS_IGNORED) -> None:
        """Raises :class:`BindError` before anything is served."""
        async with trio.open_nursery() as connections:
            async with trio.open_nursery() as doors:
                task_status.started(await self._open(doors, connections))
                await self._stop.wait()
                doors.cancel_scope.cancel()
            self.core.close_all()
            with trio.move_on_after(GOODBYE_S):
                while self.core.connections:  # noqa: ASYNC110  # each ends in its own time, and nobody else waits for them
                    await trio.sleep(0.02)
            connections.cancel_scope.cancel()
        self.stopped.set()

    async def _open(self, doors: trio.Nursery, connections: trio.Nursery) -> Addresses:
        listeners = Listeners(self.core, OriginRule(self._config.origins, loopback=self._config.dev))
        ws = msgpack = http = ""
        for listener in await self._bind(self._config.ws):
            doors.start_soon(listeners.serve_websocket, listener, connections)
            ws = ws or f"ws://{bound_address(listener)}"
        for listener in await self._bind(self._config.msgpack):
            doors.start_soon(listeners.serve_framed, listener, connections)
            msgpack = msgpack or _msgpack_url(bound_address(listener))
        if self._config.http is not None:
            http = await doors.start(self._run_http, self._config.http)
        doors.start_soon(self.core.sweep)
        doors.start_soon(self.core.teller.run)
        return Addresses(ws, msgpack, http)

    async def _bind(self, address: Address | None) -> list[trio.SocketListener]:
        return [] if address is None else await bind(address, allow_remote=self._config.allow_remote)

    async def _run_http(self, address: Address, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED) -> None:
        port = HttpPort(self.core, self._metrics)
        await port.run(address, allow_remote=self._config.allow_remote, task_status=task_status)


def _msgpack_url(bound: str) -> str:
    return f"msgpack+unix://{bound.removeprefix('unix:')}" if bound.startswith("unix:") else f"msgpack://{bound}"
