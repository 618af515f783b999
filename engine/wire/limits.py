"""Every limit of the wire, as one table. The docs page and a test at limit−1, limit, limit+1 are made from it.

A constant below *is* its row: ``_row`` puts it into ``LIMITS`` and returns the number.
"""

from __future__ import annotations

from typing import Final

import msgspec


class Limit(msgspec.Struct, frozen=True):
    """``beyond``: what happens to a client that goes over; ``why``: where the number comes from."""

    name: str
    value: int
    unit: str
    beyond: str
    why: str


LIMITS: Final[dict[str, Limit]] = {}


def _row(name: str, value: int, unit: str, *, beyond: str, why: str) -> int:
    assert name not in LIMITS, name
    LIMITS[name] = Limit(name, value, unit, beyond, why)
    return value


# --- one frame ------------------------------------------------------------------------------------------------------

FRAME_BYTES: Final = _row(
    "frame_bytes",
    64 * 1024,
    "bytes",
    beyond="error too_big, closed (WebSocket 1009)",
    why="four times the largest message text; one frame costs at most a few hundred KiB once decoded",
)
HELLO_BYTES: Final = _row(
    "hello_bytes",
    4 * 1024,
    "bytes",
    beyond="error too_big, closed",
    why="before hello nobody is known; a token is at most 4 KiB and in practice 400 bytes",
)
DEPTH: Final = _row(
    "depth", 16, "levels", beyond="error too_deep, closed", why="the deepest frame of the protocol has 5 levels"
)
ITEMS: Final = _row(
    "items",
    4096,
    "map entries and list items",
    beyond="error too_many_items, closed",
    why="64 KiB of empty maps would take 72 times their size in memory",
)
POLICY_BYTES: Final = _row(
    "policy_bytes",
    60 * 1024,
    "bytes of UTF-8",
    beyond="error too_long; use SIGHUP and the file instead",
    why="what fits into one frame",
)
TEXT_BYTES: Final = _row(
    "text_bytes", 16 * 1024, "bytes of UTF-8", beyond="error too_long", why="one message of a conversation"
)
FIELD_BYTES: Final = _row(
    "field_bytes",
    1024,
    "bytes of UTF-8",
    beyond="error too_long",
    why="ids, names, reasons, requirements: one line each",
)
ID_BYTES: Final = _row(
    "id_bytes", 128, "bytes of UTF-8", beyond="error too_long", why="a command id is kept for 24 h with its answer"
)
ATTRIBUTES: Final = _row(
    "attributes",
    64,
    "per contact or agent",
    beyond="error too_many",
    why="attributes are held in memory while it is open",
)
INTEGER: Final = _row(
    "integer", 2**53 - 1, "either side of zero", beyond="error bad_number", why="what a browser reads back unchanged"
)
SKILLS: Final = _row("skills", 64, "per agent", beyond="error too_many", why="eligibility looks at each")

# --- one socket -----------------------------------------------------------------------------------------------------

FRAGMENTS: Final = _row(
    "fragments", 32, "per WebSocket message", beyond="closed 1008", why="one-byte fragments cost 100 times their size"
)
PINGS_PER_S: Final = _row(
    "pings_per_s", 2, "WebSocket pings a second, bursts of 10", beyond="closed 1008", why="liveness needs one in 25 s"
)
PING_BURST: Final = 10
FRAMES_PER_S: Final = _row(
    "frames_per_s",
    20,
    "frames a second of a customer or agent (times the clock's scale)",
    beyond="error rate_limited with retry_after_ms; 600 refused in a row: closed 4009",
    why="nobody types 20 commands a second",
)
FRAMES_BURST: Final = _row(
    "frames_burst",
    60,
    "frames at once of a customer or agent",
    beyond="as frames_per_s",
    why="a console that restores its tabs",
)
REFUSED_IN_A_ROW: Final = 600
IN_FLIGHT: Final = _row(
    "in_flight",
    32,
    "unanswered commands and asks of a customer or agent",
    beyond="error overloaded with retry_after_ms",
    why="more cannot come from one person",
)
IN_FLIGHT_TRUSTED: Final = _row(
    "in_flight_trusted",
    1024,
    "unanswered commands and asks of a channel, bot or supervisor",
    beyond="error overloaded with retry_after_ms",
    why="2,000 lives a second at 25 ms each, and as much again",
)
OUTBOX_FRAMES: Final = _row(
    "outbox_frames",
    256,
    "frames waiting to be written to a customer or agent",
    beyond="closed 4008, resumable",
    why="a minute of a busy agent",
)
OUTBOX_BYTES: Final = _row(
    "outbox_bytes",
    1024 * 1024,
    "bytes waiting to be written to a customer or agent",
    beyond="closed 4008, resumable",
    why="15,000 slow readers must fit into memory",
)
OUTBOX_FRAMES_TRUSTED: Final = _row(
    "outbox_frames_trusted",
    8192,
    "frames waiting to be written to a channel, bot or supervisor",
    beyond="closed 4008, resumable",
    why="four full batches of 512 records, each with an answer and pushes",
)
OUTBOX_BYTES_TRUSTED: Final = _row(
    "outbox_bytes_trusted",
    8 * 1024 * 1024,
    "bytes waiting to be written to a channel, bot or supervisor",
    beyond="closed 4008, resumable",
    why="as outbox_frames_trusted, 1 KiB each",
)
SUBSCRIPTIONS: Final = _row(
    "subscriptions",
    50,
    "streams per socket",
    beyond="error too_many",
    why="a supervisor's wallboard; a channel needs one",
)
WRITE_MS: Final = _row(
    "write_ms",
    10_000,
    "ms for one write",
    beyond="the socket is cut, never retried",
    why="a zero window must not hold memory",
)
HEARTBEAT_MS: Final = _row(
    "heartbeat_ms",
    25_000,
    "ms between pings, ±20 %",
    beyond="two unanswered: the socket is cut",
    why="below the 30 s after which home routers forget a connection",
)
HEARTBEATS_MISSED: Final = 2

# --- before hello ---------------------------------------------------------------------------------------------------

HEAD_BYTES: Final = _row(
    "head_bytes",
    8 * 1024,
    "bytes of the HTTP upgrade request",
    beyond="400, closed",
    why="what HTTP servers commonly take",
)
HEAD_FIELDS: Final = _row(
    "head_fields", 64, "header fields of the upgrade request", beyond="431, closed", why="browsers send about 15"
)
HANDSHAKE_MS: Final = _row(
    "handshake_ms",
    5_000,
    "ms for the upgrade request",
    beyond="closed",
    why="a slow phone needs one; nobody honest needs five",
)
HELLO_MS: Final = _row("hello_ms", 5_000, "ms from connected to hello", beyond="closed 4001", why="as handshake_ms")
PENDING: Final = _row(
    "pending",
    4000,
    "sockets that have not said hello",
    beyond="closed at once",
    why="room for a thousand silent ones and for a reconnect storm",
)
PENDING_PER_ADDRESS: Final = _row(
    "pending_per_address",
    64,
    "sockets without hello per address (loopback apart)",
    beyond="closed at once",
    why="one office behind one address",
)
HANDSHAKES_PER_ADDRESS: Final = _row(
    "handshakes_per_address",
    100,
    "sockets at once from an address (loopback apart), 20 more each second",
    beyond="turned away with the time to come back",
    why="an office that comes back from lunch behind one address",
)
HANDSHAKES_PER_ADDRESS_PER_S: Final = 20
WELCOMES: Final = _row(
    "welcomes",
    500,
    "good handshakes at once, 750 more each second",
    beyond="turned away with the time to come back: HTTP 503 with Retry-After, or error overloaded",
    why="15,000 are back in 20 s, at half a core; the other half goes on serving",
)
WELCOMES_PER_S: Final = 750
SOCKETS_PER_PRINCIPAL: Final = _row(
    "sockets_per_principal",
    5,
    "sockets of one customer",
    beyond="error overloaded, closed 4009",
    why="a phone, a tablet and some forgotten tabs; an agent has one",
)
FLAPS: Final = _row(
    "flaps",
    5,
    "connections of one agent, bot or customer in a minute, after which each further one has to wait",
    beyond="error overloaded with a growing retry_after_ms, closed 4009; an agent is not ready for a minute",
    why="a network that drops every few seconds serves nobody",
)
FLAPS_WINDOW_S: Final = 60
SOCKETS: Final = _row(
    "sockets", 16_000, "sockets per process", beyond="closed at once", why="the design's 15,000 with some room"
)
TOKEN_BYTES: Final = _row("token_bytes", 3 * 1024, "bytes", beyond="error unauthorized", why="fits the first frame")

# --- asks -----------------------------------------------------------------------------------------------------------

HISTORY_PAGE: Final = _row(
    "history_page", 100, "messages", beyond="the page is cut; ask on from its last seq", why="one screen and a scroll"
)
LIST_PAGE: Final = _row(
    "list_page",
    100,
    "contacts or agents",
    beyond="the page is cut; ask on from its last id",
    why="one screen and a scroll",
)
STORY_RECORDS: Final = _row(
    "story_records",
    20_000,
    "journal records looked through for one contact's story",
    beyond="the story says it is cut",
    why="half a second of reading in the background",
)
REPLAY_RECORDS: Final = _row(
    "replay_records",
    2_048,
    "journal records read to resume a stream",
    beyond="resync with a snapshot instead",
    why="20 ms of reading; a snapshot is cheaper from there on",
)


def for_role(trusted: bool) -> dict[str, int]:
    """The limits a client is told in ``welcome``, by name."""
    return {
        "frame_bytes": FRAME_BYTES,
        "text_bytes": TEXT_BYTES,
        "in_flight": IN_FLIGHT_TRUSTED if trusted else IN_FLIGHT,
        "subscriptions": SUBSCRIPTIONS,
        "history_page": HISTORY_PAGE,
        "list_page": LIST_PAGE,
        **({} if trusted else {"frames_per_s": FRAMES_PER_S, "frames_burst": FRAMES_BURST}),
    }
