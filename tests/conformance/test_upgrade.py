"""RFC 6455, 4: the opening handshake. What is no upgrade is refused in HTTP, and holds its place for five seconds at most."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from engine.wire import limits
from tests.conformance.raw import ACCEPT, HEAD, KEY, TEXT, answer_to, ask, connected, frame, status, welcomed
from tests.server.stage import FramedPeer, house


def head(before: str, after: str) -> bytes:
    assert before in HEAD
    return HEAD.replace(before, after).encode("latin-1")


async def test_the_answer_is_the_one_of_the_standard(autojump_clock: MockClock) -> None:
    """101, the key's answer as printed in the RFC, the sub-protocol we speak, and no extension."""
    async with house() as home:
        answer = await answer_to(home, HEAD.encode())
        lines = answer.decode().split("\r\n")
        fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:] if line)}
        assert lines[0].startswith("HTTP/1.1 101 ")
        assert (fields["upgrade"].lower(), fields["connection"].lower()) == ("websocket", "upgrade")
        assert fields["sec-websocket-accept"] == ACCEPT
        assert fields["sec-websocket-protocol"] == "sluice.v1.json"
        assert "sec-websocket-extensions" not in fields


@pytest.mark.parametrize(
    "offer",
    [
        "permessage-deflate",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; server_no_context_takeover; client_max_window_bits=15",
        "x-webkit-deflate-frame",
        "permessage-bzip2, permessage-deflate",
    ],
)
async def test_compression_is_offered_and_not_taken(autojump_clock: MockClock, offer: str) -> None:
    """No inflater, no bomb: the answer names no extension, and a compressed frame is a protocol error."""
    async with house() as home:
        extended = head("\r\n\r\n", f"\r\nSec-WebSocket-Extensions: {offer}\r\n\r\n")
        answer = await answer_to(home, extended)
        assert status(answer) == 101
        assert b"extensions" not in answer.lower()


GOOD = {
    "fields in another case": head("Upgrade: websocket\r\nConnection", "UPGRADE: WebSocket\r\ncOnNeCtIoN"),
    "upgrade among others": head("Connection: Upgrade", "Connection: keep-alive, Upgrade"),
    "sub-protocols to choose from": head("sluice.v1.json", "chat, sluice.v1.json, sluice.v1.msgpack"),
    "a query": head("/chat", "/chat?from=here&to=there"),
    "an origin of the list": head("Host: engine", "Host: engine\r\nOrigin: https://shop.example"),
    "blanks around values": head("Host: engine", "Host:   engine  "),
}
BAD: dict[str, tuple[bytes, int]] = {
    "an older version": (head("Version: 13", "Version: 8"), 426),
    "a version to come": (head("Version: 13", "Version: 14"), 426),
    "a version in words": (head("Version: 13", "Version: thirteen"), 426),
    "two versions": (head("Version: 13", "Version: 13, 8"), 426),
    "no version": (head("Sec-WebSocket-Version: 13\r\n", ""), 426),
    "no key": (head(f"Sec-WebSocket-Key: {KEY}\r\n", ""), 400),
    "a key of fifteen bytes": (head(KEY, "AAAAAAAAAAAAAAAAAAAA"), 400),
    "a key of seventeen bytes": (head(KEY, "AAAAAAAAAAAAAAAAAAAAAAA="), 400),
    "a key that is not base64": (head(KEY, "!!!!!!!!!!!!!!!!!!!!!!=="), 400),
    "a key twice": (head(f"Key: {KEY}", f"Key: {KEY}\r\nSec-WebSocket-Key: {KEY}"), 400),
    "POST": (head("GET", "POST"), 405),
    "HEAD": (head("GET", "HEAD"), 405),
    "CONNECT": (head("GET /chat", "CONNECT engine:80"), 405),
    "a method in small letters": (head("GET", "get"), 405),
    "HTTP/1.0": (head("HTTP/1.1", "HTTP/1.0"), 505),
    "HTTP/2.0": (head("HTTP/1.1", "HTTP/2.0"), 400),
    "no version of HTTP": (head(" HTTP/1.1", ""), 400),
    "two blanks in the request line": (head("GET /chat", "GET  /chat"), 400),
    "no upgrade": (head("Upgrade: websocket\r\n", ""), 426),
    "another upgrade": (head("Upgrade: websocket", "Upgrade: h2c"), 426),
    "no connection": (head("Connection: Upgrade\r\n", ""), 426),
    "a connection to keep": (head("Connection: Upgrade", "Connection: keep-alive"), 426),
    "no sub-protocol of ours": (head("sluice.v1.json", "chat"), 400),
    "a host outside ASCII": (head("Host: engine", "Host: m\xe4rkte"), 400),
    "a path outside ASCII": (head("/chat", "/\xe4"), 400),
    "a field name outside ASCII": (head("Host: engine", "Host: engine\r\nX-\xe9: 1"), 400),
    "a NUL": (head("Host: engine", "Host: en\0gine"), 400),
    "a field name with a blank": (head("Host: engine", "Host : engine"), 400),
    "a folded field": (head("Host: engine", "Host: engine\r\n folded"), 400),
    "a body": (head("Host: engine", "Host: engine\r\nContent-Length: 5"), 400),
    "chunks": (head("Host: engine", "Host: engine\r\nTransfer-Encoding: chunked"), 400),
    "a frame before its time": (HEAD.encode() + frame(TEXT, ask()), 400),
    "a second request behind it": (HEAD.encode() * 2, 400),
    "one byte behind it": (HEAD.encode() + b"x", 400),
    "a foreign origin": (head("Host: engine", "Host: engine\r\nOrigin: https://evil.example"), 403),
}


@pytest.mark.parametrize("name", GOOD)
async def test_it_is_taken(autojump_clock: MockClock, name: str) -> None:
    """Whatever the standard lets a client write."""
    async with house() as home:
        assert status(await answer_to(home, GOOD[name])) == 101


@pytest.mark.parametrize("name", BAD)
async def test_it_is_refused_in_http(autojump_clock: MockClock, name: str) -> None:
    """The status that fits, the body says what was wanted, the socket closes; a version we do not speak is told ours."""
    data, code = BAD[name]
    async with house() as home:
        answer = await answer_to(home, data)
        assert status(answer) == code, answer
        assert b"\r\nConnection: close\r\n" in answer
        if "version" in name and "HTTP" not in name:
            assert b"\r\nSec-WebSocket-Version: 13\r\n" in answer
        if "upgrade" in name:
            assert b"\r\nupgrade: websocket\r\n" in answer.lower()
        head_, _, body = answer.partition(b"\r\n\r\n")
        assert b"\r\nContent-Length: %d" % len(body) in head_
        good = await welcomed(home)
        await good.send(frame(TEXT, ask()))
        assert (await good.answer())["op"] == "ok"
        assert home.core.counters.crashes == 0


@pytest.mark.parametrize("beyond", [-1, 0, 1])
async def test_a_head_of_8_kib(autojump_clock: MockClock, beyond: int) -> None:
    """One byte below and exactly 8 KiB are read, one above is refused, though no empty line came yet."""
    size = limits.HEAD_BYTES + beyond
    room = size - len(HEAD) - len("X-A: \r\nX-B: \r\n")
    data = head("\r\n\r\n", f"\r\nX-A: {'a' * 4000}\r\nX-B: {'b' * (room - 4000)}\r\n\r\n")
    assert len(data) == size
    async with house() as home:
        assert status(await answer_to(home, data)) == (400 if beyond > 0 else 101)
        assert status(await answer_to(home, b"GET / HTTP/1.1\r\nX: " + b"x" * (limits.HEAD_BYTES - 20))) == 400


@pytest.mark.parametrize("beyond", [-1, 0, 1])
async def test_64_header_fields(autojump_clock: MockClock, beyond: int) -> None:
    """63 and 64 are read, 65 are not."""
    more = limits.HEAD_FIELDS + beyond - (HEAD.count("\r\n") - 2)
    data = head("\r\n\r\n", "\r\n" + "".join(f"X-{place}: 1\r\n" for place in range(more)) + "\r\n")
    async with house() as home:
        assert status(await answer_to(home, data)) == (431 if beyond > 0 else 101)


async def test_a_slow_head_has_five_seconds_in_all(autojump_clock: MockClock) -> None:
    """A byte every 100 ms keeps no place: five seconds after it was opened the socket is shut, without a word."""
    async with house() as home:
        stream = home.connect("websocket")
        start_s = trio.current_time()

        async def drip() -> None:
            for byte in HEAD.encode() * 10:
                await stream.send_all(bytes([byte]))
                await trio.sleep(0.1)

        with pytest.raises(trio.BrokenResourceError):
            await drip()
        assert trio.current_time() - start_s == pytest.approx(limits.HANDSHAKE_MS / 1000, abs=0.2)
        assert home.core.counters.refused_sockets["handshake_timeout"] == 1


async def test_a_thousand_silent_sockets_and_a_good_one(autojump_clock: MockClock) -> None:
    """They hold nobody up and use up nobody's turn; six seconds later all their places are free again."""
    async with house() as home:
        silent = [home.connect("websocket") for _ in range(1_000)]
        mute = [home.connect("framed") for _ in range(1_000)]
        dripping = [home.connect("websocket") for _ in range(20)]
        for stream in dripping:
            await stream.send_all(b"GET / HTTP/1.1\r\nHost: ")
        await trio.testing.wait_all_tasks_blocked()
        start_s = trio.current_time()
        raw = await welcomed(home)
        await raw.send(frame(TEXT, ask()))
        assert (await raw.answer())["op"] == "ok"
        bot = FramedPeer(home.connect("framed"))
        assert (await bot.hello("bot", "robo", tenant="acme"))["op"] == "welcome"
        assert trio.current_time() == start_s
        assert home.core.counters.refused_sockets["paced"] == 0
        await trio.sleep(6)
        assert home.core.counters.refused_sockets["handshake_timeout"] == 1_020
        for stream in silent:
            assert await stream.receive_some(1) == b""
        for stream in mute:
            assert b"no_hello" in await stream.receive_some(4096)
        peer = FramedPeer(home.connect("framed"))
        assert (await peer.hello("agent", "ann", tenant="acme"))["op"] == "welcome"


async def test_the_reader_s_end_frees_the_place_at_once(autojump_clock: MockClock) -> None:
    """Half a head and gone: no five seconds are waited for."""
    async with house() as home:
        stream = home.connect("websocket")
        await stream.send_all(HEAD.encode()[:50])
        start_s = trio.current_time()
        assert isinstance(stream, trio.abc.HalfCloseableStream)
        await stream.send_eof()
        assert await stream.receive_some(1) == b""
        assert trio.current_time() == start_s


async def test_a_head_in_single_bytes_is_a_head(autojump_clock: MockClock) -> None:
    """Each byte its own packet, within the five seconds."""
    async with house() as home:
        assert status(await answer_to(home, *[bytes([byte]) for byte in HEAD.encode()])) == 101
        await connected(home)
