"""What every command and question of the desk has in common, and how a room says what is to be done with its own.

A *deed* is a desk command: it stands in the journal as the payload of a ``desk.record``, opaque to the dispatcher.
Nothing here loads SQL: the wire decodes into these types.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from engine.desk.refusals import DeskCode, Refused

if TYPE_CHECKING:
    from engine.desk.database import Reading
    from engine.desk.settings import Settings


class Deed(msgspec.Struct, frozen=True, gc=False, tag_field="type", forbid_unknown_fields=True, omit_defaults=True):
    """``tenant`` comes from the token; only a principal over all tenants gives it."""

    tenant: str = ""


class Question(msgspec.Struct, frozen=True, gc=False, tag_field="type", forbid_unknown_fields=True, omit_defaults=True):
    """As :class:`Deed`: ``tenant`` comes from the token."""

    tenant: str = ""


class Asker(msgspec.Struct, frozen=True):
    """Who stands at the desk. ``own``: only what concerns themselves, or customers whom they serve or have served."""

    tenant: str
    role: str
    subject: str
    own: bool = False


def tag_of(deed: Deed | Question) -> str:
    return str(type(deed).__struct_config__.tag)


def _nothing(*_: Any) -> tuple[str, ...]:
    return ()


def _as_given(deed: Any, asker: Asker, settings: Settings, now: int) -> Any:
    return deed


@dataclass(frozen=True)
class Rule:
    """What is to be done with one type of deed.

    ``complete``: the deed as it is written down; checks what the deed itself shows, fills in what the server knows, raises
    :class:`Refused`. ``subject``: the customer key whose key seals the record (empty: it holds nothing personal).
    ``customers``: whose they must be for whoever has the right for own customers only. ``things``: what no other deed may
    change from ``check`` until the tables show this deed (empty: it hangs on nothing, and waits for nobody). ``check``: blocks, raises
    :class:`Refused`. ``result``: what the answer says beside its lsn.
    ``erases``: is answered only when the keys that it destroys are gone.
    """

    complete: Callable[[Any, Asker, Settings, int], Any] = _as_given
    subject: Callable[[Any], str] = lambda deed: ""
    contact: Callable[[Any], int] = lambda deed: 0
    customers: Callable[[Any], tuple[str, ...]] = _nothing
    things: Callable[[Any], tuple[str, ...]] = _nothing
    check: Callable[[Reading, Any, int], None] | None = None
    erases: bool = False
    result: Callable[[Any], Mapping[str, str | int | bool]] = lambda deed: {}


@dataclass(frozen=True)
class Ask:
    """How one type of question is answered: ``answer`` blocks, and reads the tables.

    ``fetch`` then asks somebody outside, and waits: it gets the connectors, the question, and what ``answer`` found. ``tell`` in its
    stead adds what was said, and gets the journal's messages.
    """

    answer: Callable[[Reading, Any, Asker], Any]
    customers: Callable[[Any], tuple[str, ...]] = _nothing
    fetch: Callable[[Any, Any, Any], Awaitable[Any]] | None = None
    tell: Callable[[Any, Any, Any], Awaitable[Any]] | None = None


@dataclass
class Rooms:
    """What the rooms of the desk bring together, by type."""

    rules: dict[type, Rule] = field(default_factory=dict)
    asks: dict[type, Ask] = field(default_factory=dict)


def refuse(code: DeskCode, what: str, got: object, wanted: str) -> Refused:
    return Refused(code, what, str(got), wanted)
