"""The desk from a terminal: a supervisor's ``sluice ctl customer``, an agent's ``/customer``, ``/tag`` and ``/orders``."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from adapters.clients import connect
from adapters.clients.terminal import engine_options
from adapters.clients.terminal.chat_agent import AgentChat
from adapters.clients.terminal.chat_lines import Printer
from engine.desk.customers.records import Records
from tests.clients.terminal.test_against_engine import DOOR, EN, Screen
from tests.desk.customers.test_records import Shop
from tests.desk.stage import Archive, desk_house
from tests.server.stage import POLICY, House
from tests.server.test_serve import Served, serving, sluice

DESK = """
[attributes.points]
type = "int"
personal = false
[tiers.gold]
[entitlements.hotline]
"""


async def test_a_supervisor_keeps_the_customers_in_order(tmp_path: Path) -> None:
    """Saved, tagged, merged, listed, blocked and erased; JSON and tables; what is refused is exit code 1."""
    policy, desk = tmp_path / "policy.toml", tmp_path / "desk.toml"
    policy.write_text(POLICY)
    desk.write_text(DESK)
    with serving(policy, "--dev", "--desk-file", desk) as served:
        assert isinstance(served, Served)
        where = ("--url", served.ready["msgpack"], "--tenant", "acme", "--lang", "en")

        async def ctl(*words: str, code: int = 0) -> str:
            done = await trio.to_thread.run_sync(partial(sluice, "ctl", *words, *where))  # noqa: TID251  # a person's own process
            assert done.returncode == code, (words, done.stdout, done.stderr)
            return done.stdout + done.stderr

        await ctl("customer", "save", "c1", "points=7")
        await ctl("customer", "tag", "c1", "vip", "slow payer")
        await ctl("customer", "tier", "w1", "gold")
        await ctl("customer", "merge", "c1", "w1", "--consent", "account")
        await ctl("customer", "subscribe", "c1", "hotline", "--quota", "2", "--for", "3600")
        await ctl("segment", "save", "dear", 'vip and @tier = "gold"')
        shown = json.loads(await ctl("customer", "show", "w1", "--json"))
        assert (shown["customer"], shown["tags"], shown["tier"]) == ("c1", ["slow payer", "vip"], "gold")
        listed = await ctl("customer", "list", "--segment", "dear")
        assert "c1" in listed and "slow payer, vip" in listed
        await ctl("customer", "block", "c1", "--reason", "spam")
        assert "version_conflict" in await ctl("customer", "save", "c1", "points=8", "--expect", "1", code=1)
        assert "--yes" in await ctl("customer", "erase", "c1", code=2)
        await ctl("customer", "erase", "c1", "--yes")
        assert "tags" not in json.loads(await ctl("customer", "show", "c1", "--json"))
        assert served.end()[0] == 0


@pytest.fixture
def dials(monkeypatch: pytest.MonkeyPatch) -> Callable[[House], None]:
    """Lets the commands dial this house."""

    def use(house: House) -> None:
        async def dial(_address: object) -> trio.abc.Stream:
            return house.connect("framed")

        monkeypatch.setattr(engine_options, "connect", partial(connect, dial=dial))

    return use


async def test_an_agent_sees_whom_it_talks_to(
    on_disk: Archive,
    dials: Callable[[House], None],
    capsys: pytest.CaptureFixture[str],
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The customer of the current contact, without naming it; tags on and off; the shop's orders, or why there are none."""
    shop, screen = Shop(), Screen()
    async with desk_house(on_disk, records=Records({"shop": shop})) as house:
        dials(house)
        web = await house.framed("channel", "web")
        await web.done("contact.submit", channel="web", external_id="e1", customer="c1", text="hello")
        async with DOOR.connect("agent", "ann", give_up_after_s=None) as client, trio.open_nursery() as nursery:
            printer: Any = Printer(EN, screen)  # type: ignore[arg-type]  # a screen can be written to
            ann = AgentChat(client, printer, "ann")
            await ann.sign_on({"pools": ["onsite"], "capacity": 4}, may_define=True)
            nursery.start_soon(ann.listen)
            await ann.take("/customer")
            await screen.shows("No contact to write to")
            await ann.take("/accept")
            await screen.shows("Text now goes to contact 1")
            await ann.take("/tag vip -new")
            await ann.take("/customer")
            await screen.shows("customer: c1")
            await screen.shows('tags: ["vip"]')
            await ann.take("/orders")
            assert "SN1" in capsys.readouterr().out
            shop.is_down = True
            await ann.take("/orders shop SN1")
            await screen.shows("No answer just now: shop gave no answer")
            await ann.take("/customer somebody")
            await screen.shows("unknown_customer")
            nursery.cancel_scope.cancel()
