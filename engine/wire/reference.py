"""The protocol's reference, from its types: ``docs/protocol.md`` and ``docs/asyncapi.json``.

``make docs`` writes both; a test fails when they are old.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from typing import Any, get_args

import msgspec

from engine.dispatch.commands import Command
from engine.wire import messages, queries
from engine.wire.errors import CLOSE_SENTENCES, SENTENCES, Close, WireCode
from engine.wire.limits import LIMITS

NOTICE = "<!-- Written by `make docs` from the code; changes here are overwritten. -->"
CLIENT_FRAMES = get_args(messages.ClientFrame)
SERVER_FRAMES = get_args(messages.ServerFrame)
QUESTIONS = get_args(queries.Query)
ANSWERS = (
    queries.QueueRow,
    queries.AgentRow,
    queries.ContactRow,
    queries.OfferRow,
    queries.MessageRow,
    queries.Figures,
    queries.ExplainResult,
    queries.StoryLine,
    queries.AgentSnapshot,
    queries.ContactSnapshot,
    queries.ContactsSnapshot,
)

STREAMS = {
    "agent:<id>": "An agent's or bot's own: its state, offers made to it, everything about the contacts it holds, their messages. "
    "Subscribed on welcome. Out of reach: a `resync` with `AgentSnapshot`.",
    "contact:<number>": "One contact as its customer may see it: arrival, messages, who connected, the end. "
    "Replayed from the journal; out of reach: `ContactSnapshot` (the rest by `history`).",
    "channel:<subject>": "The same for every contact that this channel principal submitted (or that joined one of its own). "
    "Subscribed on welcome. Out of reach: `ContactsSnapshot`.",
    "domain": "Everything of the tenant, for supervisors: also offers, steps, reply clocks, agents, queues, the policy.",
}

_HEAD = """\
# The wire protocol, version 1

{notice}

One protocol, three carriers:

| carrier | a frame is |
| --- | --- |
| WebSocket, sub-protocol `sluice.v1.json` | one text message: a JSON object |
| WebSocket, sub-protocol `sluice.v1.msgpack` | one binary message: a msgpack map |
| framed msgpack over TCP or a Unix socket | four bytes of length (big-endian), then one msgpack map |

The sub-protocol is required; extensions (compression) are not taken up. A browser's `Origin` must be on the engine's
allow-list (with `--dev`: any page of this machine). Every frame is a map with the tag `op`. A field left out has its
default; unknown fields, duplicate keys, non-finite numbers, binary and extension types are refused.

**A connection's life.** `hello` within 5 s, then `welcome`; then `do`, `ask`, `resume` in any number, each with an `id` of
the client's own choice, answered by `ok` or `error` with that id. `push` and `resync` come by themselves. `ping` wants a
`pong` (any frame will do). `bye` ends it, from either side.

**Order.** Commands of one connection enter in the order in which they were sent. Events of one contact and of one agent
come in the journal's order; a command's answer comes before the pushes of its record. Nothing is promised across contacts.

**Acked means durable.** `ok` and a refusal with an `lsn` are in the journal. No answer: send it again with the same `id`;
within 24 h the first answer comes back, and nothing happens twice. The same `id` with another body is a `conflict`.

**Offsets are journal numbers**, so they outlive connections and restarts: keep the last `offset` of each stream and
`resume` from it. One live socket per agent and per session: a new one fences the old, which must not come back.

**A text** goes with `contact.message`, and with `contact.submit` as the contact's first message (journaled under the id
`<id>/text`; the answer waits for both). It is UTF-8, never seen by the dispatcher, and stored as the record's payload.
"""


def protocol_page() -> str:
    """``docs/protocol.md``."""
    lines = [
        _HEAD.format(notice=NOTICE),
        "## From the client",
        "",
        *_frames(CLIENT_FRAMES),
        "Commands, events and the dispatcher's refusals: [reference.md](reference.md). Who may do what: [access.md](access.md). The desk's commands and questions: [desk.md](desk.md).",
        "`tenant` and, for agents and bots, `agent` and `sender` come from the token; a differing value is `forbidden`.",
        "",
        "## From the server",
        "",
        *_frames(SERVER_FRAMES),
        "## Questions",
        "",
        *struct_table("`query.type`", QUESTIONS),
        "### What they are answered with",
        "",
        *named_table(ANSWERS),
        "## Streams",
        "",
        *table_of(("stream", ""), ((f"`{name}`", words) for name, words in STREAMS.items())),
        "## Errors",
        "",
        "`what` names the field or thing, `got` what it was, `wanted` what would be right. Besides the dispatcher's codes:",
        "",
        *table_of(("code", ""), ((f"`{code}`", SENTENCES[code]) for code in WireCode)),
        "## Close codes",
        "",
        "On framed connections the last `bye` or `error` says the same.",
        "",
        *table_of(("code", ""), ((f"{code.value} {code.name.lower()}", CLOSE_SENTENCES[code]) for code in Close)),
        "## Limits",
        "",
        "Real time and bytes on the wire. `welcome.limits` repeats those that a client should know.",
        "",
        *table_of(
            ("limit", "", "beyond it", "why"),
            ((f"`{row.name}`", f"{row.value:,} {row.unit}", row.beyond, row.why) for row in LIMITS.values()),
        ),
    ]
    return "\n".join(lines).rstrip("\n") + "\n"


def asyncapi() -> dict[str, Any]:
    """The same as an AsyncAPI 3.0 document, with a JSON schema per frame, command, event and answer."""
    schemas, components = msgspec.json.schema_components(
        [*CLIENT_FRAMES, *SERVER_FRAMES, *ANSWERS], ref_template="#/components/schemas/{name}"
    )
    frames = {frame.__name__: schema for frame, schema in zip([*CLIENT_FRAMES, *SERVER_FRAMES], schemas, strict=False)}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Sluice wire protocol",
            "version": "1",
            "description": "See protocol.md. JSON and msgpack carry the same frames.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {
            "engine": {
                "address": "/",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in frames},
                "bindings": {"ws": {"method": "GET"}},
            }
        },
        "operations": {
            "fromClient": _operation("receive", CLIENT_FRAMES),
            "fromServer": _operation("send", SERVER_FRAMES),
        },
        "components": {
            "messages": {name: {"name": name, "payload": schema} for name, schema in frames.items()},
            "schemas": components,
        },
    }


def _operation(action: str, frames: Iterable[type]) -> dict[str, Any]:
    messages_of = [{"$ref": f"#/channels/engine/messages/{frame.__name__}"} for frame in frames]
    return {"action": action, "channel": {"$ref": "#/channels/engine"}, "messages": messages_of}


# --- tables from types ----------------------------------------------------------------------------------------------


def tag_of(struct: type) -> str:
    config: msgspec.structs.StructConfig = struct.__struct_config__  # type: ignore[attr-defined]  # all are Structs
    return str(config.tag)


def _frames(frames: Iterable[type]) -> list[str]:
    return struct_table("`op`", frames)


def struct_table(title: str, structs: Iterable[type]) -> list[str]:
    rows = ((f"`{tag_of(struct)}`", fields_of(struct), said_of(struct)) for struct in structs)
    return table_of((title, "fields", ""), rows)


def named_table(structs: Iterable[type]) -> list[str]:
    return table_of(
        ("", "fields", ""), ((f"`{struct.__name__}`", fields_of(struct), said_of(struct)) for struct in structs)
    )


def table_of(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    lines = [f"| {' | '.join(head)} |", f"| {' | '.join('---' for _ in head)} |"]
    return [*lines, *(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows), ""]


def fields_of(struct: type) -> str:
    """``name: type = default``, the type as a reader of JSON would say it."""
    shown = []
    for field in msgspec.structs.fields(struct):
        default = "" if field.required else _default(field)
        shown.append(f"`{field.encode_name}: {_type(field.type)}{default}`")
    return ", ".join(shown) or "–"


def _default(field: msgspec.structs.FieldInfo) -> str:
    value = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    return f" = {msgspec.json.encode(value).decode()}"


_WORDS = {"str": "text", "int": "integer", "float": "number", "bool": "boolean"}


def _type(annotation: Any) -> str:
    if annotation == Command:
        return "command"
    if annotation == queries.Query:
        return "query"
    if isinstance(annotation, str):  # one of a literal's values
        return f'"{annotation}"'
    args = get_args(annotation)
    origin = getattr(annotation, "__origin__", None)
    if origin in (list, tuple):
        return f"[{'event' if len(get_args(args[0])) > 20 else _type(args[0])}]"
    if origin is dict:
        return f"{{{_type(args[0])}: {_type(args[1])}}}"
    if args:
        return " or ".join("null" if arg is type(None) else _type(arg) for arg in args)
    if annotation is Any:
        return "any"
    name = str(annotation.__name__)
    return _WORDS.get(name, name)


def said_of(struct: type) -> str:
    """A docstring as one cell."""
    text = struct.__dict__.get("__doc__") or ""
    if text.startswith(struct.__name__ + "("):
        return ""
    plain = re.sub(r":\w+:`([^`]+)`", r"`\1`", text).replace("``", "`")
    return " ".join(inspect.cleandoc(plain).split())


def asyncapi_page() -> str:
    """``docs/asyncapi.json``."""
    return msgspec.json.format(msgspec.json.encode(asyncapi(), order="sorted"), indent=1).decode() + "\n"
