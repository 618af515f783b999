"""Many come back at once, one comes again and again: everybody is told when, and those who are in notice nothing."""

from __future__ import annotations

import gc
import weakref

import pytest
import trio
from trio.testing import MockClock

from engine.server.rates import Buckets, Comings, Pace
from engine.wire import limits
from tests.conformance.raw import welcomed
from tests.server.stage import FramedPeer, House, WebSocketPeer, house


async def agent_state(home: House) -> str:
    return await home.driver.ask(lambda dispatcher: str(dispatcher.agents["ann"].state))


async def test_a_storm_is_let_in_at_a_pace(autojump_clock: MockClock) -> None:
    """A load balancer restarts: all sockets are cut, and all are back in the same moment. Some are let in; each of the
    others is told a moment of its own, and finds the door open then. Who was in is served as ever."""
    async with house() as home:
        sue = await home.framed("supervisor", "sue")
        count = limits.WELCOMES + 40
        peers = [FramedPeer(home.connect()) for _ in range(count)]
        said = [await peer.hello("channel", f"c{number}", tenant="acme") for number, peer in enumerate(peers)]
        turned_away = [frame for frame in said if frame["op"] == "error"]
        assert 0 < len(turned_away) <= 41
        assert {frame["code"] for frame in turned_away} == {"overloaded"}
        waits = sorted(frame["retry_after_ms"] for frame in turned_away)
        assert len(set(waits)) == len(waits)
        assert home.core.counters.refused_sockets["paced"] == len(turned_away)
        assert (await sue.call({"op": "ask", "query": {"type": "figures"}}))["op"] == "ok"
        await trio.sleep(waits[-1] / 1000)
        again = FramedPeer(home.connect())
        assert (await again.hello("channel", "late", tenant="acme"))["op"] == "welcome"


async def test_a_browser_is_turned_away_in_http(autojump_clock: MockClock) -> None:
    """A good request at a bad moment: 503, and when to come back, to the second and to the millisecond."""
    async with house() as home:
        home.listeners._admission._pace = Pace(1, 1, trio.current_time)
        await WebSocketPeer(home.connect("websocket")).shake_hands()
        stream = home.connect("websocket")
        await stream.send_all(WebSocketPeer(stream).head)
        answer = b""
        while data := await stream.receive_some(4096):
            answer += bytes(data)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nRetry-After: 2\r\n" in answer
        assert b"\r\nRetry-After-Ms: 1" in answer


@pytest.mark.parametrize("carrier", ["framed", "websocket"])
async def test_nonsense_uses_up_nobodys_turn(autojump_clock: MockClock, carrier: str) -> None:
    """What is no handshake is refused as such, however many come; the one turn that there is stays for who has a good one."""
    async with house() as home:
        home.listeners._admission._pace = Pace(1, 1, trio.current_time)
        for _ in range(5):
            stream = home.connect(carrier)
            await stream.send_all(b"\x00\x00\x00\x02no" if carrier == "framed" else b"no\r\n\r\n")
            while await stream.receive_some(4096):
                pass
        if carrier == "framed":
            peer = FramedPeer(home.connect())
            assert (await peer.hello("agent", "ann", tenant="acme"))["op"] == "welcome"
        else:
            await WebSocketPeer(home.connect("websocket")).shake_hands()
        assert home.core.counters.refused_sockets["paced"] == 0


async def test_an_agent_whose_network_flaps_gets_no_offers_for_a_while(autojump_clock: MockClock) -> None:
    """Ann's connection breaks every few seconds: from the fifth time on she is not ready, further comings have to wait
    longer and longer; after a quiet minute she is available again, by herself."""
    async with house() as home:
        ann = await home.agent("ann")
        for _ in range(limits.FLAPS - 1):
            await ann.vanish()
            await home.empty_of(ann)
            ann = await home.framed("agent", "ann")
        await home.driver.ask(lambda _: None)
        assert await agent_state(home) == "not_ready"
        reason = await home.driver.ask(lambda dispatcher: dispatcher.agents["ann"].reason)
        assert reason == "flapping"
        waits = []
        for _ in range(3):
            refused = await (await home.framed()).hello("agent", "ann", tenant="acme")
            assert refused["code"] == "overloaded"
            waits.append(refused["retry_after_ms"])
        assert waits == [1_000, 2_000, 4_000]
        with trio.move_on_after(62):
            while await ann.read():
                pass
        assert await agent_state(home) == "available"


async def test_a_paused_agent_who_flaps_stays_paused(autojump_clock: MockClock) -> None:
    """Whoever takes no offers anyway is left as they are."""
    async with house() as home:
        ann = await home.agent("ann")
        await ann.done("agent.set_state", state="paused")
        for _ in range(limits.FLAPS - 1):
            await ann.vanish()
            await home.empty_of(ann)
            ann = await home.framed("agent", "ann")
        await home.driver.ask(lambda _: None)
        assert await agent_state(home) == "paused"


async def test_a_rate_is_a_persons_not_a_sockets(autojump_clock: MockClock) -> None:
    """A customer with two tabs has one allowance; another customer has another."""
    async with house() as home:
        first, second = [await home.framed("customer", "c1") for _ in range(2)]
        answers = [await first.call({"op": "ask", "query": {"type": "streams"}}) for _ in range(limits.FRAMES_BURST)]
        assert {answer["op"] for answer in answers} == {"ok"}
        assert (await second.call({"op": "ask", "query": {"type": "streams"}}))["code"] == "rate_limited"
        other = await home.framed("customer", "c2")
        assert (await other.call({"op": "ask", "query": {"type": "streams"}}))["op"] == "ok"


async def test_what_is_remembered_of_many_is_forgotten(autojump_clock: MockClock) -> None:
    """Full buckets and old comings take no memory."""
    buckets: Buckets[int] = Buckets(10, 5, trio.current_time)
    comings: Comings[int] = Comings(60, 4, trio.current_time)
    for key in range(100):
        buckets.take(key)
        assert comings.come(key) == 1
    for _ in range(6):
        times = comings.come(7)
    assert times == 4, "no more is kept"
    await trio.sleep(1)
    buckets.take(7)
    buckets.sweep()
    assert len(buckets) == 1
    await trio.sleep(60)
    comings.sweep()
    assert comings.come(7) == 1


@pytest.mark.parametrize("carrier", ["framed", "websocket"])
async def test_who_has_gone_leaves_no_cycle_behind(autojump_clock: MockClock, carrier: str) -> None:
    """A busy engine never looks for old garbage: what belonged to a connection goes with it, collector or not."""
    async with house() as home:
        peer = await home.framed("agent", "ann") if carrier == "framed" else await welcomed(home)
        gone = [weakref.ref(connection) for connection in home.core.connections]
        assert gone
        gc.disable()
        try:
            await peer.stream.aclose()
            await trio.sleep(5)
            assert [ref() for ref in gone] == [None]
        finally:
            gc.enable()
