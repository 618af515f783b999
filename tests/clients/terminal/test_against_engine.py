"""The terminal's commands against the real engine: two people talk, a supervisor looks and steers, stories are told."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
import trio.testing

from adapters.clients import Refused, connect
from adapters.clients.terminal import chat, ctl, engine_options, explain, policy_apply, top
from adapters.clients.terminal.chat_agent import AgentChat
from adapters.clients.terminal.chat_customer import CustomerChat
from adapters.clients.terminal.chat_lines import Printer
from adapters.clients.terminal.engine_options import Door
from adapters.clients.terminal.tables import agents_table, contacts_table, queues_table
from adapters.clients.terminal.texts import Texts
from engine.server.views import agent_snapshot
from engine.store.memory import JournalInMemory
from tests.server.stage import POLICY, House, house

EN = Texts("en")
DOOR = Door("msgpack://engine:1", "", "acme", EN)
WRAP_UP = POLICY.replace("offer_ms = 20000", "offer_ms = 20000\nwrap_up_ms = 30000")


class Screen:
    """What somebody sees. ``shows`` waits for a line with these words and forgets everything up to it."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._changed = trio.Event()

    def write(self, text: str) -> int:
        self.lines += text.splitlines()
        self._changed.set()
        return len(text)

    def flush(self) -> None:
        """Nothing is kept back."""

    async def shows(self, words: str) -> str:
        with trio.fail_after(600):
            while True:
                for index, line in enumerate(self.lines):
                    if words in line:
                        del self.lines[: index + 1]
                        return line
                self._changed = trio.Event()
                await self._changed.wait()


@pytest.fixture
def dials(monkeypatch: pytest.MonkeyPatch) -> Callable[[House], None]:
    """Lets the commands dial this house."""

    def use(engine: House) -> None:
        async def dial(address: object) -> trio.abc.Stream:
            return engine.connect("framed")

        monkeypatch.setattr(engine_options, "connect", partial(connect, dial=dial))

    return use


@asynccontextmanager
async def customer(name: str, **submission: Any) -> AsyncIterator[tuple[CustomerChat, Screen]]:
    screen = Screen()
    async with DOOR.connect("customer", name, give_up_after_s=None) as client, trio.open_nursery() as nursery:
        talk = CustomerChat(client, Printer(EN, screen), {"channel": "web", **submission})  # type: ignore[arg-type]  # a screen can be written to
        nursery.start_soon(talk.listen)
        nursery.start_soon(talk.watch_position)
        yield talk, screen
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def agent(name: str, **profile: Any) -> AsyncIterator[tuple[AgentChat, Screen]]:
    screen = Screen()
    async with DOOR.connect("agent", name, give_up_after_s=None) as client, trio.open_nursery() as nursery:
        desk = AgentChat(client, Printer(EN, screen), name)  # type: ignore[arg-type]  # a screen can be written to
        await desk.sign_on({"pools": ["onsite"], "capacity": 4, **profile}, may_define=True)
        nursery.start_soon(desk.listen)
        yield desk, screen
        nursery.cancel_scope.cancel()


async def test_two_people_talk(dials: Callable[[House], None], autojump_clock: object) -> None:
    """Li asks, Ann reads what was said, answers, passes Li on to Bo, who closes; Li writes again and it begins anew."""
    async with house(policy=WRAP_UP) as engine:
        dials(engine)
        async with customer("li", shop="flagship") as (li, li_sees), agent("ann") as (ann, ann_sees):
            await li.take("有货吗？")
            await li_sees.shows("You are in queue help (contact 1)")
            offer = await ann_sees.shows("OFFER 1")
            assert "contact 1, queue help, web, flagship, li, waited" in offer
            assert "within" in offer
            await ann.take("/accept")
            await ann_sees.shows("[1] connected (queue help)")
            await ann_sees.shows("  customer: 有货吗？")
            await ann_sees.shows("Text now goes to contact 1")
            await li_sees.shows("ann joined")
            await ann.take("Hello")
            await li_sees.shows("ann: Hello")
            await li.take("//slash")
            await ann_sees.shows("[1] customer: /slash")
            async with agent("bo") as (bo, bo_sees):
                await ann.take("/transfer @bo knows refunds")
                await ann_sees.shows("[1] passed on to @bo")
                await li_sees.shows("You are passed on to bo")
                await bo_sees.shows("OFFER 2")
                await bo.take("/accept 2")
                await bo_sees.shows("  ann: Hello")
                await bo.take("/close solved")
                await bo_sees.shows("[1] closed by bo (solved)")
                await bo_sees.shows("[1] after-contact work for 30 s at most")
                await bo.take("too late")
                await bo_sees.shows("No contact to write to")
                await bo.take("/wrap")
                await bo_sees.shows("[1] after-contact work done")
                await li_sees.shows("The conversation is over (solved)")
                await li.take("one more thing")
                await li_sees.shows("You are in queue help (contact 2)")
                assert (li.contact, ann.contacts, bo.contacts) == (2, {}, {})


async def test_an_offer_that_is_there_already_says_how_long_it_stands(
    dials: Callable[[House], None], autojump_clock: object
) -> None:
    """Li has been waiting when Ann signs on: the offer has its deadline, and so it has on a screen that starts anew."""
    async with house() as engine:
        dials(engine)
        async with customer("li") as (li, li_sees):
            await li.take("hello")
            await li_sees.shows("You are in queue help")
            async with agent("ann") as (ann, ann_sees):
                assert "/accept or /decline within 20 s." in await ann_sees.shows("OFFER 1")
                await trio.sleep(5)
                ann.offers.clear()
                snapshot = await snapshot_of(engine, "ann")
                await ann.take_snapshot(snapshot)
                assert "/accept or /decline within 15 s." in await ann_sees.shows("OFFER 1")


async def snapshot_of(engine: House, name: str) -> Any:
    made = await engine.driver.ask(lambda dispatcher: agent_snapshot(dispatcher, name, lambda _: True))
    return msgspec.to_builtins(made)


async def test_a_tenant_that_does_not_exist_is_said_to_be_that(
    dials: Callable[[House], None], autojump_clock: object
) -> None:
    """--tenant nobody: no word of a token that nobody gave."""
    async with house() as engine:
        dials(engine)
        with pytest.raises(Refused) as caught:
            async with Door("msgpack://engine:1", "", "nobody", EN).connect("supervisor", "me"):
                pass
    told = "tenant: the policy has no such tenant, got nobody, wanted one of acme, bolt (unauthorized)"
    assert str(caught.value) == told


async def test_a_customer_comes_back_to_a_long_talk(dials: Callable[[House], None], autojump_clock: object) -> None:
    """Li opens a second window while Ann serves: all of what was said is there, and /close ends it, not a wait."""
    async with house() as engine:
        dials(engine)
        async with customer("li") as (li, _), agent("ann") as (ann, ann_sees):
            await li.take("line 1")
            await ann_sees.shows("OFFER 1")
            await ann.take("/accept")
            await ann_sees.shows("Text now goes to contact 1")
            async with DOOR.connect("channel", "app") as app:
                for number in range(2, 131):
                    await app.do({"type": "contact.message", "contact": 1}, text=f"line {number}")
            async with customer("li") as (again, sees):
                await again.take("line 131")
                await sees.shows("you: line 1")
                await sees.shows("you: line 130")
                await sees.shows("you: line 131")
                await ann.take("I am here")
                await sees.shows("ann: I am here")
                assert again.state == "connected"
                await again.take("/close")
                await sees.shows("The conversation is over")


async def test_a_talk_that_ended_while_its_customer_was_away(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: object
) -> None:
    """Li's line drops, Ann closes, the engine is restarted and knows the contact no more: Li is told that it is over."""
    journal, town = JournalInMemory(), list[House]()

    async def dial(address: object) -> trio.abc.Stream:
        if not town:
            raise OSError("nobody listens")
        return town[-1].connect("framed")

    monkeypatch.setattr(engine_options, "connect", partial(connect, dial=dial))

    async def live(task_status: trio.TaskStatus[trio.CancelScope]) -> None:
        with trio.CancelScope() as scope:
            async with house(journal) as engine:
                town.append(engine)
                task_status.started(scope)
                await trio.sleep_forever()
        town.clear()

    async with trio.open_nursery() as nursery:
        first: trio.CancelScope = await nursery.start(live)
        async with customer("li") as (li, li_sees):
            async with agent("ann") as (ann, ann_sees):
                await li.take("hello")
                await ann_sees.shows("OFFER 1")
                await ann.take("/accept")
                await ann_sees.shows("Text now goes to contact 1")
                await li_sees.shows("ann joined")
                li.client.cut(hold_off_s=60)
                await ann.take("/close done")
                await ann_sees.shows("closed by ann")
            first.cancel()
            await trio.testing.wait_all_tasks_blocked()
            await nursery.start(live)
            await li_sees.shows("The conversation is over")
            assert not li.contact
        nursery.cancel_scope.cancel()


async def test_an_agents_day(dials: Callable[[House], None], autojump_clock: object) -> None:
    """Bo declines, lets one expire, takes a break, comes back, juggles two contacts, and signs off with one open."""
    async with house() as engine:
        dials(engine)
        async with agent("bo") as (bo, sees), customer("li") as (li, li_sees), customer("mo") as (mo, mo_sees):
            await li.take("hello")
            await sees.shows("OFFER 1")
            await bo.take("/decline lunch")
            await sees.shows("OFFER 1 declined")
            await sees.shows("OFFER 2")  # nobody else: asked again when the memory ends
            await sees.shows("OFFER 2 expired unanswered")
            await sees.shows("You are not ready (did not answer an offer)")
            await bo.take("/ready")
            await sees.shows("You are available")
            await sees.shows("OFFER 3")
            await bo.take("/accept")
            await sees.shows("[1] connected")
            await bo.take("/pause")
            await sees.shows("You are paused")
            await mo.take("hello")
            await mo_sees.shows("Your position: 1.")
            await bo.take("/ready")
            await sees.shows("OFFER 4")
            await bo.take("/accept 4")
            await sees.shows("[2] connected")
            await bo.take("/switch 2")
            await bo.take("hi mo")
            await mo_sees.shows("bo: hi mo")
            await bo.take("/contacts")
            await sees.shows("  [1] help · web · li")
            await sees.shows("> [2] help · web · mo")
            await mo.take("/close")
            await sees.shows("[2] closed by the customer")
            await sees.shows("Text now goes to contact 1")
            await bo.take("/switch 9")
            await sees.shows("Contact 9 is not yours")
            await bo.take("/accept 99")
            await sees.shows("! ")
            await bo.take("/dance")
            await sees.shows("No such command: /dance")
            await bo.take("/why")
            await sees.shows("Now: with bo.")
            assert not await bo.take("/quit")
            await bo.leave()
            await li_sees.shows("bo is gone; you are in line again")


async def test_a_customer_at_the_door(dials: Callable[[House], None], autojump_clock: object) -> None:
    """The queue is closed: told why and what instead. Open again: waits, looks at the place, leaves, comes back."""
    async with house() as engine:
        dials(engine)
        await ctl.carry_out(DOOR, {"type": "queue.close", "queue": "help"}, True)
        async with customer("li") as (li, sees):
            await li.take("/person")
            await sees.shows("There is no conversation yet")
            await li.take("hello?")
            await sees.shows("We cannot take this now (the queue is closed). You may instead: leave a message")
            await ctl.carry_out(DOOR, {"type": "queue.open", "queue": "help"}, True)
            await li.take("hello?")
            await sees.shows("You are in queue help")
            await li.take("/where")
            await sees.shows("Your position: 1.")
            await li.leave()
            await sees.shows("The conversation is over")
            await li.take("I am back")
            await sees.shows("You have your old place again")


async def test_a_torn_line_shows_each_message_once(dials: Callable[[House], None], autojump_clock: object) -> None:
    """Both connections break in the middle; what was written meanwhile is shown on return, and nothing twice."""
    async with house() as engine:
        dials(engine)
        async with agent("ann", auto_accept=True) as (ann, ann_sees), customer("li") as (li, li_sees):
            await li.take("one")
            await ann_sees.shows("  customer: one")
            ann.client.cut(20)
            await li.take("two")
            await li.take("three")
            await ann_sees.shows("[1] customer: two")
            await ann_sees.shows("[1] customer: three")
            li.client.cut(20)
            await ann.take("four")
            await li_sees.shows("ann: four")
            await ann.take("five")
            assert (await li_sees.shows("ann: ")) == "ann: five"


async def test_signing_on_takes_up_what_is_ones_own(dials: Callable[[House], None], autojump_clock: object) -> None:
    """Ann's terminal was closed with a contact open; a new one finds it, with its history."""
    async with house() as engine:
        dials(engine)
        async with customer("li") as (li, _):
            async with agent("ann", auto_accept=True) as (ann, ann_sees):
                await li.take("hello")
                await ann_sees.shows("  customer: hello")
            async with agent("ann", auto_accept=True) as (ann, ann_sees):
                await ann_sees.shows("[1] connected")
                await ann_sees.shows("  customer: hello")
                assert ann.current == 1


async def test_chat_by_script(
    dials: Callable[[House], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Standard input is a pipe with three lines: the customer asks, looks, and leaves at its end."""
    async with house() as engine:
        dials(engine)
        with piped("hello\n/where\n", monkeypatch):
            await chat.chat_as_customer(DOOR, "li", {"channel": "web"}, 0)
        with piped("/quit\n", monkeypatch):
            await chat.chat_as_agent(DOOR, "ann", None, 0)
    said = capsys.readouterr().out
    for words in ("Connected as li", "Your position: 1.", "Signed on as ann", "Goodbye"):
        assert words in said


@contextmanager
def piped(text: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    reading, writing = os.pipe()
    os.write(writing, text.encode())
    os.close(writing)
    with os.fdopen(reading) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        yield


# --- a supervisor ---------------------------------------------------------------------------------------------------


async def test_a_supervisor_looks_and_steers(
    dials: Callable[[House], None], capsys: pytest.CaptureFixture[str], autojump_clock: object
) -> None:
    """Two customers wait; the supervisor sees them, moves one, raises a capacity, defines an agent; JSON says the same."""
    async with house() as engine:
        dials(engine)
        async with customer("li") as (li, li_sees), customer("mo") as (mo, _):
            await li.take("hello")
            await mo.take("hello")
            await ctl.show_rows(DOOR, {"type": "contacts"}, "contacts", "contact", 1, contacts_table, False)
            shown = capsys.readouterr()
            assert "li" in shown.out
            assert "Only the first 1 are shown" in shown.err
            await ctl.show_rows(DOOR, {"type": "queues"}, "queues", "", 0, queues_table, True)
            queues = {row["queue"]: row for row in json.loads(capsys.readouterr().out)["queues"]}
            assert queues["help"]["waiting"] == 2
            await ctl.carry_out(DOOR, {"type": "contact.move", "contact": 1, "queue": "vip", "reason": "x"}, False)
            assert capsys.readouterr().out.startswith("Done (lsn ")
            await li_sees.shows("You are now in queue vip")
            await ctl.carry_out(DOOR, {"type": "agent.define", "profile": {"agent": "cai"}}, True)
            await ctl.carry_out(DOOR, {"type": "agent.set_capacity", "agent": "cai", "capacity": 9}, True, for_s=60)
            await ctl.show_rows(DOOR, {"type": "agents"}, "agents", "agent", 10, agents_table, False)
            assert "0/9" in capsys.readouterr().out
            await ctl.carry_out(DOOR, {"type": "queue.notice", "queue": "vip", "notice": "storm"}, True, for_s=60)
            capsys.readouterr()
            await ctl.show_rows(DOOR, {"type": "queues"}, "queues", "", 0, queues_table, True)
            assert {row["queue"]: row["notice"] for row in json.loads(capsys.readouterr().out)["queues"]}[
                "vip"
            ] == "storm"
            with pytest.raises(Refused, match="no_promise"):
                await ctl.carry_out(DOOR, {"type": "contact.leave_message", "contact": 1}, True, role="channel")
            await ctl.show_answer(DOOR, {"type": "contact", "contact": 1}, False)
            assert "queue        vip" in capsys.readouterr().out
            await ctl.show_history(DOOR, 1, False)
            assert capsys.readouterr().out == "customer: hello\n"
            await top.show_figures(DOOR, True, 1.0, False)
            assert "waiting 2" in capsys.readouterr().out
            await top.show_figures(DOOR, True, 1.0, True)
            assert json.loads(capsys.readouterr().out)["figures"]["waiting"] == 2
            with pytest.raises(Refused, match="unknown_queue"):
                await ctl.carry_out(DOOR, {"type": "contact.move", "contact": 1, "queue": "nowhere"}, False)


async def test_a_contact_is_explained(
    dials: Callable[[House], None], capsys: pytest.CaptureFixture[str], autojump_clock: object
) -> None:
    """Declined by Bo, who alone could: why nobody takes it, why not Bo, why not Cai; then Ann comes and has it."""
    async with house() as engine:
        dials(engine)
        async with customer("li") as (li, _), agent("bo") as (bo, bo_sees), agent("cai", pools=["bot"]):
            await li.take("hello")
            await bo_sees.shows("OFFER 1")
            await bo.take("/decline lunch")
            await bo_sees.shows("OFFER 1 declined")
            await explain.show_explanation(DOOR, 1, "bo", 0, False)
            told = capsys.readouterr().out
            assert 'Entry rule "default" put it into queue help' in told
            assert "bo declined (lunch)." in told
            assert "Why nobody takes it: of the agents signed on, 1 declined it, 1 in other pools." in told
            assert "Why not bo?\nbo cannot take it, because:\nbo declined it; not asked again for" in told
            await explain.show_explanation(DOOR, 1, "cai", 0, False)
            assert "cai belongs to pool bot; open for this contact now: onsite." in capsys.readouterr().out
            async with agent("ann", auto_accept=True) as (_, ann_sees):
                await ann_sees.shows("[1] connected")
                await explain.show_explanation(DOOR, 1, "bo", 0, False)
                told = capsys.readouterr().out
                assert "Why now: ann had just become available, and of all contacts that ann may take" in told
                assert "Now: with ann." in told
                assert "Why not bo? (State as of lsn " in told
                assert told.rstrip().splitlines()[-1].startswith("bo declined it; not asked again for ")
                await explain.show_explanation(DOOR, 1, "", 0, True)
                answer = json.loads(capsys.readouterr().out)
                assert answer["now"]["state"] == "connected"
                with pytest.raises(Refused, match="unknown_agent"):
                    await explain.show_explanation(DOOR, 1, "nobody", 0, False)
                assert "Contact 1" in capsys.readouterr().out  # the story is told all the same


async def test_a_policy_is_swapped_whole_or_not_at_all(
    dials: Callable[[House], None], tmp_path: Path, capsys: pytest.CaptureFixture[str], autojump_clock: object
) -> None:
    """A good file is applied and its version said; a bad one is not sent; one that would strand a tenant is refused."""
    file = tmp_path / "policy.toml"
    async with house() as engine:
        dials(engine)
        async with customer("li") as (li, sees), DOOR.connect("supervisor", "boss") as boss:
            everything = Door(DOOR.url, "", "*", EN)
            await li.take("hello")
            await sees.shows("You are in queue help")
            good = POLICY.replace('name = "house"', 'name = "home"')
            file.write_text(good)
            await policy_apply.send_policy(everything, file, good, False)
            assert "Applied: home@" in capsys.readouterr().out
            bad = good.replace("offer_ms = 20000", "offer_ms = -5")
            with pytest.raises(SystemExit) as ended:
                await policy_apply.send_policy(everything, file, bad, False)
            assert ended.value.code == 1
            assert "offer_ms" in capsys.readouterr().err
            stranding = good.replace("acme", "other")
            with pytest.raises(SystemExit):
                await policy_apply.send_policy(everything, file, stranding, False)
            assert "no tenant acme" in capsys.readouterr().err
            assert boss.is_connected
            assert (await engine.driver.ask(lambda dispatcher: dispatcher.policy)).version.startswith("home@")
