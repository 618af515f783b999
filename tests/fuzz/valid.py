"""Every message the protocol holds at present, made from its types: a new command is fuzzed from the day it exists."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect

from engine.wire.messages import ClientFrame
from tests.fuzz.chance import Chance

ROOT = Path(__file__).parents[2]
# What a field is called says what it holds; the rest is told by its type.
BY_NAME: dict[str, Any] = {
    "tenant": "acme", "channel": "web", "customer": "c1", "shop": "flagship", "agent": "ann", "by": "ann", "to_agent": "bob",
    "queue": "help", "to_queue": "vip", "pool": "onsite", "id": "q1", "role": "agent", "subject": "ann", "requirement": "presale >= 3",
    "external_id": "x1", "token": "", "session": "", "text": "hello 你好",
}  # fmt: skip


@cache
def _kinds() -> tuple[inspect.StructType, ...]:
    """Every frame a client may send."""
    kinds = inspect.type_info(ClientFrame)
    assert isinstance(kinds, inspect.UnionType)
    return tuple(kind for kind in kinds.types if isinstance(kind, inspect.StructType))


def valid_messages() -> list[dict[str, Any]]:
    """One frame of each kind, with every field set, and with the required ones alone."""
    found: list[dict[str, Any]] = []
    for kind in _kinds():
        for full in (False, True):
            found += _frames(kind, full)
    return found


def _frames(kind: inspect.StructType, full: bool) -> list[dict[str, Any]]:
    """One for each alternative of a field that holds a union of types."""
    frame = _struct(kind, full)
    for field in kind.fields:
        if isinstance(field.type, inspect.UnionType) and isinstance(field.type.types[0], inspect.StructType):
            alternatives = [each for each in field.type.types if isinstance(each, inspect.StructType)]
            return [{**frame, field.encode_name: _struct(each, full)} for each in alternatives]
    return [frame]


def _struct(kind: inspect.StructType, full: bool) -> dict[str, Any]:
    said: dict[str, Any] = {} if kind.tag_field is None else {kind.tag_field: kind.tag}
    for field in kind.fields:
        if full or field.required:
            said[field.encode_name] = _value(field.encode_name, field.type, full)
    return said


def _value(name: str, kind: inspect.Type, full: bool) -> Any:
    match kind:
        case inspect.StrType():
            return BY_NAME.get(name, "some")
        case inspect.IntType():
            return 1
        case inspect.FloatType():
            return 0.5
        case inspect.BoolType():
            return True
        case inspect.EnumType(cls=cls):
            return next(iter(cls)).value
        case inspect.LiteralType(values=values):
            return values[0]
        case inspect.DictType(value_type=value):
            return {"presale": _value("presale", value, full)}
        case inspect.VarTupleType(item_type=item) | inspect.ListType(item_type=item):
            return [_value("pool" if name == "pools" else name, item, full)]
        case inspect.UnionType(types=types):
            return _value(name, types[0], full)
        case inspect.StructType():
            return _struct(kind, full)
        case _:
            return None


# What a well-typed message may hold: mostly names that mean something in the house of the tests, now and then what nobody
# would write.
NAMES = (
    "ann",
    "bob",
    "bot-1",
    "c1",
    "c2",
    "help",
    "vip",
    "desk",
    "onsite",
    "bot",
    "web",
    "flagship",
    "acme",
    "bolt",
    "help",
    "ann",
)
ODD_TEXTS = (
    "",
    "*",
    "x" * 128,
    "好" * 300,
    "\x00",
    "\u202e",
    "a and (b or not c >= 3)",
    "((((",
    "agent:ann",
    "contact:1",
    "domain",
    "Z",
)
SMALL = (1, 1, 2, 2, 3, 4, 5, 7, 10, 60, 1000, 60_000)
ODD_INTEGERS = (0, -1, 11, 2**31, 2**53 - 1, -(2**53) + 1, 2**53, 2**62, -(2**63), 2**64 - 1)


def drawn_message(chance: Chance) -> dict[str, Any]:
    """A frame whose every field has its right type."""
    weighted = [kind for kind in _kinds() for _ in range(_WEIGHTS.get(str(kind.tag), 0))]
    drawn: dict[str, Any] = _drawn(chance.one_of(weighted), "", chance)
    return drawn


# Fields that make most commands impossible when they are set.
_SELDOM = {"text": 0.1, "expect_version": 0.1, "tenant": 0.1, "requirement": 0.2, "by": 0.2}
_WEIGHTS = {"do": 12, "ask": 3, "resume": 2, "renew": 1, "pong": 1}


def _drawn(kind: inspect.Type, name: str, chance: Chance) -> Any:
    match kind:
        case inspect.StructType():
            said: dict[str, Any] = {} if kind.tag_field is None else {kind.tag_field: kind.tag}
            for field in kind.fields:
                if field.required or chance.happens(_SELDOM.get(field.encode_name, 0.6)):
                    said[field.encode_name] = _drawn(field.type, field.encode_name, chance)
            return said
        case inspect.DictType(key_type=key, value_type=value):
            return {_drawn(key, "", chance): _drawn(value, "", chance) for _ in range(chance.below(4))}
        case inspect.VarTupleType(item_type=item) | inspect.ListType(item_type=item):
            return [_drawn(item, "", chance) for _ in range(chance.below(4))]
        case inspect.UnionType(types=types):
            return _drawn(chance.one_of(types), name, chance)
        case _:
            return _drawn_plain(kind, name, chance)


def _drawn_plain(kind: inspect.Type, name: str, chance: Chance) -> Any:
    match kind:
        case inspect.StrType():
            if name == "id":
                return f"i{chance.below(100_000)}"
            if chance.happens(0.5) and name in BY_NAME:
                return BY_NAME[name]
            return chance.one_of(NAMES if chance.happens(0.85) else ODD_TEXTS)
        case inspect.IntType():
            return chance.one_of(SMALL if chance.happens(0.85) else ODD_INTEGERS)
        case inspect.FloatType():
            return chance.one_of((0.0, 0.5, 1.0, -1.0, 1e300))
        case inspect.BoolType():
            return chance.happens(0.5)
        case inspect.EnumType(cls=cls):
            return chance.one_of(list(cls)).value
        case inspect.LiteralType(values=values):
            return chance.one_of(values)
        case _:
            return None


def valid_policies() -> list[bytes]:
    return [path.read_bytes() for path in sorted((ROOT / "examples").glob("**/policy.toml"))]


def readable(message: dict[str, Any]) -> bool:
    """Whether the server's own types take it: what the others are bent from should be straight."""
    try:
        msgspec.convert(message, ClientFrame)
    except msgspec.ValidationError:
        return False
    return True
