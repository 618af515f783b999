"""Any history of customers, cut off anywhere: the tables are what the journal gives, and nobody is two people or half erased."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.desk.customers.tables import CUSTOMER_LINKS, CUSTOMERS
from tests.cluster import Cluster
from tests.desk.stage import Archive, desk_house
from tests.server.stage import Frame, FramedPeer, House

KEYS = st.sampled_from(["a", "b", "c", "d"])
TENANTS = st.sampled_from(["acme", "acme", "acme", "bolt"])


def deed(type: str, **fields: Any) -> st.SearchStrategy[Frame]:
    return st.fixed_dictionaries({"type": st.just(type), "tenant": TENANTS, **fields})


ATTRIBUTES = st.dictionaries(
    st.sampled_from(["name", "points", "language"]), st.sampled_from([None, "x", "zh", 1, 7]), min_size=1
)
TAGS = st.lists(st.sampled_from(["vip", "slow", "new"]), max_size=2, unique=True)
NAMED = st.sampled_from(["hotline", "returns"])
COMMANDS = st.one_of(
    deed("customer.save", customer=KEYS, attributes=ATTRIBUTES),
    deed("customer.tag", customer=KEYS, add=TAGS, remove=TAGS),
    deed("customer.tier", customer=KEYS, tier=st.sampled_from(["", "gold", "silver"])),
    deed("customer.merge", customer=KEYS, other=KEYS, consent=st.just("account")),
    deed("customer.merge", customer=KEYS, other=KEYS, consent=st.just("account")),
    deed("customer.link", customer=KEYS, key=KEYS, channel=st.just("web"), consent=st.just("account")),
    deed("customer.unmerge", customer=KEYS, other=KEYS),
    deed("customer.block", customer=KEYS, reason=st.just("spam")),
    deed("customer.unblock", customer=KEYS),
    deed("customer.subscribe", customer=KEYS, entitlement=NAMED),
    deed("customer.cancel", customer=KEYS, entitlement=NAMED),
    deed("customer.use", customer=KEYS, entitlement=NAMED),
    deed("customer.erase", customer=KEYS),
    st.fixed_dictionaries({"type": st.just("contact.submit"), "tenant": TENANTS, "channel": st.just("web"), "customer": KEYS}),
)  # fmt: skip


async def play(archive: Archive, commands: list[Frame], cut: int) -> None:
    """All sent in one breath; after ``cut`` answers the engine dies, and the next one gets them all again."""
    async with desk_house(archive) as house:
        peers = await _send(house, commands)
        for place in range(cut):
            await peers[place].answer(f"d{place}")
    async with desk_house(archive) as house:
        peers = await _send(house, commands)
        for place, peer in enumerate(peers):
            answer = await peer.answer(f"d{place}")
            assert answer.get("code") not in ("internal", "conflict"), (commands[place], answer)


async def _send(house: House, commands: list[Frame]) -> list[FramedPeer]:
    """Who sent each: contacts come from their tenant's channel, the rest from a supervisor over all tenants."""
    peers = {"": await house.framed("supervisor", "sue", tenant="*")}
    for tenant in ("acme", "bolt"):
        peers[tenant] = await house.framed("channel", "web", tenant=tenant)
    senders = [peers[each["tenant"] if each["type"] == "contact.submit" else ""] for each in commands]
    for place, (peer, command) in enumerate(zip(senders, commands, strict=True)):
        await peer.send({"op": "do", "id": f"d{place}", "command": command})
    return senders


def check_trees(archive: Archive) -> None:
    """Whoever has a root is linked to it, step by step, and no root is under another."""
    tables = archive.tables()
    with tables.reading() as reading:
        into = {(row.tenant, row.customer): row.into for row in reading.rows(CUSTOMER_LINKS.select())}
        for row in reading.rows(CUSTOMERS.select()):
            key = row.customer
            while (row.tenant, key) in into:
                key = into[row.tenant, key]
            assert key == (row.root or row.customer), (row, into)
    tables.close()


def tell(archive: Archive, commands: list[Frame], cut: int) -> None:
    trio.run(play, archive, commands, min(cut, len(commands)), clock=trio.testing.MockClock(autojump_threshold=0))
    verdict = archive.check()
    assert verdict.ok, verdict.first
    check_trees(archive)


@settings(max_examples=25)
@given(st.lists(COMMANDS, min_size=1, max_size=25), st.integers(0, 25))
def test_any_history_cut_off_anywhere(commands: list[Frame], cut: int) -> None:
    """On a file: answered or not, a second engine goes on, and made anew the tables are the same."""
    with tempfile.TemporaryDirectory() as folder:
        tell(Archive(Path(folder) / "desk.db"), commands, cut)


@settings(max_examples=4)
@given(commands=st.lists(COMMANDS, min_size=1, max_size=25), cut=st.integers(0, 25))
def test_any_history_on_a_server(cluster: Cluster, commands: list[Frame], cut: int) -> None:
    """The same in PostgreSQL."""
    tell(Archive(cluster.new_place()), commands, cut)


def test_the_strategy_finds_merges_and_erasures() -> None:
    """The commands above are such as the desk takes: none is refused for its form."""
    with tempfile.TemporaryDirectory() as folder:
        archive = Archive(Path(folder) / "desk.db")
        story = [
            {"type": "customer.save", "tenant": "acme", "customer": "a", "attributes": {"points": 1}},
            {"type": "customer.tag", "tenant": "acme", "customer": "b", "add": ["vip"], "remove": []},
            {"type": "customer.merge", "tenant": "acme", "customer": "a", "other": "b", "consent": "account"},
            {"type": "customer.erase", "tenant": "acme", "customer": "b"},
        ]
        tell(archive, story, 2)
        assert archive.keys.erased == {("acme", "a"), ("acme", "b")}
