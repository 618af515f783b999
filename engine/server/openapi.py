"""What the HTTP port answers, as types, and an OpenAPI 3.1 document made from them.

``ROUTES`` is the table: the port takes its routes from it, and the document can name no other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import msgspec

from engine.server.pages import PageConfig
from engine.telemetry.metrics import CONTENT_TYPE
from engine.wire.queries import ExplainResult, QueueRow


class Health(msgspec.Struct, frozen=True):
    ok: bool = True


class Ready(msgspec.Struct, frozen=True):
    """``lsn``: the last committed record; ``epoch`` grows with each start of the engine."""

    ready: bool
    epoch: int
    lsn: int
    refuses_new_contacts: bool


class NotReady(msgspec.Struct, frozen=True):
    why: str
    ready: bool = False


class QueueRows(msgspec.Struct, frozen=True):
    queues: list[QueueRow]


class Fault(msgspec.Struct, frozen=True):
    """Codes as in `error` frames: docs/protocol.md."""

    code: str
    message: str
    what: str
    got: str
    wanted: str


class Refusal(msgspec.Struct, frozen=True):
    error: Fault


@dataclass(frozen=True)
class Parameter:
    """``where``: path or query. A query parameter may be left out."""

    name: str
    where: str
    says: str
    schema: Mapping[str, Any]


@dataclass(frozen=True)
class Described:
    """One GET route. ``answers``: by status, the JSON body's type, or a text's media type (``*/*``: by the file's name).

    ``guarded``: with a supervisor's token, or from this machine where the engine runs with ``--dev``.
    """

    path: str
    says: str
    answers: Mapping[int, type | str]
    parameters: tuple[Parameter, ...] = ()
    guarded: bool = False


_NUMBER = {"type": "integer", "minimum": 0, "maximum": 10**15 - 1}
_GUARD: dict[int, type | str] = {401: Refusal, 403: Refusal, 503: Refusal}
_STATUSES = {
    200: "as asked",
    400: "a parameter cannot be used",
    401: "no token, or one that is not accepted",
    403: "not for this role",
    404: "no such contact, agent or file",
    410: "the journal no longer reaches back that far",
    503: "not now: starting, stopping, or the store has failed",
}

ROUTES: tuple[Described, ...] = (
    Described("/healthz", "The process runs and its loop turns.", {200: Health}),
    Described(
        "/readyz",
        "The store is open and recovered, and the last commit went well.",
        {200: Ready, 503: NotReady},
    ),
    Described("/metrics", "A Prometheus scrape: docs/metrics.md.", {200: CONTENT_TYPE}),
    Described("/openapi.json", "This document.", {200: dict}),
    Described("/customer", "The customer's page.", {200: "text/html; charset=utf-8"}),
    Described("/agent", "The agent's page.", {200: "text/html; charset=utf-8"}),
    Described("/pages/config.json", "What the two pages need to know of this engine.", {200: PageConfig}),
    Described(
        "/pages/{name}",
        "The pages' modules, texts and style.",
        {200: "*/*", 404: Refusal},
        (Parameter("name", "path", "The file's name.", {"type": "string"}),),
    ),
    Described(
        "/api/queues", "Every queue of the tenant, as `sluice ctl queues`.", {200: QueueRows, **_GUARD}, guarded=True
    ),
    Described(
        "/api/explain/{contact}",
        "Why a contact is where it is, as `sluice explain --json`.",
        {200: ExplainResult, 400: Refusal, 404: Refusal, 410: Refusal, **_GUARD},
        (
            Parameter("contact", "path", "The contact's number.", _NUMBER),
            Parameter("why_not", "query", "An agent's id: why this one does not have it.", {"type": "string"}),
            Parameter("at", "query", "An lsn: as it stood right after that record; 0 is now.", _NUMBER),
        ),
        guarded=True,
    ),
)


def document(routes: tuple[Described, ...] = ROUTES) -> dict[str, Any]:
    """The OpenAPI 3.1 document of these routes."""
    kinds = sorted(
        {kind for route in routes for kind in route.answers.values() if isinstance(kind, type) and kind is not dict},
        key=lambda kind: kind.__name__,
    )
    schemas, components = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    schema_of = dict(zip(kinds, schemas, strict=True))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Sluice HTTP port",
            "version": _version(),
            "description": "Health, metrics, and two views for people with curl. Everything else is on the wire protocol.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": {route.path: {"get": _operation(route, schema_of)} for route in routes},
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "`sluice token`"}},
        },
    }


def _version() -> str:
    try:
        return version("sluice")
    except PackageNotFoundError:  # run from a checkout that was never installed
        return "unknown"


def _operation(route: Described, schema_of: Mapping[type, Mapping[str, Any]]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.path.strip("/").partition("/{")[0].replace("/", "_").replace(".", "_"),
        "summary": route.says,
        "responses": {
            str(status): {"description": _STATUSES[status], "content": _content(kind, schema_of)}
            for status, kind in sorted(route.answers.items())
        },
    }
    if route.parameters:
        operation["parameters"] = [
            {
                "name": parameter.name,
                "in": parameter.where,
                "required": parameter.where == "path",
                "description": parameter.says,
                "schema": dict(parameter.schema),
            }
            for parameter in route.parameters
        ]
    if route.guarded:
        operation["security"] = [{"token": []}, {}]
    return operation


def _content(kind: type | str, schema_of: Mapping[type, Mapping[str, Any]]) -> dict[str, Any]:
    if isinstance(kind, str):
        return {kind: {"schema": {"type": "string"}}}
    return {"application/json": {"schema": {"type": "object"} if kind is dict else schema_of[kind]}}
