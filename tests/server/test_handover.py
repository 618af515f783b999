"""Going down and giving way, as processes: SIGTERM with stuck clients, one engine after the other, and what goes wrong."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from engine.server import handover
from engine.server.handover import NoHandover, Predecessor
from tests.server.stage import POLICY, FramedPeer
from tests.server.test_serve import PATIENCE_S, serving, sluice

BOTH = ("--ws", "127.0.0.1:0", "--msgpack", "127.0.0.1:0")


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.toml"
    path.write_text(POLICY)
    return path


@pytest.fixture
def place(tmp_path: Path) -> Iterator[str]:
    """Short enough for a Unix socket's name."""
    path = Path("/tmp") / f"sluice-{abs(hash(tmp_path)) % 10**8}.sock"
    yield str(path)
    path.unlink(missing_ok=True)


async def test_two_hundred_clients_and_twenty_of_them_stuck(policy: Path) -> None:
    """SIGTERM. Every client that listens is told when to come back, each at a moment of its own; those that neither read
    nor close are cut; the process is gone in time, and its exit code is 0."""
    with serving(policy, "--dev") as served:
        peers = [await served.framed() for _ in range(200)]
        for number, peer in enumerate(peers):
            await peer.hello("agent", f"a{number}", tenant="acme")
        stuck, fine = peers[:20], peers[20:]
        await fine[0].done("agent.define", profile={"agent": "a20"})
        served.process.send_signal(signal.SIGTERM)
        waits = []
        for peer in fine:
            last = (await peer.rest())[-1]
            assert (last["op"], last["reason"]) == ("bye", "going_away")
            waits.append(last["retry_after_ms"])
            await peer.vanish()
        assert served.process.wait(PATIENCE_S) == 0
        assert max(waits) - min(waits) >= 150
        assert len(set(waits)) > 50
        for peer in stuck:
            await peer.vanish()


async def test_one_engine_gives_way_to_the_next_while_they_talk(policy: Path, place: str) -> None:
    """Ann and a customer are talking as a second engine is started with the same words: the same addresses, the next
    epoch, the conversation where it was; the first one is gone with exit code 0, and the journal is whole."""
    with serving(policy, "--dev", "--handover", place, listen=BOTH) as first:
        web, ann = await first.framed(), await first.websocket()
        await web.hello("channel", "web", tenant="acme")
        await ann.hello("agent", "ann", tenant="acme")
        await ann.done("agent.define", profile={"agent": "ann"})
        await ann.done("agent.sign_on")
        await web.done("contact.submit", channel="web", customer="c1", text="hello")
        await ann.done("offer.accept", offer=(await ann.event("offer.made"))["offer"])
        heard = ann.seen("push")[-1]["offset"]
        with serving(policy, "--dev", "--handover", place, listen=BOTH) as second:
            assert first.process.wait(PATIENCE_S) == 0
            assert (await ann.rest())[-1]["reason"] == "going_away"
            assert second.ready["epoch"] == 2
            assert [second.port(name) for name in ("ws", "msgpack")] == [first.port(name) for name in ("ws", "msgpack")]
            web, ann = await second.framed(), await second.websocket()
            await web.hello("channel", "web", tenant="acme")
            await ann.hello("agent", "ann", tenant="acme")
            await ann.call({"op": "resume", "streams": {"agent:ann": heard}})
            await web.done("contact.message", contact=1, text="still there?")
            assert (await ann.event("message.added"))["text"] == "still there?"
            assert second.end()[0] == 0
    verified = sluice("journal", "verify", str(policy.parent / "store"))
    assert verified.returncode == 0, verified.stdout


async def test_who_knocks_with_other_words_changes_nothing(policy: Path, place: str) -> None:
    """A stranger at the handover socket is turned away, and the engine goes on; a socket file left over is no engine."""
    leftover = socket.socket(socket.AF_UNIX)
    leftover.bind(place)
    leftover.close()
    with serving(policy, "--dev", "--handover", place) as served:
        for words in (b"GET / HTTP/1.1\r\n\r\n" + b" " * 40, b""):
            stranger = await trio.open_unix_socket(place)
            if words:
                await stranger.send_all(words)
            await stranger.send_eof()
            with trio.fail_after(PATIENCE_S):
                try:
                    assert await stranger.receive_some() == b""
                except trio.BrokenResourceError:
                    pass
            await stranger.aclose()
        peer: FramedPeer = await served.framed()
        assert (await peer.hello("supervisor", "sue"))["op"] == "welcome"
        assert served.end()[0] == 0


async def test_an_engine_that_cannot_be_taken_over_is_left_alone(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody there: we are the first. Somebody who passes nothing, or never goes: one clear line, and no sockets kept."""
    monkeypatch.setattr(handover, "_GONE_S", 0.05)
    assert await Predecessor.find(place) is None
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(place)
    listener.listen()
    mute = await Predecessor.find(place)
    assert mute is not None
    other, _ = listener.accept()
    other.close()
    with pytest.raises(NoHandover, match="does not hand over"):
        await mute.hand_over()
    lasting = await Predecessor.find(place)
    assert lasting is not None
    with pytest.raises(NoHandover, match="has not released its store"):
        await lasting.gone()
    listener.close()


HANGING = """
import sys, threading
from engine.cli import serve
serve.HARD_STOP_S = 0.2
serve._stop_in_time()
threading.Event().wait(60)
"""


def test_whatever_hangs_the_process_ends() -> None:
    """It hangs as it goes down: half a minute after SIGTERM (here: at once) it is gone, exit 1, and says where it hung."""
    done = subprocess.run(
        [sys.executable, "-c", HANGING], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 1
    assert "threading.py" in done.stderr
