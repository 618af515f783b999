"""What agents see of orders: through a declared connector, of customers whom they serve, and never as an error of ours."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
import trio.testing

from adapters.connectors.demo_shop import orders_of
from engine.desk.customers.records import Records
from engine.ports import ConnectorAnswer, ConnectorError, ConnectorQuestion
from tests.desk.stage import Archive, desk_house
from tests.server.stage import POLICY
from tests.server.test_serve import SLUICE, Served, serving


class Shop:
    """A connector in the test's hands."""

    def __init__(self) -> None:
        self.asked: list[ConnectorQuestion] = []
        self.is_down = False

    async def ask(self, question: ConnectorQuestion) -> ConnectorAnswer:
        self.asked.append(question)
        if self.is_down:
            raise ConnectorError("shop gave no answer within 2000 ms")
        return ConnectorAnswer(({"order": "SN1", "status": "paid"},))

    async def aclose(self) -> None:
        pass


async def test_an_agent_asks_for_the_orders_of_whom_it_serves(
    archive: Archive, autojump_clock: trio.testing.MockClock
) -> None:
    """Under all keys of the customer; a stranger's are refused before the shop is asked; a shop that is down is told as such."""
    shop = Shop()
    async with desk_house(archive, records=Records({"shop": shop})) as house:
        sue = await house.framed("supervisor", "sue")
        ann = await house.agent("ann")
        web = await house.framed("channel", "web")
        for key in ("c1", "w1"):
            await sue.done("customer.tag", customer=key, add=["vip"])
        await sue.done("customer.merge", customer="c1", other="w1", consent="account")
        await web.done("contact.submit", channel="web", external_id="e1", customer="w1")
        offer = await ann.event("offer.made")
        await ann.done("offer.accept", offer=offer["offer"])
        told = await ann.ask("customer.records", customer="c1", connector="shop", limit=5)
        assert told == {"connector": "shop", "records": [{"order": "SN1", "status": "paid"}]}
        assert shop.asked == [ConnectorQuestion("orders", "acme", ("c1", "w1"), limit=5)]
        stranger = await ann.call(
            {"op": "ask", "query": {"type": "customer.records", "customer": "c9", "connector": "shop"}}
        )
        assert stranger["code"] == "unknown_customer" and len(shop.asked) == 1
        shop.is_down = True
        told = await ann.ask("customer.records", customer="w1", connector="shop")
        assert told == {"connector": "shop", "problem": "shop gave no answer within 2000 ms"}
        other = await ann.call(
            {"op": "ask", "query": {"type": "customer.records", "customer": "w1", "connector": "bank"}}
        )
        assert (other["code"], other["got"], other["wanted"]) == ("not_declared", "bank", "shop")


@pytest.fixture
def served_shop(tmp_path: Path) -> Iterator[dict[str, str]]:
    words = [*SLUICE, "desk", "shop", "--port", "0", "--key-file", str(tmp_path / "shop.key")]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield json.loads(process.stdout.readline())
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 0


async def test_the_shop_that_comes_with_it(tmp_path: Path, served_shop: dict[str, str]) -> None:
    """``sluice desk shop`` beside ``sluice serve``: a customer's orders over real HTTP."""
    customer = next(f"c{n}" for n in range(100) if len(orders_of(f"c{n}")) > 1)
    policy, desk = tmp_path / "policy.toml", tmp_path / "desk.toml"
    policy.write_text(POLICY)
    desk.write_text(f'[connectors.shop]\nurl = "{served_shop["url"]}"\nkey_file = "{served_shop["key_file"]}"\n')
    with serving(policy, "--dev", "--desk-file", desk) as served:
        assert isinstance(served, Served)
        sue = await served.framed()
        await sue.hello("supervisor", "sue", tenant="acme")
        told = await sue.ask("customer.records", customer=customer, connector="shop", kind="orders")
        assert [record["order"] for record in told["records"]] == [order["order"] for order in orders_of(customer)]
        assert served.end()[0] == 0
