"""Nothing personal in any file: a run with planted names and telephone numbers, looked through byte by byte."""

from __future__ import annotations

import itertools
import json
import signal
import urllib.request
from pathlib import Path

import ahocorasick
import numpy as np
import pytest
import trio

from tests.server.stage import POLICY, FramedPeer
from tests.server.test_serve import Served, serving, sluice

LISTEN = ("--msgpack", "127.0.0.1:0", "--http", "127.0.0.1:0")
PEOPLE, CHANNELS = 1_000, 10
DESK = """
[attributes.name]
type = "string"
personal = true
[attributes.phone]
type = "string"
personal = true
"""
FAMILY, GIVEN = "赵钱孙李周吴郑王冯陈", "伟芳娜敏静丽强磊军洋艳勇杰涛明超兰霞平刚"


def people() -> list[tuple[str, str]]:
    """Names (each with a number, so that none is a common word) and telephone numbers."""
    draw = np.random.default_rng(20261201)
    names = [f"{draw.choice(list(FAMILY))}{draw.choice(list(GIVEN))}{place:04}" for place in range(PEOPLE)]
    phones = draw.choice(10**8, PEOPLE, replace=False)
    return [(name, f"138{phone:08}") for name, phone in zip(names, phones.tolist(), strict=True)]


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.toml"
    path.write_text(POLICY)
    (tmp_path / "desk.toml").write_text(DESK)
    assert sluice("desk", "key", tmp_path / "master.key").returncode == 0
    return path


def options(policy: Path) -> tuple[object, ...]:
    return "--dev", "--desk-file", policy.parent / "desk.toml", "--master-key", policy.parent / "master.key"


async def come(served: Served, which: int, planted: list[tuple[str, str]]) -> None:
    """A channel's share of the people: each writes, and is entered with name and number."""
    web, sue = await served.framed(), await served.framed()
    await web.hello("channel", f"web{which}", tenant="acme")
    await sue.hello("supervisor", f"sue{which}", tenant="acme")
    for place in range(which, PEOPLE, CHANNELS):
        name, phone = planted[place]
        await admitted(
            web,
            channel="web",
            external_id=str(place),
            customer=f"c{place}",
            text=f"我是{name}，电话{phone}",
        )
        await sue.done("customer.save", customer=f"c{place}", attributes={"name": name, "phone": phone})


async def admitted(web: FramedPeer, **contact: str) -> None:
    """A thousand at once are more than a busy machine takes: who is sent away comes again, as it was told to."""
    id = web.new_id()
    while (answer := await web.do("contact.submit", id=id, **contact))["op"] == "error":
        assert answer["code"] == "overloaded", answer
        await trio.sleep(answer["retry_after_ms"] / 1000)


async def serve_one(served: Served, planted: list[tuple[str, str]]) -> int:
    """An agent answers the first of them by name; returns the contact."""
    ann = await served.framed()
    await ann.hello("agent", "ann", tenant="acme")
    await ann.done("agent.define", profile={"agent": "ann"})
    await ann.done("agent.sign_on")
    offer = await ann.event("offer.made")
    contact = int(offer["contact"])
    await ann.done("offer.accept", offer=offer["offer"])
    (first,) = await history(ann, contact)
    name = first["text"].removeprefix("我是").partition("，")[0]
    assert name in {each for each, _ in planted}
    await ann.done("contact.message", contact=contact, sender="agent", agent="ann", text=f"您好，{name}")
    return contact


async def history(peer: FramedPeer, contact: int) -> list[dict[str, object]]:
    found: list[dict[str, object]] = (await peer.ask("history", contact=contact))["messages"]
    return found


def found_in(data: bytes, planted: list[tuple[str, str]]) -> set[str]:
    """UTF-8 and UTF-16, as written and as JSON escapes it."""
    wanted = ahocorasick.Automaton()
    for text in itertools.chain.from_iterable(planted):
        for form in (text.encode(), text.encode("utf-16-le"), json.dumps(text)[1:-1].encode()):
            wanted.add_word(form.decode("latin-1"), text)
    wanted.make_automaton()
    return {text for _, text in wanted.iter(data.decode("latin-1"))}


async def test_no_file_log_or_metric_holds_what_customers_are_called(policy: Path) -> None:
    """A thousand write, are entered and one is answered; killed, started again: all is known, and nothing of it on disk."""
    planted, store = people(), policy.parent / "store"
    with serving(policy, *options(policy), listen=LISTEN) as served:
        async with trio.open_nursery() as nursery:
            for which in range(CHANNELS):
                nursery.start_soon(come, served, which, planted)
        contact = await serve_one(served, planted)
        metrics = urllib.request.urlopen(served.ready["http"] + "/metrics").read()  # noqa: ASYNC210  # nothing else runs here
        code, said = served.end(signal.SIGKILL)
        assert code == -signal.SIGKILL
    files = [path for path in store.rglob("*") if path.is_file()]
    assert {"desk.db", "keys.db"} <= {path.name for path in files}
    for where, data in [
        ("log", said.encode()),
        ("metrics", metrics),
        *((path.name, path.read_bytes()) for path in files),
    ]:
        assert not found_in(data, planted), where

    with serving(policy, *options(policy), listen=LISTEN) as served:
        sue = await served.framed()
        await sue.hello("supervisor", "sue", tenant="acme")
        first, answer = await history(sue, contact)
        customer = (await sue.ask("contact", contact=contact))["customer"]
        name, phone = planted[int(customer[1:])]
        assert (first["text"], answer["text"]) == (f"我是{name}，电话{phone}", f"您好，{name}")
        assert (await sue.ask("customer", customer=customer))["attributes"] == {"name": name, "phone": phone}
        await sue.done("customer.erase", customer=customer)
        assert [(row["text"], row["erased"]) for row in await history(sue, contact)] == [("", True)] * 2
        assert not (await sue.ask("customer", customer=customer)).get("attributes")
        checked = sluice("desk", "rebuild", store, "--check", "--master-key", policy.parent / "master.key")
        assert checked.returncode == 0, checked.stdout + checked.stderr
        assert served.end()[0] == 0


def test_the_search_for_planted_names_finds_them() -> None:
    """What it finds where they are: nobody can rely on a search that finds nothing anywhere."""
    (name, phone), *_ = planted = people()
    assert found_in(f"x{name}y".encode(), planted) == {name}
    assert found_in(json.dumps([name, phone]).encode(), planted) == {name, phone}
