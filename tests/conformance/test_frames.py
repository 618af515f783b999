"""RFC 6455, 5: frames, fragments, masks and text, byte by byte. A broken rule costs its own connection, nobody else's."""

from __future__ import annotations

import json

import pytest
from trio.testing import MockClock

from engine.wire import limits
from tests.conformance.raw import BINARY, CLOSE, CONT, HELLO, PING, PONG, TEXT, ask, connected, frame, welcomed
from tests.server.stage import house

HALF = frame(TEXT, ask()[:9], fin=False)
FAULTS: dict[str, tuple[bytes, int]] = {
    "the first reserved bit, as a compressed frame has it": (frame(TEXT, ask(), rsv=4), 1002),
    "the second reserved bit": (frame(TEXT, ask(), rsv=2), 1002),
    "the third reserved bit": (frame(TEXT, ask(), rsv=1), 1002),
    "all reserved bits on a ping": (frame(PING, rsv=7), 1002),
    **{f"opcode {opcode}": (frame(opcode, ask()), 1002) for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    "an unmasked text": (frame(TEXT, ask(), mask=None), 1002),
    "an unmasked ping": (frame(PING, mask=None), 1002),
    "a ping of 126 bytes": (frame(PING, b"x" * 126), 1002),
    "a pong of 126 bytes": (frame(PONG, b"x" * 126), 1002),
    "a close of 126 bytes": (frame(CLOSE, b"\x03\xe8" + b"x" * 124), 1002),
    "a ping in fragments": (frame(PING, b"x", fin=False), 1002),
    "a close in fragments": (frame(CLOSE, b"\x03\xe8", fin=False), 1002),
    "a continuation of nothing": (frame(CONT, ask()), 1002),
    "an unfinished continuation of nothing": (frame(CONT, ask(), fin=False), 1002),
    "a second text before the first is whole": (HALF + frame(TEXT, ask()), 1002),
    "a binary before the text is whole": (HALF + frame(BINARY, ask()), 1002),
    "a length of 2^63": (b"\x81\xff" + (1 << 63).to_bytes(8), 1009),
    "a length of 4 GiB": (b"\x81\xff" + (1 << 32).to_bytes(8), 1009),
    "text that is not UTF-8": (frame(TEXT, b'{"op":"\xff"}'), 1007),
    "half a surrogate pair": (frame(TEXT, b'{"op":"\xed\xa0\x80"}'), 1007),
    "an overlong slash": (frame(TEXT, b'{"op":"\xc0\xaf"}'), 1007),
    "a code point beyond the last": (frame(TEXT, b'{"op":"\xf4\x90\x80\x80"}'), 1007),
    "text that ends within a character": (frame(TEXT, b'{"op":"\xe4\xbd'), 1007),
    "fragments that end within a character": (frame(TEXT, b'"\xe4', fin=False) + frame(CONT, b"\xbd"), 1007),
    "a bad first fragment: said before the second comes": (frame(TEXT, b'"\xff', fin=False), 1007),
    "a bad second fragment: said before the third comes": (HALF + frame(CONT, b"\xff", fin=False), 1007),
    "a character broken off by the next fragment": (
        frame(TEXT, b"\xe4", fin=False) + frame(CONT, b"a", fin=False),
        1007,
    ),
    "binary on the JSON sub-protocol": (frame(BINARY, ask()), 4002),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_a_broken_rule_is_answered_with_its_code(autojump_clock: MockClock, name: str) -> None:
    """The code the standard names, at once, though the peer keeps its side open; a good client beside it goes on."""
    data, code = FAULTS[name]
    async with house() as home:
        good, bad = await welcomed(home), await welcomed(home)
        await bad.send(data)
        assert await bad.end() == code
        await good.send(frame(TEXT, ask()))
        assert (await good.answer())["op"] == "ok"
        assert home.core.counters.crashes == 0


@pytest.mark.parametrize("name", FAULTS)
async def test_a_broken_rule_before_hello_is_no_different(autojump_clock: MockClock, name: str) -> None:
    """The same from somebody nobody knows yet."""
    data, code = FAULTS[name]
    async with house() as home:
        bad = await connected(home)
        await bad.send(data)
        assert await bad.end() == code
        assert home.core.counters.crashes == 0


@pytest.mark.parametrize("size", [1, 2, 3, 7])
async def test_fragments_of_any_size_make_the_message(autojump_clock: MockClock, size: int) -> None:
    """Cut anywhere, characters of three bytes included, with pings, pongs and empty fragments between: one message."""
    data = json.dumps({"op": "ask", "id": "问", "query": {"type": "streams"}}, ensure_ascii=False).encode()
    data = data.ljust(len(data) + 8)
    if len(data) / size > limits.FRAGMENTS - 2:
        size = -(-len(data) // (limits.FRAGMENTS - 2))
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    async with house() as home:
        raw = await welcomed(home)
        await raw.send(frame(TEXT, b"", fin=False))
        for place, piece in enumerate(pieces):
            await raw.send(frame(CONT, piece, fin=False))
            if place < 4:
                await raw.send(frame(PING, b"%d" % place), frame(PONG, b"nobody asked"))
                assert await raw.pong() == b"%d" % place, "a control frame is answered in the middle of a message"
        await raw.send(frame(CONT, b""))
        assert (await raw.answer("问"))["op"] == "ok"


async def test_a_message_in_single_bytes_is_a_message(autojump_clock: MockClock) -> None:
    """Hello and a question, one byte a packet, header and mask included."""
    async with house() as home:
        raw = await connected(home)
        await raw.drip(frame(TEXT, json.dumps(HELLO).encode()))
        await raw.drip(frame(TEXT, ask()))
        assert (await raw.answer())["op"] == "ok"


@pytest.mark.parametrize("size", [125, 126, 127, 128, 65535, 65536])
async def test_every_form_of_a_length_is_read(autojump_clock: MockClock, size: int) -> None:
    """7, 16 and 64 bits, on both sides of each border."""
    async with house() as home:
        raw = await welcomed(home)
        await raw.send(frame(TEXT, ask(size=size)))
        assert (await raw.answer())["op"] == "ok"


@pytest.mark.parametrize("mask", [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x00\xff\x01\x7f"])
async def test_any_mask_will_do(autojump_clock: MockClock, mask: bytes) -> None:
    """Zeros are a mask too."""
    async with house() as home:
        raw = await welcomed(home)
        await raw.send(frame(TEXT, ask(), mask=mask))
        assert (await raw.answer())["op"] == "ok"


@pytest.mark.parametrize("pieces", [1, 2, 31])
@pytest.mark.parametrize("beyond", [-1, 0, 1])
async def test_the_limit_is_in_bytes_however_they_come(autojump_clock: MockClock, pieces: int, beyond: int) -> None:
    """64 KiB − 1 and 64 KiB pass, one byte more is 1009: in one frame or many, of letters or of Chinese."""
    size = limits.FRAME_BYTES + beyond
    data = b'{"op":"ask","id":"q","query":{"type":"contacts","customer":"' + "好".encode() * 20_000
    data = data.ljust(size - 3, b"x") + b'"}}'
    assert len(data) == size
    assert len(data.decode()) < limits.FRAME_BYTES
    step = -(-size // pieces)
    cut = [data[at : at + step] for at in range(0, size, step)]
    async with house() as home:
        raw = await welcomed(home)
        for place, piece in enumerate(cut):
            await raw.send(frame(CONT if place else TEXT, piece, fin=place == len(cut) - 1))
        if beyond <= 0:
            assert (await raw.answer())["code"] == "too_long", "read, and refused for its content"
        else:
            assert await raw.end() == 1009
            assert raw.errors() == ["too_big"]


async def test_a_ping_between_the_fragments_of_the_largest_message_counts_for_itself(autojump_clock: MockClock) -> None:
    """All 64 KiB but the end are here; a ping of 125 bytes is not part of them."""
    async with house() as home:
        raw = await welcomed(home)
        data = ask(size=limits.FRAME_BYTES)
        await raw.send(frame(TEXT, data[:-1], fin=False), frame(PING, b"x" * 125), frame(CONT, data[-1:]))
        assert await raw.pong() == b"x" * 125
        assert (await raw.answer())["op"] == "ok"


async def test_the_limit_before_hello_is_in_bytes_too(autojump_clock: MockClock) -> None:
    """4 KiB of hello in two fragments pass; with one byte more they do not."""
    hello = json.dumps(HELLO).encode()
    for beyond in (0, 1):
        data = hello.ljust(limits.HELLO_BYTES + beyond)
        async with house() as home:
            raw = await connected(home)
            await raw.send(frame(TEXT, data[:100], fin=False), frame(CONT, data[100:]))
            if beyond:
                assert await raw.end() == 1009
            else:
                assert (got := await raw.next()) is not None
                assert json.loads(got.data)["op"] == "welcome"


async def test_endless_fragments_end(autojump_clock: MockClock) -> None:
    """Empty fragments never reach the limit in bytes; the limit in number ends them with 1008."""
    async with house() as home:
        raw = await welcomed(home)
        await raw.send(frame(TEXT, b"", fin=False), *[frame(CONT, b"", fin=False)] * 5000)
        assert await raw.end() == 1008
        assert raw.errors() == ["too_many_items"]


async def test_many_messages_in_one_packet_are_each_answered(autojump_clock: MockClock) -> None:
    """Pipelined after the upgrade is fine; and what came before a broken frame in the same packet is still heard."""
    async with house() as home:
        raw = await welcomed(home)
        submits = [
            {"op": "do", "id": f"{n}", "command": {"type": "contact.submit", "channel": "web", "customer": f"{n}"}}
            for n in range(50)
        ]
        await raw.send(*[frame(TEXT, json.dumps(each).encode()) for each in submits])
        assert [(await raw.answer(f"{n}"))["result"]["contact"] for n in range(50)] == list(range(1, 51))
        await raw.send(frame(TEXT, json.dumps({**submits[0], "id": "last"}).encode()), frame(7))
        assert await raw.end() == 1002
        good = await welcomed(home)
        again = {"op": "do", "id": "last", "command": submits[0]["command"]}
        await good.send(frame(TEXT, json.dumps(again).encode()))
        assert (await good.answer("last"))["lsn"] == 53, "the answer it was given when it was heard the first time"
