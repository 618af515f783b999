"""Bytes to typed frames and back. Decoding is bounded and refuses whatever two readers could read differently.

``msgspec`` decodes and validates; it lets pass duplicate keys (the last wins), NaN in msgpack, and any depth its stack
bears. ``_inspect`` refuses those. It costs 3–7 µs, so a frame that is provably the plain encoding of what was decoded
skips it: every field of the decoded frame must occur in the bytes at least once, at no less than its plain length, so
equal length leaves no room for a second occurrence (floats, the one exception, always go through ``_inspect``).
"""

from __future__ import annotations

import json
import re
from enum import StrEnum
from typing import Any, NoReturn

import msgpack
import msgspec

from engine.desk import limits as desk_limits
from engine.desk.deeds import Deed, Question, tag_of
from engine.dispatch.commands import ApplyPolicy
from engine.wire import limits
from engine.wire.errors import SENTENCES, Close, WireCode, WireError
from engine.wire.messages import Ask, ClientFrame, Do, Error, Hello, Renew, Resume, ServerFrame


class Encoding(StrEnum):  # looked up in dicts all the time: a plain Enum's hash is a call of Python
    JSON = "json"
    MSGPACK = "msgpack"


class _Id(msgspec.Struct):
    """To name the command in an error although the rest of its frame cannot be used."""

    id: str = ""


class _Submit(msgspec.Struct, tag_field="type", tag="contact.submit"):
    pass


class _NewContact(msgspec.Struct, tag_field="op", tag="do"):
    """As little of a frame as tells that it brings a new contact; the rest is passed over unread."""

    id: str
    command: _Submit


_JSON = msgspec.json.Decoder(ClientFrame)
_MSGPACK = msgspec.msgpack.Decoder(ClientFrame)
_JSON_ID = msgspec.json.Decoder(_Id)
_MSGPACK_ID = msgspec.msgpack.Decoder(_Id)
_JSON_NEW = msgspec.json.Decoder(_NewContact)
_MSGPACK_NEW = msgspec.msgpack.Decoder(_NewContact)
_TO_JSON = msgspec.json.Encoder()
_TO_MSGPACK = msgspec.msgpack.Encoder()
# What may be shorter in JSON than msgspec would write it: 1e5 for 100000.0, and \b for \u0008.
_JSON_SHORTER = re.compile(rb"[0-9][eE]|\\")
_PLAIN_BYTES = limits.ITEMS  # a frame of so many bytes cannot hold more items


def decode(data: bytes, encoding: Encoding, *, limit_bytes: int = limits.FRAME_BYTES) -> ClientFrame:
    """One frame from one message's bytes. Raises :class:`WireError`."""
    if len(data) > limit_bytes:
        raise too_big(len(data), limit_bytes)
    try:
        frame: ClientFrame = (_JSON if encoding is Encoding.JSON else _MSGPACK).decode(data)
    except msgspec.ValidationError as error:
        _inspect(data, encoding)
        raise _invalid(error, _find_id(data, encoding)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        _inspect(data, encoding)
        raise _malformed(str(error)) from None
    if not _is_plain(data, frame, encoding):
        _inspect(data, encoding)
    _check_sizes(frame)
    return frame


def id_of_submit(data: bytes, encoding: Encoding) -> str:
    """The id of a frame that brings a new contact, looked at just enough to refuse it; empty for every other frame."""
    try:
        id: str = (_JSON_NEW if encoding is Encoding.JSON else _MSGPACK_NEW).decode(data).id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    return id if len(id) * 4 <= limits.ID_BYTES else ""


def encode(frame: ServerFrame, encoding: Encoding) -> bytes:
    return _TO_JSON.encode(frame) if encoding is Encoding.JSON else _TO_MSGPACK.encode(frame)


class RefusalOfSubmits:
    """New contacts are too many: :meth:`of` is the encoded :class:`Error` for one, at a fifth of the price of encoding it."""

    __slots__ = ("_after", "_before", "_encode")

    def __init__(self, retry_after_ms: int, encoding: Encoding) -> None:
        code, mark = WireCode.OVERLOADED, "\x7fid"
        frame = Error(mark, code, SENTENCES[code], "new contacts", "too many", "a retry later", 0, retry_after_ms)
        self._encode = (_TO_JSON if encoding is Encoding.JSON else _TO_MSGPACK).encode
        self._before, _, self._after = encode(frame, encoding).partition(self._encode(mark))

    def of(self, id: str) -> bytes:
        return self._before + self._encode(id) + self._after


def later_frame(retry_after_ms: int) -> Error:
    """What a socket is told that comes with too many others."""
    code = WireCode.OVERLOADED
    return Error("", code, SENTENCES[code], "connections", "many at once", "later", retry_after_ms=retry_after_ms)


def too_big(size: int, limit_bytes: int) -> WireError:
    return WireError(
        WireCode.TOO_BIG, "the frame's size", f"{size} bytes", f"at most {limit_bytes} bytes", fatal=Close.TOO_BIG
    )


def _is_plain(data: bytes, frame: ClientFrame, encoding: Encoding) -> bool:
    if len(data) > _PLAIN_BYTES:
        return False
    if encoding is Encoding.JSON:
        return not _JSON_SHORTER.search(data) and len(_TO_JSON.encode(frame)) == len(data)
    # 0xca and 0xcb open floats; text may hold these bytes too, which only costs the detour.
    return b"\xca" not in data and b"\xcb" not in data and len(_TO_MSGPACK.encode(frame)) == len(data)


# --- the second reading ---------------------------------------------------------------------------------------------


class _Map:
    """Stands for a map that was looked through; ``depth`` of the levels in it, its own included."""

    __slots__ = ("depth",)

    def __init__(self, depth: int) -> None:
        self.depth = depth


class _Inspector:
    """Counts entries while a general reader builds nothing of maps, so 64 KiB cannot become megabytes."""

    def __init__(self) -> None:
        self.items = 0

    def on_map(self, pairs: list[tuple[Any, Any]]) -> _Map:
        self._count(len(pairs))
        seen = set()
        depth = 0
        for key, value in pairs:
            if type(key) is not str:
                raise _fault(WireCode.BAD_TYPE, "a map's key", type(key).__name__, "a text")
            if key in seen:
                raise _fault(WireCode.DUPLICATE_KEY, "a map's key", f"{key[:40]!r} twice", "each key once")
            seen.add(key)
            depth = max(depth, self.depth_of(value))
        return _Map(self._checked(depth + 1))

    def depth_of(self, value: object) -> int:
        if type(value) is _Map:
            return value.depth
        if type(value) is list:
            self._count(len(value))
            return self._checked(1 + max(map(self.depth_of, value), default=0))
        if type(value) is float and not (-_INFINITY < value < _INFINITY):
            raise _fault(WireCode.BAD_NUMBER, "a number", str(value), "a finite number")
        if type(value) in (bytes, msgpack.Timestamp):
            got = "binary" if type(value) is bytes else "a msgpack timestamp"
            raise _fault(WireCode.BAD_TYPE, "a value", got, _PLAIN_TYPES)
        return 0

    def _count(self, more: int) -> None:
        self.items += more
        if self.items > limits.ITEMS:
            raise _fault(
                WireCode.TOO_MANY_ITEMS, "the frame", f"over {limits.ITEMS} entries", f"at most {limits.ITEMS}"
            )

    def _checked(self, depth: int) -> int:
        if depth > limits.DEPTH:
            raise _too_deep()
        return depth


_INFINITY = float("inf")
_PLAIN_TYPES = "nil, boolean, number, text, list or map"


def _inspect(data: bytes, encoding: Encoding) -> None:
    """Raise the :class:`WireError` for what msgspec lets pass or words badly; return when nothing was found."""
    inspector = _Inspector()
    try:
        if encoding is Encoding.JSON:
            value = json.loads(data.decode(), object_pairs_hook=inspector.on_map, parse_constant=_not_finite)
        else:
            value = msgpack.unpackb(
                data, object_pairs_hook=inspector.on_map, ext_hook=_no_extension, timestamp=0, strict_map_key=False
            )
        if type(value) is not _Map:
            raise _malformed("the frame is not a map")
    except WireError:
        raise
    except (RecursionError, msgpack.StackError):
        raise _too_deep() from None
    except UnicodeDecodeError as error:
        raise _malformed(f"the text is not UTF-8: {error.reason} at byte {error.start}") from None
    except msgpack.OutOfData:
        raise _malformed("the frame ends early") from None
    except (ValueError, msgpack.UnpackException) as error:
        raise _malformed(str(error) or type(error).__name__) from None


def _not_finite(word: str) -> NoReturn:
    raise _fault(WireCode.BAD_NUMBER, "a number", word, "a finite number")


def _no_extension(code: int, _data: bytes) -> NoReturn:
    raise _fault(WireCode.BAD_TYPE, "a value", f"msgpack extension {code}", _PLAIN_TYPES)


def _fault(code: WireCode, what: str, got: str, wanted: str) -> WireError:
    return WireError(code, what, got, wanted, fatal=Close.MALFORMED)


def _too_deep() -> WireError:
    return _fault(WireCode.TOO_DEEP, "the frame", f"over {limits.DEPTH} levels", f"at most {limits.DEPTH}")


def _malformed(why: str) -> WireError:
    return _fault(WireCode.MALFORMED, "the frame", why[:200], "one JSON text or msgpack map as in docs/protocol.md")


# --- words for what msgspec found -----------------------------------------------------------------------------------

_EXPECTED = re.compile(r"^Expected `(?P<wanted>[^`]*)`(?:, got `(?P<got>[^`]*)`)?")
_FIELD = re.compile(r"Object (?:missing required|contains unknown) field `(?P<field>[^`]*)`")
_INVALID = re.compile(r"^Invalid (?:enum )?value (?P<got>.*?)(?: - at|$)")
_PATH = re.compile(r" - at `(?:key in )?\$\.?(?P<path>[^`]*)`$")


def _find_id(data: bytes, encoding: Encoding) -> str:
    try:
        found = (_JSON_ID if encoding is Encoding.JSON else _MSGPACK_ID).decode(data).id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    return found if len(found.encode()) <= limits.ID_BYTES else ""


def _invalid(error: msgspec.ValidationError, id: str) -> WireError:
    """Reads msgspec's one-line message into what, got and wanted."""
    message = str(error)
    at = _PATH.search(message)
    path = at["path"] if at else ""
    if field := _FIELD.search(message):
        what = f"{path}.{field['field']}".lstrip(".")
        missing = "missing" in message
        got, wanted = ("nothing", "a value: the field is required") if missing else ("an unknown field", "a known one")
    elif expected := _EXPECTED.search(message):
        what, got, wanted = path, expected["got"] or "another", expected["wanted"]
    elif invalid := _INVALID.search(message):
        what, got, wanted = path, invalid["got"][:80], _wanted_at(path)
    else:
        what, got, wanted = path, message[:200], "a value that fits docs/protocol.md"
    return WireError(WireCode.BAD_VALUE, what or "the frame", got, wanted, id=id)


def _wanted_at(path: str) -> str:
    if path == "op":
        return "one of hello, do, ask, resume, renew, pong, bye"
    if path in ("command.type", "query.type"):
        return f"a {path.partition('.')[0]} of docs/protocol.md"
    return "one of the values in docs/protocol.md"


# --- sizes ----------------------------------------------------------------------------------------------------------


def _check_sizes(frame: ClientFrame) -> None:
    match frame:
        case Do(id=id, command=command, text=text):
            _check_id(id)
            _check_text("text", text, limits.TEXT_BYTES, id)
            if isinstance(command, ApplyPolicy):
                _check_text("command.text", command.text, limits.POLICY_BYTES, id)
            elif isinstance(command, Deed):
                _check_desk("command", command, id)
            else:
                _check_struct("command", command, id)
        case Ask(id=id, query=query):
            _check_id(id)
            if isinstance(query, Question):
                _check_desk("query", query, id)
            else:
                _check_struct("query", query, id)
        case Resume(id=id, streams=streams):
            _check_id(id)
            _check_map("streams", streams, limits.SUBSCRIPTIONS, id)
        case Renew(id=id, token=token):
            _check_id(id)
            _check_text("token", token, limits.TOKEN_BYTES, id)
        case Hello():
            _check_text("token", frame.token, limits.TOKEN_BYTES, "")
            for name in ("role", "subject", "tenant", "session", "client"):
                _check_text(name, getattr(frame, name), limits.ID_BYTES, "")


def _check_id(id: str) -> None:
    """Without one an answer could not be told from another's, and a command sent again would be carried out again."""
    if not id:
        raise WireError(WireCode.BAD_VALUE, "id", "an empty text", f"1 to {limits.ID_BYTES} bytes of UTF-8")
    _check_text("id", id, limits.ID_BYTES, "")


_MAP_LIMITS = {"attributes": limits.ATTRIBUTES, "skills": limits.SKILLS, "channel_limits": limits.ATTRIBUTES}


def _check_desk(where: str, struct: Deed | Question, id: str) -> None:
    """As any other, but for the fields that the desk's own table of limits names."""
    tag = tag_of(struct)
    for name in struct.__struct_fields__:
        value = getattr(struct, name)
        at_most, entries = desk_limits.TEXT_BYTES.get((tag, name)), desk_limits.ENTRIES.get((tag, name))
        if type(value) is str and at_most is not None:
            _check_text(f"{where}.{name}", value, at_most, id)
        elif type(value) in (dict, tuple) and value:
            _check_count(f"{where}.{name}", len(value), entries or limits.ATTRIBUTES, id)
            for entry in value.items() if type(value) is dict else value:
                _check_desk_entry(f"{where}.{name}", entry, at_most or limits.FIELD_BYTES, id)
        elif isinstance(value, msgspec.Struct):
            _check_struct(f"{where}.{name}", value, id)
        else:
            _check_plain(where, name, value, id)


def _check_desk_entry(where: str, entry: Any, at_most: int, id: str) -> None:
    if isinstance(entry, msgspec.Struct):
        return _check_struct(where, entry, id)
    name, value = entry if type(entry) is tuple else (entry, None)
    _check_text(where, name + value if type(value) is str else name, at_most, id)
    if type(value) is int:
        _check_integer(where, name, value, id)
    return None


def _check_plain(where: str, name: str, value: Any, id: str) -> None:
    if type(value) is str:
        _check_text(f"{where}.{name}", value, limits.FIELD_BYTES, id)
    elif type(value) is int:
        _check_integer(where, name, value, id)


def _check_struct(where: str, struct: msgspec.Struct, id: str) -> None:
    for name in struct.__struct_fields__:
        value = getattr(struct, name)
        kind = type(value)
        if kind is str:
            if len(value) * 4 > limits.FIELD_BYTES:  # a character takes at most 4 bytes
                _check_text(f"{where}.{name}", value, limits.FIELD_BYTES, id)
        elif kind is int:
            _check_integer(where, name, value, id)
        elif kind is dict:
            if value:
                _check_map(f"{where}.{name}", value, _MAP_LIMITS[name], id)
        elif kind is tuple:
            _check_count(f"{where}.{name}", len(value), limits.ATTRIBUTES, id)
            for entry in value:
                _check_text(f"{where}.{name}", entry, limits.FIELD_BYTES, id)
        elif isinstance(value, msgspec.Struct):
            _check_struct(f"{where}.{name}", value, id)


def _check_map(where: str, entries: dict[str, Any], limit: int, id: str) -> None:
    """A map's name and value together count as one line."""
    _check_count(where, len(entries), limit, id)
    for name, value in entries.items():
        _check_text(where, name + value if type(value) is str else name, limits.FIELD_BYTES, id)
        if type(value) is int:
            _check_integer(where, name, value, id)


def _check_integer(where: str, name: str, value: int, id: str) -> None:
    if not -limits.INTEGER <= value <= limits.INTEGER:
        wanted = f"between -{limits.INTEGER} and {limits.INTEGER}"
        raise WireError(WireCode.BAD_NUMBER, f"{where}.{name}", f"a number of {value.bit_length()} bits", wanted, id=id)


def _check_text(what: str, value: str, limit_bytes: int, id: str) -> None:
    if len(value) * 4 <= limit_bytes:
        return
    size = len(value.encode())
    if size > limit_bytes:
        raise WireError(WireCode.TOO_LONG, what, f"{size} bytes", f"at most {limit_bytes} bytes of UTF-8", id=id)


def _check_count(what: str, count: int, limit: int, id: str) -> None:
    if count > limit:
        raise WireError(WireCode.TOO_MANY, what, str(count), f"at most {limit}", id=id)
