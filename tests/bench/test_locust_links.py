"""The load test's own reading of the framed carrier, and of a policy. No locust, no gevent: plain sockets."""

from __future__ import annotations

import socket
import struct
from pathlib import Path

import msgpack
import pytest

from bench.locust import shop
from bench.locust.links import MAX_FRAME_BYTES, FramedLink, LinkEnded, connect_framed

ROOT = Path(__file__).resolve().parents[2]


def test_a_frame_goes_out_with_its_length_before_it() -> None:
    """One frame: four bytes of length, then the map."""
    near, far = socket.socketpair()
    with near, far:
        size = FramedLink(near).send({"op": "pong"})
        data = far.recv(100)
    assert size == len(data)
    assert struct.unpack(">I", data[:4])[0] == len(data) - 4
    assert msgpack.unpackb(data[4:]) == {"op": "pong"}


def test_frames_come_in_whole_however_they_were_cut() -> None:
    """Two frames arrive in one piece and a half: two maps come out."""
    near, far = socket.socketpair()
    body = msgpack.packb({"op": "ping"})
    wire = struct.pack(">I", len(body)) + body
    with near, far:
        link = FramedLink(near)
        far.sendall(wire + wire[:3])
        assert link.receive() == ({"op": "ping"}, len(wire))
        far.sendall(wire[3:])
        assert link.receive() == ({"op": "ping"}, len(wire))


def test_a_connection_that_ends_inside_a_frame_is_told() -> None:
    """The engine dies in the middle of a frame: the user hears of it, nothing is made up."""
    near, far = socket.socketpair()
    with near:
        link = FramedLink(near)
        with far:
            far.sendall(struct.pack(">I", 10) + b"abc")
        with pytest.raises(LinkEnded, match="closed the connection"):
            link.receive()


def test_an_absurd_length_is_not_waited_for() -> None:
    """Something that is not the protocol answers: no gigabytes are reserved for it."""
    near, far = socket.socketpair()
    with near, far:
        far.sendall(struct.pack(">I", MAX_FRAME_BYTES + 1))
        with pytest.raises(LinkEnded, match="wanted at most"):
            FramedLink(near).receive()


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "msgpack://127.0.0.1", "msgpack+unix://", "nonsense"])
def test_an_address_that_cannot_be_used_says_what_would(url: str) -> None:
    """A slip in --framed: what was got, what is wanted."""
    with pytest.raises(LinkEnded, match="wanted msgpack://HOST:PORT"):
        connect_framed(url)


def test_nobody_listening_is_told_with_the_address(tmp_path: Path) -> None:
    """The engine is not there: the address stands in the message."""
    with pytest.raises(LinkEnded, match=r"cannot connect to msgpack\+unix://"):
        connect_framed(f"msgpack+unix://{tmp_path}/none.sock")


def test_a_policy_tells_the_load_test_what_to_play() -> None:
    """The example shop: its tenant, people's and bots' pools, every skill it asks for, what customers come for."""
    read = shop.read((ROOT / "examples" / "shop" / "policy.toml").read_text(encoding="utf-8"))
    assert read.shops
    assert read.channels
    assert set(read.pools) >= {"onsite", "remote"}
    assert read.has_bots
    assert "refund" in read.skills
    assert "trainee" not in read.skills
    assert read.intents


def test_skills_are_found_in_any_requirement() -> None:
    """Operators, levels, attributes and what must not be there are no skills to hand out."""
    text = 'billing >= 5 and (english or chinese) and not trainee and @region = "north" and @site in ["a", "b"]'
    assert shop.skills_in(text) == {"billing", "english", "chinese"}
