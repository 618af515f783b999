"""What the desk's file declares: attributes of customers, tiers, entitlements, and where other records come from."""

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


class Tier(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """``entitlements``: what each of its customers has without subscribing."""

    entitlements: tuple[str, ...] = ()
    title: str = ""
    title_zh: str = ""


class Entitlement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """``quota``: so many uses of a subscription, or of a tier (0: without end); ``unit``: of what."""

    quota: int = 0
    unit: str = ""
    title: str = ""
    title_zh: str = ""


class ConnectorPlace(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where records of another system are asked for. ``key_file`` holds the secret with which questions are signed."""

    url: str
    key_file: str
    timeout_ms: int = 2_000
    max_kib: int = 256


class Settings(msgspec.Struct, frozen=True):
    """Every tenant's customers have the same attributes, tiers and entitlements."""

    attributes: dict[str, AttributeKind] = {}
    tiers: dict[str, Tier] = {}
    entitlements: dict[str, Entitlement] = {}
    connectors: dict[str, ConnectorPlace] = {}


NO_SETTINGS = Settings()
# Names that the server itself gives to contacts.
OWN_NAMES = frozenset({"tier", "blocked"})


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
