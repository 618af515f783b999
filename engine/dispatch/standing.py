"""What stands in a domain beside contacts, agents and offers, as it is stored: calendars' flags, notices, promises, quotas.

:mod:`engine.dispatch.house` keeps it while the domain runs.
"""

from __future__ import annotations

import msgspec


class Hours(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A calendar as of its last change: ``change_at`` is the instant of the next one (0: it stays so for ever)."""

    open: bool
    change_at: int


class Notice(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A supervisor's notice to those who wait in a queue; ``notice`` is a code, the text is elsewhere."""

    notice: str
    until: int


class Promise(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A message or call-back, left at ``left_at``; from ``live_at`` on it ranks as a live contact."""

    contact: int
    kind: str
    left_at: int
    promised_by: int
    live_at: int


class Sweep(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A mass effect that goes on at ``resume_at`` with the contacts in ``numbers`` (ascending) beyond ``after``."""

    numbers: tuple[int, ...]
    after: int
    resume_at: int


class Standing(msgspec.Struct, frozen=True):
    """``release_from``: queue → no paced release before; ``let_in_until``: when the day ends whose arrivals are counted;
    ``effects`` were done at the stamp ``effects_at``."""

    hours: dict[str, Hours] = {}
    notices: dict[str, Notice] = {}
    promises: list[Promise] = []
    release_from: dict[str, int] = {}
    live_from: int = 0
    closings: dict[str, Sweep] = {}
    tellings: dict[str, Sweep] = {}
    queues_let_in: dict[str, int] = {}
    shops_let_in: dict[str, int] = {}
    let_in_until: int = 0
    effects: int = 0
    effects_at: int = 0
