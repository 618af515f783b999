"""One catalogue of refusal codes. A refusal is a returned event, because it is part of history."""

from __future__ import annotations

from enum import StrEnum


class Code(StrEnum):
    """Stable codes; the sentence beside each is what a client's log should say."""

    UNKNOWN_CONTACT = "unknown_contact"
    CONTACT_GONE = "contact_gone"
    UNKNOWN_AGENT = "unknown_agent"
    UNKNOWN_QUEUE = "unknown_queue"
    UNKNOWN_POOL = "unknown_pool"
    UNKNOWN_CHANNEL = "unknown_channel"
    UNKNOWN_SHOP = "unknown_shop"
    UNKNOWN_OFFER = "unknown_offer"
    OFFER_EXPIRED = "offer_expired"
    OFFER_GONE = "offer_gone"
    NOT_YOURS = "not_yours"
    WRONG_STATE = "wrong_state"
    VERSION_CONFLICT = "version_conflict"
    BAD_VALUE = "bad_value"
    BAD_REQUIREMENT = "bad_requirement"
    BAD_POLICY = "bad_policy"
    LIMIT_NOT_DECLARED = "limit_not_declared"
    AGENT_BUSY = "agent_busy"
    COUNT_CHANGED = "count_changed"
    NOT_CONFIRMED = "not_confirmed"
    TIME_WENT_BACK = "time_went_back"
    NO_PROMISE = "no_promise"
    NO_BOTS = "no_bots"
    NOT_SUPPORTED = "not_supported"


SENTENCES: dict[Code, str] = {
    Code.UNKNOWN_CONTACT: "no open contact has this number here",
    Code.CONTACT_GONE: "the contact has already ended",
    Code.UNKNOWN_AGENT: "no agent has this id here",
    Code.UNKNOWN_QUEUE: "the policy has no such queue",
    Code.UNKNOWN_POOL: "the policy has no such pool",
    Code.UNKNOWN_CHANNEL: "the policy has no such channel",
    Code.UNKNOWN_SHOP: "the policy has no such shop of this tenant",
    Code.UNKNOWN_OFFER: "no offer has this number",
    Code.OFFER_EXPIRED: "the offer's deadline has passed",
    Code.OFFER_GONE: "the offer was taken back or has ended",
    Code.NOT_YOURS: "the contact or offer belongs to somebody else",
    Code.WRONG_STATE: "this cannot be done in the present state",
    Code.VERSION_CONFLICT: "the contact changed since the version you saw",
    Code.BAD_VALUE: "a field's value is outside its range",
    Code.BAD_REQUIREMENT: "the requirement cannot be read",
    Code.BAD_POLICY: "the policy has problems and was not applied",
    Code.LIMIT_NOT_DECLARED: "an agent may lower only a limit that the policy's channel declares",
    Code.AGENT_BUSY: "the agent still holds work",
    Code.COUNT_CHANGED: "another number matches than you expect: look again",
    Code.NOT_CONFIRMED: "the filter matches everything, and nobody said that this is meant",
    Code.TIME_WENT_BACK: "a stamp lies before the last one",
    Code.NO_PROMISE: "the queue takes no messages to be answered later",
    Code.NO_BOTS: "no bot serves the queue",
    Code.NOT_SUPPORTED: "this release knows the command but not yet its rule",
}


# The last millisecond of the year 9999. Larger numbers are mistakes (nanoseconds, mostly), and beyond 64 bits no journal
# could hold the event.
LAST_INSTANT = 253_402_300_799_999


def wanted_until(until: int, now: int) -> str:
    """What an instant to come should have been; empty when it is one."""
    if until <= now:
        return f"an instant after {now}"
    return "" if until <= LAST_INSTANT else f"an instant up to {LAST_INSTANT}, in milliseconds"
