"""What can be wrong with what a client sent, as stable codes. Refusals by the dispatcher keep their own codes."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class WireCode(StrEnum):
    """Codes of ``error`` frames that the wire, the access table and the server give (besides the dispatcher's)."""

    MALFORMED = "malformed"
    WRONG_CARRIER = "wrong_carrier"
    TOO_BIG = "too_big"
    TOO_DEEP = "too_deep"
    TOO_MANY_ITEMS = "too_many_items"
    DUPLICATE_KEY = "duplicate_key"
    BAD_NUMBER = "bad_number"
    BAD_TYPE = "bad_type"
    BAD_VALUE = "bad_value"
    TOO_LONG = "too_long"
    TOO_MANY = "too_many"
    HELLO_EXPECTED = "hello_expected"
    HELLO_TWICE = "hello_twice"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    CONFLICT = "conflict"
    OVERLOADED = "overloaded"
    RATE_LIMITED = "rate_limited"
    UNKNOWN_STREAM = "unknown_stream"
    HISTORY_TRIMMED = "history_trimmed"
    GOING_AWAY = "going_away"
    STORE_FAILED = "store_failed"
    INTERNAL = "internal"


SENTENCES: dict[WireCode, str] = {
    WireCode.MALFORMED: "the frame cannot be read",
    WireCode.WRONG_CARRIER: "this address speaks another carrier",
    WireCode.TOO_BIG: "the frame is larger than allowed",
    WireCode.TOO_DEEP: "the frame is nested deeper than allowed",
    WireCode.TOO_MANY_ITEMS: "the frame holds more entries than allowed",
    WireCode.DUPLICATE_KEY: "a map names the same key twice",
    WireCode.BAD_NUMBER: "a number is not finite or out of range",
    WireCode.BAD_TYPE: "the frame holds a type that JSON does not have",
    WireCode.BAD_VALUE: "a field has the wrong type or value",
    WireCode.TOO_LONG: "a text is longer than allowed",
    WireCode.TOO_MANY: "a list or map holds more than allowed",
    WireCode.HELLO_EXPECTED: "the first frame must be hello",
    WireCode.HELLO_TWICE: "hello was already said on this connection",
    WireCode.UNAUTHORIZED: "the token is not accepted here",
    WireCode.FORBIDDEN: "this role may not do this",
    WireCode.CONFLICT: "the id was used before with another command",
    WireCode.OVERLOADED: "too much at once; nothing was stored, the same id may be sent again",
    WireCode.RATE_LIMITED: "too many frames a second; nothing was stored, the same id may be sent again",
    WireCode.UNKNOWN_STREAM: "there is no such stream for this principal",
    WireCode.HISTORY_TRIMMED: "the journal no longer reaches back that far",
    WireCode.GOING_AWAY: "the engine is stopping; connect again",
    WireCode.STORE_FAILED: "the store failed; the command may or may not have been kept, send it again with the same id",
    WireCode.INTERNAL: "the engine could not handle this; it is counted and logged",
}


class Close(IntEnum):
    """WebSocket close codes. On framed connections the ``bye`` or ``error`` frame before the end says the same."""

    NORMAL = 1000
    GOING_AWAY = 1001
    NOT_UTF8 = 1007
    TOO_BIG = 1009
    POLICY = 1008
    INTERNAL = 1011
    UNAUTHORIZED = 4001
    MALFORMED = 4002
    EXPIRED = 4003
    SLOW = 4008
    RATE = 4009
    FENCED = 4010


CLOSE_SENTENCES: dict[Close, str] = {
    Close.NORMAL: "said bye",
    Close.GOING_AWAY: "the engine stops or restarts; resume after `retry_after_ms`",
    Close.NOT_UTF8: "a text message that is not UTF-8",
    Close.TOO_BIG: "a message over `frame_bytes`",
    Close.POLICY: "too many fragments or pings",
    Close.INTERNAL: "this connection's handling failed; others go on",
    Close.UNAUTHORIZED: "no hello in time, or a token that is not accepted",
    Close.MALFORMED: "a frame that cannot be read",
    Close.EXPIRED: "the token expired",
    Close.SLOW: "read too slowly; connect again and resume from the last offset",
    Close.RATE: "kept sending over the rate limit",
    Close.FENCED: "another connection took over this agent or session; do not reconnect",
}


class WireError(Exception):
    """A frame that is refused. ``fatal``: the close code when the connection cannot go on, else None.

    ``id`` is the command's or ask's when it could be read. ``says`` takes the place of the code's own sentence.
    """

    def __init__(
        self,
        code: WireCode,
        what: str,
        got: str = "",
        wanted: str = "",
        *,
        id: str = "",
        fatal: Close | None = None,
        retry_after_ms: int | None = None,
        says: str = "",
    ) -> None:
        super().__init__(f"{what}, got {got}, wanted {wanted} ({code})")
        self.message = says or SENTENCES[code]
        self.code = code
        self.what = what
        self.got = got
        self.wanted = wanted
        self.id = id
        self.fatal = fatal
        self.retry_after_ms = retry_after_ms
