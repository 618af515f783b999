"""Every frame of the protocol, typed. ``op`` is the tag; unknown fields are refused; fields at their default are left out.

``docs/protocol.md`` is generated from these types and their docstrings.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from engine.desk.commands import DeskCommand
from engine.desk.queries import DeskQuery
from engine.dispatch.commands import Command
from engine.dispatch.events import Event
from engine.wire.queries import Query

SUBPROTOCOL_JSON = "sluice.v1.json"
SUBPROTOCOL_MSGPACK = "sluice.v1.msgpack"
FROM_NOW = -1


class _Frame(msgspec.Struct, frozen=True, gc=False, tag_field="op", forbid_unknown_fields=True, omit_defaults=True):
    pass


# --- from the client ------------------------------------------------------------------------------------------------


class Hello(_Frame, tag="hello", frozen=True, gc=False):
    """The first frame, within 5 s. ``token`` says tenant, role and subject.

    Without accounts (``--dev``, loopback only) ``token`` is empty and ``role``, ``subject`` and ``tenant`` are taken as
    said. With a token they may be left out; where given they must agree with it. ``session``: the one of an earlier
    ``welcome``, to take it over; ``client``: name/version for the logs.
    """

    token: str = ""
    role: str = ""
    subject: str = ""
    tenant: str = ""
    session: str = ""
    client: str = ""


class Do(_Frame, tag="do", frozen=True, gc=False):
    """A command. ``id`` is the client's own, never empty: the same id with the same body gets the same answer for 24 h.

    ``text``: the message that goes with ``contact.message`` or ``contact.submit`` (its first message), and no other.
    Answered by ``ok`` or ``error`` with this id, once it is durable.
    """

    id: str
    command: Command | DeskCommand
    text: str = ""


class Ask(_Frame, tag="ask", frozen=True, gc=False):
    """A question about the committed state. Answered by ``ok`` or ``error`` with this id."""

    id: str
    query: Query | DeskQuery


class Resume(_Frame, tag="resume", frozen=True, gc=False):
    """Subscribe to streams, or go on with them. Each offset: the last one seen, or -1 for "from now".

    Answered by ``ok``, then per stream the missed ``push`` frames in order, or one ``resync`` when they are out of reach.
    """

    id: str
    streams: dict[str, int]


class Renew(_Frame, tag="renew", frozen=True, gc=False):
    """A fresh token for the same principal, before the old one expires (which closes the connection, 4003)."""

    id: str
    token: str


class Pong(_Frame, tag="pong", frozen=True, gc=False):
    """The answer to ``ping``. Any frame counts as a sign of life."""


class ByeFromClient(_Frame, tag="bye", frozen=True, gc=False):
    """A polite end: an agent that says bye is not waited for (`agent.lost` at once, as for a dead connection)."""


ClientFrame: TypeAlias = Hello | Do | Ask | Resume | Renew | Pong | ByeFromClient


# --- from the server ------------------------------------------------------------------------------------------------


class Welcome(_Frame, tag="welcome", frozen=True, gc=False):
    """The answer to ``hello``. ``now``: dispatcher time in ms; ``clock_scale``: its ms per real ms; ``epoch`` grows with
    each start of the engine; ``limits``: the numbers a client should know."""

    session: str
    epoch: int
    heartbeat_ms: int
    limits: dict[str, int]
    tenant: str
    role: str
    subject: str
    clock_scale: float
    now: int


class Ok(_Frame, tag="ok", frozen=True, gc=False):
    """The answer to ``do`` (``lsn``: where it stands in the journal), ``ask``, ``resume`` and ``renew``."""

    id: str
    lsn: int = 0
    result: Any = None


class Error(_Frame, tag="error", frozen=True, gc=False):
    """What was wrong, what we got, what would be right. ``id`` is empty when the frame's could not be read.

    ``lsn`` is set when the refusal is part of the journal. With ``retry_after_ms`` nothing was stored: send it again.
    """

    id: str
    code: str
    message: str
    what: str = ""
    got: str = ""
    wanted: str = ""
    lsn: int = 0
    retry_after_ms: int | None = None


class Push(_Frame, tag="push", frozen=True, gc=False):
    """One journal record's part of a stream. ``offset`` is its lsn; ``text`` when the record carried a message; ``erased``: it did,
    and its customer was erased."""

    stream: str
    offset: int
    events: list[Event]
    text: str = ""
    erased: bool = False


class Resync(_Frame, tag="resync", frozen=True, gc=False):
    """The stream cannot be replayed without a gap: this is the state as of ``offset``; pushes go on after it."""

    stream: str
    offset: int
    snapshot: Any


class Waiting(_Frame, tag="waiting", frozen=True, gc=False):
    """A waiting contact's place and what it still has to wait, to whoever follows its ``contact`` or ``channel`` stream: on
    arrival and then at most once per 5 s (real time), if anything changed. ``position`` 1 is next; ``p50_ms``, ``p90_ms``:
    served within it in half, in nine of ten such cases (-1: nobody can say). No part of history: nothing to resume."""

    contact: int
    queue: str
    position: int
    at: int
    p50_ms: int = -1
    p90_ms: int = -1


class Ping(_Frame, tag="ping", frozen=True, gc=False):
    """Say ``pong``. On WebSocket carriers a control ping goes along, which browsers answer by themselves."""


class Bye(_Frame, tag="bye", frozen=True, gc=False):
    """The server ends this connection. ``reason``: fenced (do not come back), going_away, slow, expired, rate, no_hello.

    ``retry_after_ms``: when to come back. An engine that goes down gives each connection a moment of its own.
    """

    reason: str
    retry_after_ms: int = 0


ServerFrame: TypeAlias = Welcome | Ok | Error | Push | Resync | Waiting | Ping | Bye
