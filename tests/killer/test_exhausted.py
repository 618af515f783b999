"""A real engine process that is short of file descriptors, or shouted at: who is connected is served, and it recovers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import trio

from tests.killer.process import SLUICE, EngineProcess
from tests.server.stage import POLICY, FramedPeer

# The engine keeps 64 of them back for its journal.
DESCRIPTORS = 160
PATIENCE_S = 30.0
LOG_BYTES = 64 * 1024


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[EngineProcess]:
    few = ("sh", "-c", f'ulimit -n {DESCRIPTORS}; exec "$0" "$@"', *SLUICE)
    process = EngineProcess(tmp_path, POLICY, program=few)
    process.start()
    assert process.wait_ready(), process.last_words()
    yield process
    process.kill()


async def _dial(engine: EngineProcess) -> trio.SocketStream:
    return await trio.open_tcp_stream("127.0.0.1", engine.msgpack_port)


async def test_more_sockets_than_file_descriptors(engine: EngineProcess) -> None:
    """Who is connected goes on, commits included; who comes too many is closed at once; when some leave, there is room."""
    with trio.fail_after(PATIENCE_S):
        async with await _dial(engine) as stream, AsyncExitStack() as crowd:
            web = FramedPeer(stream)
            await web.hello("channel", "web", tenant="acme")
            many = [await crowd.enter_async_context(await _dial(engine)) for _ in range(DESCRIPTORS + 40)]
            ended = [end for end in [await _ends(one) for one in many[-20:]] if end]
            assert len(ended) == 20, "there is no room for them, and they are told at once"
            answer = await web.do("contact.submit", channel="web", customer="li")
            assert (answer["op"], engine.running) == ("ok", True)
        await _served_at_last(engine, "wang")
    assert engine.log_lines("connection_crashed") == []


async def _served_at_last(engine: EngineProcess, customer: str) -> None:
    """Some of the crowd are not buried yet, or the pace of welcomes is used up: who is told to come later does."""
    while True:
        async with await _dial(engine) as stream:
            late = FramedPeer(stream)
            with trio.move_on_after(1.0):
                try:
                    answer = await late.hello("channel", "web", tenant="acme")
                except (AssertionError, trio.BrokenResourceError):
                    continue
                if answer["op"] == "welcome":
                    assert (await late.do("contact.submit", channel="web", customer=customer))["op"] == "ok"
                    return


async def _ends(stream: trio.SocketStream) -> bool:
    with trio.move_on_after(3.0):
        try:
            return await stream.receive_some(100) == b""
        except trio.BrokenResourceError:
            return True
    return False


async def test_shouting_does_not_fill_the_disk(engine: EngineProcess) -> None:
    """Two thousand sockets of noise are counted, and not each written to the log."""
    with trio.fail_after(PATIENCE_S):
        async with trio.open_nursery() as nursery:
            for place in range(20):
                nursery.start_soon(_shout, engine, place)
        await _served_at_last(engine, "li")
    assert engine.log.stat().st_size < LOG_BYTES


async def _shout(engine: EngineProcess, place: int) -> None:
    for number in range(100):
        port = (engine.ws_port, engine.msgpack_port)[number % 2]
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            try:
                await stream.send_all(b"\x00\x00\x00\x05\xc1\xff\xfe" + f"{place}.{number} \r\n\r\n".encode() * 5)
                await stream.send_eof()
                while await stream.receive_some(4096):
                    pass
            except trio.BrokenResourceError:
                pass
