"""Plain tables → typed ones, with every problem: msgspec stops at its first error, so each key is looked at by itself."""

from __future__ import annotations

import types
from collections.abc import Mapping
from math import isfinite
from typing import Annotated, Any, TypeAlias, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import inspect

from sim.scenario.problems import Path, Problems, names_of, value

# A value that could not be read; what holds it cannot be made either.
BROKEN = object()
T = TypeVar("T", bound=msgspec.Struct)
Fields: TypeAlias = dict[str, Any]


def decode(kind: type[T], tables: Mapping[str, Any], problems: Problems) -> T | None:
    """The file as its tables; None when there were problems, which are all added."""
    found = _struct(kind, tables, (), problems)
    return None if found is BROKEN else found


def _decoded(kind: Any, found: Any, path: Path, problems: Problems) -> Any:
    plain = _plain(kind)
    origin, args = get_origin(plain), get_args(plain)
    if origin in (Union, types.UnionType):
        return _union(args, found, path, problems)
    if isinstance(plain, type) and issubclass(plain, msgspec.Struct):
        if not isinstance(found, dict):
            return _wrong(problems, path, found, "a table")
        return _struct(plain, found, path, problems)
    if origin is dict and isinstance(found, dict):
        return _each(found, [(key, _decoded(args[1], part, (*path, key), problems)) for key, part in found.items()])
    if origin is tuple and isinstance(found, list) and args[-1] is Ellipsis and _is_deep(args[0]):
        parts = [_decoded(args[0], part, (*path, place), problems) for place, part in enumerate(found)]
        return BROKEN if BROKEN in parts else tuple(parts)
    try:
        made = msgspec.convert(found, kind)
    except msgspec.ValidationError:
        return _wrong(problems, path, found, wanted(kind))
    # TOML has inf and nan, and msgspec lets them pass: nothing here lasts for ever.
    return made if _is_finite(made) else _wrong(problems, path, found, wanted(kind))


def _is_finite(made: Any) -> bool:
    if isinstance(made, float):
        return isfinite(made)
    return not isinstance(made, tuple) or all(_is_finite(part) for part in made)


def _plain(kind: Any) -> Any:
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def _union(args: tuple[Any, ...], found: Any, path: Path, problems: Problems) -> Any:
    """Optional ones, and spans that may be one or several."""
    others = [each for each in args if each is not type(None)]
    if len(others) == 1:
        return _decoded(others[0], found, path, problems)
    for each in others:
        try:
            return msgspec.convert(found, each)
        except msgspec.ValidationError:
            continue
    return _wrong(problems, path, found, " / ".join(wanted(each) for each in others))


def _is_deep(kind: Any) -> bool:
    plain = _plain(kind)
    return isinstance(plain, type) and issubclass(plain, msgspec.Struct)


def _each(found: Mapping[str, Any], parts: list[tuple[str, Any]]) -> Any:
    return BROKEN if any(part is BROKEN for _, part in parts) else dict(parts)


def _struct(kind: type[msgspec.Struct], found: Mapping[str, Any], path: Path, problems: Problems) -> Any:
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    made: Fields = {}
    broken = False
    for key, part in found.items():
        if key not in fields:
            problems.add((*path, key), "unknown_key", wanted=names_of(fields))
            broken = True
            continue
        made[key] = _decoded(fields[key].type, part, (*path, key), problems)
        broken |= made[key] is BROKEN
    for name, field in fields.items():
        if name not in found and field.required:
            problems.add((*path, name), "missing", wanted=wanted(field.type))
            broken = True
    return BROKEN if broken else kind(**made)


def _wrong(problems: Problems, path: Path, found: Any, words: str) -> Any:
    got = ", ".join(value(part) for part in found[:6]) if isinstance(found, list) else value(found)
    problems.add(path, "wrong", got=f"[{got}]" if isinstance(found, list) else got, wanted=words)
    return BROKEN


def wanted(kind: Any) -> str:
    """What a value of this type is, in words."""
    return _words(inspect.type_info(kind))


def _words(info: Any) -> str:
    match info:
        case inspect.IntType() | inspect.FloatType():
            noun = "a whole number" if isinstance(info, inspect.IntType) else "a number"
            bounds = [f"{sign} {bound:g}" for sign, bound in
                      ((">", info.gt), ("≥", info.ge), ("<", info.lt), ("≤", info.le)) if bound is not None]  # fmt: skip
            return " ".join([noun, " and ".join(bounds)]).strip()
        case inspect.StrType():
            return "text"
        case inspect.BoolType():
            return "true or false"
        case inspect.LiteralType(values=values):
            return "one of " + ", ".join(str(each) for each in values if each != "")
        case inspect.EnumType(cls=cls):
            return "one of " + ", ".join(str(each.value) for each in cls)
        case inspect.TupleType(item_types=items):
            return "[" + ", ".join(_words(item) for item in items) + "]"
        case inspect.VarTupleType(item_type=item):
            return f"a list of {_words(item)}"
        case inspect.UnionType(types=kinds):
            return " or ".join(_words(each) for each in kinds if not isinstance(each, inspect.NoneType))
    return "a table"
