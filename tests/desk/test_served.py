"""The desk in a process of its own: killed, started again, its tables made anew."""

from __future__ import annotations

import json
import signal
from contextlib import closing
from pathlib import Path

import pytest

from adapters.storage.keys_sqlite import SqliteKeys
from tests.cluster import Cluster
from tests.server.stage import POLICY, FramedPeer
from tests.server.test_serve import Served, serving, sluice


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.toml"
    path.write_text(POLICY)
    (tmp_path / "desk.toml").write_text('[attributes.points]\ntype = "int"\npersonal = false\n')
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "store")
    cluster: Cluster = request.getfixturevalue("cluster")
    return cluster.new_place()


async def supervisor(served: Served) -> FramedPeer:
    sue = await served.framed()
    await sue.hello("supervisor", "sue", tenant="acme")
    return sue


async def test_what_was_acknowledged_is_there_after_a_kill(policy: Path, store: str) -> None:
    """Saved, answered, killed: the next engine knows; its tables and those made anew are the same; and so are the replaced."""
    key = policy.parent / "master.key"
    assert sluice("desk", "key", str(key)).returncode == 0
    options = ("--dev", "--desk-file", policy.parent / "desk.toml", "--master-key", key)
    opened = ("--master-key", str(key))
    with serving(policy, *options, store=store) as served:
        sue = await supervisor(served)
        for points in range(20):
            await sue.done("customer.save", customer=f"c{points}", attributes={"points": points})
        await sue.done("customer.tag", customer="c7", add=["vip"])
        assert served.end(signal.SIGKILL)[0] == -signal.SIGKILL
    with serving(policy, *options, store=store) as served:
        sue = await supervisor(served)
        row = await sue.ask("customer", customer="c7")
        assert (row["attributes"], row["tags"]) == ({"points": 7}, ["vip"])
        checked = sluice("desk", "rebuild", store, "--check", "--json", *opened)
        assert checked.returncode == 0, checked.stderr
        verdict = json.loads(checked.stdout)
        assert verdict["ok"] and verdict["rows"]["customers"] == 20
        in_use = sluice("desk", "rebuild", store, *opened)
        assert in_use.returncode == 1 and "another engine" in in_use.stderr
        assert served.end()[0] == 0
    replaced = sluice("desk", "rebuild", store, "--json", *opened)
    assert replaced.returncode == 0, replaced.stderr
    assert json.loads(replaced.stdout)["replaced"]
    locked = sluice("desk", "rebuild", store, "--check")
    assert locked.returncode == 1 and "master key: got none" in locked.stderr
    again = sluice("desk", "rebuild", store, "--check", "--lang", "zh", *opened)
    assert again.returncode == 0 and "一致" in again.stdout


async def test_an_erasure_that_was_begun_is_finished_after_a_kill(policy: Path) -> None:
    """Ten are erased in one breath and the engine is killed after the first answer: nobody is half erased, then or later."""
    store = policy.parent / "store"
    options = ("--dev", "--desk-file", policy.parent / "desk.toml")
    names = [f"c{number}" for number in range(10)]
    with serving(policy, *options, store=str(store)) as served:
        sue = await supervisor(served)
        for name in names:
            await sue.done("customer.save", customer=name, attributes={"points": 1})
        command = {"type": "customer.erase"}
        await sue.send_many(
            [{"op": "do", "id": f"e-{name}", "command": {**command, "customer": name}} for name in names]
        )
        assert (await sue.answer("e-c0"))["op"] == "ok"
        assert served.end(signal.SIGKILL)[0] == -signal.SIGKILL
    with serving(policy, *options, store=str(store)) as served:
        sue = await supervisor(served)
        rows = {name: await sue.ask("customer", customer=name) for name in names}
        with closing(SqliteKeys(store / "keys.db")) as keys:
            kept = {row.subject for row in keys.find([("acme", name) for name in names])}
        assert "c0" not in kept
        for name, row in rows.items():
            assert (name in kept) == ("erased_at" not in row) == (row.get("attributes") == {"points": 1}), row
        assert served.end()[0] == 0
    checked = sluice("desk", "rebuild", store, "--check")
    assert checked.returncode == 0, checked.stdout + checked.stderr
