"""All listeners of one engine, from the first bind to the last goodbye."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass

import trio

from engine.config import Address, ServeConfig
from engine.server.core import Core
from engine.server.http import HttpPort
from engine.server.listeners import Listeners, bind, bound_address, is_at
from engine.server.pages import own_origins
from engine.telemetry.metrics import EngineMetrics
from engine.wire.websocket import OriginRule

# The last commits of an engine take milliseconds; on a disk that hangs, nobody waits longer than this for them.
DRAIN_S = 10.0
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

    def __init__(self, core: Core, config: ServeConfig, inherited: Mapping[str, socket.socket] | None = None) -> None:
        """``inherited``: sockets that listen already, by carrier; those that are not wanted are closed."""
        self.core = core
        self.listening: dict[str, trio.SocketListener] = {}
        self._config = config
        self._inherited = dict(inherited or {})
        self.stopping = trio.Event()
        self.released = trio.Event()
        self.stopped = trio.Event()
        self._metrics = EngineMetrics(core.tally, core.counters, core.teller.calibration)
        core.door.figures.observe_decide_s = self._metrics.decide.observe
        core.door.figures.observe_commit_s = self._metrics.commit.observe

    def stop(self) -> None:
        """Accept nobody any more, make what is under way durable, say bye to all, and return from ``run``."""
        self.stopping.set()

    async def run(self, task_status: trio.TaskStatus[Addresses] = trio.TASK_STATUS_IGNORED) -> None:
        """Raises :class:`BindError` before anything is served."""
        async with trio.open_nursery() as connections:
            async with trio.open_nursery() as doors:
                task_status.started(await self._open(doors, connections))
                await self.stopping.wait()
                doors.cancel_scope.cancel()
            self.core.roster.closing = True
            with trio.move_on_after(DRAIN_S):
                await self.core.door.drain()
            self.released.set()
            self.core.close_all()
            with trio.move_on_after(GOODBYE_S):
                while self.core.connections:  # noqa: ASYNC110  # each ends in its own time, and nobody else waits for them
                    await trio.sleep(0.02)
            connections.cancel_scope.cancel()
        self.stopped.set()

    async def _open(self, doors: trio.Nursery, connections: trio.Nursery) -> Addresses:
        """Everything is bound before anybody is let in: the pages are told where the WebSocket is, and it where they are."""
        on_ws = await self._bind("ws", self._config.ws)
        on_msgpack = await self._bind("msgpack", self._config.msgpack)
        ws = f"ws://{bound_address(on_ws[0])}" if on_ws else ""
        msgpack = _msgpack_url(bound_address(on_msgpack[0])) if on_msgpack else ""
        http = ""
        if self._config.http is not None:
            http = await doors.start(self._run_http, self._config.http, ws)
        origins = OriginRule((*self._config.origins, *own_origins(http)), loopback=self._config.dev)
        listeners = Listeners(self.core, origins)
        for listener in on_ws:
            doors.start_soon(listeners.serve_websocket, listener, connections)
        for listener in on_msgpack:
            doors.start_soon(listeners.serve_framed, listener, connections)
        doors.start_soon(self.core.sweep)
        doors.start_soon(self.core.teller.run)
        return Addresses(ws, msgpack, http)

    async def _bind(self, name: str, address: Address | None) -> list[trio.SocketListener]:
        inherited = self._inherited.pop(name, None)
        if inherited is not None:
            listener = trio.SocketListener(trio.socket.from_stdlib_socket(inherited))
            if address is not None and is_at(listener, address):
                self.listening[name] = listener
                return [listener]
            await listener.aclose()
        if address is None:
            return []
        listeners = await bind(address, allow_remote=self._config.allow_remote)
        self.listening[name] = listeners[0]
        return listeners

    async def _run_http(
        self, address: Address, ws: str, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED
    ) -> None:
        port = HttpPort(self.core, self._metrics, ws)
        await port.run(address, allow_remote=self._config.allow_remote, task_status=task_status)


def _msgpack_url(bound: str) -> str:
    return f"msgpack+unix://{bound.removeprefix('unix:')}" if bound.startswith("unix:") else f"msgpack://{bound}"
