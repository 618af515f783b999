"""The Python client against the real engine, over both carriers: two independent readings of one protocol."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
import trio.testing

from adapters.clients import Client, ClientError, FencedOff, Options, Push, Refused, connect
from engine.store.memory import JournalInMemory
from tests.server.stage import House, house

URLS = {"framed": "msgpack://engine:1", "websocket": "ws://engine:1"}
Dial = Callable[[object], Awaitable[trio.abc.Stream]]


class Town:
    """Where engines come and go: clients dial whoever is there."""

    def __init__(self, carrier: str = "framed") -> None:
        self.carrier = carrier
        self.house: House | None = None

    async def dial(self, address: object) -> trio.abc.Stream:
        if self.house is None:
            raise ConnectionRefusedError("nobody is at home")
        return self.house.connect(self.carrier)

    def connect(self, role: str, subject: str, **rest: Any) -> Any:
        return connect(URLS[self.carrier], role=role, subject=subject, tenant="acme", dial=self.dial, **rest)


async def events_until(client: Client, wanted: str) -> list[tuple[str, Push]]:
    """(type, push) of every event up to the first of the type wanted."""
    seen: list[tuple[str, Push]] = []
    async for push in client.pushes():
        for event in push.events:
            seen.append((event["type"], push))
            if event["type"] == wanted:
                return seen
    raise AssertionError("pushes do not end")


PROFILE = {"agent": "ann", "pools": ["onsite"], "capacity": 4}


@pytest.mark.parametrize(
    ("carrier", "encoding"), [("framed", "msgpack"), ("websocket", "msgpack"), ("websocket", "json")]
)
async def test_a_contact_from_end_to_end(carrier: str, encoding: str, autojump_clock: object) -> None:
    """A channel submits, Ann gets the offer, accepts, they talk, she closes; both sides hear all of it in order."""
    town = Town(carrier)
    async with (
        house() as town.house,
        town.connect("agent", "ann", encoding=encoding) as ann,
        town.connect("channel", "shop-site", encoding=encoding) as channel,
    ):
        await ann.do({"type": "agent.define", "profile": PROFILE})
        await ann.do({"type": "agent.sign_on"})
        submit = {"type": "contact.submit", "channel": "web", "customer": "li", "external_id": "e1"}
        result = await channel.do(submit, text="有货吗？")
        assert (result["contact"], result["state"]) == (1, "queued")
        (*_, (_, offered)) = await events_until(ann, "offer.made")
        offer = next(event for event in offered.events if event["type"] == "offer.made")
        await ann.do({"type": "offer.accept", "offer": offer["offer"]})
        history = await ann.ask({"type": "history", "contact": 1})
        assert [message["text"] for message in history["messages"]] == ["有货吗？"]
        await ann.do({"type": "contact.message", "contact": 1}, text="有的 ✓")
        seen = await events_until(channel, "message.added")
        seen += await events_until(channel, "message.added")
        assert [push.text for kind, push in seen if kind == "message.added"] == ["有货吗？", "有的 ✓"]
        await ann.do({"type": "contact.close", "contact": 1})
        await events_until(channel, "contact.closed")
        with pytest.raises(Refused, match=r"contact_gone|unknown_contact"):
            await channel.do({"type": "contact.message", "contact": 1}, text="thanks")


async def test_the_same_command_twice_is_one_contact(autojump_clock: object) -> None:
    """The connection breaks after the submit was made durable; sent again with its id it gets the same answer."""
    town = Town()
    async with house() as town.house, town.connect("channel", "site") as channel:
        submit = {"type": "contact.submit", "channel": "web", "external_id": "e1"}
        reply = await channel.begin(submit)
        channel.cut()
        result = await reply.wait()
        await channel.do({"type": "contact.submit", "channel": "web", "external_id": "e2"})
        async with town.connect("supervisor", "boss") as boss:
            contacts = (await boss.ask({"type": "contacts"}))["contacts"]
        assert [row["external_id"] for row in contacts] == ["e1", "e2"]
        assert result["contact"] == contacts[0]["contact"]


async def test_a_channel_misses_nothing_while_it_is_away(autojump_clock: object) -> None:
    """Cut for a minute while Ann writes twice: both messages come on return, in order, once each."""
    town = Town()
    async with house() as town.house, town.connect("agent", "ann") as ann, town.connect("channel", "site") as channel:
        await ann.do({"type": "agent.define", "profile": {**PROFILE, "auto_accept": True}})
        await ann.do({"type": "agent.sign_on"})
        await channel.do({"type": "contact.submit", "channel": "web"})
        await events_until(channel, "contact.connected")
        channel.cut(60)
        await trio.testing.wait_all_tasks_blocked()
        for text in ("one", "two"):
            await ann.do({"type": "contact.message", "contact": 1}, text=text)
        pushes = channel.pushes()
        got = [(await pushes.__anext__()).text for _ in range(2)]
        assert got == ["one", "two"]
        await ann.do({"type": "contact.message", "contact": 1}, text="three")
        assert (await pushes.__anext__()).text == "three"


async def test_the_engine_is_restarted_under_its_clients(autojump_clock: object) -> None:
    """Killed with a chat going on, started again on its journal: both come back by themselves, the talk goes on."""
    town, journal = Town(), JournalInMemory()
    options = Options(give_up_after_s=None)
    async with trio.open_nursery() as nursery:
        lives: list[trio.CancelScope] = []

        async def live(task_status: trio.TaskStatus[None]) -> None:
            with trio.CancelScope() as scope:
                lives.append(scope)
                async with house(journal) as town.house:
                    task_status.started()
                    await trio.sleep_forever()

        await nursery.start(live)
        async with (
            town.connect("agent", "ann", options=options) as ann,
            town.connect("channel", "site", options=options) as channel,
        ):
            await ann.do({"type": "agent.define", "profile": {**PROFILE, "auto_accept": True}})
            await ann.do({"type": "agent.sign_on"})
            await channel.do({"type": "contact.submit", "channel": "web"})
            await events_until(channel, "contact.connected")
            town.house = None
            lives[0].cancel()
            await trio.testing.wait_all_tasks_blocked()
            reply = await channel.begin({"type": "contact.message", "contact": 1}, text="still there?")
            await trio.sleep(5)
            await nursery.start(live)
            await reply.wait()
            await ann.do({"type": "contact.message", "contact": 1}, text="yes")
            seen = [push.text async for push in until(channel, 2)]
            assert seen == ["still there?", "yes"]
            assert ann.welcome is not None
            assert ann.welcome.epoch == 2
        lives[1].cancel()


async def until(client: Client, messages: int) -> Any:
    """The next so many pushes that carry a message."""
    async for push in client.pushes():
        if push.text:
            yield push
            messages -= 1
        if not messages:
            return


async def test_a_second_sign_in_takes_over(autojump_clock: object) -> None:
    """Ann signs in on another machine: the first client hears that it was fenced off and stays away."""
    town = Town()
    async with house() as town.house, town.connect("agent", "ann") as first, town.connect("agent", "ann") as second:
        with pytest.raises(FencedOff):
            await events_until(first, "never")
        await second.do({"type": "agent.define", "profile": PROFILE})


async def test_an_agent_that_comes_back_late_gets_its_world_as_a_snapshot(autojump_clock: object) -> None:
    """The engine restarted, and an agent's stream lives in memory: a resync with what it holds takes its place."""
    town, journal = Town(), JournalInMemory()
    async with house(journal) as town.house, town.connect("agent", "ann") as ann:
        await ann.do({"type": "agent.define", "profile": {**PROFILE, "auto_accept": True}})
        await ann.do({"type": "agent.sign_on"})
        async with town.connect("channel", "site") as channel:
            await channel.do({"type": "contact.submit", "channel": "web", "customer": "li"}, text="hi")
        await events_until(ann, "contact.connected")
        offset = ann.streams.offset("agent:ann")
    town.house = None
    async with house(journal) as town.house, town.connect("agent", "ann") as ann:
        await ann.subscribe("agent:ann", offset)
        push = await ann.pushes().__anext__()
        assert push.snapshot is not None
        assert [row["customer"] for row in push.snapshot["contacts"]] == ["li"]


async def test_a_slow_reader_of_the_real_engine_loses_nothing(autojump_clock: object) -> None:
    """A channel with room for four pushes, three hundred messages: all of them, in order."""
    town = Town()
    options = Options(inbox_limit=4)
    async with house() as town.house, town.connect("channel", "site", options=options) as channel:
        await channel.do({"type": "contact.submit", "channel": "web"})
        for number in range(300):
            await channel.begin({"type": "contact.message", "contact": 1}, text=str(number))
        assert [push.text async for push in until(channel, 300)] == [str(number) for number in range(300)]


@pytest.mark.parametrize(
    ("speaks", "listens", "told"),
    [
        (
            "framed",
            "websocket",
            r"connection: .* another carrier, got framed msgpack, wanted a WebSocket \(ws://HOST:PORT\)",
        ),
        ("websocket", "framed", r"HTTP status 426: Not an HTTP address, wanted framed msgpack.*\(ws://\) .* \(--ws\)"),
    ],
)
async def test_the_wrong_port_says_which_is_the_right_one(
    speaks: str, listens: str, told: str, autojump_clock: object
) -> None:
    """msgpack:// where a WebSocket is expected, and the other way round: answered in the asker's own tongue."""
    async with house() as engine:

        async def dial(address: object) -> trio.abc.Stream:
            return engine.connect(listens)

        with pytest.raises(ClientError, match=told):
            async with connect(URLS[speaks], role="supervisor", subject="me", tenant="acme", dial=dial):
                pass
        assert engine.core.counters.crashes == 0
