"""What texts, keys and values of customers have to be."""

from __future__ import annotations

import re
from datetime import date

from engine.desk import limits
from engine.desk.deeds import refuse
from engine.desk.refusals import DeskCode
from engine.desk.settings import AttributeKind, is_of, wanted
from engine.desk.text import find_fault
from engine.dispatch.commands import Value
from engine.dispatch.refusals import LAST_INSTANT

_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def check_key(what: str, key: str) -> None:
    """A customer key: opaque, and bounded."""
    check_text(what, key, limits.KEY_CHARS)


def check_text(what: str, text: str, limit: int) -> None:
    """One line of plain text, data wherever it is shown. Raises :class:`Refused`; the text itself is not repeated."""
    fault = find_fault(text, what, limit, html=True, lines=False)
    if fault is not None:
        raise refuse(DeskCode.BAD_VALUE, fault.what, fault.got, fault.wanted)


def check_instant(what: str, instant: int) -> None:
    """0: not said."""
    if not 0 <= instant <= LAST_INSTANT:
        raise refuse(DeskCode.BAD_VALUE, what, instant, f"0, or an instant up to {LAST_INSTANT}")


def check_count(what: str, count: int, least: int) -> None:
    if not least <= count <= limits.QUOTA:
        raise refuse(DeskCode.BAD_VALUE, what, count, f"{least} to {limits.QUOTA}")


def check_declared(what: str, name: str, declared: dict[str, object] | tuple[str, ...]) -> None:
    if name not in declared:
        known = ", ".join(declared) or "nothing: the desk's file declares none"
        raise refuse(DeskCode.NOT_DECLARED, what, name[:64], known)


def check_value(what: str, value: Value, kind: AttributeKind) -> None:
    """A personal value is not repeated in the refusal."""
    if not is_of(kind, value):
        shown = type(value).__name__ if kind.personal else str(value)[:80]
        raise refuse(DeskCode.BAD_VALUE, what, shown, wanted(kind))
    if type(value) is str:
        check_text(what, value, limits.VALUE_CHARS)
        if kind.type == "date" and not _is_date(value):
            raise refuse(DeskCode.BAD_VALUE, what, "another text", wanted(kind))


def _is_date(text: str) -> bool:
    try:
        return bool(_DATE.fullmatch(text)) and bool(date.fromisoformat(text))
    except ValueError:
        return False
