"""The HTTP port's description of itself, held against the port: its routes, its statuses, every body's shape."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote

import httpx2
import msgspec
import pytest
from trio.testing import MockClock

from engine.ports import HistoryTrimmed, Stopped
from engine.server.http import HttpPort
from engine.server.openapi import ROUTES, Described, document
from engine.telemetry.metrics import EngineMetrics
from tests.server.stage import House, house
from tests.server.test_http import curl

PATHS = {route.path: route for route in ROUTES}
EXPLAIN = PATHS["/api/explain/{contact}"]
ODD = [
    "",
    "0",
    "1",
    "2",
    "3",
    "-1",
    "1.0",
    "１",
    "x",
    "9" * 15,
    "9" * 16,
    "a/b",
    "%00",
    "..",
    "ann",
    "zoë",
    "a" * 3_000,
]


def kept(route: Described, answer: httpx2.Response) -> None:
    """The status is declared, and the body is what stands there for it: nothing missing, nothing more."""
    assert answer.status_code in route.answers, (str(answer.url), answer.status_code, answer.text)
    kind = route.answers[answer.status_code]
    if isinstance(kind, str):
        assert kind in ("*/*", answer.headers["content-type"])
        return
    assert answer.headers["content-type"] == "application/json"
    given = answer.json()
    again = msgspec.to_builtins(msgspec.convert(given, kind))
    assert json.loads(json.dumps(again)) == given


async def test_the_port_has_the_routes_that_it_describes_and_no_others(autojump_clock: MockClock) -> None:
    """GET and nothing else; each answers as declared; what is not described is a 404."""
    async with house() as home, curl(home) as http:
        app = HttpPort(home.core, EngineMetrics(home.core.tally, home.core.counters)).app
        assert {route.path for route in app.routes} == set(document()["paths"])  # type: ignore[attr-defined]  # all are Routes
        for route in ROUTES:
            path = route.path.replace("{contact}", "99").replace("{name}", "client.js")
            kept(route, await http.get(path))
            for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
                assert (await http.request(method, path)).status_code == 405
        assert (await http.get("/api")).status_code == 404


async def test_the_document_is_served_and_whole(autojump_clock: MockClock) -> None:
    """As a file it is what the code says; every reference in it leads somewhere, every path's parameters are declared."""
    async with house() as home, curl(home) as http:
        served = (await http.get("/openapi.json")).json()
    assert served == json.loads(json.dumps(document()))
    assert served["openapi"].startswith("3.1.")
    schemas = served["components"]["schemas"]
    references = re.findall(r'"\$ref": "#/components/schemas/([^"]+)"', json.dumps(served))
    assert references and set(references) <= set(schemas)
    for path, operations in served["paths"].items():
        declared = {each["name"] for each in operations["get"].get("parameters", []) if each["in"] == "path"}
        assert declared == set(re.findall(r"{(\w+)}", path))
        assert "200" in operations["get"]["responses"]
    names = [operations["get"]["operationId"] for operations in served["paths"].values()]
    assert len(set(names)) == len(names)


async def people(home: House) -> None:
    """One contact with Ann, one waiting, one turned away."""
    await home.agent("ann", capacity=1)
    web = await home.framed("channel", "web")
    await web.done("contact.submit", channel="web", customer="c1", text="hello")
    await web.done("contact.submit", channel="web", customer="c2")
    await web.done("contact.submit", channel="web", customer="c3", attributes={"blocked": "yes"})


async def test_whatever_is_asked_the_answer_is_one_that_was_described(autojump_clock: MockClock) -> None:
    """Odd contacts, agents and instants, alone and together: a declared status and body each time, never a crash."""
    seen: set[int] = set()
    async with house() as home, curl(home) as http:
        await people(home)
        for contact in filter(None, ODD):
            for query in [
                {},
                *({name: odd} for name in ("why_not", "at") for odd in ODD),
                {"why_not": "ann", "at": "5"},
            ]:
                path = f"/api/explain/{quote(contact, safe='')}"
                if "/" in contact or contact == "..":
                    continue  # another path, which is not described
                answer = await http.get(path, params=query)
                kept(EXPLAIN, answer)
                seen.add(answer.status_code)
        kept(PATHS["/api/queues"], await http.get("/api/queues"))
        assert home.core.counters.crashes == 0
    assert seen == {200, 400, 404}


async def test_strangers_and_trimmed_history_and_a_stopping_engine_are_described_too(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """401 from elsewhere, 410 where the journal is too short, 503 while it stops: for each guarded route as declared."""
    guarded = [(route, route.path.replace("{contact}", "1")) for route in ROUTES if route.guarded]
    async with house() as home:
        await people(home)
        async with curl(home, ("10.0.0.9", 1)) as http:
            for route, path in guarded:
                answer = await http.get(path)
                kept(route, answer)
                assert answer.status_code == 401
        async with curl(home) as http:
            with monkeypatch.context() as patched:

                async def trimmed(_lsn: int) -> Any:
                    raise HistoryTrimmed("the journal begins at record 1,000")

                patched.setattr(home.driver, "rebuild_at", trimmed)
                answer = await http.get("/api/explain/1", params={"at": "3"})
                kept(EXPLAIN, answer)
                assert answer.status_code == 410

            async def stopped(_: object) -> Any:
                raise Stopped("the engine has stopped")

            with monkeypatch.context() as patched:
                patched.setattr(home.driver, "ask", stopped)
                for route, path in [*guarded, (PATHS["/readyz"], "/readyz")]:
                    answer = await http.get(path)
                    kept(route, answer)
                    assert answer.status_code == 503
