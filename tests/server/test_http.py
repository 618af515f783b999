"""The HTTP port: health, readiness, metrics, and the JSON views, through the application itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import trio
from prometheus_client.parser import text_string_to_metric_families
from trio.testing import MockClock

from engine.access.tokens import Keys
from engine.config import Address, ServeConfig
from engine.ports import Principal
from engine.server.http import HttpPort
from engine.server.listeners import BindError
from engine.server.server import Addresses, Server
from engine.telemetry.metrics import CONTENT_TYPE, EngineMetrics
from tests.server.stage import WALL_S, House, house


@asynccontextmanager
async def curl(home: House, client: tuple[str, int] = ("127.0.0.1", 1234)) -> AsyncIterator[httpx2.AsyncClient]:
    metrics = EngineMetrics(home.core.tally, home.core.counters)
    home.driver.figures.observe_decide_s = metrics.decide.observe
    home.driver.figures.observe_commit_s = metrics.commit.observe
    transport = httpx2.ASGITransport(HttpPort(home.core, metrics).app, client=client)  # type: ignore[arg-type]  # an ASGI app
    async with httpx2.AsyncClient(transport=transport, base_url="http://engine") as http:
        yield http


async def scrape(http: httpx2.AsyncClient) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    answer = await http.get("/metrics")
    assert answer.headers["content-type"] == CONTENT_TYPE
    families = text_string_to_metric_families(answer.text)
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def of(samples: dict[tuple[str, frozenset[tuple[str, str]]], float], name: str, **labels: str) -> float:
    return samples[name, frozenset(labels.items())]


async def test_health_and_readiness(autojump_clock: MockClock) -> None:
    """Alive and ready while the driver answers; alive and not ready while it stops."""
    async with house() as home, curl(home) as http:
        assert (await http.get("/healthz")).json() == {"ok": True}
        ready = await http.get("/readyz")
        assert (ready.status_code, ready.json()["ready"]) == (200, True)
        home.core.close_all()
        stopping = await http.get("/readyz")
        assert (stopping.status_code, stopping.json()["why"]) == (503, "stopping")
        assert (await http.get("/healthz")).status_code == 200
        assert (await http.get("/elsewhere")).status_code == 404
        assert (await http.post("/healthz")).status_code == 405


async def test_an_engine_that_does_not_answer_is_not_ready(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stalled driver: 503 within a second or so, and the reason."""
    async with house() as home, curl(home) as http:

        async def stall(_: object) -> None:
            await trio.sleep_forever()

        monkeypatch.setattr(home.driver, "ask", stall)
        answer = await http.get("/readyz")
        assert answer.status_code == 503
        assert "within 1 s" in answer.json()["why"]


async def test_metrics_tell_the_story(autojump_clock: MockClock) -> None:
    """One contact answered within 20 s, one waiting, one deflected: every number as it happened."""
    async with house() as home, curl(home) as http:
        ann = await home.agent("ann", capacity=1)
        web = await home.framed("channel", "web")
        sue = await home.framed("supervisor", "sue")
        await web.done("contact.submit", channel="web", customer="c1", text="hello")
        offer = await ann.event("offer.made")
        await trio.sleep(10)
        await ann.done("offer.accept", offer=offer["offer"])
        await ann.done("contact.message", contact=1, text="hi")
        await web.done("contact.submit", channel="web", customer="c2")
        await sue.done("queue.close", queue="vip")
        await web.done("contact.submit", channel="web", customer="c3", attributes={"tier": "vip"})
        await web.do("contact.close", contact=99)
        samples = await scrape(http)
        assert of(samples, "sluice_contacts_submitted_total", queue="help") == 2
        assert of(samples, "sluice_contacts_answered_total", queue="help") == 1
        assert of(samples, "sluice_contacts_deflected_total", queue="vip", reason="queue_closed") == 1
        assert of(samples, "sluice_contacts_waiting", queue="help") == 1
        assert of(samples, "sluice_contacts_connected", queue="help") == 1
        assert of(samples, "sluice_queue_closed", queue="vip") == 1
        assert of(samples, "sluice_offers_total", queue="help", outcome="accepted") == 1
        assert of(samples, "sluice_offers_total", queue="help", outcome="expired") == 0
        assert of(samples, "sluice_wait_seconds_bucket", queue="help", le="10.0") == 1
        assert of(samples, "sluice_wait_seconds_bucket", queue="help", le="5.0") == 0
        assert of(samples, "sluice_wait_seconds_sum", queue="help") == pytest.approx(10, abs=0.1)
        assert of(samples, "sluice_reply_round_seconds_bucket", queue="help", le="20.0") == 1
        assert of(samples, "sluice_pool_occupancy_ratio", pool="onsite") == 1
        assert of(samples, "sluice_agents", pool="onsite", state="available") == 1
        assert of(samples, "sluice_connections", carrier="framed", role="agent") == 1
        assert of(samples, "sluice_commands_rejected_total", code="unknown_contact") == 1
        assert of(samples, "sluice_conn_crash_total") == 0
        assert of(samples, "sluice_journal_lsn") == home.driver.last_lsn
        assert of(samples, "sluice_commit_seconds_count") > 0
        assert of(samples, "sluice_decision_seconds_count") > 0
        assert of(samples, "sluice_policy_info", version=home.core.policy.version) == 1


async def test_names_and_units_follow_the_conventions(autojump_clock: MockClock) -> None:
    """Snake case with our prefix, counters end in _total, lengths are seconds, each has a help text; service-level seconds
    are exact bounds."""
    async with house() as home, curl(home) as http:
        text = (await http.get("/metrics")).text
        families = list(text_string_to_metric_families(text))
        assert len(families) > 40
        for family in families:
            assert family.name.startswith("sluice_")
            assert family.documentation
            assert "_ms" not in family.name
            if family.type == "counter":
                assert all(sample.name.endswith("_total") for sample in family.samples), family.name
        bounds = {
            s.labels["le"]
            for f in families
            if f.name == "sluice_reply_round_seconds"
            for s in f.samples
            if "le" in s.labels
        }
        assert {"20.0", "30.0", "60.0", "100.0", "180.0", "+Inf"} <= bounds


async def test_each_engine_has_its_own_registry(autojump_clock: MockClock) -> None:
    """Two engines in one process count apart."""
    async with house() as one, house() as two, curl(one) as http_one, curl(two) as http_two:
        web = await one.framed("channel", "web")
        await web.done("contact.submit", channel="web")
        assert of(await scrape(http_one), "sluice_contacts_submitted_total", queue="help") == 1
        assert of(await scrape(http_two), "sluice_contacts_submitted_total", queue="help") == 0


async def test_json_views_are_for_supervisors(tmp_path: Path, autojump_clock: MockClock) -> None:
    """With accounts: no token 401, another role 403, a supervisor its own tenant. Another tenant's contact: 404."""
    keys = Keys.create(tmp_path / "keys.json")

    def bearer(role: str, tenant: str = "acme") -> dict[str, str]:
        return {"Authorization": "Bearer " + keys.issue(Principal(tenant, role, "x"), now_s=WALL_S, ttl_s=600)}

    async with house(keys=keys, dev=False) as home, curl(home) as http:
        web = await home.framed("channel", token=bearer("channel")["Authorization"][7:])
        await web.done("contact.submit", channel="web", customer="c1")
        assert (await http.get("/api/queues")).status_code == 401
        assert (await http.get("/api/queues", headers={"Authorization": "Bearer x"})).status_code == 401
        assert (await http.get("/api/queues", headers=bearer("agent"))).status_code == 403
        ours = (await http.get("/api/queues", headers=bearer("supervisor"))).json()
        assert [row["queue"] for row in ours["queues"]] == ["help", "vip"]
        everything = (await http.get("/api/queues", headers=bearer("supervisor", "*"))).json()
        assert len(everything["queues"]) == 3
        found = (await http.get("/api/explain/1", headers=bearer("supervisor"))).json()
        assert (found["now"]["queue"], found["now"]["position"]) == ("help", 1)
        other = await http.get("/api/explain/1", headers=bearer("supervisor", "bolt"))
        unreal = await http.get("/api/explain/77", headers=bearer("supervisor", "bolt"))
        assert other.status_code == unreal.status_code == 404
        assert other.json()["error"]["code"] == unreal.json()["error"]["code"] == "unknown_contact"


async def test_bad_questions_are_400s(autojump_clock: MockClock) -> None:
    """Numbers that are none, lsns that are none."""
    async with house() as home, curl(home) as http:
        for path in ("/api/explain/x", "/api/explain/1?at=-1", "/api/explain/1?at=999999", "/api/explain/" + "9" * 30):
            answer = await http.get(path)
            assert answer.status_code == 400, path
            error: dict[str, Any] = answer.json()["error"]
            assert error["code"] == "bad_value"
            assert error["what"]
            assert error["wanted"]


async def test_dev_opens_the_json_views_to_this_machine_only(autojump_clock: MockClock) -> None:
    """Loopback without a token; elsewhere 401."""
    async with house() as home:
        async with curl(home) as http:
            assert (await http.get("/api/queues")).status_code == 200
        async with curl(home, ("203.0.113.7", 1)) as http:
            assert (await http.get("/api/queues")).status_code == 401
            assert (await http.get("/metrics")).status_code == 200


# --- on real sockets ------------------------------------------------------------------------------------------------


@asynccontextmanager
async def serving(home: House, **listeners: Address) -> AsyncIterator[tuple[Server, Addresses]]:
    server = Server(home.core, ServeConfig(Path("p"), Path("s"), dev=True, **listeners))
    async with trio.open_nursery() as nursery:
        yield server, await nursery.start(server.run)
        nursery.cancel_scope.cancel()


async def test_the_http_port_survives_noise() -> None:
    """Bytes that are no HTTP on a real socket: the port answers the next request, and nothing else noticed."""
    async with house() as home, serving(home, http=Address("127.0.0.1", 0)) as (_, addresses):
        host, _, port = addresses.http.removeprefix("http://").rpartition(":")
        for noise in (
            b"\x00\xff\xfe\r\n\r\n",
            b"GET / HTTP/9.9\r\n\r\n",
            b"G" * 40_000,
            b"GET /healthz HTTP/1.1\r\n\r\n",
            b"",
        ):
            stream = await trio.open_tcp_stream(host, int(port))
            await stream.send_all(noise) if noise else None
            await trio.aclose_forcefully(stream)
        async with httpx2.AsyncClient() as http:
            assert (await http.get(f"{addresses.http}/healthz")).json() == {"ok": True}
            assert (await http.get(f"{addresses.http}/metrics")).status_code == 200
        assert home.core.counters.crashes == 0


async def test_a_unix_socket_left_behind_is_taken_over(tmp_path: Path) -> None:
    """Mode 600; a dead one is replaced, a living one and a plain file are not."""
    path = tmp_path / "sluice.sock"
    async with house() as home:
        for _ in range(2):  # the second time the first one's file is still there
            async with serving(home, msgpack=Address(path=str(path))) as (_, addresses):
                assert addresses.msgpack == f"msgpack+unix://{path}"
                assert path.stat().st_mode & 0o777 == 0o600
                with pytest.RaisesGroup(pytest.RaisesExc(BindError, match="another process"), flatten_subgroups=True):
                    async with serving(home, msgpack=Address(path=str(path))):
                        pass
        plain = tmp_path / "file"
        plain.write_text("precious")
        with pytest.RaisesGroup(pytest.RaisesExc(BindError, match="cannot listen"), flatten_subgroups=True):
            async with serving(home, msgpack=Address(path=str(plain))):
                pass
        assert plain.read_text() == "precious"


@pytest.mark.parametrize("listener", ["ws", "msgpack", "http"])
async def test_plain_listeners_stay_on_this_machine(listener: str) -> None:
    """0.0.0.0 is refused without an explicit word, whatever the protocol."""
    async with house() as home:
        with pytest.RaisesGroup(pytest.RaisesExc(BindError, match="--listen-remote"), flatten_subgroups=True):
            async with serving(home, **{listener: Address("0.0.0.0", 0)}):
                pass


async def test_a_taken_port_is_one_clear_line() -> None:
    """Somebody listens there already."""
    async with house() as home, serving(home, ws=Address("127.0.0.1", 0)) as (_, addresses):
        taken = Address.parse(addresses.ws.removeprefix("ws://"))
        with pytest.RaisesGroup(pytest.RaisesExc(BindError, match="cannot listen"), flatten_subgroups=True):
            async with serving(home, ws=taken):
                pass
