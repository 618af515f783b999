"""RFC 6455, 7: the closing handshake, every code, and what people send after it."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from engine.wire import limits
from tests.conformance.raw import CLOSE, PING, PONG, TEXT, Raw, ask, closing, frame, welcomed
from tests.server.stage import House, house

LEGAL = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]
ILLEGAL = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]


async def test_every_legal_code_is_echoed(autojump_clock: MockClock) -> None:
    """The peer's own code comes back, and the connection is gone."""
    async with house() as home:
        for code in LEGAL:
            raw = await welcomed(home)
            await raw.send(closing(code, b"so long"))
            assert await raw.end() == code
        await home.empty()
        assert home.core.counters.crashes == 0


async def test_every_illegal_code_is_a_protocol_error(autojump_clock: MockClock) -> None:
    """Codes that may not stand on the wire are answered with 1002."""
    async with house() as home:
        for code in ILLEGAL:
            raw = await welcomed(home)
            await raw.send(closing(code))
            assert await raw.end() == 1002, code
        await home.empty()
        assert home.core.counters.crashes == 0


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", 1005),
        (b"\x03", 1002),
        (b"\x03\xe8" + b"r" * 123, 1000),
        (b"\x03\xe8\xff\xfe", 1007),
        (b"\x03\xe8\xe4", 1007),
    ],
    ids=["empty", "one byte", "the longest reason", "a reason that is not UTF-8", "a reason cut off"],
)
async def test_what_a_close_may_carry(autojump_clock: MockClock, data: bytes, code: int) -> None:
    """Nothing, or a code and at most 123 bytes of text."""
    async with house() as home:
        raw = await welcomed(home)
        await raw.send(frame(CLOSE, data))
        assert await raw.end() == code


AFTER_CLOSE = {
    "a ping": frame(PING, b"still there?"),
    "a pong": frame(PONG),
    "a command": frame(TEXT, ask()),
    "half a frame": frame(TEXT, ask())[:7],
    "a second close": closing(1001),
    "noise": bytes(range(256)),
}


@pytest.mark.parametrize("name", AFTER_CLOSE)
async def test_what_follows_a_close_is_not_heard(autojump_clock: MockClock, name: str) -> None:
    """In the same packet or a later one: one close comes back, nothing after it, and no crash."""
    async with house() as home:
        at_once, later = await welcomed(home), await welcomed(home)
        await at_once.send(closing(1000), AFTER_CLOSE[name])
        assert await at_once.end() == 1000
        await later.send(closing(1000))
        try:
            await later.send(AFTER_CLOSE[name])
        except trio.BrokenResourceError:
            pass  # gone already, which is as quiet as it gets
        assert await later.end() == 1000
        for raw in (at_once, later):
            assert [got.opcode for got in raw.got if got.opcode != TEXT] == [CLOSE]
        await home.empty()
        assert home.core.counters.crashes == 0


@pytest.mark.parametrize("name", AFTER_CLOSE)
async def test_what_crosses_our_own_close_is_not_heard(autojump_clock: MockClock, name: str) -> None:
    """The server said its last word; the peer, who has not read it yet, sends on: nothing more comes, and it ends."""
    async with house() as home:
        raw = await welcomed(home)
        frames = home.core.counters.frames_in
        home.core.close_all()
        await raw.send(AFTER_CLOSE[name])
        assert await raw.end() == 1001
        await home.empty()
        assert home.core.counters.frames_in == frames
        assert home.core.counters.crashes == 0


async def flooded(home: House, raw: Raw, data: bytes, times: int) -> int:
    """Send on after the server's close, reading nothing; the bytes its connection holds by then."""
    [connection] = home.core.connections
    for _ in range(times):
        try:
            await raw.send(data)
        except trio.BrokenResourceError:
            break
        await trio.testing.wait_all_tasks_blocked()
    carrier = connection.carrier
    return sum(map(len, carrier._frames)) + sum(map(len, carrier._parts))  # type: ignore[attr-defined]  # looks inside


async def test_a_flood_after_our_close_is_not_kept(autojump_clock: MockClock) -> None:
    """A peer that answers a close with megabytes: they are dropped as they come."""
    async with house() as home:
        raw = await welcomed(home)
        [connection] = home.core.connections
        with home.stalled(connection):
            home.core.close_all()
            held = await flooded(home, raw, frame(TEXT, b"x" * 60_000), 50)
        assert held <= limits.FRAME_BYTES


@pytest.mark.parametrize("beyond", [0, 1])
async def test_a_ping_flood_is_a_policy_matter(autojump_clock: MockClock, beyond: int) -> None:
    """The burst is answered ping by ping; one more in the same second, and it is 1008."""
    async with house() as home:
        raw = await welcomed(home)
        await raw.send(*[frame(PING, b"%d" % place) for place in range(limits.PING_BURST + beyond)])
        if beyond:
            assert await raw.end() == 1008
            assert raw.errors() == ["rate_limited"]
        else:
            assert [await raw.pong() for _ in range(limits.PING_BURST)] == [b"%d" % n for n in range(limits.PING_BURST)]
            await raw.send(frame(TEXT, ask()))
            assert (await raw.answer())["op"] == "ok"


@pytest.mark.parametrize(
    "data", [b"", frame(TEXT, ask())[:1], frame(TEXT, ask())[:-1], frame(TEXT, ask()[:5], fin=False)]
)
async def test_gone_without_a_word(autojump_clock: MockClock, data: bytes) -> None:
    """The peer shuts its side, between frames or in the middle of one: the connection ends, nothing is left."""
    async with house() as home:
        raw = await welcomed(home)
        await raw.send(data)
        stream = raw.stream
        assert isinstance(stream, trio.abc.HalfCloseableStream)
        await stream.send_eof()
        await raw.end()
        await home.empty()
        assert home.core.counters.crashes == 0
