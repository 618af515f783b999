"""The whole command line as a user has it: one engine, and commands as processes of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

POLICY = """
[policy]
name = "house"
[tenants.acme]
[channels.web]
[pools.onsite]
[queues.help]
tenant = "acme"
pools = ["onsite"]
[[entry]]
name = "default"
queue = "help"
"""
SLUICE = [sys.executable, "-c", "from engine.cli import main; main()"]
# Generous: a machine that runs other things beside takes seconds to start a Python.
PATIENCE_S = 120


@contextmanager
def serving(policy: Path, store: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """A running engine and the environment in which commands find it."""
    command = [*SLUICE, "serve", str(policy), "--store", str(store), "--ws", "127.0.0.1:0", "--dev"]
    with (store.parent / "serve.log").open("a") as log:
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    assert server.stdout is not None
    try:
        ready = json.loads(server.stdout.readline())
        yield server, {**os.environ, "SLUICE_URL": ready["ws"], "LC_ALL": "C.UTF-8"}
    finally:
        server.stdout.close()
        server.kill()
        server.wait(PATIENCE_S)


def sluice(env: dict[str, str], *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SLUICE, *arguments], env=env, input=typed, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )


def test_a_contact_survives_kill_9_and_is_explained(tmp_path: Path) -> None:
    """A customer asks through a pipe and is cut off; the engine is killed and started again; the contact and its story
    are there, a supervisor closes it, and without an engine the commands say so."""
    policy, store = tmp_path / "policy.toml", tmp_path / "store"
    policy.write_text(POLICY)
    with serving(policy, store) as (server, env):
        with subprocess.Popen(
            [*SLUICE, "chat", "--as", "customer", "--name", "li", "--lang", "en"],
            env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        ) as customer:  # fmt: skip
            assert customer.stdin is not None
            assert customer.stdout is not None
            customer.stdin.write("hello?\n")
            customer.stdin.flush()
            while "You are in queue help (contact 1)" not in customer.stdout.readline():
                pass
            customer.kill()
        server.send_signal(signal.SIGKILL)
        server.wait(PATIENCE_S)
    with serving(policy, store) as (_, env):
        listed = sluice(env, "ctl", "contacts", "--json")
        assert listed.returncode == 0, listed.stderr
        assert [row["customer"] for row in json.loads(listed.stdout)["contacts"]] == ["li"]
        told = sluice(env, "explain", "1")
        assert "Why nobody takes it: no agent is signed on." in told.stdout
        assert sluice(env, "ctl", "close", "1").returncode == 0
        refused = sluice(env, "ctl", "move", "1", "help")
        assert refused.returncode == 1
        assert refused.stderr.startswith("sluice: ")
    gone = sluice(env, "top", "--once")
    assert gone.returncode == 3
    assert gone.stderr.startswith("sluice: cannot connect to 127.0.0.1")
