"""The HTTP port: health, readiness, metrics, two JSON views for people with curl, and what describes them."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import msgspec
import trio
from hypercorn.config import Config
from hypercorn.trio import serve
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from engine.access.roles import Role
from engine.config import Address
from engine.dispatch.dispatcher import Dispatcher
from engine.ports import HistoryTrimmed, Principal, Stopped, StoreError
from engine.server.authority import Unknown
from engine.server.core import Core
from engine.server.listeners import bind, bound_address, is_loopback
from engine.server.openapi import ROUTES, Fault, Health, NotReady, QueueRows, Ready, Refusal, document
from engine.server.pages import headers, load_files, page_config, ws_for
from engine.telemetry.logs import where
from engine.telemetry.metrics import CONTENT_TYPE, EngineFigures, EngineMetrics
from engine.wire.errors import SENTENCES, WireCode, WireError
from engine.wire.messages import Hello
from engine.wire.queries import AskExplain

# A readiness probe is asked every few seconds; an engine that cannot answer in one is not ready.
READY_S = 1.0
_RESTART_S = 1.0
_BEARER = "bearer "
_STATUS_OF = {WireCode.UNAUTHORIZED: 401, WireCode.FORBIDDEN: 403, WireCode.HISTORY_TRIMMED: 410}


class HttpPort:
    """The ASGI application, and the server that runs it."""

    def __init__(self, core: Core, metrics: EngineMetrics, ws: str = "") -> None:
        """``ws``: where the WebSocket listener is, for the pages."""
        self._core = core
        self._metrics = metrics
        self._ws = ws
        self._files = load_files()
        self._document = msgspec.json.encode(document())
        handlers: dict[str, Callable[[Request], Awaitable[Response]]] = {
            "/healthz": self._health,
            "/readyz": self._ready,
            "/metrics": self._show_metrics,
            "/openapi.json": self._describe,
            "/customer": partial(self._page, "customer.html"),
            "/agent": partial(self._page, "agent.html"),
            "/pages/config.json": self._page_config,
            "/pages/{name}": self._page_file,
            "/api/queues": self._guarded(self._queues),
            "/api/explain/{contact}": self._guarded(self._explain),
        }
        self.app = Starlette(routes=[Route(route.path, handlers[route.path], methods=["GET"]) for route in ROUTES])

    async def run(
        self, address: Address, *, allow_remote: bool, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Until cancelled. Raises :class:`BindError` at the start; a crash later is counted and started over."""
        listener = (await bind(address, allow_remote=allow_remote))[0]
        task_status.started(f"http://{bound_address(listener)}")
        name = listener.socket.getsockname()
        address = Address(str(name[0]), int(name[1]))
        while True:
            try:
                await self._serve(listener)
            except Exception as error:  # noqa: BLE001  # the wire and the routing go on; this port is started again
                self._core.counters.crashes += 1
                self._core.log.error("http_crashed", where=where(error))
            await trio.sleep(_RESTART_S)
            listener = (await bind(address, allow_remote=allow_remote))[0]

    async def _serve(self, listener: trio.SocketListener) -> None:
        config = Config()
        config.bind = [f"fd://{os.dup(listener.socket.fileno())}"]
        await listener.aclose()
        config.accesslog = None
        config.loglevel = "ERROR"
        config.graceful_timeout = 1.0
        config.h11_max_incomplete_size = 16 * 1024
        config.include_server_header = False
        await serve(self.app, config, mode="asgi")  # type: ignore[arg-type]  # Starlette is an ASGI application

    # --- open to whoever reaches the port -------------------------------------------------------------------------

    async def _health(self, _request: Request) -> Response:
        """The process runs and its loop turns."""
        return _json(Health())

    async def _describe(self, _request: Request) -> Response:
        """What this port answers, for programs."""
        return Response(self._document, media_type="application/json")

    # --- the pages ------------------------------------------------------------------------------------------------

    async def _page(self, name: str, request: Request) -> Response:
        file = self._files.get(name)
        if file is None:
            return _error("not_found", "there is no such file here", "name", name[:80], "", 404)
        ws = ws_for(self._ws, request.headers.get("host", "")) if self._ws else ""
        return Response(file.body, media_type=file.media_type, headers=headers(ws))

    async def _page_file(self, request: Request) -> Response:
        return await self._page(request.path_params["name"], request)

    async def _page_config(self, request: Request) -> Response:
        ws = ws_for(self._ws, request.headers.get("host", "")) if self._ws else ""
        config = page_config(self._core.policy, ws, dev=self._core.gate.dev)
        response = _json(config)
        response.headers.update(headers(ws))
        return response

    async def _ready(self, _request: Request) -> Response:
        """The store is open, recovered, and the last commit went well: the driver answers."""
        figures = self._core.door.figures
        try:
            with trio.fail_after(READY_S):
                await self._core.door.ask(_nothing)
        except trio.TooSlowError:
            return _json(NotReady(f"the engine did not answer within {READY_S:g} s"), 503)
        except (Stopped, StoreError) as error:
            return _json(NotReady(str(error)), 503)
        if self._core.roster.closing:
            return _json(NotReady("stopping"), 503)
        return _json(Ready(True, figures.epoch, figures.last_lsn, figures.refuses_new_contacts))

    async def _show_metrics(self, _request: Request) -> Response:
        gauges = await self._core.door.ask(self._core.gauges)
        seen, shown = self._core.door.figures, EngineFigures()
        shown.inbox_depth, shown.last_lsn, shown.epoch = seen.inbox_depth, seen.last_lsn, seen.epoch
        shown.free_bytes, shown.refuses_new_contacts = seen.free_bytes, seen.refuses_new_contacts
        shown.snapshots_failed = seen.snapshots_failed
        shown.lateness_ms, shown.admitted_per_s = seen.lateness_ms, seen.admitted_per_s
        shown.contacts_shed = seen.contacts_shed
        if (desk := self._core.desk) is not None:
            shown.desk_behind, shown.desk_refuses = desk.records_behind, desk.refuses
        return Response(self._metrics.text(gauges, shown), media_type=CONTENT_TYPE)

    # --- for supervisors ------------------------------------------------------------------------------------------

    def _guarded(
        self, handler: Callable[[Request, Principal], Awaitable[object]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                return _json(await handler(request, self._supervisor(request)))
            except WireError as error:
                status = _STATUS_OF.get(error.code, 400)
                return _error(error.code, error.message, error.what, error.got, error.wanted, status)
            except Unknown as unknown:
                return _error(unknown.code, unknown.message, "contact", unknown.got, "", 404)
            except HistoryTrimmed as trimmed:
                return _error(
                    WireCode.HISTORY_TRIMMED, SENTENCES[WireCode.HISTORY_TRIMMED], "at", str(trimmed), "", 410
                )
            except (Stopped, StoreError):
                return _error(WireCode.GOING_AWAY, SENTENCES[WireCode.GOING_AWAY], "engine", "stopping", "", 503)

        return answer

    def _supervisor(self, request: Request) -> Principal:
        """From the bearer token, or anybody on this machine where the engine runs with ``--dev``."""
        header = request.headers.get("authorization", "")
        token = header[len(_BEARER) :].strip() if header.lower().startswith(_BEARER) else ""
        loopback = request.client is not None and is_loopback(request.client.host)
        hello = Hello(token) if token else Hello(role=Role.SUPERVISOR, subject="curl")
        principal = self._core.gate.identify(hello, loopback).principal
        if principal.role != Role.SUPERVISOR:
            raise WireError(WireCode.FORBIDDEN, "role", principal.role, Role.SUPERVISOR)
        return principal

    async def _queues(self, _request: Request, principal: Principal) -> object:
        self._core.authority.check_question(principal, "queues")
        tenant = self._core.authority.tenant_shown(principal)
        return QueueRows(await self._core.questions.queues(tenant))

    async def _explain(self, request: Request, principal: Principal) -> object:
        self._core.authority.check_question(principal, "explain")
        query = AskExplain(
            _number("contact", request.path_params["contact"]),
            request.query_params.get("why_not", "")[:256],
            _number("at", request.query_params.get("at", "0")),
        )
        return await self._core.questions.explain(principal, query)


def _nothing(_dispatcher: Dispatcher) -> None:
    """Asked to see whether the driver answers."""


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise WireError(WireCode.BAD_VALUE, name, text[:40], "a whole number")
    return int(text)


def _json(value: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def _error(code: str, message: str, what: str, got: str, wanted: str, status: int) -> Response:
    return _json(Refusal(Fault(code, message, what, got, wanted)), status)
