"""The two pages on the HTTP port: what is served, with which headers, and which pages the WebSocket lets in."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from engine.access.tokens import Keys
from engine.config import Address, ServeConfig
from engine.dispatch.policy.compile import compile_policy
from engine.server.pages import headers, load_files, own_origins, page_config, ws_for
from engine.server.server import Addresses, Server
from tests.server.stage import POLICY, WebSocketPeer, house
from tests.server.test_http import curl

WS = "ws://127.0.0.1:7700"
ROOT = Path(__file__).parents[2]


async def test_a_page_may_load_our_files_and_speak_to_our_websocket_and_nothing_else(
    autojump_clock: MockClock,
) -> None:
    """No inline code, no frame around it, no guessing of types; nothing that is not listed is served."""
    async with house() as home, curl(home) as http:
        for path in ("/customer", "/agent", "/pages/client.js", "/pages/style.css", "/pages/config.json"):
            answer = await http.get(path)
            assert answer.status_code == 200
            said = answer.headers["content-security-policy"]
            assert "default-src 'none'" in said and "unsafe" not in said and "frame-ancestors 'none'" in said
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["referrer-policy"] == "no-referrer"
        for name in ("nothing.js", "__init__.py", "..%2F__init__.py", "%2e%2e/http.py", "static"):
            assert (await http.get(f"/pages/{name}")).status_code == 404
    assert f"connect-src 'self' {WS};" in headers(WS)["Content-Security-Policy"]


def test_the_pages_have_no_code_outside_their_modules() -> None:
    """Not an attribute that runs, not a style, not a script of its own; and texts become text nodes."""
    files = load_files()
    assert {"customer.html", "agent.html", "client.js", "texts.js", "style.css"} <= set(files)
    for name, file in files.items():
        text = file.body.decode()
        for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
            assert word not in text, f"{word} in {name}"
        if name.endswith(".html"):
            for word in (" style=", " onclick", "<script>", "<style", "http://", "https://"):
                assert word not in text, f"{word} in {name}"


def test_what_a_page_is_told_of_the_policy() -> None:
    """Choices for the customer; what an agent may define itself with only where there are no accounts."""
    policy = compile_policy((ROOT / "examples/shop/policy.toml").read_text("utf-8"))
    told = page_config(policy, WS, dev=True)
    assert [(each.tenant, each.shops) for each in told.tenants] == [("maple", ["flagship", "outlet"])]
    assert "refund" in told.topics and "onsite" in told.pools and "bot" not in told.pools
    assert {"presale", "refund"} <= set(told.skills) and "trainee" not in told.skills
    with_accounts = page_config(policy, WS, dev=False)
    assert (with_accounts.pools, with_accounts.skills) == ([], [])


@pytest.mark.parametrize(
    ("bound", "host", "told"),
    [
        (WS, "localhost:7702", WS),
        ("ws://0.0.0.0:7700", "desk.example:7702", "ws://desk.example:7700"),
        ("ws://0.0.0.0:7700", "desk.example", "ws://desk.example:7700"),
        ("ws://[::]:7700", "[2001:db8::1]:7702", "ws://[2001:db8::1]:7700"),
        ("ws://0.0.0.0:7700", "x; script-src *:1", "ws://0.0.0.0:7700"),
        ("ws://0.0.0.0:7700", "", "ws://0.0.0.0:7700"),
    ],
)
def test_where_the_page_finds_the_websocket(bound: str, host: str, told: str) -> None:
    """Where it listens; where it listens on every address, by the name that the browser used, if that is one."""
    assert ws_for(bound, host) == told


def test_only_a_port_of_this_machine_vouches_for_its_own_pages() -> None:
    """Elsewhere a page's origin has another name, which must be said."""
    assert own_origins("http://127.0.0.1:7702") == ("http://127.0.0.1:7702", "http://localhost:7702")
    assert own_origins("http://10.0.0.5:7702") == () and own_origins("") == ()


async def test_with_accounts_our_own_page_is_let_in_and_a_neighbours_is_not(tmp_path: Path) -> None:
    """No --origin was given: the HTTP port's own origin opens a WebSocket, another port's of the same machine does not."""
    keys = Keys.create(tmp_path / "keys.json")
    loopback = Address("127.0.0.1", 0)
    async with house(keys=keys, dev=False) as home:
        server = Server(home.core, ServeConfig(Path("policy.toml"), "memory", ws=loopback, http=loopback))
        async with trio.open_nursery() as nursery:
            addresses: Addresses = await nursery.start(server.run)
            port = int(addresses.ws.rpartition(":")[2])
            stranger = await trio.open_tcp_stream("127.0.0.1", port)
            await stranger.send_all(WebSocketPeer(stranger, origin="http://127.0.0.1:1").head)
            assert bytes(await stranger.receive_some(100)).startswith(b"HTTP/1.1 403")
            page = WebSocketPeer(await trio.open_tcp_stream("127.0.0.1", port), origin=addresses.http)
            await page.shake_hands()
            await page.stream.aclose()
            await stranger.aclose()
            nursery.cancel_scope.cancel()


def test_the_policy_of_the_stage_needs_no_skills() -> None:
    """A policy without topics and requirements leaves the choices empty, and the page asks for nothing."""
    told = page_config(compile_policy(POLICY), "", dev=True)
    assert (told.ws, told.topics, told.skills) == ("", [], [])
