"""Written straight into a socket: what the kernel takes at once, what has to wait, and ends of every kind."""

from __future__ import annotations

import socket

import pytest
import trio
import trio.testing

from engine.server.flusher import Flusher
from engine.server.sockets import EagerStream


def pair() -> tuple[EagerStream, trio.SocketStream]:
    ours, theirs = (trio.socket.from_stdlib_socket(end) for end in socket.socketpair())
    return EagerStream(trio.SocketStream(ours)), trio.SocketStream(theirs)


async def test_what_does_not_fit_is_written_later(nursery: trio.Nursery) -> None:
    """The kernel takes some of four MiB, then nothing; a task writes the rest while the peer reads; not a byte is lost."""
    stream, peer = pair()
    data = bytes(range(256)) * 16_384
    sent = stream.send_now(data)
    assert 0 < sent < len(data)
    assert stream.send_now(data) == 0
    nursery.start_soon(stream.send_all, data[sent:])
    got = bytearray()
    while len(got) < len(data):
        got += await peer.receive_some(1 << 16)
    assert bytes(got) == data
    await stream.wait_send_all_might_not_block()
    await peer.send_all(b"thanks")
    assert await stream.receive_some(3) == b"tha"
    assert await stream.receive_some() == b"nks"
    await stream.send_eof()
    assert await peer.receive_some() == b""
    await stream.aclose()
    await peer.aclose()


async def test_a_peer_that_is_gone() -> None:
    """Writing breaks, at once or waiting; reading says the end."""
    stream, peer = pair()
    await peer.aclose()
    assert await stream.receive_some() == b""
    with pytest.raises(trio.BrokenResourceError):
        stream.send_now(b"hello")
    with pytest.raises(trio.BrokenResourceError):
        await stream.send_all(b"hello")
    await stream.aclose()


async def test_a_closed_stream_touches_no_other_socket() -> None:
    """Its number may belong to somebody else by now."""
    stream, peer = pair()
    await stream.aclose()
    for attempt in (stream.send_all(b"x"), stream.receive_some(), stream.wait_send_all_might_not_block()):
        with pytest.raises(trio.ClosedResourceError):
            await attempt
    with pytest.raises(trio.ClosedResourceError):
        stream.send_now(b"x")
    await peer.aclose()


async def test_closed_while_somebody_reads(nursery: trio.Nursery) -> None:
    """The reader is told, and does not wait for ever."""
    stream, peer = pair()

    async def read() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await stream.receive_some()

    nursery.start_soon(read)
    await trio.testing.wait_all_tasks_blocked()
    await stream.aclose()
    await peer.aclose()


class Pen:
    def __init__(self) -> None:
        self.written = 0

    def flush(self) -> None:
        self.written += 1


async def test_the_flusher_writes_once_a_turn_and_at_once_when_it_is_not_there() -> None:
    """Without its task nothing waits; with it, what comes in one turn goes out in the next; what is left at the end too."""
    flusher, pen = Flusher(), Pen()
    flusher.add(pen)
    assert pen.written == 1
    async with trio.open_nursery() as nursery:
        nursery.start_soon(flusher.run)
        await trio.testing.wait_all_tasks_blocked()
        flusher.add(pen)
        flusher.add(pen)
        assert pen.written == 1
        await trio.testing.wait_all_tasks_blocked()
        assert pen.written == 3
        flusher.add(pen)
        nursery.cancel_scope.cancel()
    assert pen.written == 4
    flusher.add(pen)
    assert pen.written == 5
