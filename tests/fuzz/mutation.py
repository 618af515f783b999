"""What is valid, made invalid: bytes, maps and lists, WebSocket frames, lines."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from typing import Any

import msgpack

from tests.conformance.raw import frame as websocket_frame
from tests.fuzz.chance import Chance

MAX_BYTES = 100_000
# Bytes that mean something to one of the readers.
TOKENS = (
    b"\x00", b"\xff", b"\r\n", b"\r\n\r\n", b"\n", b"{", b"}", b"[", b"]", b'"', b",", b":", b"\\u0000", b"\\ud800", b"null",
    b"NaN", b"1e999", b"-0", b"9" * 400, b"\xc1", b"\xc7\x01\x05a", b"\xd4\xff\x00", b"\xdf\xff\xff\xff\xff", b"\xdd\xff\xff\xff\xff",
    b"\xdb\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff", b"\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00", b"\xed\xa0\x80", b"\xf4\x90\x80\x80",
    b"\xe4\xbd", b"\xef\xbb\xbf", b"\x81\xff" + b"\xff" * 8, b"\x88\x80\x00\x00\x00\x00", b"\x89\x80\x00\x00\x00\x00", b"[" * 500,
    b"\x91" * 600, b"\x81\xa1a" * 40, b"=", b"[[", b"]]", b"'''", b'"""', b"#", b".", b"1979-05-27T07:32:00Z", b"0x", b"inf",
)  # fmt: skip
ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2**31, 2**53 - 1, 2**53, -(2**63), 2**64 - 1, 0.5, -0.0, float("nan"), float("inf"), 1e308, 1e-320, "", " ", "\x00", "\x1b[2J",
    "ann", "*", "web", "help", "c1", "x" * 128, "x" * 129, "x" * 1025, "好" * 342, "\u202e\u2066", "../../etc/passwd", "a" * 17_000,
    "presale >= 3", "(" * 200, "not " * 300 + "a", "a and " * 100 + "a", [], {}, [[]], [1, 2], ["onsite"] * 65, {"": ""},
    {"a": {"b": {}}}, {f"k{n}": n for n in range(65)}, {"type": "contact.submit"}, "agent:ann", "contact:1", "domain",
)  # fmt: skip


def mutated(data: bytes, chance: Chance, others: Sequence[bytes]) -> bytes:
    """A few small changes to the bytes; ``others``: what to splice from."""
    for _ in range(1 + chance.below(4)):
        data = _CHANGES[chance.below(len(_CHANGES))](data, chance, others)
    return data[:MAX_BYTES]


def _span(data: bytes, chance: Chance) -> tuple[int, int]:
    at = chance.below(len(data) + 1)
    return at, min(len(data), at + (1 << chance.below(8)))


def _flip(data: bytes, chance: Chance, _: Sequence[bytes]) -> bytes:
    if not data:
        return b"\x00"
    at = chance.below(len(data))
    return data[:at] + bytes([data[at] ^ 1 << chance.below(8)]) + data[at + 1 :]


def _replace(data: bytes, chance: Chance, _: Sequence[bytes]) -> bytes:
    at, end = _span(data, chance)
    return data[:at] + chance.noise(end - at) + data[end:]


def _delete(data: bytes, chance: Chance, _: Sequence[bytes]) -> bytes:
    at, end = _span(data, chance)
    return data[:at] + data[end:]


def _repeat(data: bytes, chance: Chance, _: Sequence[bytes]) -> bytes:
    at, end = _span(data, chance)
    return data[:at] + data[at:end] * (1 << chance.below(8)) + data[end:]


def _insert(data: bytes, chance: Chance, _: Sequence[bytes]) -> bytes:
    at = chance.below(len(data) + 1)
    return data[:at] + chance.one_of(TOKENS) + data[at:]


def _splice(data: bytes, chance: Chance, others: Sequence[bytes]) -> bytes:
    other = chance.one_of(others) if others else data
    return data[: chance.below(len(data) + 1)] + other[chance.below(len(other) + 1) :]


def _cut(data: bytes, chance: Chance, _: Sequence[bytes]) -> bytes:
    return data[: chance.below(len(data) + 1)]


_CHANGES: tuple[Callable[[bytes, Chance, Sequence[bytes]], bytes], ...] = (
    _flip, _flip, _replace, _delete, _repeat, _insert, _insert, _splice, _cut,
)  # fmt: skip


# --- maps and lists -------------------------------------------------------------------------------------------------


def bent(message: Any, chance: Chance, others: Sequence[Any]) -> Any:
    """A copy of a message with one to three of its values, keys or entries changed."""
    message = copy.deepcopy(message)
    for _ in range(1 + chance.below(3)):
        places = list(_places(message))
        holder, key = chance.one_of(places)
        _bend(holder, key, chance, others)
    return message


def _places(value: Any) -> Any:
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(entries):
        yield value, key
        yield from _places(inner)
    if not entries:
        yield {"": value}, ""


def _bend(holder: Any, key: Any, chance: Chance, others: Sequence[Any]) -> None:
    what = chance.below(6)
    if what <= 1:
        holder[key] = copy.deepcopy(chance.one_of(ODD))
    elif what == 2:
        donor = list(_places(chance.one_of(others)))
        other, at = chance.one_of(donor)
        holder[key] = copy.deepcopy(other[at])
    elif what == 3 and isinstance(holder, dict):
        holder[str(chance.one_of(ODD))[:200]] = holder[key]
    elif what == 4:
        del holder[key]
    else:
        value = holder[key]
        holder[key] = -value if type(value) in (int, float) else [value] if chance.happens(0.5) else {"type": value}


class _Twice(dict[str, Any]):
    """A map that is written with one of its keys twice."""

    def __init__(self, entries: dict[str, Any], again: tuple[str, Any]) -> None:
        super().__init__(entries)
        self._again = again

    def items(self) -> Any:
        return [*super().items(), self._again]

    def __len__(self) -> int:
        return super().__len__() + 1


def _doubled(message: Any, chance: Chance) -> Any:
    """A copy with a key twice in one of its maps."""
    if not isinstance(message, dict) or not message:
        return message
    key = chance.one_of(list(message))
    if isinstance(message[key], dict) and chance.happens(0.7):
        return {**message, key: _doubled(message[key], chance)}
    return _Twice(message, (key, message[key] if chance.happens(0.5) else chance.one_of(ODD)))


def as_json(message: Any, chance: Chance) -> bytes:
    if chance.happens(0.05):
        message = _doubled(message, chance)
    text = json.dumps(message, ensure_ascii=chance.happens(0.3), separators=None if chance.happens(0.3) else (",", ":"))
    return text.encode("utf-8", "surrogatepass")


def as_msgpack(message: Any, chance: Chance) -> bytes:
    if chance.happens(0.05):
        message = _doubled(message, chance)
    try:
        packed: bytes = msgpack.packb(message, use_single_float=chance.happens(0.3), unicode_errors="surrogatepass")
    except OverflowError:  # beyond single floats, or 64 bits
        packed = msgpack.packb(str(message))
    return packed


# --- frames ---------------------------------------------------------------------------------------------------------


def as_websocket(payloads: Sequence[bytes], chance: Chance) -> bytes:
    """Messages cut into fragments, with control frames between, and now and then a rule broken."""
    said = []
    for payload in payloads:
        opcode, pieces = 1 if chance.happens(0.9) else chance.below(16), _pieces(payload, chance)
        for place, piece in enumerate(pieces):
            broken = chance.happens(0.03)
            said.append(
                websocket_frame(
                    chance.below(16) if broken else opcode if place == 0 else 0,
                    piece,
                    fin=place == len(pieces) - 1 or (broken and chance.happens(0.5)),
                    rsv=chance.below(8) if broken and chance.happens(0.3) else 0,
                    mask=None if broken and chance.happens(0.2) else chance.noise(4),
                )
            )
            if chance.happens(0.1):
                said.append(websocket_frame(chance.one_of((8, 9, 10)), chance.noise(chance.below(130))))
    return b"".join(said)


def _pieces(payload: bytes, chance: Chance) -> list[bytes]:
    if chance.happens(0.6) or not payload:
        return [payload]
    size = chance.within(1, len(payload))
    return [payload[at : at + size] for at in range(0, len(payload), size)]


def as_framed(payloads: Sequence[bytes], chance: Chance) -> bytes:
    """Each with its length before it, which now and then is wrong."""
    said = []
    for payload in payloads:
        length = len(payload)
        if chance.happens(0.05):
            length = chance.one_of((0, 1, length + 1, max(0, length - 1), 65536, 65537, 4096, 2**31, 2**32 - 1))
        said.append(length.to_bytes(4) + payload)
    return b"".join(said)


# --- lines ----------------------------------------------------------------------------------------------------------


def shuffled(text: bytes, chance: Chance, others: Sequence[bytes], end: bytes) -> bytes:
    """Lines left out, doubled, exchanged, or taken from another text."""
    lines = text.split(end)
    for _ in range(1 + chance.below(3)):
        at, other = chance.below(len(lines)), chance.below(len(lines))
        match chance.below(4):
            case 0:
                lines[at], lines[other] = lines[other], lines[at]
            case 1:
                lines.insert(other, lines[at])
            case 2 if len(lines) > 1:
                del lines[at]
            case _:
                lines.insert(at, chance.one_of(chance.one_of(others).split(end)))
    return end.join(lines)
