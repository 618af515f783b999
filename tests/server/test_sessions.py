"""Sockets die and come back; conversations do not notice."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from engine.dispatch.commands import Command
from engine.ports import Answer, Overloaded, Principal
from engine.server import hub
from engine.server.roster import Roster
from engine.store.memory import JournalInMemory
from engine.wire import limits
from tests.server.stage import FramedPeer, House, house


async def connected(home: House, customer: str = "c1") -> tuple[FramedPeer, FramedPeer, int]:
    """An agent and a channel in a conversation about contact n."""
    ann = await home.agent("ann")
    web = await home.framed("channel", "web")
    submitted = await web.done("contact.submit", channel="web", customer=customer, text="hello")
    offer = await ann.event("offer.made")
    await ann.done("offer.accept", offer=offer["offer"])
    return ann, web, submitted["contact"]


async def agent_state(home: House, name: str = "ann") -> str:
    return await home.driver.ask(lambda dispatcher: dispatcher.agents[name].state)


def texts(peer: FramedPeer) -> list[str]:
    return [push["text"] for push in peer.seen("push") if "text" in push]


async def test_a_new_socket_fences_the_old_one(autojump_clock: MockClock) -> None:
    """Ann opens a second tab: the first gets bye fenced, she is never lost, and only the second hears of offers."""
    async with house() as home:
        first = await home.agent("ann")
        second = await home.framed("agent", "ann")
        assert (await first.rest())[-1] == {"op": "bye", "reason": "fenced"}
        web = await home.framed("channel", "web")
        await web.done("contact.submit", channel="web", customer="c1")
        await second.event("offer.made")
        await home.empty_of(first)
        assert await agent_state(home) == "available"
        assert first.seen("push")[-1]["events"][0]["type"] == "agent.state_changed"


async def test_a_session_is_taken_over_by_whoever_brings_its_id(autojump_clock: MockClock) -> None:
    """A supervisor's wallboard reconnects with its session: the half-dead socket is closed. Nobody else can take it."""
    async with house() as home:
        first = FramedPeer(home.connect())
        session = (await first.hello("supervisor", "sue", tenant="acme"))["session"]
        stranger = FramedPeer(home.connect())
        assert (await stranger.hello("supervisor", "sam", tenant="acme", session=session))["session"] != session
        second = FramedPeer(home.connect())
        assert (await second.hello("supervisor", "sue", tenant="acme", session=session))["session"] == session
        assert (await first.rest())[-1]["reason"] == "fenced"
        await second.ask("figures")


async def test_an_agents_connection_dies_in_mid_conversation(autojump_clock: MockClock) -> None:
    """Lost at once; back within the grace with her contact and what was said meanwhile, in order and without a gap."""
    async with house() as home:
        ann, web, contact = await connected(home)
        last = ann.seen("push")[-1]["offset"]
        await ann.vanish()
        await home.empty_of(ann)
        assert await agent_state(home) == "lost"
        for text in ("are you", "still", "there?"):
            await web.done("contact.message", contact=contact, text=text)
        back = await home.framed("agent", "ann")
        await back.send({"op": "resume", "id": "r", "streams": {"agent:ann": last}})
        await back.event("agent.back")
        assert texts(back) == ["are you", "still", "there?"]
        offsets = [push["offset"] for push in back.seen("push")]
        assert offsets == sorted(set(offsets))
        assert await agent_state(home) == "available"
        row = await back.ask("contact", contact=contact)
        assert (row["state"], row["agent"]) == ("connected", "ann")


async def test_grace_runs_out(autojump_clock: MockClock) -> None:
    """She does not come back in time: the contact is in its queue again with its messages, sticky for a while."""
    async with house() as home:
        ann, web, contact = await connected(home)
        await ann.vanish()
        requeued = await web.event("contact.requeued")
        assert requeued["prefer"] == "ann"
        bob = await home.agent("bob")
        offer = await bob.event("offer.made")
        assert offer["contact"] == contact
        await bob.done("offer.accept", offer=offer["offer"])
        history = await bob.ask("history", contact=contact)
        assert [row["text"] for row in history["messages"]] == ["hello"]


async def test_a_sign_on_under_way_when_the_socket_dies_leaves_nobody_signed_on(autojump_clock: MockClock) -> None:
    """Sign-on and death in one breath: the engine ends up knowing that nobody is there."""
    async with house() as home:
        ann = await home.framed("agent", "ann")
        await ann.done("agent.define", profile={"agent": "ann"})
        await ann.send({"op": "do", "id": "on", "command": {"type": "agent.sign_on"}})
        await ann.vanish()
        await home.empty_of(ann)
        assert await agent_state(home) == "lost"


async def test_an_agent_who_says_bye_is_not_waited_for(autojump_clock: MockClock) -> None:
    """Bye ends the connection politely; for the dispatcher it is as any other end of a connection."""
    async with house() as home:
        ann = await home.agent("ann")
        await ann.send({"op": "bye"})
        await ann.rest()
        await home.empty_of(ann)
        assert await agent_state(home) == "lost"


async def test_streams_outlive_the_engine(autojump_clock: MockClock) -> None:
    """Killed and started again on the same journal: a channel goes on from its offset, an agent gets a snapshot."""
    journal = JournalInMemory()
    async with house(journal) as home:
        ann, web, contact = await connected(home)
        await web.event("contact.connected")
        heard = max(push["offset"] for push in web.seen("push"))
        seen = max(push["offset"] for push in ann.seen("push"))
        await ann.done("contact.message", contact=contact, text="one")
        await ann.done("contact.message", contact=contact, text="two")
    async with house(journal) as home:
        assert home.driver.figures.epoch == 2
        web = await home.framed("channel", "web")
        await web.call({"op": "resume", "streams": {"channel:web": heard}})
        await web.done("contact.message", contact=contact, text="three")
        while len(texts(web)) < 3:
            await web.next("push")
        assert texts(web) == ["one", "two", "three"]

        back = await home.framed("agent", "ann")
        await back.send({"op": "resume", "id": "r", "streams": {"agent:ann": seen}})
        resync = await back.next("resync")
        assert resync["stream"] == "agent:ann"
        [row] = resync["snapshot"]["contacts"]
        assert (row["contact"], row["state"]) == (contact, "connected")
        assert [line["text"] for line in row["last_messages"]] == ["hello", "one", "two", "three"]
        later = await web.done("contact.message", contact=contact, text="four")
        assert later["seq"] == 5
        assert (await back.event("message.added"))["text"] == "four"


async def test_too_far_behind_is_a_snapshot_and_no_gap(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What memory and a bounded read no longer reach is replaced by the state; what comes after it is pushed."""
    monkeypatch.setitem(hub.RING, "channel", 2)
    monkeypatch.setattr(limits, "REPLAY_RECORDS", 5)
    async with house() as home:
        ann, web, contact = await connected(home)
        first = web.seen("push")[0]["offset"] if web.seen("push") else (await web.next("push"))["offset"]
        for number in range(10):
            await ann.done("contact.message", contact=contact, text=f"line {number}")
        again = await home.framed("channel", "web")
        await again.send({"op": "resume", "id": "r", "streams": {"channel:web": first}})
        resync = await again.next("resync")
        [row] = resync["snapshot"]["contacts"]
        assert (row["contact"], row["messages"]) == (contact, 11)
        assert again.seen("push") == []
        await ann.done("contact.message", contact=contact, text="after")
        push = await again.next("push")
        assert push["offset"] > resync["offset"]
        assert push["text"] == "after"


async def test_an_offset_from_another_life_is_a_snapshot(autojump_clock: MockClock) -> None:
    """A client that has seen more than the journal holds (a restored backup) gets the state as it is."""
    async with house() as home:
        _, web, contact = await connected(home)
        for stream in ("channel:web", f"contact:{contact}"):
            await web.send({"op": "resume", "id": stream, "streams": {stream: 1_000_000}})
            resync = await web.next("resync")
            assert resync["stream"] == stream
            assert resync["offset"] <= home.driver.last_lsn


async def test_resume_of_several_streams_keeps_each_in_order(autojump_clock: MockClock) -> None:
    """A supervisor follows the domain and a contact from the beginning: both complete, both in order."""
    async with house() as home:
        ann, _, contact = await connected(home)
        await ann.done("contact.message", contact=contact, text="hi")
        sue = await home.framed("supervisor", "sue")
        await sue.call({"op": "resume", "streams": {"domain": 0, f"contact:{contact}": 0}})
        await ann.done("contact.close", contact=contact)
        await sue.event("contact.closed", "domain")
        await sue.ask("streams")
        for stream in ("domain", f"contact:{contact}"):
            offsets = [push["offset"] for push in sue.seen("push") if push["stream"] == stream]
            assert offsets == sorted(set(offsets))
        types = [e["type"] for push in sue.seen("push") if push["stream"] != "domain" for e in push["events"]]
        assert types[0] == "contact.submitted"
        assert types[-1] == "contact.closed"


async def test_own_stream_between_welcome_and_resume(autojump_clock: MockClock) -> None:
    """What happens before the client's resume arrives comes exactly once, in its place."""
    async with house() as home:
        ann, web, contact = await connected(home)
        last = ann.seen("push")[-1]["offset"]
        await ann.vanish()
        await home.empty_of(ann)
        back = await home.framed("agent", "ann")
        await web.done("contact.message", contact=contact, text="in between")
        await back.send({"op": "resume", "id": "r", "streams": {"agent:ann": last}})
        await back.answer("r")
        await web.done("contact.message", contact=contact, text="after")
        while len(texts(back)) < 2:
            await back.next("push")
        assert texts(back) == ["in between", "after"]
        offsets = [push["offset"] for push in back.seen("push")]
        assert offsets == sorted(set(offsets))


async def test_a_client_that_never_resumes_hears_its_own_stream(autojump_clock: MockClock) -> None:
    """Silent after welcome: its stream flows by itself a second later at most."""
    async with house() as home:
        ann = await home.agent("ann")
        quiet = await home.framed("channel", "web")
        other = await home.framed("supervisor", "sue")
        assert (await other.ask("streams"))["streams"] == {}
        web = await home.framed("channel", "web")
        await web.done("contact.submit", channel="web", customer="c1")
        assert (await quiet.event("contact.submitted"))["contact"] == 1
        assert (await ann.event("offer.made"))["contact"] == 1


async def test_a_slow_consumer_is_closed_and_resumes_without_a_gap(autojump_clock: MockClock) -> None:
    """Nothing is read for a while: bye slow, code 4008; with the last offset nothing is missing."""
    async with house() as home:
        ann, web, contact = await connected(home)
        slow = await home.websocket("customer", "c1", protocol="sluice.v1.msgpack")
        await slow.call({"op": "resume", "streams": {f"contact:{contact}": -1}})
        await ann.done("contact.message", contact=contact, text="0")
        first = await slow.event("message.added")
        [connection] = [c for c in home.core.connections if c.principal.role == "customer"]
        connection.outbox.limit_frames = 5
        with home.stalled(connection):
            for number in range(1, 12):
                await ann.done("contact.message", contact=contact, text=str(number))
        await slow.rest()
        assert slow.frames[-1]["reason"] == "slow"
        assert slow.close_code == 4008
        assert home.core.counters.closed["slow"] == 1
        got = [push["text"] for push in slow.seen("push") if "text" in push]
        last = max(push["offset"] for push in slow.seen("push"))
        again = await home.websocket("customer", "c1")
        await again.call({"op": "resume", "streams": {f"contact:{contact}": last}})
        missing = 12 - len(got)
        while len([push for push in again.seen("push") if "text" in push]) < missing:
            await again.next("push")
        got += [push["text"] for push in again.seen("push") if "text" in push]
        assert got == [str(number) for number in range(12)]
        assert first["text"] == "0"
        await web.done("contact.message", contact=contact, text="others never noticed")


async def test_a_peer_that_reads_nothing_is_cut_after_ten_seconds(autojump_clock: MockClock) -> None:
    """A zero window: one write, one deadline, no second try, and the writer's task is gone."""
    async with house() as home:
        stuck = FramedPeer(home.connect(lockstep=True))
        start_s = trio.current_time()
        await stuck.send({"op": "hello", "role": "channel", "subject": "web", "tenant": "acme"})
        await home.empty()
        assert 10 <= trio.current_time() - start_s <= 12
        assert home.core.counters.write_timeouts == 1
        assert home.core.counters.crashes == 0


async def test_a_peer_that_vanished_is_found_out(autojump_clock: MockClock) -> None:
    """No FIN, no answer: two pings unanswered and the socket is cut, within 65 seconds. Agents are lost then."""
    async with house() as home:
        ann = await home.agent("ann")
        ann.lively = False
        start_s = trio.current_time()
        await home.empty()
        assert trio.current_time() - start_s <= 66
        assert len([f for f in (await ann.rest()) if f["op"] == "ping"]) == 2
        assert await agent_state(home) == "lost"


async def test_pongs_keep_a_connection_alive(autojump_clock: MockClock) -> None:
    """Ten minutes of nothing but ping and pong."""
    async with house() as home:
        ann = await home.agent("ann")
        start_s = trio.current_time()
        while trio.current_time() < start_s + 600:
            await ann.next("ping")
        assert await agent_state(home) == "available"


async def test_websocket_pings_are_answered_while_commands_wait(autojump_clock: MockClock) -> None:
    """The reader never waits for the application, so liveness never lies; a flood of pings ends the connection."""
    async with house() as home:
        peer = await home.websocket("channel", "web")
        await peer.send_raw(9, b"are you there")
        await peer.ask("streams")
        for _ in range(40):
            await peer.send_raw(9, b"")
        assert (await peer.rest())[-1]["code"] == "rate_limited"
        assert peer.close_code == 1008


async def test_going_down_says_when_to_come_back(autojump_clock: MockClock) -> None:
    """Drain: everybody is told to return, nobody is reported lost."""
    async with house() as home:
        ann = await home.agent("ann")
        peer = await home.websocket("channel", "web")
        home.core.close_all()
        bye = (await ann.rest())[-1]
        assert bye["op"] == "bye"
        assert bye["reason"] == "going_away"
        assert 200 <= bye["retry_after_ms"] < 2200
        await peer.rest()
        assert peer.close_code == 1001
        await home.empty()
        assert await agent_state(home) == "available"


async def test_a_death_that_a_full_inbox_did_not_hear_of_is_told_again(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine is overloaded when ann's socket dies: she is reported lost a moment later, once there is room."""
    async with house() as home:
        ann = await home.agent("ann")

        def full(*_: object) -> None:
            raise Overloaded("full", 500)

        with monkeypatch.context() as crowded:
            crowded.setattr(home.driver, "post", full)
            await ann.vanish()
            await home.empty_of(ann)
            assert await agent_state(home) == "available"
        await trio.sleep(2)
        assert await agent_state(home) == "lost"


async def test_a_resume_of_more_than_an_outbox_holds(autojump_clock: MockClock) -> None:
    """A customer slept through three hundred messages and resumes from the first: all of them, in order, at its pace."""
    async with house() as home:
        _, web, contact = await connected(home)
        count = limits.OUTBOX_FRAMES + 45
        for number in range(count):
            await web.done("contact.message", contact=contact, text=f"line {number}")
        late = await home.framed("customer", "c1")
        await late.send({"op": "resume", "id": "r", "streams": {f"contact:{contact}": 0}})
        assert (await late.answer("r"))["op"] == "ok"
        while f"line {count - 1}" not in texts(late):
            assert await late.read(), late.seen("bye")
        assert texts(late) == ["hello", *(f"line {number}" for number in range(count))]


async def test_who_joined_hears_of_the_contact_after_a_restart(autojump_clock: MockClock) -> None:
    """The customer writes on a second channel too; the engine dies: both channels go on hearing of the contact."""
    journal = JournalInMemory()
    async with house(journal) as home:
        web, app = await home.framed("channel", "web"), await home.framed("channel", "app")
        contact = (await web.done("contact.submit", channel="web", customer="c1", text="hello"))["contact"]
        joined = await app.done("contact.submit", channel="web", customer="c1", external_id="a1", text="me again")
        assert (joined["contact"], joined["state"]) == (contact, "joined")
    async with house(journal) as home:
        web, app = await home.framed("channel", "web"), await home.framed("channel", "app")
        await web.done("contact.message", contact=contact, text="anybody?")
        await app.event("message.added")
        assert texts(app) == ["anybody?"]


async def test_an_agent_who_is_lost_twice_while_the_first_loss_is_committed(autojump_clock: MockClock) -> None:
    """The disk is slow: lost, back, lost again and back again before the first loss is durable. The last word is: back."""
    said: list[tuple[str, Callable[[Answer | Exception], None]]] = []

    class Door:
        def post(
            self, command: Command, principal: Principal, id: str, payload: bytes, deliver: Callable[[Any], None]
        ) -> None:
            said.append((type(command).__name__, deliver))

    class Socket:
        principal = Principal("acme", "agent", "ann")
        session = ""
        in_flight = 1

        def fence(self) -> None:
            raise AssertionError("nobody is fenced")

    roster = Roster(Door(), secrets.randbelow)  # type: ignore[arg-type]
    first, second, third = Socket(), Socket(), Socket()
    roster.join(first, "")
    roster.leave(first)
    roster.join(second, "")
    roster.leave(second)
    assert [name for name, _ in said] == ["LoseAgent", "ReturnAgent", "LoseAgent"]
    said[0][1](Answer())  # the first loss is durable only now
    roster.join(third, "")
    assert [name for name, _ in said][-1] == "ReturnAgent"
