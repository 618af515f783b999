"""A WebSocket client of our own making, from the standard's text alone: it may break every rule, and reads strictly."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import trio

from tests.server.stage import House

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
PATIENCE_S = 90.0
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # of this key, as printed in RFC 6455, 1.3
HEAD = (
    "GET /chat HTTP/1.1\r\nHost: engine\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sluice.v1.json\r\n\r\n"
)
HELLO = {"op": "hello", "role": "channel", "subject": "web", "tenant": "acme"}


@dataclass(frozen=True)
class Got:
    """One frame of the server's, as it stood on the wire."""

    opcode: int
    data: bytes
    fin: bool = True


def frame(
    opcode: int, data: bytes = b"", *, fin: bool = True, rsv: int = 0, mask: bytes | None = b"\x12\x34\x56\x78"
) -> bytes:
    """Bytes of one frame; ``rsv``: the three reserved bits; ``mask`` None: unmasked, which no client may send."""
    bit = 0 if mask is None else 0x80
    head = bytes([0x80 * fin | rsv << 4 | opcode])
    if len(data) < 126:
        head += bytes([bit | len(data)])
    elif len(data) < 65536:
        head += bytes([bit | 126]) + len(data).to_bytes(2)
    else:
        head += bytes([bit | 127]) + len(data).to_bytes(8)
    if mask is None:
        return head + data
    return head + mask + bytes(byte ^ mask[place % 4] for place, byte in enumerate(data))


def closing(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, code.to_bytes(2) + reason)


def ask(id: str = "q", *, size: int = 0) -> bytes:
    """A question any role may ask, padded with blanks to ``size`` bytes."""
    return json.dumps({"op": "ask", "id": id, "query": {"type": "streams"}}).encode().ljust(size)


def status(answer: bytes) -> int:
    """Of an HTTP answer; 0 when there was none."""
    return int(answer.split(b" ", 2)[1]) if answer else 0


async def answer_to(home: House, *pieces: bytes) -> bytes:
    """What the listener says to these bytes until it ends the connection, or falls silent after a 101."""
    stream = home.connect("websocket")
    for piece in pieces:
        await stream.send_all(piece)
    answer = b""
    with trio.fail_after(PATIENCE_S):
        while not answer.startswith(b"HTTP/1.1 101") and (some := await stream.receive_some(4096)):
            answer += bytes(some)
    return answer


class Raw:
    """One connection. Frames come out as they stood; a broken rule of the server's is an assertion."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.got: list[Got] = []
        self.ended = False
        self._data = b""
        self._read = 0

    async def send(self, *frames: bytes) -> None:
        await self.stream.send_all(b"".join(frames))

    async def drip(self, data: bytes) -> None:
        """Byte by byte, each its own read at the other end."""
        for byte in data:
            await self.stream.send_all(bytes([byte]))
            await trio.testing.wait_all_tasks_blocked()

    async def next(self) -> Got | None:
        """The next frame; None once the server has ended the connection."""
        while self._read == len(self.got) and not self.ended:
            with trio.fail_after(PATIENCE_S):
                try:
                    some = await self.stream.receive_some(4096)
                except trio.BrokenResourceError:
                    some = b""
            self.ended = not some
            self._data += bytes(some)
            while self._cut():
                pass
        if self._read == len(self.got):
            return None
        self._read += 1
        return self.got[self._read - 1]

    def _cut(self) -> bool:
        data = self._data
        if len(data) < 2:
            return False
        assert not data[1] & 0x80, "a server never masks"
        assert not data[0] & 0x70, "no extension was agreed, so no reserved bit is set"
        size, at = data[1], 2
        if size >= 126:
            at = 4 if size == 126 else 10
            size = int.from_bytes(data[2:at])
            assert size >= (126 if at == 4 else 65536), "a length is written in as few bytes as it fits"
        if len(data) < at + size:
            return False
        opcode, fin = data[0] & 0x0F, bool(data[0] & 0x80)
        assert opcode in (CONT, TEXT, BINARY, CLOSE, PING, PONG)
        assert opcode < CLOSE or (fin and size <= 125), "a control frame is whole and short"
        assert not any(frame.opcode == CLOSE for frame in self.got), "nothing follows a close"
        self.got.append(Got(opcode, data[at : at + size], fin))
        self._data = data[at + size :]
        return True

    async def answer(self, id: str = "q") -> dict[str, Any]:
        """The answer to this id; what comes before it is passed over."""
        while (got := await self.next()) is not None:
            if got.opcode == TEXT and (found := json.loads(got.data)).get("id") == id:
                answer: dict[str, Any] = found
                return answer
        raise AssertionError(f"no answer to {id}; got {self.got}")

    async def pong(self) -> bytes:
        while (got := await self.next()) is not None:
            if got.opcode == PONG:
                return got.data
        raise AssertionError(f"no pong; got {self.got}")

    async def end(self) -> int:
        """Everything up to the end; the code of the server's close frame, 1005 for an empty one, 1006 for none."""
        while await self.next() is not None:
            pass
        assert not self._data, "the last frame is whole"
        closes = [frame.data for frame in self.got if frame.opcode == CLOSE]
        if not closes:
            return 1006
        closes[0][2:].decode()
        return int.from_bytes(closes[0][:2]) if closes[0] else 1005

    def errors(self) -> list[str]:
        """The codes of the error frames so far."""
        said = [json.loads(frame.data) for frame in self.got if frame.opcode == TEXT]
        return [each["code"] for each in said if each["op"] == "error"]


async def connected(home: House) -> Raw:
    """Upgraded, nothing said yet."""
    stream = home.connect("websocket")
    await stream.send_all(HEAD.encode())
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += bytes(await stream.receive_some(4096))
    assert head.startswith(b"HTTP/1.1 101 ")
    return Raw(stream)


async def welcomed(home: House) -> Raw:
    """Upgraded, and hello said."""
    raw = await connected(home)
    await raw.send(frame(TEXT, json.dumps(HELLO).encode()))
    got = await raw.next()
    assert got is not None
    assert json.loads(got.data)["op"] == "welcome"
    return raw
