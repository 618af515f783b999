"""Between the brain and a connector: what it wants looked up as a question, and the answer as a turn."""

from __future__ import annotations

from collections.abc import Sequence

from engine.desk.bot.turns import LookedUp, Lookup
from engine.ports import ConnectorAnswer, ConnectorQuestion


def question_of(lookup: Lookup, tenant: str, customers: Sequence[str]) -> ConnectorQuestion:
    """``customers``: all keys of the one who asks, so that nobody looks up another's order."""
    return ConnectorQuestion(lookup.kind, tenant, tuple(customers), lookup.key, dict(lookup.fields), limit=1)


def turn_of(answer: ConnectorAnswer) -> LookedUp:
    """Found, with the first record's fields as texts; missing when there is none. Failing and being slow are the asker's to tell."""
    if not answer.records:
        return LookedUp("missing")
    record = answer.records[0]
    return LookedUp("found", {name: "" if value is None else str(value) for name, value in record.items()})
