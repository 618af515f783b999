"""What may be done with customers, and what must hold before it is."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import msgspec
from sqlalchemy import select

from engine.desk import limits
from engine.desk.customers import commands as c
from engine.desk.customers import queries as q
from engine.desk.customers.folds import find, open_attributes, personal_attributes
from engine.desk.customers.tables import CUSTOMER_TAGS
from engine.desk.database import Reading
from engine.desk.deeds import Ask, Asker, Rooms, Rule, refuse
from engine.desk.refusals import DeskCode
from engine.desk.settings import AttributeKind, Settings, is_of, wanted
from engine.desk.text import find_fault
from engine.dispatch.commands import Value

_DATE = re.compile(r"\d{4}-\d\d-\d\d")


# --- profile --------------------------------------------------------------------------------------------------------


def complete_save(deed: c.SaveCustomer, _asker: Asker, settings: Settings, _now: int) -> c.SaveCustomer:
    check_key("customer", deed.customer)
    if deed.personal:
        raise refuse(DeskCode.BAD_VALUE, "personal", ", ".join(deed.personal)[:80], "nothing: it is declared")
    if not deed.attributes:
        raise refuse(DeskCode.BAD_VALUE, "attributes", "none", "at least one")
    for name, value in deed.attributes.items():
        kind = settings.attributes.get(name)
        if kind is None:
            known = ", ".join(settings.attributes) or "attributes that the desk's file declares"
            raise refuse(DeskCode.NOT_DECLARED, f"attributes.{name[:64]}", name[:64], known)
        if value is not None:
            _check_value(f"attributes.{name}", value, kind)
    personal = tuple(name for name in deed.attributes if settings.attributes[name].personal)
    return msgspec.structs.replace(deed, personal=personal)


def check_save(reading: Reading, deed: c.SaveCustomer, _now: int) -> None:
    if deed.expect_version is None:
        return
    row = find(reading, deed.tenant, deed.customer)
    version = 0 if row is None else row.version
    if deed.expect_version != version:
        raise refuse(DeskCode.VERSION_CONFLICT, "expect_version", deed.expect_version, str(version))


def _check_value(what: str, value: Value, kind: AttributeKind) -> None:
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


# --- tags -----------------------------------------------------------------------------------------------------------


def complete_tags(deed: c.TagCustomer, _asker: Asker, _settings: Settings, _now: int) -> c.TagCustomer:
    check_key("customer", deed.customer)
    if not deed.add and not deed.remove:
        raise refuse(DeskCode.BAD_VALUE, "add, remove", "none", "at least one tag")
    for what, tags in (("add", deed.add), ("remove", deed.remove)):
        if len(tags) > limits.TAGS:
            raise refuse(DeskCode.TOO_MANY, what, len(tags), f"at most {limits.TAGS}")
        for tag in tags:
            check_text(f"{what}: a tag", tag, limits.TAG_CHARS)
    return deed


def check_tags(reading: Reading, deed: c.TagCustomer, _now: int) -> None:
    """Not more than so many; where tags are only taken off there is nothing to check."""
    tags = set(tags_of(reading, deed.tenant, deed.customer)) - set(deed.remove) | set(deed.add)
    if len(tags) > limits.TAGS:
        raise refuse(DeskCode.TOO_MANY, "tags of the customer", len(tags), f"at most {limits.TAGS}")


def tags_of(reading: Reading, tenant: str, customer: str) -> list[str]:
    tags = CUSTOMER_TAGS.c
    found = reading.rows(select(tags.tag).where(tags.tenant == tenant, tags.customer == customer).order_by(tags.tag))
    return [row.tag for row in found]


# --- what is asked --------------------------------------------------------------------------------------------------


def answer_customer(reading: Reading, question: q.AskCustomer, _asker: Asker) -> q.CustomerRow:
    row = find(reading, question.tenant, question.customer)
    if row is None:
        return q.CustomerRow(question.customer)
    return q.CustomerRow(
        customer=row.customer,
        version=row.version,
        attributes={**open_attributes(row), **personal_attributes(reading, row)},
        tags=tags_of(reading, row.tenant, row.customer),
        created_at=row.created_at,
        changed_at=row.changed_at,
    )


# --- what all have in common ----------------------------------------------------------------------------------------


def check_key(what: str, key: str) -> None:
    """A customer key: opaque, and bounded."""
    check_text(what, key, limits.KEY_CHARS)


def check_text(what: str, text: str, limit: int) -> None:
    """One line of plain text. Raises :class:`Refused`; the text itself is not repeated."""
    fault = find_fault(text, what, limit, html=True, lines=False)
    if fault is not None:
        raise refuse(DeskCode.BAD_VALUE, fault.what, fault.got, fault.wanted)


def of_customer(deed: Any) -> str:
    return str(deed.customer)


def customers_of(deed: Any) -> tuple[str, ...]:
    return (deed.customer,)


def the_customer(deed: Any) -> tuple[str, ...]:
    return (f"customer {deed.customer}",)


ROOMS = Rooms(
    rules={
        c.SaveCustomer: Rule(
            complete=complete_save,
            subject=of_customer,
            customers=customers_of,
            things=the_customer,
            check=check_save,
        ),
        c.TagCustomer: Rule(
            complete=complete_tags,
            subject=of_customer,
            customers=customers_of,
            things=the_customer,
            check=check_tags,
        ),
    },
    asks={q.AskCustomer: Ask(customers=customers_of, answer=answer_customer)},
)
