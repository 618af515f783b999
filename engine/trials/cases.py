"""What a cases file says once it is read: people, customers, a timeline, and what is expected of the policy.

Instants are offsets from the case's beginning in ms; what happened before it is negative. ``place`` is where it stands
in the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from engine.dispatch.commands import AgentProfile, SubmitContact


class Place(NamedTuple):
    """``line`` counts from 1; ``path`` names the key: ``case[2].expect[0]``."""

    line: int
    path: str


class Names(NamedTuple):
    """Agents or contacts: ``said`` as the file names them (groups, too), ``all`` of them one by one."""

    said: tuple[str, ...]
    all: tuple[str, ...]


class Member(msgspec.Struct, frozen=True):
    """One agent of a case. ``state`` at the beginning; ``idle_ms``: signed on so long before it.

    ``busy``: units taken by other work. What the agent does unasked, each a length after its cause, None for never:
    ``accepts_ms`` an offer, ``closes_ms`` what it is connected with, ``hands_off_ms`` the same to people (a bot),
    ``wraps_up_ms`` the after-contact work.
    """

    group: str
    profile: AgentProfile
    state: str = "available"
    idle_ms: int = 0
    busy: int = 0
    accepts_ms: int | None = None
    closes_ms: int | None = None
    hands_off_ms: int | None = None
    wraps_up_ms: int | None = None


class Arrival(msgspec.Struct, frozen=True):
    """A customer who comes at ``at_ms``; one who already waits then does so for a ``stage``: bot or person."""

    name: str
    at_ms: int
    submit: SubmitContact
    stage: str = ""


class Action(msgspec.Struct, frozen=True):
    """One row of the timeline. ``kind``: a key of :data:`engine.trials.keys.ACTIONS`; empty: time passes, no more.

    ``names``: whom it concerns, in turn; ``arrivals``: for ``submit``; ``refused``: the code with which the dispatcher
    is to refuse it.
    """

    at_ms: int
    kind: str
    place: Place
    names: tuple[str, ...] = ()
    arrivals: tuple[Arrival, ...] = ()
    options: Mapping[str, Any] = {}
    refused: str = ""


class Claim(msgspec.Struct, frozen=True):
    """One thing expected. ``kind``: a key of :data:`engine.trials.keys.CLAIMS`; ``values``: its keys, read.

    ``subject``: the contacts or agents it is about (the queue's name alone; for an order, the contacts in it).
    """

    kind: str
    subject: Names
    values: Mapping[str, Any]
    place: Place


class Case(msgspec.Struct, frozen=True):
    """``begin``: its beginning on the dispatcher's clock (epoch ms), from which all its instants count.

    ``end_ms``: the last instant that the case names; it is played up to and including it.
    """

    name: str
    place: Place
    begin: int
    members: tuple[Member, ...]
    waiting: tuple[Arrival, ...]
    actions: tuple[Action, ...]
    claims: tuple[Claim, ...]
    end_ms: int
    name_zh: str = ""
    about: str = ""
    closed_queues: tuple[str, ...] = ()

    def called(self, lang: str) -> str:
        return self.name_zh if lang == "zh-CN" and self.name_zh else self.name
