"""What may be done with customers. ``customer`` is the opaque key that contacts carry, never a name or a number to call."""

from __future__ import annotations

from typing import TypeAlias

from engine.desk.deeds import Deed
from engine.dispatch.commands import Value


class SaveCustomer(Deed, tag="customer.save", frozen=True, gc=False):
    """Set declared attributes; null takes one away, what is not named stays.

    ``expect_version``: as last seen, 0 for a customer nobody has saved yet. ``personal``: which of them are sealed (the server fills it in).
    """

    customer: str = ""
    attributes: dict[str, Value | None] = {}
    expect_version: int | None = None
    personal: tuple[str, ...] = ()


class TagCustomer(Deed, tag="customer.tag", frozen=True, gc=False):
    """Put tags on a customer, and take others off. Tags are no place for personal data: they are not sealed."""

    customer: str = ""
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


CustomerCommand: TypeAlias = SaveCustomer | TagCustomer
