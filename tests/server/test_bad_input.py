"""Whatever is sent, the process lives, a good client beside it notices nothing, and the sender is told what was wrong."""

from __future__ import annotations

import json

import msgpack
import pytest
import trio
from trio.testing import MockClock

from engine.server.commands import Commands
from engine.server.outbox import Outbox
from tests.server.stage import FramedPeer, House, WebSocketPeer, house

KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
GOOD_HEAD = (
    "GET / HTTP/1.1\r\nHost: engine\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    f"{KEY}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sluice.v1.json\r\n\r\n"
)


def head(before: str, after: str) -> bytes:
    assert before in GOOD_HEAD
    return GOOD_HEAD.replace(before, after).encode("latin-1")


BAD_HEADS = {
    "nothing": b"",
    "an empty line": b"\r\n\r\n",
    "noise": bytes(range(256)) * 4 + b"\r\n\r\n",
    "not ASCII": head("Host: engine", "Host: ängine"),
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 500,
    "a msgpack frame": b"\x00\x00\x00\x05\x81\xa2op\xc0",
    "no path": head("GET / HTTP/1.1", "GET"),
    "POST": head("GET /", "POST /"),
    "HTTP/1.0": head("HTTP/1.1", "HTTP/1.0"),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no upgrade": head("Upgrade: websocket\r\n", ""),
    "another upgrade": head("Upgrade: websocket", "Upgrade: h2c"),
    "no connection": head("Connection: Upgrade\r\n", ""),
    "no key": head(f"{KEY}\r\n", ""),
    "two keys": head(KEY, f"{KEY}\r\n{KEY}"),
    "a bad key": head("dGhlIHNhbXBsZSBub25jZQ==", "short"),
    "an old version": head("Version: 13", "Version: 8"),
    "no sub-protocol": head("Sec-WebSocket-Protocol: sluice.v1.json\r\n", ""),
    "another sub-protocol": head("sluice.v1.json", "sluice.v9.xml"),
    "a folded header": head("Host: engine", "Host: engine\r\n more"),
    "a header without a colon": head("Host: engine", "Host engine"),
    "a NUL": head("Host: engine", "Host: en\x00gine"),
    "a body": head("Host: engine", "Host: engine\r\nContent-Length: 5"),
    "chunks": head("Host: engine", "Host: engine\r\nTransfer-Encoding: chunked"),
    "pipelined": GOOD_HEAD.encode() + b"\x81\x80\x00\x00\x00\x00",
    "too long": head("Host: engine", "Host: " + "e" * 9000),
    "too many fields": head("Host: engine", "Host: engine" + "".join(f"\r\nX-{n}: 1" for n in range(80))),
    "a foreign origin": head("Host: engine", "Host: engine\r\nOrigin: https://evil.example"),
    "two origins": head("Host: engine", "Host: engine\r\nOrigin: https://shop.example\r\nOrigin: https://shop.example"),
    "bare line feeds": GOOD_HEAD.replace("\r\n", "\n").encode() + b"\r\n\r\n",
}


class Witness:
    """A good client that works on, whatever the others do."""

    def __init__(self, home: House, peer: FramedPeer) -> None:
        self.home = home
        self.peer = peer
        self.submitted = 0

    async def works(self) -> None:
        self.submitted += 1
        result = await self.peer.done("contact.submit", channel="web", customer=f"good-{self.submitted}")
        assert result["contact"] == self.submitted
        assert self.home.core.counters.crashes == 0


async def said_to(home: House, data: bytes) -> bytes:
    """What the WebSocket listener answers to ``data``, until it ends the connection."""
    stream = home.connect("websocket")
    if data:
        await stream.send_all(data)
    answer = b""
    with trio.fail_after(30):
        while some := await stream.receive_some(4096):
            answer += some
    return answer


@pytest.mark.parametrize("name", BAD_HEADS)
async def test_a_bad_upgrade_is_refused_and_nobody_else_notices(autojump_clock: MockClock, name: str) -> None:
    """Whatever stands where an upgrade should be: an HTTP answer or silence, the socket closed, all others at work."""
    async with house() as home:
        witness = Witness(home, await home.framed("channel", "web"))
        await witness.works()
        answer = await said_to(home, BAD_HEADS[name])
        assert b"101 Switching" not in answer
        if name == "a msgpack frame":
            assert b"wrong_carrier" in answer, "told in its own tongue"
        elif answer:
            assert answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5")), answer
        await witness.works()
        assert len(home.core.connections) == 1


async def test_a_good_head_in_single_bytes_is_taken(autojump_clock: MockClock) -> None:
    """Slow, but within its five seconds: the connection opens."""
    async with house() as home:
        stream = home.connect("websocket")
        for byte in GOOD_HEAD.encode():
            await stream.send_all(bytes([byte]))
        assert (await stream.receive_some(4096)).startswith(b"HTTP/1.1 101")


async def test_a_silent_socket_gives_its_place_back(autojump_clock: MockClock) -> None:
    """Five seconds for the upgrade, five for hello; then the slot is free again."""
    async with house() as home:
        silent = home.connect("websocket")
        mute = await home.websocket()
        wordless = home.connect("framed")
        start_s = trio.current_time()
        assert await silent.receive_some(10) == b""
        assert (await mute.rest())[0] == {"op": "bye", "reason": "no_hello"}
        assert mute.close_code == 4001
        assert msgpack.unpackb((await wordless.receive_some(100))[4:])["op"] == "bye"
        assert 5 <= trio.current_time() - start_s <= 8
        await home.empty()


DEEP = '{"op":"ask","id":"a","query":' + '{"type":' * 40 + "1" + "}" * 40 + "}"
BAD_JSON: dict[str, tuple[bytes, str]] = {
    "not JSON": (b"hello", "malformed"),
    "half a frame": (b'{"op":"do"', "malformed"),
    "two frames": (b'{"op":"pong"}{"op":"pong"}', "malformed"),
    "an array": (b"[1,2]", "malformed"),
    "a number": (b"17", "malformed"),
    "nothing": (b"", "malformed"),
    "a byte-order mark": (b'\xef\xbb\xbf{"op":"pong"}', "malformed"),
    "NaN": (b'{"op":"resume","id":"a","streams":{"a":NaN}}', "bad_number"),
    "infinity": (b'{"op":"resume","id":"a","streams":{"a":1e999}}', "bad_number"),
    "5,000 digits": (b'{"op":"resume","id":"a","streams":{"a":' + b"9" * 5000 + b"}}", "malformed"),
    "half a surrogate pair": (b'{"op":"ask","id":"\\ud800","query":{"type":"queues"}}', "malformed"),
    "the same key twice": (b'{"op":"bye","op":"pong"}', "duplicate_key"),
    "100,000 levels": (b'{"op":"pong","x":' + b"[" * 60_000, "too_deep"),
    "40 levels": (DEEP.encode(), "too_deep"),
    "5,000 entries": (b'{"op":"pong","x":[' + b"1," * 5000 + b"1]}", "too_many_items"),
    "a comment": (b'{"op":"pong"} // hi', "malformed"),
}
BAD_MSGPACK: dict[str, tuple[bytes, str]] = {
    "noise": (b"\xc1\xc1", "malformed"),
    "nothing": (b"", "malformed"),
    "an array": (b"\x92\x01\x02", "malformed"),
    "a lone string": (b"\xa3abc", "malformed"),
    "a map of 4 billion": (b"\xdf\xff\xff\xff\xff", "malformed"),
    "ends early": (b"\x82\xa2op\xa4pong", "malformed"),
    "more behind it": (b"\x81\xa2op\xa4pong\x00", "malformed"),
    "not UTF-8": (b"\x81\xa2op\xa4\xff\xfe\xfd\xfc", "malformed"),
    "half a surrogate pair": (b"\x82\xa2op\xa3ask\xa2id\xa3\xed\xa0\x80", "malformed"),
    "the same key twice": (b"\x82\xa2op\xa4pong\xa2op\xa3bye", "duplicate_key"),
    "an integer as key": (b"\x82\xa2op\xa4pong\x01\x02", "bad_type"),
    "an extension": (b"\x82\xa2op\xa4pong\xa1x\xd4\x05a", "bad_type"),
    "a timestamp": (b"\x82\xa2op\xa4pong\xa1x\xd6\xff\x00\x00\x00\x01", "bad_type"),
    "binary": (b"\x82\xa2op\xa4pong\xa1x\xc4\x01a", "bad_type"),
    "NaN": (b"\x82\xa2op\xa4pong\xa1x\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00", "bad_number"),
    "2,000 levels": (b"\x82\xa2op\xa4pong\xa1x" + b"\x91" * 2000 + b"\xc0", "too_deep"),
    "20 levels": (b"\x82\xa2op\xa4pong\xa1x" + b"\x91" * 20 + b"\xc0", "too_deep"),
    "5,000 entries": (b"\x82\xa2op\xa4pong\xa1x\xdc\x13\x88" + b"\xc0" * 5000, "too_many_items"),
}


@pytest.mark.parametrize("name", BAD_JSON)
async def test_bad_json_ends_its_own_connection_with_a_typed_error(autojump_clock: MockClock, name: str) -> None:
    """An error that says what, got and wanted, then close code 4002; the witness works on."""
    data, code = BAD_JSON[name]
    async with house() as home:
        witness = Witness(home, await home.framed("channel", "web"))
        bad = await home.websocket("channel", "bad")
        await bad.send_raw(1, data)
        last = (await bad.rest())[-1]
        assert (last["op"], last["code"]) == ("error", code)
        assert last["message"] and last["what"] and last["got"] and last["wanted"]
        assert bad.close_code == 4002
        await witness.works()


@pytest.mark.parametrize("name", BAD_MSGPACK)
async def test_bad_msgpack_ends_its_own_connection_with_a_typed_error(autojump_clock: MockClock, name: str) -> None:
    """The same over framed msgpack, where the error is the last frame."""
    data, code = BAD_MSGPACK[name]
    async with house() as home:
        witness = Witness(home, await home.framed("channel", "web"))
        bad = await home.framed("channel", "bad")
        await bad.stream.send_all(len(data).to_bytes(4) + data)
        last = (await bad.rest())[-1]
        assert (last["op"], last["code"]) == ("error", code)
        assert last["message"] and last["what"] and last["got"] and last["wanted"]
        await witness.works()


WRONG_FRAMES: dict[str, tuple[dict[str, object], str]] = {
    "an unknown op": ({"op": "dance"}, "op"),
    "no op": ({"id": "a"}, "op"),
    "an unknown field": ({"op": "pong", "loud": True}, "loud"),
    "a command without an id": ({"op": "do", "command": {"type": "agent.sign_on"}}, "id"),
    "a number for an id": ({"op": "do", "id": 7, "command": {"type": "agent.sign_on"}}, "id"),
    "an unknown command": ({"op": "do", "id": "a", "command": {"type": "contact.dance"}}, "command.type"),
    "an unknown field of a command": (
        {"op": "do", "id": "a", "command": {"type": "agent.sign_on", "x": 1}},
        "command.x",
    ),
    "a text for a number": (
        {"op": "do", "id": "a", "command": {"type": "contact.close", "contact": "1"}},
        "command.contact",
    ),
    "a float for a number": (
        {"op": "do", "id": "a", "command": {"type": "contact.close", "contact": 1.5}},
        "command.contact",
    ),
    "null in attributes": (
        {"op": "do", "id": "a", "command": {"type": "contact.submit", "attributes": {"a": None}}},
        "command.attributes[...]",
    ),
    "a state that is none": (
        {"op": "do", "id": "a", "command": {"type": "agent.sign_on", "state": "asleep"}},
        "command.state",
    ),
    "an unknown question": ({"op": "ask", "id": "a", "query": {"type": "weather"}}, "query.type"),
    "2^60": ({"op": "do", "id": "a", "command": {"type": "contact.close", "contact": 2**60}}, "command.contact"),
    "a second hello": ({"op": "hello"}, "op"),
    "a text with an accept": ({"op": "do", "id": "a", "command": {"type": "offer.accept"}, "text": "hi"}, "text"),
}


@pytest.mark.parametrize("name", WRONG_FRAMES)
async def test_a_wrong_frame_is_answered_and_the_connection_lives(autojump_clock: MockClock, name: str) -> None:
    """Readable, but not of this protocol: the error names the field and the id, and the next frame is served."""
    frame, what = WRONG_FRAMES[name]
    async with house() as home:
        web = await home.websocket("channel", "web")
        await web.send(frame)
        error = await web.next("error")
        assert error["what"] == what
        assert error["got"] and error["wanted"]
        assert error["id"] == (frame.get("id") if isinstance(frame.get("id"), str) else "")
        assert (await web.done("contact.submit", channel="web"))["contact"] == 1


async def test_before_hello_nothing_else_is_heard(autojump_clock: MockClock) -> None:
    """A command as the first frame: hello_expected with its id, and the end."""
    async with house() as home:
        for peer in (await home.framed(), await home.websocket()):
            await peer.send({"op": "do", "id": "early", "command": {"type": "contact.submit"}})
            last = (await peer.rest())[-1]
            assert (last["code"], last["id"], last["wanted"]) == ("hello_expected", "early", "hello")


async def test_text_on_the_binary_sub_protocol_is_refused(autojump_clock: MockClock) -> None:
    """Each sub-protocol has its kind of message."""
    async with house() as home:
        peer = await home.websocket(protocol="sluice.v1.msgpack")
        await peer.send_raw(1, b'{"op":"hello"}')
        last = (await peer.rest())[-1]
        assert (last["code"], last["got"], last["wanted"]) == ("bad_type", "text", "binary on this sub-protocol")


async def test_websocket_faults_close_quietly(autojump_clock: MockClock) -> None:
    """Unmasked frames, reserved bits, bad opcodes, a ping too long: a close code, no crash."""
    async with house() as home:
        witness = Witness(home, await home.framed("channel", "web"))
        for data in (
            b"\x81\x02hi",
            b"\xf1\x80\x00\x00\x00\x00",
            b"\x83\x80\x00\x00\x00\x00",
            b"\x89\xfe\x00\x7e\x00\x00\x00\x00" + b"x" * 126,
            b"\x80\x80\x00\x00\x00\x00",
            b"\xc1\x80\x00\x00\x00\x00",
        ):
            peer = await home.websocket("channel", "bad")
            await peer.stream.send_all(data)
            await peer.rest()
            assert peer.close_code != 0
            await witness.works()


async def test_a_crash_in_one_connection_is_its_own(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug in a handler: that socket closes, the counter says one, everybody else goes on."""
    async with house() as home:
        witness = Witness(home, await home.framed("channel", "web"))
        await witness.works()
        victim = await home.framed("channel", "victim")

        def explode(*_: object) -> None:
            raise ZeroDivisionError("a bug of ours")

        with monkeypatch.context() as broken:
            broken.setattr(Commands, "do", explode)
            await victim.send({"op": "do", "id": "a", "command": {"type": "contact.submit"}})
            await victim.rest()
        assert home.core.counters.crashes == 1
        home.core.counters.crashes = 0
        await witness.works()


class BrokenOutbox(Outbox):
    def __len__(self) -> int:
        raise ZeroDivisionError("a bug of ours")


async def test_a_crash_while_writing_is_its_own(autojump_clock: MockClock) -> None:
    """One task writes for all sockets; a bug in writing for one of them is that one's end, and the task goes on."""
    async with house() as home:
        witness = Witness(home, await home.framed("channel", "web"))
        victim = await home.framed("agent", "ann")
        [connection] = [each for each in home.core.connections if each.principal.subject == "ann"]
        connection.outbox = BrokenOutbox(10, 10_000)
        await victim.send({"op": "ask", "id": "a", "query": {"type": "streams"}})
        await victim.rest()
        assert home.core.counters.crashes >= 1
        home.core.counters.crashes = 0
        await witness.works()


async def test_nothing_is_started_for_a_connection_that_is_over(autojump_clock: MockClock) -> None:
    """The peer is gone, its tasks are ending: from before the first of them ends, nobody may start another."""
    async with house() as home:
        peer = await home.framed("agent", "ann")
        [connection] = home.core.connections
        seen: list[object] = []

        async def last_task() -> None:
            try:
                await trio.sleep_forever()
            finally:
                seen.append(connection.nursery)

        assert connection.nursery is not None
        connection.nursery.start_soon(last_task)
        await trio.testing.wait_all_tasks_blocked()
        await peer.vanish()
        await home.empty()
        assert seen == [None]
        connection.flush()
        assert home.core.counters.crashes == 0


async def test_garbage_from_many_is_one_line_a_second_in_the_log(
    autojump_clock: MockClock, capfd: pytest.CaptureFixture[str]
) -> None:
    """Bad heads by the hundred leave the log alone: they are counted instead."""
    async with house() as home:
        for _ in range(200):
            await said_to(home, BAD_HEADS["noise"])
        assert home.core.counters.refused_sockets["not_ascii"] == 200
        assert len(capfd.readouterr().err.splitlines()) <= 2


async def test_the_corpus_reads_the_same_for_a_second_reader(autojump_clock: MockClock) -> None:
    """What we call good JSON in these tests is good JSON to Python too, so each refusal is about the named fault."""
    for name in ("the same key twice", "an array", "a number", "5,000 entries"):
        json.loads(BAD_JSON[name][0])
    assert isinstance(WebSocketPeer, type)
