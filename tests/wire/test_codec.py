"""Frames in and out: what the protocol holds is read exactly, everything else is refused with a reason."""

from __future__ import annotations

import json
from typing import Any

import msgpack
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.dispatch import commands as cmd
from engine.dispatch import events as ev
from engine.wire import codec
from engine.wire.codec import Encoding, decode, encode
from engine.wire.errors import WireError
from engine.wire.messages import Ask, Do, Error, Hello, Ok, Pong, Push, Resume, Resync, ServerFrame, Welcome
from engine.wire.queries import AskExplain

Packed = dict[str, Any]
BOTH = pytest.mark.parametrize("encoding", list(Encoding))


def pack(frame: object, encoding: Encoding) -> bytes:
    """As a client's library would, not as the server's own codec does."""
    return json.dumps(frame).encode() if encoding is Encoding.JSON else msgpack.packb(frame)


def unpack(data: bytes, encoding: Encoding) -> Packed:
    found: Packed = json.loads(data) if encoding is Encoding.JSON else msgpack.unpackb(data)
    return found


CLIENT_FRAMES = [
    ({"op": "hello", "role": "agent", "subject": "ann"}, Hello(role="agent", subject="ann")),
    ({"op": "pong"}, Pong()),
    ({"op": "resume", "id": "r", "streams": {"agent:ann": -1}}, Resume("r", {"agent:ann": -1})),
    (
        {"op": "ask", "id": "q", "query": {"type": "explain", "contact": 7, "why_not": "ann"}},
        Ask("q", AskExplain(7, "ann")),
    ),
    (
        {"op": "do", "id": "c", "command": {"type": "contact.message", "contact": 7}, "text": "你好 – 👋"},
        Do("c", cmd.AddMessage(contact=7), "你好 – 👋"),
    ),
    (
        {
            "op": "do",
            "id": "c",
            "command": {
                "type": "contact.submit",
                "channel": "web",
                "attributes": {"a": 1, "b": 2.5, "c": True, "d": "x"},
            },
        },
        Do("c", cmd.SubmitContact(channel="web", attributes={"a": 1, "b": 2.5, "c": True, "d": "x"})),
    ),
]


@BOTH
@pytest.mark.parametrize(("said", "meant"), CLIENT_FRAMES)
def test_client_frames_are_read(said: Packed, meant: object, encoding: Encoding) -> None:
    """What another library wrote is what we read."""
    assert decode(pack(said, encoding), encoding) == meant


SERVER_FRAMES: list[tuple[ServerFrame, Packed]] = [
    (Ok("c", 5, {"contact": 1}), {"op": "ok", "id": "c", "lsn": 5, "result": {"contact": 1}}),
    (
        Error("c", "not_yours", "…", "offer", "3", "yours", lsn=4),
        {
            "op": "error",
            "id": "c",
            "code": "not_yours",
            "message": "…",
            "what": "offer",
            "got": "3",
            "wanted": "yours",
            "lsn": 4,
        },
    ),
    (
        Push("agent:ann", 9, [ev.ContactConnected(at=3, contact=1, agent="ann", waited_ms=2)], "hi"),
        {
            "op": "push",
            "stream": "agent:ann",
            "offset": 9,
            "events": [{"type": "contact.connected", "at": 3, "contact": 1, "agent": "ann", "waited_ms": 2}],
            "text": "hi",
        },
    ),
    (
        Resync("domain", 4, {"contacts": []}),
        {"op": "resync", "stream": "domain", "offset": 4, "snapshot": {"contacts": []}},
    ),
    (
        Welcome("s", 1, 25000, {"in_flight": 32}, "acme", "agent", "ann", 1.0, 17),
        {
            "op": "welcome",
            "session": "s",
            "epoch": 1,
            "heartbeat_ms": 25000,
            "limits": {"in_flight": 32},
            "tenant": "acme",
            "role": "agent",
            "subject": "ann",
            "clock_scale": 1.0,
            "now": 17,
        },
    ),
]


@BOTH
@pytest.mark.parametrize(("meant", "said"), SERVER_FRAMES)
def test_server_frames_are_readable_to_others(meant: ServerFrame, said: Packed, encoding: Encoding) -> None:
    """What we write, another library reads as the protocol says; defaults are left out."""
    assert unpack(encode(meant, encoding), encoding) == said


def refused(data: bytes, encoding: Encoding) -> WireError:
    with pytest.raises(WireError) as caught:
        decode(data, encoding)
    return caught.value


@BOTH
@given(data=st.binary(max_size=200))
def test_noise_is_refused_and_never_crashes(data: bytes, encoding: Encoding) -> None:
    """Any bytes: a frame, or a WireError with words."""
    try:
        decode(data, encoding)
    except WireError as error:
        assert error.what
        assert error.got
        assert error.wanted


_scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
_values = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)


@given(
    fields=st.dictionaries(st.sampled_from(["op", "id", "command", "query", "streams", "text", "token", "x"]), _values)
)
def test_any_json_is_a_frame_or_a_typed_refusal(fields: Packed) -> None:
    """Well-formed JSON of any shape never raises anything else."""
    try:
        decode(json.dumps(fields).encode("utf-8", "surrogatepass"), Encoding.JSON)
    except WireError as error:
        assert error.code


@given(
    attributes=st.dictionaries(
        st.text(max_size=12), st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=20), max_size=5
    ),
    text=st.text(max_size=50),
    compact=st.booleans(),
)
@example(attributes={"e": "5e3"}, text="\\", compact=True)
def test_both_encodings_read_alike(attributes: Packed, text: str, compact: bool) -> None:
    """Whether the short way or the long way is taken, the same frame comes out."""
    frame: Packed = {
        "op": "do",
        "id": "c",
        "command": {"type": "contact.submit", "attributes": attributes},
        "text": text,
    }
    separators = (",", ":") if compact else (", ", ": ")
    try:
        as_json = json.dumps(frame, separators=separators, ensure_ascii=not compact).encode()
        packed = msgpack.packb(frame)
    except UnicodeEncodeError:  # half a surrogate pair cannot be written at all
        return
    assert decode(as_json, Encoding.JSON) == decode(packed, Encoding.MSGPACK)


# --- the short way must not let anything through that the long way refuses -------------------------------------------


def packed_map(pairs: list[tuple[str, Any]]) -> bytes:
    """A msgpack map in which keys may occur twice."""
    return bytes([0x80 | len(pairs)]) + b"".join(msgpack.packb(key) + msgpack.packb(value) for key, value in pairs)


def json_map(pairs: list[tuple[str, Any]]) -> bytes:
    return (
        b"{"
        + b",".join(
            json.dumps(key).encode() + b":" + json.dumps(value, separators=(",", ":")).encode() for key, value in pairs
        )
        + b"}"
    )


_pair = st.tuples(
    st.sampled_from(["op", "id", "token"]), st.sampled_from(["renew", "a", "", "renewed", "longer than that", "5e5"])
)


@given(pairs=st.lists(_pair, min_size=3, max_size=5), encoding=st.sampled_from(list(Encoding)))
def test_a_key_twice_is_never_taken(pairs: list[tuple[str, str]], encoding: Encoding) -> None:
    """However the lengths fall, a frame that names a key twice is refused."""
    data = json_map(pairs) if encoding is Encoding.JSON else packed_map(pairs)
    if len({key for key, _ in pairs}) == len(pairs):
        return
    error = refused(data, encoding)
    assert error.code in ("duplicate_key", "bad_value")


def test_a_key_twice_behind_a_short_float_is_refused() -> None:
    """JSON may write a float shorter than we would, making room for a second key of that very length."""
    data = b'{"op":"do","id":"c","command":{"type":"contact.submit","attributes":{"a":1e5,"b":1,"b":2}}}'
    assert refused(data, Encoding.JSON).code == "duplicate_key"
    short = b'{"op":"do","id":"c","command":{"type":"contact.submit","attributes":{"a":1e9,"b":1}},"id":"c"}'
    assert refused(short, Encoding.JSON).code == "duplicate_key"


def test_a_key_twice_behind_a_float32_is_refused() -> None:
    """The same in msgpack, where 32-bit floats are shorter than the 64-bit ones we write."""
    inner = b"\x82\xa1f\xca\x3f\xc0\x00\x00\xa1f\xca\x3f\xc0\x00\x00"
    data = b"\x83\xa2op\xa2do\xa2id\xa1c\xa7command\x82\xa4type\xaecontact.submit\xaaattributes" + inner
    assert refused(data, Encoding.MSGPACK).code == "duplicate_key"


def test_nan_in_msgpack_is_refused_where_a_float_may_stand() -> None:
    """An attribute may be a float, but never NaN or infinity."""
    for value in (float("nan"), float("inf"), -float("inf")):
        frame = {"op": "do", "id": "c", "command": {"type": "contact.submit", "attributes": {"a": value}}}
        assert refused(msgpack.packb(frame), Encoding.MSGPACK).code == "bad_number"


def test_plain_frames_take_the_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a compact client sends is read once: the second reading is for the doubtful."""

    def not_called(*_: object) -> None:
        raise AssertionError("read twice")

    monkeypatch.setattr(codec, "_inspect", not_called)
    frame = {"op": "do", "id": "c1", "command": {"type": "contact.message", "contact": 7}, "text": "hello"}
    decode(msgpack.packb(frame), Encoding.MSGPACK)
    decode(json.dumps(frame, separators=(",", ":")).encode(), Encoding.JSON)


@pytest.mark.parametrize(
    "frame",
    [
        {"op": "do", "id": "", "command": {"type": "agent.sign_on"}},
        {"op": "ask", "id": "", "query": {"type": "queues"}},
        {"op": "resume", "id": "", "streams": {}},
        {"op": "renew", "id": "", "token": "t"},
    ],
    ids=["do", "ask", "resume", "renew"],
)
def test_an_empty_id_is_refused(frame: Packed) -> None:
    """Its answer could be anybody's, and a command under it would be carried out each time: a typed error, not fatal."""
    with pytest.raises(WireError) as caught:
        decode(msgpack.packb(frame), Encoding.MSGPACK)
    refused = caught.value
    assert (refused.code, refused.what, refused.got, refused.fatal) == ("bad_value", "id", "an empty text", None)


def test_numbers_a_browser_could_not_read_back_are_refused() -> None:
    """±(2^53 − 1) in fields and attributes; more would be another number on the other side."""
    for value in (2**53, -(2**53), 2**80):
        for command in (
            {"type": "contact.close", "contact": value},
            {"type": "contact.submit", "attributes": {"n": value}},
        ):
            error = refused(json.dumps({"op": "do", "id": "c", "command": command}).encode(), Encoding.JSON)
            assert (error.code, error.id) == ("bad_number", "c")
