"""Why the desk does not do something, as stable codes. A refusal is answered, and not written down: nothing happened."""

from __future__ import annotations

from enum import StrEnum

from engine.ports import Answer


class DeskCode(StrEnum):
    BAD_VALUE = "bad_value"
    TOO_MANY = "too_many"
    VERSION_CONFLICT = "version_conflict"
    WRONG_STATE = "wrong_state"
    NOT_SUPPORTED = "not_supported"
    NOT_DECLARED = "not_declared"
    UNKNOWN_CUSTOMER = "unknown_customer"
    BLOCKED = "blocked"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"


SENTENCES: dict[DeskCode, str] = {
    DeskCode.BAD_VALUE: "a field has a value that the desk does not take",
    DeskCode.TOO_MANY: "more than the desk keeps of this",
    DeskCode.VERSION_CONFLICT: "it was changed since the version you saw",
    DeskCode.WRONG_STATE: "this cannot be done as things stand",
    DeskCode.NOT_SUPPORTED: "this engine runs without a desk",
    DeskCode.NOT_DECLARED: "the desk's file does not declare this",
    DeskCode.UNKNOWN_CUSTOMER: "there is no such customer for this principal",
    DeskCode.BLOCKED: "the customer is on the blocklist: no new contacts",
    DeskCode.UNAVAILABLE: "the desk's tables cannot be used just now; what was acknowledged is kept",
    DeskCode.INTERNAL: "the desk could not handle this; it is logged",
}


class Refused(Exception):
    """``what`` was ``got`` where ``wanted`` would be right."""

    def __init__(self, code: DeskCode, what: str, got: str = "", wanted: str = "") -> None:
        super().__init__(f"{what}, got {got}, wanted {wanted} ({code})")
        self.code, self.what, self.got, self.wanted = code, what, got, wanted

    def answer(self) -> Answer:
        return Answer(code=self.code, message=SENTENCES[self.code], what=self.what, got=self.got, wanted=self.wanted)
