"""What the desk's file declares: which attributes a customer may have, and of what kind each is."""

from __future__ import annotations

from typing import Literal

import msgspec

from engine.dispatch.commands import Value


class AttributeKind(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """``personal``: sealed, and never for the policy. ``routing``: joins a contact's attributes when it is submitted.

    ``values``: those of an enum. ``min`` and ``max``: of an int or a number.
    """

    type: Literal["bool", "int", "number", "string", "date", "enum"] = "string"
    personal: bool = True
    routing: bool = False
    values: tuple[str, ...] = ()
    min: float | None = None
    max: float | None = None
    title: str = ""
    title_zh: str = ""


class Settings(msgspec.Struct, frozen=True):
    """Every tenant's customers have the same attributes."""

    attributes: dict[str, AttributeKind] = {}


NO_SETTINGS = Settings()
NUMBERS = (int, float)


def is_of(kind: AttributeKind, value: Value) -> bool:
    """Whether the value is of its declared kind."""
    match kind.type:
        case "bool":
            return type(value) is bool
        case "enum":
            return value in kind.values
        case "string" | "date":
            return type(value) is str
        case _:
            return (
                (type(value) is int or (kind.type == "number" and type(value) is float))
                and (kind.min is None or value >= kind.min)
                and (kind.max is None or value <= kind.max)
            )


def wanted(kind: AttributeKind) -> str:
    match kind.type:
        case "enum":
            return f"one of {', '.join(kind.values)}"
        case "bool":
            return "true or false"
        case "date":
            return "a date YYYY-MM-DD"
        case "string":
            return "a text"
        case _:
            bounds = [
                f"{name} {bound:g}" for name, bound in (("min", kind.min), ("max", kind.max)) if bound is not None
            ]
            return f"{'a whole number' if kind.type == 'int' else 'a number'} {' '.join(bounds)}".strip()
