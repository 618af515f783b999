"""Waiting customers are told their place and what they still have to wait: on arrival, and at most every five seconds."""

from __future__ import annotations

from collections.abc import Sequence

import trio
from trio.testing import MockClock

from adapters.clients import Waiting, connect
from engine.server.teller import PACE_S
from tests.server.stage import FramedPeer, House, house


async def served(home: House, ann: FramedPeer, web: FramedPeer, count: int, each_s: float) -> None:
    """``count`` contacts one after another, each served for so long while the next one waits."""
    await web.done("contact.submit", channel="web", customer="first", text="hello")
    for number in range(count):
        await web.done("contact.submit", channel="web", customer=f"served{number}", text="hello")
        offer = await ann.event("offer.made")
        await ann.done("offer.accept", offer=offer["offer"])
        await trio.sleep(each_s)
        await ann.done("contact.close", contact=offer["contact"])
    offer = await ann.event("offer.made")
    await ann.done("offer.accept", offer=offer["offer"])


def about(frames: Sequence[dict[str, object]], contact: int) -> list[tuple[object, ...]]:
    told = [frame for frame in frames if frame["op"] == "waiting" and frame["contact"] == contact]
    return [(frame["position"], frame.get("p50_ms", -1), frame.get("p90_ms", -1)) for frame in told]


async def test_a_channel_is_told_places_and_estimates_of_its_waiting_contacts(autojump_clock: MockClock) -> None:
    """Nobody can say anything at first; after twelve contacts of 6 s the second in line is told about twelve."""
    async with house() as home:
        home.start(home.core.teller.run)
        ann = await home.agent("ann", capacity=1)
        web = await home.framed("channel", "web")
        await served(home, ann, web, 12, 6.0)
        assert about(web.frames, 2)[0] == (1, -1, -1)

        await web.done("contact.submit", channel="web", customer="next", text="hello")
        second = (await web.done("contact.submit", channel="web", customer="after", text="hello"))["contact"]
        await trio.sleep(2 * PACE_S)
        place = await web.ask("position", contact=second)

        position, p50, p90 = about(web.frames, second)[0]
        assert position == place["position"] == 2
        assert 7_000 < int(str(p50)) < 14_000 < int(str(p90)) < 30_000
        # Nothing has changed since, so nothing more was said.
        assert len(about(web.frames, second)) == 1


async def test_nobody_is_told_more_than_once_in_five_seconds(autojump_clock: MockClock) -> None:
    """Ten contacts leave the line one a second: the last one's place changes each second and is told twice in ten."""
    async with house() as home:
        home.start(home.core.teller.run)
        web = await home.framed("channel", "web")
        numbers = [
            (await web.done("contact.submit", channel="web", customer=f"c{n}", text="hello"))["contact"]
            for n in range(11)
        ]
        await trio.sleep(0.6)
        for number in numbers[:10]:
            await trio.sleep(1)
            await web.done("contact.abandon", contact=number)
        await trio.sleep(PACE_S)
        await web.ask("position", contact=numbers[10])

        places = [place for place, _, _ in about(web.frames, numbers[10])]
        assert places[0] == 11
        assert places[-1] == 1
        assert len(places) <= 4


async def test_the_python_client_hears_places(autojump_clock: MockClock) -> None:
    """Li's own client follows the contact: told the place, and the wait once it can be estimated, without asking."""
    async with house() as home:
        home.start(home.core.teller.run)

        async def dial(address: object) -> trio.abc.Stream:
            return home.connect("framed")

        heard: list[Waiting] = []
        async with connect(
            "msgpack://engine:1", role="customer", subject="li", tenant="acme", dial=dial, on_waiting=heard.append
        ) as li:
            result = await li.do({"type": "contact.submit", "channel": "web"}, text="hello")
            await li.subscribe(f"contact:{result['contact']}", result["lsn"] - 1)
            await trio.sleep(2 * PACE_S)

        assert [(one.contact, one.queue, one.position, one.p50_ms) for one in heard] == [(1, "help", 1, -1)]


async def test_who_is_no_longer_waiting_is_told_nothing(autojump_clock: MockClock) -> None:
    """An agent signs on and takes the contact: not a word about its place from then on."""
    async with house() as home:
        home.start(home.core.teller.run)
        web = await home.framed("channel", "web")
        number = (await web.done("contact.submit", channel="web", customer="c", text="hello"))["contact"]
        await trio.sleep(1)
        await web.ask("position", contact=number)
        await home.agent("ann", capacity=1)
        said = len(about(web.frames, number))
        await trio.sleep(4 * PACE_S)
        await web.ask("position", contact=number)

        assert len(about(web.frames, number)) == said == 1
