"""``sluice serve`` and ``sluice token`` as processes: started, told, killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from click.testing import CliRunner

from engine.cli import main
from tests.cluster import Cluster
from tests.server.stage import POLICY, FramedPeer, WebSocketPeer

SLUICE = [sys.executable, "-c", "from engine.cli import main; main()"]
PATIENCE_S = 60


def sluice(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*SLUICE, *map(str, words)], capture_output=True, text=True, timeout=PATIENCE_S, check=False)


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.toml"
    path.write_text(POLICY)
    return path


def rewrite(policy: Path, before: str, after: str) -> None:
    policy.write_text(POLICY.replace(before, after))


class Served:
    """A child that said it is ready."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.streams: list[trio.SocketStream] = []
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, f"ended with {process.wait()}: {process.stderr.read() if process.stderr else ''}"
        self.ready: dict[str, Any] = json.loads(line)

    def port(self, carrier: str) -> int:
        return int(self.ready[carrier].rpartition(":")[2])

    def log_line(self, event: str) -> dict[str, Any]:
        """The next log line of this event."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if line.startswith("{") and json.loads(line)["event"] == event:
                found: dict[str, Any] = json.loads(line)
                return found
        raise AssertionError(f"no {event} in the log")

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, said

    async def _dial(self, carrier: str) -> trio.SocketStream:
        stream = await trio.open_tcp_stream("127.0.0.1", self.port(carrier))
        self.streams.append(stream)
        return stream

    async def framed(self) -> FramedPeer:
        return FramedPeer(await self._dial("msgpack"))

    async def websocket(self) -> WebSocketPeer:
        return await WebSocketPeer(await self._dial("ws")).shake_hands()


@contextmanager
def serving(
    policy: Path, *options: object, listen: tuple[str, ...] = ("--msgpack", "127.0.0.1:0"), store: str = ""
) -> Iterator[Served]:
    words = [*SLUICE, "serve", policy, "--store", store or policy.parent / "store", *listen, *options]
    process = subprocess.Popen(list(map(str, words)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    served = None
    try:
        served = Served(process)
        yield served
    finally:
        for stream in served.streams if served is not None else ():
            stream.socket.close()
        if process.poll() is None:
            process.kill()
        process.communicate()


async def test_ready_served_and_stopped(policy: Path) -> None:
    """One line with the bound ports; a contact over two carriers; SIGTERM: bye, the last commit, exit 0."""
    listen = ("--ws", "127.0.0.1:0", "--msgpack", "127.0.0.1:0", "--http", "127.0.0.1:0")
    with serving(policy, "--dev", listen=listen) as served:
        ready = served.ready
        assert ready["ready"]
        assert ready["dev"]
        assert ready["policy"].startswith("house@")
        assert ready["http"].startswith("http://127.0.0.1:")
        web, ann = await served.websocket(), await served.framed()
        await web.hello("channel", "web", tenant="acme")
        await ann.hello("agent", "ann", tenant="acme")
        await ann.done("agent.define", profile={"agent": "ann"})
        await ann.done("agent.sign_on")
        await web.done("contact.submit", channel="web", text="hello")
        assert (await ann.event("offer.made"))["contact"] == 1
        served.process.send_signal(signal.SIGTERM)
        assert (await ann.rest())[-1]["reason"] == "going_away"
        await web.rest()
        assert web.close_code == 1001
        await web.vanish()
        await ann.vanish()
        code, said = served.end()
        assert code == 0
        assert "NO ACCOUNTS" in said
        assert json.loads(said.splitlines()[-1])["event"] == "stopped"


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where the journal is: a folder, or a schema of the tests' own server."""
    if request.param == "postgresql":
        cluster: Cluster = request.getfixturevalue("cluster")
        return cluster.new_place()
    return str(tmp_path / "store")


async def test_killed_and_started_again_nothing_acked_is_lost(policy: Path, place: str) -> None:
    """``kill -9`` with a contact waiting and one offered: both are there, the offer rescinded, nobody marked."""
    with serving(policy, "--dev", store=place) as served:
        web, ann = await served.framed(), await served.framed()
        await web.hello("channel", "web", tenant="acme")
        await ann.hello("agent", "ann", tenant="acme")
        await ann.done("agent.define", profile={"agent": "ann"})
        await ann.done("agent.sign_on")
        for customer in ("c1", "c2"):
            await web.done("contact.submit", channel="web", customer=customer, text=customer)
        await ann.event("offer.made")
        heard = max(push["offset"] for push in web.seen("push"))
        served.end(signal.SIGKILL)
    with serving(policy, "--dev", store=place) as served:
        assert served.ready["epoch"] == 2
        ann = await served.framed()
        await ann.hello("agent", "ann", tenant="acme")
        assert (await ann.event("agent.back"))["after"] == "available"
        offer = await ann.event("offer.made")
        assert offer["contact"] == 1
        web = await served.framed()
        await web.hello("channel", "web", tenant="acme")
        await web.call({"op": "resume", "streams": {"channel:web": heard}})
        await ann.done("offer.accept", offer=offer["offer"])
        assert (await web.event("contact.connected"))["contact"] == 1
        for contact in (1, 2):
            [line] = (await web.ask("history", contact=contact))["messages"]
            assert line["text"] == f"c{contact}"
    assert json.loads(sluice("journal", "verify", place, "--json").stdout)["ok"]


async def test_hangup_applies_the_policy_whole_or_not_at_all(policy: Path) -> None:
    """A good file is swapped in; a bad one is logged with its lines and changes nothing."""
    with serving(policy, "--dev") as served:
        rewrite(policy, 'name = "house"', 'name = "home"')
        served.process.send_signal(signal.SIGHUP)
        applied = served.log_line("policy_applied")
        assert applied["version"].startswith("home@")
        rewrite(policy, 'pools = ["onsite"]', 'pools = ["nowhere"]')
        served.process.send_signal(signal.SIGHUP)
        refused = served.log_line("policy_not_applied")
        assert len(refused["problems"]) == 3
        assert "policy.toml:" in refused["problems"][0]
        sue = await served.framed()
        await sue.hello("supervisor", "sue")
        assert (await sue.ask("policy"))["version"] == applied["version"]


async def test_tokens_from_the_command_line_are_accepted(policy: Path, tmp_path: Path) -> None:
    """Key file made, token issued, connection accepted; without a token it is not."""
    keys = tmp_path / "keys.json"
    made = sluice(
        "token", keys, "--create", "--role", "supervisor", "--subject", "sue", "--tenant", "acme", "--ttl", "5m"
    )
    assert made.returncode == 0, made.stderr
    with serving(policy, "--keys", keys) as served:
        peer = await served.framed()
        assert (await peer.hello(token=made.stdout.strip()))["subject"] == "sue"
        stranger = await served.framed()
        assert (await stranger.hello("supervisor", "sue", tenant="acme"))["code"] == "unauthorized"
        assert served.end()[0] == 0


def test_a_policy_with_problems_starts_nothing(policy: Path, tmp_path: Path) -> None:
    """Every problem with its line, exit 2, and no store was made."""
    rewrite(policy, 'pools = ["onsite"]', 'pools = ["nowhere"]')
    words = ["serve", str(policy), "--store", str(tmp_path / "store"), "--msgpack", "127.0.0.1:0", "--dev"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert len([line for line in done.stderr.splitlines() if "policy.toml:" in line]) == 3
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "nothing to listen on"),
        (("--msgpack", "127.0.0.1:0"), "give --keys FILE"),
        (("--msgpack", "nowhere"), "wanted HOST:PORT"),
        (("--ws", "unix:/x"), "wanted HOST:PORT"),
        (("--msgpack", "127.0.0.1:99999"), "from 0 to 65535"),
        (("--msgpack", "0.0.0.0:0", "--dev"), "this machine only"),
        (("--msgpack", "127.0.0.1:0", "--dev", "--clock-speed", "0"), "above 0"),
        (("--msgpack", "127.0.0.1:0", "--dev", "--clock-speed", "nan"), "above 0"),
        (("--msgpack", "127.0.0.1:0", "--dev", "--clock-speed", "inf"), "above 0"),
        (("--msgpack", "127.0.0.1:0", "--keys", "none", "--clock-speed", "2"), "wanted 1 without --dev"),
        (("--msgpack", "127.0.0.1:0", "--keys", "/nowhere/keys.json"), "key file: cannot be read"),
    ],
)
def test_wrong_usage_is_one_clear_line(policy: Path, tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    """Exit 2, and the last line says what to change."""
    done = CliRunner().invoke(main, ["serve", str(policy), "--store", str(tmp_path / "store"), *options])
    assert done.exit_code == 2
    assert words in done.stderr.splitlines()[-1]


@pytest.mark.skipif(os.geteuid() == 0 and not Path("/proc").exists(), reason="needs a place where nobody may write")
def test_a_store_that_cannot_be_used_is_one_clear_line(policy: Path, tmp_path: Path) -> None:
    """The store is a file, or held by another engine: exit 1 at once, and nothing on stdout."""
    blocked = tmp_path / "blocked"
    blocked.write_text("a file")
    done = sluice("serve", policy, "--store", blocked / "below", "--msgpack", "127.0.0.1:0", "--dev")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith("sluice: store: ")
    with serving(policy, "--dev"):
        second = sluice("serve", policy, "--store", policy.parent / "store", "--msgpack", "127.0.0.1:0", "--dev")
        assert second.returncode == 1
        assert second.stderr.splitlines()[-1].startswith("sluice: store: ")


BROKEN_DISK = """
from adapters.storage.sqlite import SqliteStore
from engine.cli import main
from engine.ports import StoreError

def fail(*_):
    raise StoreError("the disk is on fire")

SqliteStore.renew_lease = fail
main()
"""


def test_a_store_that_fails_later_ends_the_engine_with_one_clear_line(policy: Path) -> None:
    """Up and ready, then the disk goes: acks stop, exit 1, and the last line says why."""
    words = ["serve", policy, "--store", policy.parent / "store", "--msgpack", "127.0.0.1:0", "--dev"]
    command = [sys.executable, "-c", BROKEN_DISK, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert json.loads(done.stdout)["ready"]
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "sluice: store: the disk is on fire"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--role", "agent", "--subject", "a", "--tenant", "t"), 2, "cannot be read"),
        (("--create", "--role", "agent", "--subject", "a"), 1, "subject and tenant"),
        (("--create", "--role", "agent", "--subject", "a", "--tenant", "*"), 1, "only a supervisor"),
        (("--create", "--role", "king", "--subject", "a", "--tenant", "t"), 2, "king"),
        (("--create", "--role", "agent", "--subject", "a", "--tenant", "t", "--ttl", "99d"), 2, "at most 30d"),
    ],
)
def test_tokens_that_cannot_be_made(tmp_path: Path, words: tuple[str, ...], code: int, said: str) -> None:
    """No token on stdout, one line on stderr."""
    done = CliRunner().invoke(main, ["token", str(tmp_path / "keys.json"), *words])
    assert done.exit_code == code
    assert done.stdout == ""
    assert said in done.stderr
