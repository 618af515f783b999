"""What is fuzzed: for each target how inputs are made, and what must hold of every one. Nothing here waits: see ``live``."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgpack
import msgspec

from engine.desk.refusals import DeskCode
from engine.dispatch.policy.check import check_policy
from engine.dispatch.policy.compile import compile_policy
from engine.dispatch.policy.problems import PolicyErrors
from engine.dispatch.refusals import Code
from engine.wire import limits
from engine.wire.codec import Encoding, decode
from engine.wire.errors import WireCode, WireError
from engine.wire.framed import FramedCarrier
from engine.wire.websocket import BadHead, Head, OriginRule, WebSocketCarrier, accept
from tests.conformance.raw import HEAD
from tests.fuzz.chance import Chance
from tests.fuzz.mutation import as_framed, as_json, as_msgpack, as_websocket, bent, mutated, shuffled
from tests.fuzz.valid import drawn_message, valid_messages, valid_policies

CORPUS = Path(__file__).parent / "corpus"
DECLARED = frozenset(str(code) for code in (*WireCode, *Code, *DeskCode)) - {WireCode.INTERNAL}


class Fault(Exception):
    """Something that must not happen; the text says what."""


@dataclass(frozen=True)
class Target:
    """``make``: an input, from chance and the corpus; ``check``: raises :class:`Fault`; ``carrier``: where it goes live."""

    name: str
    make: Callable[[Chance, Sequence[bytes]], bytes]
    check: Callable[[bytes], None]
    carrier: str

    def corpus(self) -> list[bytes]:
        return [path.read_bytes() for path in sorted((CORPUS / self.name).iterdir())]


def cuts(data: bytes, sizes: Sequence[int]) -> list[bytes]:
    """The data in pieces, whose sizes the data itself decides: an input alone repeats a fault."""
    chance, at, pieces = Chance(zlib.crc32(data)), 0, []
    while at < len(data):
        size = chance.one_of(sizes)
        pieces.append(data[at : at + size])
        at += size
    return pieces


# --- the head -------------------------------------------------------------------------------------------------------


def make_head(chance: Chance, corpus: Sequence[bytes]) -> bytes:
    data = chance.one_of(corpus)
    if chance.happens(0.6):
        data = shuffled(data, chance, corpus, b"\r\n")
    return mutated(data, chance, corpus) if chance.happens(0.7) else data


def check_head(data: bytes) -> None:
    """Whole or in pieces it is accepted, or not (what follows a head may come too late to be seen with it); a refusal is
    HTTP, or a frame to who speaks frames."""
    whole = _judge_head([data])
    pieces = _judge_head(cuts(data, (1, 7, 100, 4096)))
    is_all = data.find(b"\r\n\r\n") in (-1, len(data) - 4)
    if is_all and "accepted" in (pieces[0], whole[0]) and pieces[0] != whole[0]:
        raise Fault(f"in pieces {pieces[0]}, whole {whole[0]}")
    for verdict, answer in (whole, pieces):
        if answer and not answer.startswith((b"HTTP/1.1 ", b"\0")):
            raise Fault(f"answered {answer[:60]!r} for {verdict}")


_ORIGINS = OriginRule(["https://shop.example"], loopback=True)


def _judge_head(pieces: Sequence[bytes]) -> tuple[str, bytes]:
    head = Head()
    try:
        for piece in pieces:
            if (whole := head.feed(piece)) is not None:
                return "accepted", accept(whole, _ORIGINS)[1]
    except BadHead as bad:
        return bad.why, bad.response
    return "unfinished", b""


# --- carriers -------------------------------------------------------------------------------------------------------


def make_frames(chance: Chance, corpus: Sequence[bytes]) -> bytes:
    if chance.happens(0.5):
        data = as_websocket([_some_json(chance) for _ in range(chance.within(1, 5))], chance)
        return mutated(data, chance, corpus) if chance.happens(0.3) else data
    return mutated(chance.one_of(corpus), chance, corpus)


def make_framed(chance: Chance, corpus: Sequence[bytes]) -> bytes:
    if chance.happens(0.5):
        data = as_framed([_some_msgpack(chance) for _ in range(chance.within(1, 5))], chance)
        return mutated(data, chance, corpus) if chance.happens(0.3) else data
    return mutated(chance.one_of(corpus), chance, corpus)


def open_websocket() -> WebSocketCarrier:
    carrier, _ = accept(HEAD.encode(), _ORIGINS)
    carrier.limit_bytes = limits.FRAME_BYTES
    return carrier


def check_frames(data: bytes) -> None:
    _check_carrier(data, open_websocket)


def check_framed(data: bytes) -> None:
    _check_carrier(data, lambda: FramedCarrier(limits.FRAME_BYTES))


def _check_carrier(data: bytes, opened: Callable[[], Any]) -> None:
    """However the bytes are cut: the same messages, then the same fault; none over the limit; each read or refused."""
    whole = _heard(opened(), cuts(data, (4096,)))
    pieces = _heard(opened(), cuts(data, (1, 3, 14, 500)))
    if whole != pieces:
        raise Fault(f"cut another way it reads {pieces[1] or pieces[0][-1:]!r}, not {whole[1] or whole[0][-1:]!r}")
    for message in whole[0]:
        if len(message) > limits.FRAME_BYTES:
            raise Fault(f"a message of {len(message)} bytes")


def _heard(carrier: Any, pieces: Sequence[bytes]) -> tuple[list[bytes], str]:
    heard: list[bytes] = []
    try:
        for piece in pieces:
            carrier.feed(piece)
            while (message := carrier.next_frame()) is not None:
                heard.append(message)
    except WireError as error:
        carrier.close(error.fatal, error.code)
        for piece in pieces:
            carrier.feed(piece)
        if carrier.next_frame() is not None:
            raise Fault("a message after the last word") from None
        return heard, f"{error.code} {error.what}"
    return heard, ""


# --- messages -------------------------------------------------------------------------------------------------------

_VALID = valid_messages()


def _some_json(chance: Chance) -> bytes:
    message = chance.one_of(_VALID)
    return as_json(bent(message, chance, _VALID) if chance.happens(0.7) else message, chance)


def _some_msgpack(chance: Chance) -> bytes:
    message = chance.one_of(_VALID)
    return as_msgpack(bent(message, chance, _VALID) if chance.happens(0.7) else message, chance)


def make_json(chance: Chance, corpus: Sequence[bytes]) -> bytes:
    data = _some_json(chance) if chance.happens(0.7) else chance.one_of(corpus)
    return mutated(data, chance, corpus) if chance.happens(0.4) else data


def make_msgpack(chance: Chance, corpus: Sequence[bytes]) -> bytes:
    data = _some_msgpack(chance) if chance.happens(0.7) else chance.one_of(corpus)
    return mutated(data, chance, corpus) if chance.happens(0.4) else data


def check_json(data: bytes) -> None:
    _check_message(data, Encoding.JSON)


def check_msgpack(data: bytes) -> None:
    _check_message(data, Encoding.MSGPACK)


def _check_message(data: bytes, encoding: Encoding) -> None:
    """Refused with a declared code that says what and wanted, or read as a second reader reads it."""
    try:
        frame = decode(data, encoding)
    except WireError as error:
        if str(error.code) not in DECLARED or not error.message or not error.what or not error.wanted:
            raise Fault(f"refused without saying why: {error}") from None
        for said in (error.got, error.wanted, error.what, error.id):
            said.encode()
        return
    try:
        if encoding is Encoding.JSON:
            second = json.loads(data.decode(), object_pairs_hook=_distinct, parse_constant=_no_constant)
        else:
            second = msgpack.unpackb(data, object_pairs_hook=_distinct)
    except (ValueError, RecursionError, msgpack.UnpackException) as error:
        raise Fault(f"taken, though a second reader says {error!r}") from error
    try:
        again = msgspec.convert(second, type(frame))
    except msgspec.ValidationError as error:
        raise Fault(f"taken, though what a second reader reads does not fit: {error}") from error
    if again != frame:
        raise Fault(f"read as {frame!r:.200}, by a second reader as {again!r:.200}")


def _distinct(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key twice")
    return found


def _no_constant(word: str) -> float:
    raise ValueError(word)


def make_commands(chance: Chance, corpus: Sequence[bytes]) -> bytes:
    """A session's worth of frames that can be read, most of them about the same few contacts, agents and queues."""
    if corpus and chance.happens(0.1):
        return mutated(chance.one_of(corpus), chance, corpus)
    frames = [msgpack.packb(drawn_message(chance)) for _ in range(chance.within(1, 25))]
    return b"".join(len(frame).to_bytes(4) + frame for frame in frames)


# --- policies -------------------------------------------------------------------------------------------------------

_POLICIES = valid_policies()


def make_policy(chance: Chance, corpus: Sequence[bytes]) -> bytes:
    texts = [*corpus, *_POLICIES]
    data = chance.one_of(texts)
    if chance.happens(0.7):
        data = shuffled(data, chance, texts, b"\n")
    if chance.happens(0.6):
        data = mutated(data, chance, texts)
    return data[: limits.POLICY_BYTES]


def check_policy_text(data: bytes) -> None:
    """Compiled, or every problem said with its line, in both languages; the report never raises."""
    text = data.decode("utf-8", "replace")
    try:
        compile_policy(text)
    except PolicyErrors as errors:
        for problem in errors.problems:
            problem.placed("policy.toml", "zh-CN").encode()
            if not problem.message or not 1 <= problem.line <= text.count("\n") + 2:
                raise Fault(f"a problem without its place: {problem}") from None
        problems = len(errors.problems)
    else:
        problems = 0
    if len(check_policy(text).problems) != problems:
        raise Fault("check and compile count other problems")


TARGETS = {
    target.name: target
    for target in (
        Target("head", make_head, check_head, "head"),
        Target("frames", make_frames, check_frames, "websocket"),
        Target("framed", make_framed, check_framed, "framed"),
        Target("json", make_json, check_json, "json"),
        Target("msgpack", make_msgpack, check_msgpack, "msgpack"),
        Target("commands", make_commands, check_framed, "framed"),
        Target("policy", make_policy, check_policy_text, ""),
    )
}
