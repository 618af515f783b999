"""Frames cut from bytes, whatever pieces they come in; upgrade requests bounded; origins exact."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.wire.errors import Close, WireError
from engine.wire.framed import FramedCarrier
from engine.wire.websocket import BadHead, Head, OriginRule, is_loopback_origin


@given(
    frames=st.lists(st.binary(max_size=40), max_size=12),
    cuts=st.lists(st.integers(min_value=1, max_value=30), min_size=1, max_size=40),
)
def test_frames_survive_any_cutting(frames: list[bytes], cuts: list[int]) -> None:
    """The same frames come out, in order, however the stream was cut."""
    writer, reader = FramedCarrier(), FramedCarrier()
    data = b"".join(map(writer.wrap, frames))
    got, at, turn = [], 0, 0
    while at < len(data):
        size = cuts[turn % len(cuts)]
        reader.feed(data[at : at + size])
        at, turn = at + size, turn + 1
        while (frame := reader.next_frame()) is not None:
            got.append(frame)
    assert got == frames


def test_an_oversize_frame_is_refused_by_its_length_alone() -> None:
    """Four bytes are enough to say no: nothing of the rest is waited for or kept."""
    carrier = FramedCarrier()
    carrier.feed(b"\xff\xff\xff\xff")
    with pytest.raises(WireError) as caught:
        carrier.next_frame()
    assert caught.value.code == "too_big"
    assert caught.value.got == "4294967295 bytes"


def test_after_the_last_word_nothing_is_kept() -> None:
    """An oversize frame refused, its megabytes come all the same: they are dropped."""
    carrier = FramedCarrier()
    carrier.feed(b"\x7f\xff\xff\xff")
    with pytest.raises(WireError):
        carrier.next_frame()
    carrier.close(Close.TOO_BIG, "too_big")
    for _ in range(100):
        carrier.feed(bytes(60_000))
    assert carrier.next_frame() is None
    assert not carrier._buffer


def test_a_head_comes_in_pieces() -> None:
    """Nothing until the empty line; then the whole."""
    head = Head()
    assert head.feed(b"GET / HTTP/1.1\r\nHost: a\r\n\r") is None
    assert head.feed(b"\n") == b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def test_what_follows_a_head_is_refused() -> None:
    """A client that speaks before it is answered may be two clients."""
    with pytest.raises(BadHead, match="pipelined"):
        Head().feed(b"GET / HTTP/1.1\r\n\r\nx")


FOREIGN = [
    "null",
    "",
    "https://shop.example.evil.example",
    "https://evil-shop.example",
    "https://sub.shop.example",
    "https://shop.example:8443",
    "https://shop.example:443",
    "http://shop.example",
    "https://SHOP.example",
    "https://shop.example/",
    "https://shop.example/path",
    "https://shop.example?x",
    "https://shop.example#x",
    "https://user@shop.example",
    "https://shop.example@evil.example",
    "https://shop.example\\@evil.example",
    "https://shop.example.",
    "https://xn--shp-tna.example",
    "https://shop.example%00.evil.example",
    "https:shop.example",
    "//shop.example",
    "shop.example",
    "wss://shop.example",
    "file://",
    "chrome-extension://abc",
    "*",
    " https://shop.example",
    "https://shop.example https://evil.example",
    "http://localhost",
    "http://127.0.0.1:3000",
]


@pytest.mark.parametrize("origin", FOREIGN)
def test_only_the_exact_origin_passes(origin: str) -> None:
    """Scheme, host and port to the letter; everything that merely looks like it is refused."""
    rule = OriginRule(["https://shop.example"])
    assert rule.permits("https://shop.example")
    assert not rule.permits(origin)


@pytest.mark.parametrize(
    ("origin", "loopback"),
    [
        ("http://localhost", True),
        ("http://localhost:5173", True),
        ("https://127.0.0.1:8443", True),
        ("http://[::1]:3000", True),
        ("http://localhost.evil.example", False),
        ("http://evil.example", False),
        ("http://127.0.0.1.evil.example", False),
        ("http://localhost@evil.example", False),
        ("http://evil.example#localhost", False),
        ("http://localhost:0", False),
        ("http://localhost:99999", False),
        ("http://127.0.0.2", False),
        ("http://[::1", False),
        ("null", False),
        ("file://localhost", False),
    ],
)
def test_dev_lets_in_pages_of_this_machine(origin: str, loopback: bool) -> None:
    """``--dev``: any port of localhost, and nothing else."""
    assert is_loopback_origin(origin) is loopback
    assert OriginRule(loopback=True).permits(origin) is loopback
