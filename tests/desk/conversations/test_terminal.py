"""Conversations from a terminal: an agent's ``/note``, ``/reply``, ``/story`` and ``/search``, a supervisor's ``sluice ctl``."""

from __future__ import annotations

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
from tests.clients.terminal.test_against_engine import DOOR, EN, Screen
from tests.desk.stage import Archive, desk_house
from tests.server.stage import POLICY, House
from tests.server.test_serve import serving, sluice


@pytest.fixture
def dials(monkeypatch: pytest.MonkeyPatch) -> Callable[[House], None]:
    """Lets the commands dial this house."""

    def use(house: House) -> None:
        async def dial(_address: object) -> trio.abc.Stream:
            return house.connect("framed")

        monkeypatch.setattr(engine_options, "connect", partial(connect, dial=dial))

    return use


async def test_an_agent_works_with_what_is_at_hand(
    on_disk: Archive, dials: Callable[[House], None], autojump_clock: trio.testing.MockClock
) -> None:
    """A note, a label, a reply filled in and sent, found again by its words, and all of it in the story."""
    screen = Screen()
    async with desk_house(on_disk) as house:
        dials(house)
        cai = await house.framed("customer", "c1")
        await cai.done("contact.submit", channel="web", external_id="e1", text="hello")
        async with DOOR.connect("agent", "ann", give_up_after_s=None) as client, trio.open_nursery() as nursery:
            printer: Any = Printer(EN, screen)  # type: ignore[arg-type]  # a screen can be written to
            ann = AgentChat(client, printer, "ann")
            await ann.sign_on({"pools": ["onsite"], "capacity": 4}, may_define=True)
            nursery.start_soon(ann.listen)
            await client.do({"type": "reply.save", "shortcut": "sent", "text": "Order {order.id} is on its way"})
            await screen.shows("OFFER")
            await ann.take("/accept")
            await screen.shows("Text now goes to contact 1")
            await ann.take("/note careful with this one")
            await ann.take("/label parcel")
            await ann.take("/reply sent")
            await screen.shows("bad_value")
            await ann.take("/reply sent order.id=SN1")
            assert "Order SN1 is on its way" in str(await cai.ask("history", contact=1))
            await ann.take("/replies se")
            await screen.shows("sent: Order {order.id} is on its way")
            await ann.take("/search way order")
            await screen.shows("1/2 ann: Order SN1 is on its way")
            await ann.take("/story")
            await screen.shows("Contact 1 (tags: parcel)")
            await screen.shows("ann (note): careful with this one")
            nursery.cancel_scope.cancel()


async def test_a_supervisor_reads_and_notes(tmp_path: Path) -> None:
    """From the command line of a real process: note, tag, story, search, replies; a contact that is not there is exit code 1."""
    policy = tmp_path / "policy.toml"
    policy.write_text(POLICY)
    with serving(policy, "--dev", "--desk") as served:
        where = ("--url", served.ready["msgpack"], "--tenant", "acme", "--lang", "en")

        async def ctl(*words: str, code: int = 0) -> str:
            done = await trio.to_thread.run_sync(partial(sluice, "ctl", *words, *where))  # noqa: TID251  # a person's own process
            assert done.returncode == code, (words, done.stdout, done.stderr)
            return str(done.stdout + done.stderr)

        cai = await served.framed()
        await cai.hello("customer", "c1", tenant="acme")
        await cai.done("contact.submit", channel="web", external_id="e1", text="我的快递在哪里")
        await ctl("conversation", "note", "1", "calls every day")
        await ctl("conversation", "tag", "1", "parcel")
        told = await ctl("conversation", "story", "1")
        assert "customer: 我的快递在哪里" in told and "(note): calls every day" in told and "tags: parcel" in told
        assert "1/1 customer: 我的快递在哪里" in await ctl("conversation", "search", "快递")
        await ctl("reply", "save", "hi", "您好 {customer.key}")
        assert "您好" in await ctl("reply", "list", "h")
        assert "{custmer.key}" in await ctl("reply", "save", "x", "{custmer.key}", code=1)
        await ctl("reply", "remove", "hi")
        await ctl("conversation", "story", "7", code=1)
        assert served.end()[0] == 0
