"""``{customer.name}`` in a reply at hand: which variables there are, and how they are filled in. Once: what is filled in is only text."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping

from engine.desk.deeds import refuse
from engine.desk.refusals import DeskCode
from engine.desk.settings import Settings

_VARIABLE = re.compile(r"\{([^{}\s]{1,80})\}")
# What the desk does not know, and whoever sends the reply gives.
GIVEN = ("order.id", "order.status", "order.amount", "parcel.number", "parcel.carrier", "link", "date", "time")
_OWN = ("customer.key", "customer.tier", "agent.id", "agent.name", "contact.id", "contact.queue", "shop.id")


def known_variables(settings: Settings) -> tuple[str, ...]:
    return (*_OWN, *(f"customer.{name}" for name in settings.attributes), *GIVEN)


def names_in(text: str) -> list[str]:
    return list(dict.fromkeys(found[1] for found in _VARIABLE.finditer(text)))


def check_variables(text: str, settings: Settings) -> None:
    """Raises :class:`Refused` that names the first unknown one, and the nearest known."""
    known = known_variables(settings)
    for name in names_in(text):
        if name not in known:
            raise refuse(DeskCode.BAD_VALUE, "text: a variable", f"{{{name}}}", nearest(name, known))


def nearest(name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name, list(known), 1, 0.5)
    return f"{{{near[0]}}}" if near else "one of " + ", ".join(f"{{{each}}}" for each in known)


def fill(text: str, values: Mapping[str, str]) -> str:
    """Raises :class:`Refused` that names a variable without a value."""
    for name in names_in(text):
        if not values.get(name):
            raise refuse(DeskCode.BAD_VALUE, f"{{{name}}}", "no value", f"one, as values[{name!r}] or of the customer")
    return _VARIABLE.sub(lambda found: values[found[1]], text)
