"""One connection of a session, from hello until it breaks: reading, writing, and noticing that nothing is heard."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import trio
from trio_websocket import HandshakeError

from adapters.clients.framed import open_framed
from adapters.clients.protocol import (
    FENCED_OFF,
    Address,
    ClientError,
    Codec,
    ConnectionLost,
    Dial,
    FencedOff,
    Frame,
    Link,
    LinkDown,
    Overloaded,
    ProtocolError,
    Welcome,
    refusal_of,
)
from adapters.clients.websocket import UNREADABLE, not_a_websocket, open_websocket, refused_upgrade

FAREWELL_S = 0.5


@dataclass(frozen=True, slots=True)
class Peer:
    """Where to connect and how. ``timeout_s``: for the connection up to and including the welcome."""

    address: Address
    codec: Codec
    dial: Dial
    timeout_s: float


class Connection:
    """A welcomed connection. Frames are put into its queue from any task and sent in order by its writer."""

    def __init__(self, link: Link, codec: Codec, welcome: Welcome, scope: trio.CancelScope) -> None:
        self.welcome = welcome
        self._link, self._codec, self._scope = link, codec, scope
        self._out: deque[bytes | str] = deque()
        self._wake = trio.Event()
        self._heard = True
        self._farewell: trio.Event | None = None

    def put(self, data: bytes | str) -> None:
        """Queue an encoded frame. The session bounds how many can be here: its unanswered frames, and pongs."""
        self._out.append(data)
        self._wake.set()

    def cut(self) -> None:
        """Break it without a goodbye."""
        self._scope.cancel()

    async def finish(self) -> None:
        """Send what is queued, say goodbye, close; gives up after ``FAREWELL_S``."""
        self._farewell = trio.Event()
        self.put(self._codec.encode({"op": "bye"}))
        with trio.move_on_after(FAREWELL_S):
            await self._farewell.wait()
            await self._link.aclose(politely=True)
        self._scope.cancel()

    async def read(self, frames: list[Frame], take: Callable[[Frame], None]) -> None:
        """Hand over each frame until :class:`LinkDown`; ``ping`` and ``bye`` are dealt with here."""
        pong = self._codec.encode({"op": "pong"})
        while True:
            self._heard = True
            for frame in frames:
                if frame["op"] == "ping":
                    self.put(pong)
                elif frame["op"] == "bye":
                    raise _goodbye(frame)
                else:
                    take(frame)
            frames = await self._link.receive()

    async def write(self) -> None:
        out = self._out
        while True:
            while out:
                frames = tuple(out)
                out.clear()
                await self._link.send(frames)
            if self._farewell is not None:
                self._farewell.set()
            self._wake = trio.Event()
            await self._wake.wait()

    async def watch(self) -> None:
        """End a connection on which nothing was heard for two whole heartbeats."""
        heartbeat_ms, silent = self.welcome.heartbeat_ms, 0
        while silent < 2:
            self._heard = False
            await trio.sleep(heartbeat_ms / 1000)
            silent = 0 if self._heard else silent + 1
        raise LinkDown(f"nothing was heard for {2 * heartbeat_ms} ms")


async def converse(
    peer: Peer, hello: Frame, on_welcome: Callable[[Connection], None], take: Callable[[Frame], None]
) -> LinkDown:
    """Connect, greet, and hand over frames until it breaks; returns why it broke.

    Raises :class:`Refused` when the engine will not have us, :class:`FencedOff`, :class:`ProtocolError`.
    """
    down, failed = LinkDown("the connection was cut"), None
    try:
        async with trio.open_nursery() as nursery:
            with trio.fail_after(peer.timeout_s):
                link = await _open(nursery, peer)
                try:
                    welcome, frames = await _greet(link, peer.codec, hello)
                except BaseException:
                    await link.aclose()
                    raise
            connection = Connection(link, peer.codec, welcome, nursery.cancel_scope)
            try:
                on_welcome(connection)
                nursery.start_soon(connection.write)
                nursery.start_soon(connection.watch)
                await connection.read(frames, take)
            finally:
                await link.aclose()
    except* LinkDown as group:
        down = _first(group)
    except* HandshakeError as group:
        down = refused_upgrade(_first(group))
    except* trio.TooSlowError:
        down = LinkDown(f"the engine did not answer the connection within {peer.timeout_s:g} s")
    except* UNREADABLE:
        failed = not_a_websocket()
    except* ClientError as group:
        failed = _first(group)
    if failed is not None:
        raise failed
    return down


async def _open(nursery: trio.Nursery, peer: Peer) -> Link:
    if peer.address.carrier == "framed":
        return await open_framed(peer.address, peer.dial)
    return await open_websocket(nursery, peer.address, peer.codec, peer.dial)


async def _greet(link: Link, codec: Codec, hello: Frame) -> tuple[Welcome, list[Frame]]:
    """Say hello, be welcomed; returns the frames that came along with the welcome, too."""
    await link.send([codec.encode(hello)])
    first, *rest = await link.receive()
    if first["op"] == "welcome":
        return Welcome.of(first), rest
    if first["op"] == "bye":
        raise _goodbye(first)
    if first["op"] != "error":
        raise ProtocolError(f"the first frame must be a welcome, got {first['op']!r}")
    refusal = refusal_of(first)
    if isinstance(refusal, Overloaded):
        raise LinkDown(str(refusal), refusal.retry_after_ms)
    raise refusal


def _goodbye(frame: Frame) -> LinkDown | ConnectionLost:
    reason = str(frame.get("reason") or "the engine said goodbye")
    if reason == "fenced":
        return FencedOff(FENCED_OFF)
    return LinkDown(reason, int(frame.get("retry_after_ms") or 0))


def _first(group: BaseExceptionGroup[Any]) -> Any:
    """One of the exceptions in a group, however deep."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
