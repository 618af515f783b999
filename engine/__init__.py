"""Sluice, embedded: ``async with open_engine(policy, store="memory") as engine``.

Importing this package loads nothing; each name loads what it needs when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from engine.compiled import COMPILED

if TYPE_CHECKING:
    from engine.bootstrap import open_engine
    from engine.dispatch.commands import (
        AcceptOffer,
        AddMessage,
        AgentKind,
        AgentProfile,
        CloseContact,
        Command,
        DefineAgent,
        Sender,
        SignOn,
        SubmitContact,
        TransferContact,
    )
    from engine.dispatch.events import Event
    from engine.dispatch.policy.problems import PolicyErrors
    from engine.embedding import AgentHere, Delivery, Engine, Subscription
    from engine.ports import Answer, Committed, LeaseHeld, Overloaded, Principal, Stopped, Store, StoreError

_HOMES = {
    "engine.bootstrap": ("open_engine",),
    "engine.dispatch.commands": (
        "AcceptOffer",
        "AddMessage",
        "AgentKind",
        "AgentProfile",
        "CloseContact",
        "Command",
        "DefineAgent",
        "Sender",
        "SignOn",
        "SubmitContact",
        "TransferContact",
    ),
    "engine.dispatch.events": ("Event",),
    "engine.dispatch.policy.problems": ("PolicyErrors",),
    "engine.embedding": ("AgentHere", "Delivery", "Engine", "Subscription"),
    "engine.ports": (
        "Answer",
        "Committed",
        "LeaseHeld",
        "Overloaded",
        "Principal",
        "Stopped",
        "Store",
        "StoreError",
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "COMPILED", "open_engine", "Engine", "AgentHere", "Delivery", "Subscription",
    "Command", "SubmitContact", "AddMessage", "TransferContact", "CloseContact",
    "DefineAgent", "SignOn", "AcceptOffer", "AgentKind", "AgentProfile", "Sender",
    "Event", "Answer", "Committed", "Principal", "Store",
    "LeaseHeld", "Overloaded", "PolicyErrors", "Stopped", "StoreError",
]  # fmt: skip


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
