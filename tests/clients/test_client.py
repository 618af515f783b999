"""The session: answers, heartbeats, reconnecting, resuming, and who hears what went wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
import trio
import trio.testing

from adapters.clients import Client, ConnectionLost, FencedOff, Options, Overloaded, ProtocolError, Refused, connect
from adapters.clients import client as client_module
from adapters.clients.protocol import JsonCodec
from tests.clients.fake_engine import FakeEngine


@pytest.fixture
async def engine(nursery: trio.Nursery) -> FakeEngine:
    return FakeEngine(nursery)


@pytest.fixture(autouse=True)
def full_jitter_at_its_ceiling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "_draw", lambda: 1.0)


def ann(engine: FakeEngine, **options: Any) -> AbstractAsyncContextManager[Client]:
    on_status = options.pop("on_status", None)
    made = Options(**options) if options else None
    return connect(
        "msgpack://engine:1", role="agent", subject="ann", dial=engine.dial, options=made, on_status=on_status
    )


async def texts(client: Client, count: int) -> list[str]:
    pushes = client.pushes()
    return [(await pushes.__anext__()).text for _ in range(count)]


# --- commands and answers -------------------------------------------------------------------------------------------


async def test_a_command_is_answered_with_its_result_and_its_place(engine: FakeEngine) -> None:
    """Ann submits; the answer carries the contact's number and the lsn."""
    engine.on_do = lambda frame: {"lsn": 7, "result": {"contact": 3}}
    async with ann(engine) as client:
        assert await client.do({"type": "contact.submit"}, text="hi") == {"contact": 3, "lsn": 7}
    assert engine.done[0]["command"] == {"type": "contact.submit"}
    assert engine.done[0]["text"] == "hi"
    assert engine.heard[-1] == {"op": "bye"}


async def test_answers_find_their_askers_in_any_order(engine: FakeEngine, nursery: trio.Nursery) -> None:
    """Two commands are under way; the second is answered first."""
    engine.mute = True
    async with ann(engine) as client:
        first, second = await client.begin({"type": "a"}), await client.begin({"type": "b"})
        await trio.testing.wait_all_tasks_blocked()
        one, two = (frame["id"] for frame in engine.heard_ops("do"))
        await engine.say({"op": "ok", "id": two, "result": {"n": 2}})
        await engine.say({"op": "ok", "id": one, "result": {"n": 1}})
        assert await second.wait() == {"n": 2}
        assert await first.wait() == {"n": 1}


async def test_a_refusal_says_what_got_wanted(engine: FakeEngine) -> None:
    """The engine refuses an offer that is gone; the caller gets code and words, and no exception group."""
    words = {"message": "gone", "what": "offer 9", "got": "expired", "wanted": "an open offer"}
    engine.on_do = lambda frame: {"code": "offer_gone", **words}
    with pytest.raises(Refused, match=r"offer 9: gone, got expired, wanted an open offer \(offer_gone\)") as caught:
        async with ann(engine) as client:
            await client.do({"type": "offer.accept", "offer": 9})
    assert caught.value.code == "offer_gone"


async def test_overload_says_when_to_come_again(engine: FakeEngine) -> None:
    """The inbox is full: nothing was stored, try again in 250 ms."""
    engine.on_do = lambda frame: {"code": "overloaded", "message": "busy", "retry_after_ms": 250}
    async with ann(engine) as client:
        with pytest.raises(Overloaded) as caught:
            await client.do({"type": "contact.submit"})
    assert caught.value.retry_after_ms == 250


async def test_unanswered_commands_are_bounded_by_the_servers_limit(engine: FakeEngine, nursery: trio.Nursery) -> None:
    """The server takes five at once: the client keeps to three of them and two for itself, the fourth waits."""
    engine.limits, engine.mute = {"in_flight": 5}, True
    async with ann(engine) as client:
        for _ in range(3):  # the client's own question about its streams is unanswered, too
            nursery.start_soon(client.do, {"type": "x"})
        await trio.testing.wait_all_tasks_blocked()
        assert len(engine.heard_ops("do")) == 2
        await engine.say({"op": "ok", "id": engine.heard_ops("do")[0]["id"]})
        await trio.testing.wait_all_tasks_blocked()
        assert len(engine.heard_ops("do")) == 3
        engine.mute = False
        for frame in engine.heard_ops("do")[1:]:
            await engine.say({"op": "ok", "id": frame["id"]})
        await trio.testing.wait_all_tasks_blocked()


# --- the connection breaks ------------------------------------------------------------------------------------------


async def test_an_unanswered_command_is_sent_again_with_its_id(engine: FakeEngine, autojump_clock: object) -> None:
    """The engine makes a command durable and dies before it answers; back again, it is asked and answers once more."""
    engine.on_do = lambda frame: None
    async with ann(engine) as client:
        reply = await client.begin({"type": "contact.submit"})
        await trio.testing.wait_all_tasks_blocked()
        await engine.drop()
        assert await reply.wait() == {"again": True, "lsn": 1}
    sent = engine.heard_ops("do")
    assert len(sent) == 2
    assert sent[0] == sent[1]
    assert len(engine.done) == 1


async def test_a_command_given_while_away_goes_out_on_return(engine: FakeEngine, autojump_clock: object) -> None:
    """The line is down; a command waits for it and is carried out."""
    async with ann(engine) as client:
        await engine.drop()
        await trio.testing.wait_all_tasks_blocked()
        assert not client.is_connected
        assert await client.do({"type": "x"}) == {}
    assert len(engine.done) == 1


async def test_a_stream_goes_on_after_the_last_offset_seen(engine: FakeEngine, autojump_clock: object) -> None:
    """Two pushes arrive, the line breaks, two more happen meanwhile, one after: all five, once each, in order."""
    async with ann(engine) as client:
        await engine.push("agent:ann", "one")
        await engine.push("agent:ann", "two")
        assert await texts(client, 2) == ["one", "two"]
        await engine.drop()
        engine.record("agent:ann", "three")
        engine.record("agent:bob", "not for us")
        engine.record("agent:ann", "four")
        assert await texts(client, 2) == ["three", "four"]
        await engine.push("agent:ann", "five")
        assert await texts(client, 1) == ["five"]
    assert engine.heard_ops("hello")[1]["session"] == "s1"
    assert engine.heard_ops("resume")[0]["streams"] == {"agent:ann": 2}


async def test_a_break_before_the_first_push_leaves_no_gap(engine: FakeEngine, autojump_clock: object) -> None:
    """Nothing had been pushed yet when the line broke; the client knows where its stream stood all the same."""
    engine.record("agent:ann", "before our time")
    async with ann(engine) as client:
        await trio.testing.wait_all_tasks_blocked()
        await engine.drop()
        engine.record("agent:ann", "while away")
        assert await texts(client, 1) == ["while away"]


async def test_a_push_that_overtakes_the_replay_is_not_taken(engine: FakeEngine, autojump_clock: object) -> None:
    """The server subscribes on welcome and pushes 3 before it has read our resume from 1: 2 and 3 come, each once."""
    async with ann(engine) as client:
        await engine.push("agent:ann", "one")
        assert await texts(client, 1) == ["one"]
        engine.record("agent:ann", "two")
        engine.after_welcome = [engine.record("agent:ann", "three")]
        await engine.drop()
        assert await texts(client, 2) == ["two", "three"]
        await trio.testing.wait_all_tasks_blocked()
        await engine.push("agent:ann", "four")
        assert await texts(client, 1) == ["four"]


async def test_a_gap_is_surfaced_as_a_snapshot(engine: FakeEngine, autojump_clock: object) -> None:
    """The journal was trimmed past our offset: the caller gets the state instead, and pushes go on after it."""
    async with ann(engine) as client:
        await engine.push("agent:ann", "one")
        assert await texts(client, 1) == ["one"]
        for _ in range(4):
            engine.record("agent:ann", "missed")
        engine.trimmed_before = 4
        await engine.drop()
        pushes = client.pushes()
        resync = await pushes.__anext__()
        assert (resync.offset, resync.snapshot, resync.events) == (5, {"state": 1}, ())
        await engine.push("agent:ann", "six")
        assert (await pushes.__anext__()).text == "six"


async def test_one_lost_stream_does_not_cost_the_others(engine: FakeEngine, autojump_clock: object) -> None:
    """On return one of three streams is unknown: it ends with its error, the others are resumed."""
    async with ann(engine) as client:
        await client.subscribe("contact:7", 0)
        await client.subscribe("contact:8", 0)
        client.streams.follow("contact:404", 0)
        await engine.drop()
        engine.record("contact:7", "seven")
        engine.record("contact:8", "eight")
        got = [push async for push, _ in zip_async(client.pushes(), range(3))]
        assert {push.text for push in got if push.error is None} == {"seven", "eight"}
        (lost,) = [push for push in got if push.error is not None]
        assert (lost.stream, lost.error and lost.error.code) == ("contact:404", "unknown_stream")
        assert "contact:404" not in client.streams.names()


async def zip_async(pushes: Any, count: range) -> AsyncIterator[tuple[Any, int]]:
    for index in count:
        yield await pushes.__anext__(), index


async def test_a_slow_reader_loses_nothing_and_holds_little(engine: FakeEngine, autojump_clock: object) -> None:
    """Fifty pushes for a reader with room for eight: what did not fit is replayed when there is room."""
    async with ann(engine, inbox_limit=8) as client:
        for number in range(50):
            await engine.push("agent:ann", str(number))
        await trio.testing.wait_all_tasks_blocked()
        assert len(client._inbox) == 8
        assert await client.do({"type": "x"}) == {}  # a full inbox does not stop answers
        assert await texts(client, 50) == [str(number) for number in range(50)]


async def test_pings_are_answered(engine: FakeEngine) -> None:
    """The server asks for a sign of life and gets one."""
    async with ann(engine):
        await engine.say({"op": "ping"})
        await trio.testing.wait_all_tasks_blocked()
        assert engine.heard[-1] == {"op": "pong"}


async def test_a_silent_connection_is_given_up(engine: FakeEngine, autojump_clock: object) -> None:
    """The network swallows everything without an error: after two to three heartbeats the client connects anew."""
    said: list[tuple[str, str]] = []
    async with ann(engine, on_status=lambda *status: said.append(status)) as client:
        await client.do({"type": "x"})
        begun, engine.mute = trio.current_time(), True
        reply = await client.begin({"type": "y"})
        engine.on_hello = lambda frame: setattr(engine, "mute", False)
        await reply.wait()
        assert 20 < trio.current_time() - begun <= 30.25
    assert [status for status, _ in said] == ["connected", "lost", "reconnected"]
    assert said[1][1] == "nothing was heard for 20000 ms"


async def test_the_back_off_grows_to_its_cap_and_starts_again(engine: FakeEngine, autojump_clock: object) -> None:
    """Nobody answers for a while: 0.25, 0.5, 1, 2, 4, 8, 10, 10 s at most; a welcome starts it afresh."""
    async with ann(engine) as client:
        engine.refuse_dials = 8
        begun = trio.current_time()
        await engine.drop()
        await client.do({"type": "x"})
        assert trio.current_time() - begun == pytest.approx(0.25 + 0.5 + 1 + 2 + 4 + 8 + 10 + 10 + 10)
        begun = trio.current_time()
        await engine.drop()
        await client.do({"type": "x"})
        assert trio.current_time() - begun == pytest.approx(0.25)


async def test_a_stopping_engine_says_when_to_return(engine: FakeEngine, autojump_clock: object) -> None:
    """`bye` with 3 s: no sooner."""
    async with ann(engine) as client:
        begun = trio.current_time()
        await engine.say({"op": "bye", "reason": "going_away", "retry_after_ms": 3000})
        await trio.testing.wait_all_tasks_blocked()
        await client.do({"type": "x"})
        assert trio.current_time() - begun == pytest.approx(3)


async def test_a_store_that_fails_leaves_the_answer_open(engine: FakeEngine, autojump_clock: object) -> None:
    """`store_failed`: it may or may not have been kept; only the answer after the restart counts."""
    engine.on_do = lambda frame: {"code": "store_failed", "message": "disk"}
    async with ann(engine) as client:
        reply = await client.begin({"type": "x"})
        await trio.testing.wait_all_tasks_blocked()
        assert not reply.event.is_set()
        engine.answers.clear()
        engine.on_do = lambda frame: {"result": {"kept": True}}
        await engine.drop()
        assert await reply.wait() == {"kept": True}


async def test_cut_breaks_off_without_a_goodbye(engine: FakeEngine, autojump_clock: object) -> None:
    """A rehearsal of a vanished agent: gone for 30 s, no `bye`, then back with its stream."""
    async with ann(engine) as client:
        await trio.testing.wait_all_tasks_blocked()
        begun = trio.current_time()
        client.cut(30)
        await trio.testing.wait_all_tasks_blocked()
        engine.record("agent:ann", "while away")
        assert engine.heard_ops("bye") == []
        assert await texts(client, 1) == ["while away"]
        assert trio.current_time() - begun == pytest.approx(30)


# --- the end --------------------------------------------------------------------------------------------------------


async def test_who_is_fenced_off_does_not_come_back(engine: FakeEngine, autojump_clock: object) -> None:
    """Ann signs in on another machine: the old client ends, its reader and its commands hear why."""
    async with ann(engine) as client:
        await engine.say({"op": "bye", "reason": "fenced"})
        with pytest.raises(FencedOff):
            await texts(client, 1)
        with pytest.raises(FencedOff):
            await client.do({"type": "x"})
        await trio.sleep(60)
    assert engine.dials == 1


async def test_a_bad_token_ends_the_first_try(engine: FakeEngine) -> None:
    """The engine does not accept the token: no second try, the caller hears the code."""
    engine.on_hello = lambda frame: {"op": "error", "id": "", "code": "unauthorized", "what": "the token"}
    with pytest.raises(Refused, match="unauthorized"):
        async with ann(engine):
            pass
    assert engine.dials == 1


async def test_nobody_listens(engine: FakeEngine) -> None:
    """Without patience one try is all."""
    engine.refuse_dials = 1
    with pytest.raises(ConnectionLost, match="nobody is at home"):
        async with ann(engine):
            pass
    assert engine.dials == 1


async def test_patience_waits_for_an_engine_that_starts(engine: FakeEngine, autojump_clock: object) -> None:
    """The engine is still coming up: with 20 s of patience the third try succeeds; that it waits is said once."""
    engine.refuse_dials = 2
    said: list[str] = []
    async with ann(engine, patience_s=20, on_status=lambda status, _reason: said.append(status)) as client:
        assert await client.do({"type": "x"}) == {}
    assert engine.dials == 3
    assert said[:2] == ["waiting", "connected"]


async def test_a_busy_engine_at_hello_is_tried_again(engine: FakeEngine, autojump_clock: object) -> None:
    """Too many connections at once: come again in 2 s, and it works."""
    refusals = [{"op": "error", "id": "", "code": "overloaded", "retry_after_ms": 2000}]
    engine.on_hello = lambda frame: refusals.pop() if refusals else None
    begun = trio.current_time()
    async with ann(engine, patience_s=20):
        assert trio.current_time() - begun == pytest.approx(2)


async def test_giving_up_ends_everything_that_waits(engine: FakeEngine, autojump_clock: object) -> None:
    """Ten seconds without an engine: command and reader both hear that the connection is lost."""
    async with ann(engine, give_up_after_s=10) as client:
        engine.refuse_dials = 1000
        await engine.drop()
        with pytest.raises(ConnectionLost, match="nobody is at home"):
            await client.do({"type": "x"})
        with pytest.raises(ConnectionLost):
            await texts(client, 1)


async def test_the_bodys_own_exception_comes_out_as_it_is(engine: FakeEngine) -> None:
    """A caller's KeyError is a KeyError, in no group, and no goodbye is said for it."""
    with pytest.raises(KeyError):
        async with ann(engine):
            raise KeyError("mine")
    await trio.testing.wait_all_tasks_blocked()
    assert engine.heard_ops("bye") == []


async def test_leaving_is_no_loss(engine: FakeEngine, autojump_clock: object) -> None:
    """The client says bye, the server closes: nobody is told of a lost connection, and nobody dials again."""
    said: list[str] = []
    async with ann(engine, on_status=lambda status, reason: said.append(status)):
        pass
    await trio.sleep(60)
    assert said == ["connected"]
    assert engine.dials == 1


async def test_a_cancelled_caller_leaves_the_session_whole(engine: FakeEngine, autojump_clock: object) -> None:
    """A command times out for its caller; the late answer bothers nobody and the next command works."""
    engine.mute = True
    async with ann(engine) as client:
        with trio.move_on_after(1) as scope:
            await client.do({"type": "x"})
        assert scope.cancelled_caught
        await engine.say({"op": "ok", "id": engine.heard_ops("do")[0]["id"]})
        engine.mute = False
        assert await client.do({"type": "y"}) == {}


async def test_what_a_newer_server_adds_is_passed_over(engine: FakeEngine) -> None:
    """A frame of a kind we do not know, and fields we do not know, change nothing."""
    engine.after_welcome = [{"op": "weather", "sun": True}]
    engine.on_do = lambda frame: {"result": {"n": 1}, "novelty": 5}
    async with ann(engine) as client:
        assert await client.do({"type": "x"}) == {"n": 1}


@pytest.mark.parametrize("missing", ["session", "epoch", "heartbeat_ms"])
async def test_a_peer_that_speaks_something_else_is_refused(engine: FakeEngine, missing: str) -> None:
    """A welcome without a session is no welcome, nor is one without an epoch."""
    whole = {"op": "welcome", "session": "s", "epoch": 1, "heartbeat_ms": 5}
    engine.on_hello = lambda frame: {name: value for name, value in whole.items() if name != missing}
    with pytest.raises(ProtocolError, match="welcome without a session"):
        async with ann(engine):
            pass


async def test_an_unreadable_frame_of_ours_ends_the_session(engine: FakeEngine) -> None:
    """The server names no id: it could not read us at all, and sending it again would not help."""
    async with ann(engine) as client:
        await engine.say({"op": "error", "id": "", "code": "malformed", "what": "the frame"})
        with pytest.raises(Refused, match="malformed"):
            await texts(client, 1)


async def test_what_cannot_be_sent_costs_its_caller_alone(engine: FakeEngine) -> None:
    """A number of 70 bits, half a surrogate pair, a text beyond the engine's frame: refused here, and the talk goes on."""
    engine.limits = {"frame_bytes": 1_000}
    async with ann(engine) as client:
        with pytest.raises(Refused, match="bad_value"):
            await client.do({"type": "offer.accept", "offer": 1 << 70})
        with pytest.raises(Refused, match="bad_value"):
            await client.do({"type": "contact.message", "contact": 1}, text="\ud83d")
        with pytest.raises(Refused, match="at most 1000 bytes"):
            await client.do({"type": "contact.message", "contact": 1}, text="好" * 400)
        assert await client.do({"type": "contact.message", "contact": 1}, text="好" * 200) == {}
        assert len(engine.done) == 1


def test_json_refuses_what_it_has_no_text_for() -> None:
    """The other codec says it in the same words."""
    with pytest.raises(Refused, match="wanted values that can be written down"):
        JsonCodec().encode({"op": "ask", "number": 1 << 70})
