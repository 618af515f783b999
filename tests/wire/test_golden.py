"""Clients and engines of different versions talk: the frames of the first release are kept, and read for ever."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgpack
import msgspec
import pytest
from trio.testing import MockClock

from adapters.clients.protocol import JsonCodec, MsgpackCodec
from adapters.clients.streams import Streams
from engine.wire.codec import Encoding, decode, encode
from engine.wire.errors import WireCode, WireError
from engine.wire.messages import Bye, Error, Ok, Ping, Resync, ServerFrame, Waiting, Welcome
from tests.server.stage import house

GOLDEN = json.loads((Path(__file__).parent / "golden" / "v1.json").read_text(encoding="utf-8"))
CLIENT = [pytest.param(row, id=str(row["frame"].get("id", row["frame"]["op"]))) for row in GOLDEN["client"]]
SERVER = [pytest.param(row, id=f"{row['frame']['op']}-{place}") for place, row in enumerate(GOLDEN["server"])]
# Of the server's frames, those whose fields are all plain: a push's events have tests of their own.
_PLAIN: dict[str, type[ServerFrame]] = {
    "welcome": Welcome, "ok": Ok, "error": Error, "resync": Resync, "waiting": Waiting, "ping": Ping, "bye": Bye,
}  # fmt: skip


@pytest.mark.parametrize("row", CLIENT)
def test_what_a_first_client_says_is_understood(row: dict[str, Any]) -> None:
    """In both encodings the same, and all that was said arrives: nothing is lost, nothing else is read into it."""
    frames = decode(row["json"].encode(), Encoding.JSON), decode(bytes.fromhex(row["msgpack"]), Encoding.MSGPACK)
    assert frames[0] == frames[1]
    understood = msgspec.to_builtins(frames[0])
    said = {name: value for name, value in row["frame"].items() if value != ""}
    assert _contains(understood, said)


@pytest.mark.parametrize("row", SERVER)
def test_what_a_first_server_says_is_understood(row: dict[str, Any]) -> None:
    """Our client reads the frames of an older engine."""
    for codec, data in ((JsonCodec(), row["json"]), (MsgpackCodec(), bytes.fromhex(row["msgpack"]))):
        frame = codec.decode(data)
        assert frame == row["frame"]
        if frame["op"] == "push":
            push = Streams().take_push(frame)
            assert push is not None
            assert push.offset == row["frame"]["offset"]


@pytest.mark.parametrize("row", SERVER)
def test_what_we_say_a_first_client_understands(row: dict[str, Any]) -> None:
    """The same frame made by this server has every field of then, with the same name and value."""
    kind = _PLAIN.get(row["frame"]["op"])
    if kind is None:
        return
    fields = {name: value for name, value in row["frame"].items() if name != "op"}
    frame = kind(**fields)
    assert _contains(json.loads(encode(frame, Encoding.JSON)), row["frame"])
    assert _contains(msgpack.unpackb(encode(frame, Encoding.MSGPACK)), row["frame"])


@pytest.mark.parametrize("encoding", Encoding)
def test_a_newer_clients_field_is_refused_by_its_name(encoding: Encoding) -> None:
    """What we do not know we do not pass over: the command is refused, named, and the connection goes on."""
    newer = {"op": "do", "id": "n1", "command": {"type": "contact.close", "contact": 1, "mood": "good"}}
    data = json.dumps(newer).encode() if encoding is Encoding.JSON else msgpack.packb(newer)
    with pytest.raises(WireError) as refused:
        decode(data, encoding)
    assert refused.value.code is WireCode.BAD_VALUE
    assert refused.value.what == "command.mood"
    assert refused.value.id == "n1"
    assert refused.value.fatal is None


async def test_a_newer_client_falls_back(autojump_clock: MockClock) -> None:
    """It tries a field and a command of tomorrow, hears that neither is known, and goes on with today's."""
    async with house() as home:
        web = await home.framed("channel", "web")
        for command in ({"type": "contact.submit", "channel": "web", "mood": "good"}, {"type": "contact.levitate"}):
            answer = await web.call({"op": "do", "command": command})
            assert answer["code"] == "bad_value"
            assert answer["id"]
        assert (await web.done("contact.submit", channel="web", customer="c1"))["contact"] == 1


def test_a_newer_engines_words_are_passed_over() -> None:
    """Our client hears a field and an event that it does not know, and goes on."""
    push = {
        "op": "push",
        "stream": "agent:ann",
        "offset": 5,
        "events": [{"type": "agent.levitated", "at": 1}],
        "mood": 1,
    }
    taken = Streams().take_push(MsgpackCodec().decode(msgpack.packb(push)))
    assert taken is not None
    assert taken.events[0]["type"] == "agent.levitated"


def _contains(have: Any, wanted: Any) -> bool:
    """Whether all of ``wanted`` stands in ``have``, which may say more."""
    if isinstance(wanted, dict):
        return isinstance(have, dict) and all(
            name in have and _contains(have[name], value) for name, value in wanted.items() if value != ""
        )
    if isinstance(wanted, list):
        return len(have) == len(wanted) and all(map(_contains, have, wanted))
    return bool(have == wanted)
