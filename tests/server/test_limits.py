"""Every row of the limits table holds: one below and the limit itself pass, one above does not."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import msgpack
import pytest
import trio
from trio.testing import MockClock

from engine.driver import DriverLimits
from engine.server import hub
from engine.server.listeners import Admission
from engine.server.outbox import Outbox
from engine.wire import limits
from engine.wire.codec import Encoding, decode
from engine.wire.errors import WireError
from engine.wire.limits import LIMITS
from tests.server.stage import FramedPeer, House, house

Probe = Callable[[int], Awaitable[bool]]


def taken(frame: dict[str, Any]) -> bool:
    """Whether both encodings of a frame are read."""
    answers = set()
    for data, encoding in ((json.dumps(frame).encode(), Encoding.JSON), (msgpack.packb(frame), Encoding.MSGPACK)):
        try:
            decode(data, encoding)
            answers.add(True)
        except WireError as error:
            assert error.wanted
            answers.add(False)
    assert len(answers) == 1, "the encodings disagree"
    return answers.pop()


def command(type: str, **fields: Any) -> dict[str, Any]:
    return {"op": "do", "id": "c", "command": {"type": type, **fields}}


# --- what one frame may hold ----------------------------------------------------------------------------------------


async def frame_bytes(n: int) -> bool:
    async with house() as home:
        peer = await home.websocket("supervisor", "sue")
        await peer.send_raw(1, json.dumps(command("policy.apply", text="")).encode().ljust(n))
        return (await peer.next("ok", "error")).get("code") != "too_big"


async def hello_bytes(n: int) -> bool:
    async with house() as home:
        peer = await home.websocket()
        await peer.send_raw(1, b'{"op":"hello","role":"agent","subject":"ann","tenant":"acme"}'.ljust(n))
        return (await peer.next())["op"] == "welcome"


def nested(levels: int) -> bytes:
    """A frame of so many levels, its own map included."""
    return b'{"op":"pong","x":' + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}"


def code_of(data: bytes, encoding: Encoding = Encoding.JSON) -> str:
    with pytest.raises(WireError) as caught:
        decode(data, encoding)
    return caught.value.code


async def depth(n: int) -> bool:
    packed = b"\x82\xa2op\xa4pong\xa1x" + b"\x91" * (n - 2) + b"\x90"
    codes = {code_of(nested(n)), code_of(packed, Encoding.MSGPACK)}
    assert len(codes) == 1
    return codes.pop() != "too_deep"


async def items(n: int) -> bool:
    rest = n - 2  # the frame's own two entries
    packed = b"\x82\xa2op\xa4pong\xa1x\xdc" + rest.to_bytes(2) + b"\xc0" * rest
    codes = {
        code_of(b'{"op":"pong","x":[' + b",".join([b"1"] * rest) + b"]}"),
        code_of(packed, Encoding.MSGPACK),
    }
    assert len(codes) == 1
    return codes.pop() != "too_many_items"


async def policy_bytes(n: int) -> bool:
    return taken(command("policy.apply", text="#" * n))


async def text_bytes(n: int) -> bool:
    """Bytes of UTF-8, not characters: n − 3 letters and one of three bytes."""
    return taken({**command("contact.message", contact=1), "text": "a" * (n - 3) + "你"})


async def field_bytes(n: int) -> bool:
    as_field = taken(command("contact.submit", external_id="x" * n))
    assert as_field == taken(command("contact.submit", attributes={"k": "v" * (n - 1)}))
    assert as_field == taken({"op": "ask", "id": "q", "query": {"type": "contacts", "customer": "c" * n}})
    return as_field


async def id_bytes(n: int) -> bool:
    return taken({**command("agent.sign_on"), "id": "i" * n})


async def attributes(n: int) -> bool:
    many = {f"a{i}": i for i in range(n)}
    assert taken(command("contact.submit", attributes=many)) == taken(
        command("agent.define", profile={"agent": "a", "attributes": many})
    )
    return taken(command("contact.update", contact=1, attributes=many))


async def integer(n: int) -> bool:
    assert taken(command("contact.close", contact=-n)) == taken(command("contact.close", contact=n))
    return taken(command("contact.submit", attributes={"n": n}))


async def skills(n: int) -> bool:
    return taken(command("agent.define", profile={"agent": "a", "skills": {f"s{i}": 1 for i in range(n)}}))


async def token_bytes(n: int) -> bool:
    return taken({"op": "hello", "token": "t" * n})


# --- one socket -----------------------------------------------------------------------------------------------------


async def fragments(n: int) -> bool:
    async with house() as home:
        peer = await home.websocket("channel", "web")
        data = json.dumps({"op": "ask", "id": "q", "query": {"type": "streams"}}).encode().ljust(n)
        await peer.send_raw(1, data[:1], fin=False)
        for at in range(1, n - 1):
            await peer.send_raw(0, data[at : at + 1], fin=False)
        await peer.send_raw(0, data[n - 1 :])
        return (await peer.next("ok", "error"))["op"] == "ok"


async def pings_per_s(n: int) -> bool:
    """After the burst is used up, so many in each of ten seconds."""
    async with house() as home:
        peer = await home.websocket("channel", "web")
        try:
            for second in range(11):
                await trio.sleep(1 if second else 0)
                for _ in range(n if second else limits.PING_BURST):
                    await peer.send_raw(9, b"")
            await peer.ask("streams")
        except (AssertionError, trio.BrokenResourceError):
            return False
        return True


async def frames_burst(n: int) -> bool:
    async with house() as home:
        peer = await home.framed("agent", "ann")
        await peer.send_many([{"op": "ask", "id": f"q{i}", "query": {"type": "streams"}} for i in range(n)])
        codes = [(await peer.next("ok", "error")).get("code") for _ in range(n)]
        return "rate_limited" not in codes


async def frames_per_s(n: int) -> bool:
    async with house() as home:
        peer = await home.framed("agent", "ann")
        refused = 0
        for second in range(6):
            count = n if second else limits.FRAMES_BURST
            for i in range(count):
                answer = await peer.call({"op": "ask", "id": f"q{second}.{i}", "query": {"type": "streams"}})
                refused += answer.get("code") == "rate_limited"
            await trio.sleep(1)
        return refused == 0


async def _in_flight(role: str, n: int) -> bool:
    """All in one read, so that none is answered before the last is taken in."""
    async with house() as home:
        peer = await home.framed(role, "ann")
        await peer.send_many([{**command("contact.close", contact=1), "id": f"c{i}"} for i in range(n)])
        codes = [(await peer.next("ok", "error")).get("code") for _ in range(n)]
        return "overloaded" not in codes


async def in_flight(n: int) -> bool:
    return await _in_flight("agent", n)


async def in_flight_trusted(n: int) -> bool:
    return await _in_flight("channel", n)


async def _outbox(frames: int, size: int, role: str) -> bool:
    """As a connection of this role is given it; frames of one byte, or one frame of all bytes."""
    async with house() as home:
        await home.framed(role, "ann")
        [connection] = home.core.connections
        box = Outbox(connection.outbox.limit_frames, connection.outbox.limit_bytes)
        if frames:
            return sum(box.put(b"x") for _ in range(frames)) == frames
        return box.put(bytes(size - 1)) and box.put(b"x")


async def outbox_frames(n: int) -> bool:
    return await _outbox(n, 0, "agent")


async def outbox_bytes(n: int) -> bool:
    return await _outbox(0, n, "agent")


async def outbox_frames_trusted(n: int) -> bool:
    return await _outbox(n, 0, "channel")


async def outbox_bytes_trusted(n: int) -> bool:
    return await _outbox(0, n, "channel")


async def subscriptions(n: int) -> bool:
    """In one frame, and spread over several."""
    async with house() as home:
        web = await home.framed("channel", "web")
        for i in range(n):
            await web.done("contact.submit", channel="web", customer=f"c{i}")
        sue = await home.framed("supervisor", "sue")
        names = [f"contact:{i + 1}" for i in range(n)]
        spread = [await sue.call({"op": "resume", "streams": {name: -1}}) for name in names]
        sam = await home.framed("supervisor", "sam")
        at_once = await sam.call({"op": "resume", "streams": dict.fromkeys(names, -1)})
        assert (spread[-1]["op"] == "ok") == (at_once["op"] == "ok")
        return at_once["op"] == "ok"


async def write_ms(n: int) -> bool:
    """A peer that takes nothing for n ms (and the sweep's second) and then reads on."""
    async with house() as home:
        peer = FramedPeer(home.connect(lockstep=True))
        await peer.send({"op": "hello", "role": "channel", "subject": "web", "tenant": "acme"})
        await trio.sleep((n - 1) / 1000 + (1.0 if n > limits.WRITE_MS else -0.5))
        return bool(home.core.connections)


async def heartbeat_ms(n: int) -> bool:
    """A ping comes within the interval and its jitter: asked for a longer one than that, the answer is no."""
    async with house() as home:
        peer = await home.framed("agent", "ann")
        start_s = trio.current_time()
        await peer.next("ping")
        took_ms = (trio.current_time() - start_s) * 1000
        assert 0.8 * limits.HEARTBEAT_MS <= took_ms <= 1.2 * limits.HEARTBEAT_MS + 1000
        return n <= limits.HEARTBEAT_MS


# --- before hello ---------------------------------------------------------------------------------------------------


async def _upgrades(home: House, head: bytes, after_s: float = 0.0) -> bool:
    stream = home.connect("websocket")
    if after_s:
        await trio.sleep(after_s)
    try:
        await stream.send_all(head)
        return (await stream.receive_some(4096)).startswith(b"HTTP/1.1 101")
    except trio.BrokenResourceError:
        return False


def _head(extra: str = "") -> str:
    return (
        "GET / HTTP/1.1\r\nHost: engine\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Protocol: sluice.v1.json\r\n{extra}\r\n"
    )


async def head_bytes(n: int) -> bool:
    """Spread over two fields, as no single line may be that long."""
    bare = len(_head("X-A: \r\nX-B: \r\n"))
    extra = f"X-A: {'a' * 4000}\r\nX-B: {'b' * (n - bare - 4000)}\r\n"
    head = _head(extra).encode()
    assert len(head) == n
    async with house() as home:
        return await _upgrades(home, head)


async def head_fields(n: int) -> bool:
    extra = "".join(f"X-{i}: 1\r\n" for i in range(n - _head().count("\r\n") + 2))
    async with house() as home:
        return await _upgrades(home, _head(extra).encode())


async def handshake_ms(n: int) -> bool:
    async with house() as home:
        return await _upgrades(home, _head().encode(), (n - 0.5) / 1000)


async def hello_ms(n: int) -> bool:
    """The sweep looks once a second, so one above means one second above."""
    async with house() as home:
        peer = await home.framed()
        await trio.sleep((n if n <= limits.HELLO_MS else n + 1000) / 1000)
        try:
            await peer.hello("agent", "ann", tenant="acme")
        except (AssertionError, trio.BrokenResourceError):
            return False
        return "welcome" in {frame["op"] for frame in peer.frames}


async def _admitted(n: int, open_sockets: dict[tuple[str, str], int], peer: str, entered: int = 0) -> bool:
    """Whether the n-th socket is let in."""
    async with house() as home:
        home.core.counters.open.update(open_sockets)
        admission = Admission(home.core)
        for _ in range(entered):
            admission.enter(peer)
        return not admission.refusal(peer, loopback=False)


async def pending(n: int) -> bool:
    return await _admitted(n, {("framed", ""): n - 1}, "203.0.113.7")


async def pending_per_address(n: int) -> bool:
    return await _admitted(n, {}, "203.0.113.7", entered=n - 1)


async def sockets(n: int) -> bool:
    return await _admitted(n, {("framed", "agent"): n - 1}, "203.0.113.7")


async def handshakes_per_address(n: int) -> bool:
    """The n-th at once from one address; another address has its own, and a second later there is room again."""
    async with house() as home:
        admission = Admission(home.core)
        last = [admission.hold_off("203.0.113.7", loopback=False) for _ in range(n)][-1]
        assert admission.hold_off("203.0.113.8", loopback=False) == 0
        await trio.sleep(1)
        assert admission.hold_off("203.0.113.7", loopback=False) == 0
        return last == 0


async def welcomes(n: int) -> bool:
    """The n-th at once from anywhere."""
    async with house() as home:
        admission = Admission(home.core)
        return [admission.turn() for _ in range(n)][-1] == 0


async def sockets_per_principal(n: int) -> bool:
    async with house() as home:
        last = [await (await home.framed()).hello("customer", "c1", tenant="acme") for _ in range(n)][-1]
        assert len(await (await home.framed()).hello("customer", "c2", tenant="acme")) > 1
        return last["op"] == "welcome"


async def flaps(n: int) -> bool:
    """Connected and gone again, n times within a minute; after a quiet one all is forgotten."""
    async with house() as home:
        for _ in range(n):
            peer = await home.framed()
            said = await peer.hello("agent", "ann", tenant="acme")
            await peer.vanish()
            await home.empty()
        await trio.sleep(limits.FLAPS_WINDOW_S)
        assert (await (await home.framed()).hello("agent", "ann", tenant="acme"))["op"] == "welcome"
        return said["op"] == "welcome"


# --- asks: a page is cut, not refused; "passes" means: whole ---------------------------------------------------------


async def history_page(n: int) -> bool:
    async with house() as home:
        web = await home.framed("channel", "web")
        await web.done("contact.submit", channel="web", customer="c")
        for i in range(n):
            await web.done("contact.message", contact=1, text=str(i))
        page = await web.ask("history", contact=1, limit=10_000)
        assert len(page["messages"]) == min(n, limits.HISTORY_PAGE)
        return not page["more"]


async def list_page(n: int) -> bool:
    async with house() as home:
        web, sue = await home.framed("channel", "web"), await home.framed("supervisor", "sue")
        for i in range(n):
            await web.done("contact.submit", channel="web", customer=f"c{i}")
            await sue.done("agent.define", profile={"agent": f"a{i:03}"})
        contacts, agents = await sue.ask("contacts", limit=10_000), await sue.ask("agents", limit=10_000)
        assert contacts["more"] == agents["more"]
        assert len(contacts["contacts"]) == len(agents["agents"]) == min(n, limits.LIST_PAGE)
        return not contacts["more"]


async def story_records(n: int) -> bool:
    """A contact whose arrival is the n-th record from the end is found; cut down so that the journal stays short."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "STORY_RECORDS", 40)
        async with house() as home:
            web, sue = await home.framed("channel", "web"), await home.framed("supervisor", "sue")
            await web.done("contact.submit", channel="web", customer="c")
            arrived = home.driver.last_lsn
            while home.driver.last_lsn - arrived + 1 < n - LIMITS["story_records"].value + 40:
                await web.done("contact.message", contact=1, text="more")
            return not (await sue.ask("explain", contact=1)).get("story_cut", False)


async def replay_records(n: int) -> bool:
    """An offset n records back is replayed, or replaced by a snapshot; cut down likewise, and memory made short."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "REPLAY_RECORDS", 20)
        patch.setitem(hub.RING, "channel", 1)
        async with house() as home:
            web = await home.framed("channel", "web")
            await web.done("contact.submit", channel="web", customer="c")
            behind = n - LIMITS["replay_records"].value + 20
            for _ in range(30):
                await web.done("contact.message", contact=1, text="more")
            again = await home.framed("channel", "web")
            await again.call({"op": "resume", "streams": {"channel:web": home.driver.last_lsn - behind}})
            return (await again.next("push", "resync"))["op"] == "push"


PROBES: dict[str, Probe] = {
    probe.__name__: probe
    for probe in (
        frame_bytes, hello_bytes, depth, items, policy_bytes, text_bytes, field_bytes, id_bytes, attributes, integer,
        skills, token_bytes, fragments, pings_per_s, frames_burst, frames_per_s, in_flight, in_flight_trusted,
        outbox_frames, outbox_bytes, outbox_frames_trusted, outbox_bytes_trusted, subscriptions, write_ms, heartbeat_ms,
        head_bytes, head_fields, handshake_ms, hello_ms, pending, pending_per_address, handshakes_per_address,
        welcomes, sockets_per_principal, flaps, sockets, history_page, list_page,
        story_records, replay_records,
    )
}  # fmt: skip


def test_every_row_has_its_probe() -> None:
    """A limit without a test is a wish."""
    assert set(PROBES) == set(LIMITS)


@pytest.mark.parametrize("name", LIMITS)
async def test_the_limit_holds_to_the_unit(name: str, autojump_clock: MockClock) -> None:
    """Limit − 1 and the limit pass; limit + 1 does not."""
    limit, probe = LIMITS[name].value, PROBES[name]
    assert [await probe(limit - 1), await probe(limit), await probe(limit + 1)] == [True, True, False]


def test_what_a_client_is_told_stands_in_the_table() -> None:
    """``welcome.limits`` names rows, and gives their numbers."""
    for trusted in (True, False):
        told = limits.for_role(trusted)
        for name, value in told.items():
            row = LIMITS.get(f"{name}_trusted", LIMITS[name]) if trusted else LIMITS[name]
            assert row.value == value


async def test_a_full_inbox_says_when_to_come_back(autojump_clock: MockClock) -> None:
    """Overload is refused before the inbox, with ``retry_after_ms``; the same id goes through a moment later."""
    async with house(limits=DriverLimits(inbox_commands=6, retry_after_ms=500)) as home:
        web = await home.framed("channel", "web")
        await web.send_many(
            [{**command("contact.submit", channel="web", customer=f"c{i}"), "id": f"c{i}"} for i in range(6)]
        )
        answers = [await web.answer(f"c{i}") for i in range(6)]
        assert [answer["op"] for answer in answers] == ["ok"] * 3 + ["error"] * 3
        assert {(a["code"], a["retry_after_ms"]) for a in answers[3:]} == {("overloaded", 500)}
        again = await web.do("contact.submit", channel="web", customer="c5", id="c5b")
        assert again["op"] == "ok"
        assert again["result"]["contact"] == 4


async def test_a_flood_over_the_rate_ends_the_connection(autojump_clock: MockClock) -> None:
    """Refused six hundred times in a row: bye rate, and the socket is closed with 4009."""
    async with house() as home:
        peer = await home.websocket("customer", "c1")
        question = {"op": "ask", "id": "q", "query": {"type": "streams"}}
        connection = next(iter(home.core.connections))
        connection.outbox.limit_frames = 100_000
        await peer.send_many([question] * 700)
        await peer.rest()
        assert peer.frames[-1]["reason"] == "rate"
        assert peer.close_code == 4009
